//! Pingdom's API 3.1: checks, and their performance by the hour (docs.pingdom.com/api).

mod fixture;

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::front::{Front, Vendor, locked};
use crate::recorded::Recorded;

pub use fixture::{Check, Fixture, Limits};

/// The token that is let in.
pub const TOKEN: &str = "test-pingdom-token";

/// As many checks as a page has, at most and when nothing is said.
const MOST_CHECKS: usize = 25_000;

const HOUR: i64 = 3600;

/// A Pingdom on this machine.
#[derive(Debug)]
pub struct Pingdom {
    front: Front<Books>,
}

/// What Pingdom knows: checks, and how many requests there were.
#[derive(Debug)]
struct Books {
    fixture: Fixture,
    spent: Mutex<u64>,
}

impl Pingdom {
    /// Begins to answer.
    ///
    /// # Panics
    /// When this machine gives no port or no thread.
    pub fn start(fixture: Fixture) -> Pingdom {
        let spent = Mutex::new(0);
        let front = Front::start(Books { fixture, spent });
        Pingdom { front }
    }

    /// The address in the place of `https://api.pingdom.com`.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// A token that is let in.
    pub fn credentials(&self) -> Value {
        self.front.credentials()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.front.requests()
    }

    /// The next request goes wrong.
    pub fn fail_next(&self, failure: Failure) {
        self.fail("", 0, 1, failure);
    }

    /// Of the requests whose path contains `at`, `after` go well, and then `times` go wrong.
    pub fn fail(&self, at: &str, after: u64, times: u64, failure: Failure) {
        self.front.plan(at, after, times, failure);
    }

    /// Nothing that was planned goes wrong any more.
    pub fn heal(&self) {
        self.front.heal();
    }
}

/// An error of Pingdom's form, as an answer that may be planned.
pub fn refused(status: u16, message: &str) -> Failure {
    Failure::status(status, &error_body(status, message))
}

impl Vendor for Books {
    type Answer = Answer;

    fn answer(&self, request: &Recorded) -> Answer {
        let (short, long) = self.left();
        let answer = match short.0.min(long.0) {
            0 => error(429, "Request limit exceeded, try again later"),
            _ => self.serve(request).unwrap_or_else(|refusal| refusal),
        };
        let limit = |(left, seconds): (u64, u64)| {
            format!(
                "Remaining: {} Time until reset: {seconds}",
                left.saturating_sub(1)
            )
        };
        answer
            .header("req-limit-short", limit(short))
            .header("req-limit-long", limit(long))
    }

    fn credentials(&self, _url: &str) -> Value {
        json!({"token": TOKEN})
    }
}

impl Books {
    /// How many requests are left, this one included, and when they all are again.
    fn left(&self) -> ((u64, u64), (u64, u64)) {
        let mut spent = locked(&self.spent);
        let limits = self.fixture.limits;
        let left = |of: u64, seconds: u64| (of.saturating_sub(*spent), seconds);
        let left = (
            left(limits.short, limits.short_seconds),
            left(limits.long, limits.long_seconds),
        );
        *spent += 1;
        left
    }

    fn serve(&self, request: &Recorded) -> Result<Answer, Answer> {
        if request.bearer() != Some(TOKEN) {
            return Err(error(401, "Invalid authentication token"));
        }
        let path = request.path.strip_prefix("/api/3.1/").unwrap_or("");
        if request.method != "GET" {
            return Err(error(405, "Method not allowed"));
        }
        match path.strip_prefix("summary.performance/") {
            Some(id) => self.performance(id, request),
            None if path == "checks" => self.checks(request),
            None => Err(error(404, "Resource not found")),
        }
    }

    fn checks(&self, request: &Recorded) -> Result<Answer, Answer> {
        let limit = number(request, "limit")?.unwrap_or(MOST_CHECKS as i64);
        if !(1..=MOST_CHECKS as i64).contains(&limit) {
            return Err(error(400, "Invalid parameter value: limit"));
        }
        let offset = number(request, "offset")?.unwrap_or(0);
        let skipped =
            usize::try_from(offset).map_err(|_| error(400, "Invalid parameter value: offset"))?;
        let all = &self.fixture.checks;
        let page: Vec<Value> = all
            .iter()
            .skip(skipped)
            .take(limit as usize)
            .map(Check::listed)
            .collect();
        let counts = json!({"total": all.len(), "limited": page.len(), "filtered": all.len()});
        Ok(Answer::new(200, json!({"checks": page, "counts": counts})))
    }

    fn performance(&self, id: &str, request: &Recorded) -> Result<Answer, Answer> {
        let check = self
            .fixture
            .checks
            .iter()
            .find(|check| check.id.to_string() == id);
        let check = check.ok_or_else(|| error(404, "Check not found"))?;
        if check.closed {
            return Err(error(403, "Not allowed to access this check"));
        }
        let resolution = request.parameter("resolution").unwrap_or("hour");
        if resolution != "hour" {
            return Err(error(400, "Invalid parameter value: resolution"));
        }
        let to = number(request, "to")?.ok_or_else(|| error(400, "Missing parameter: to"))?;
        let from = number(request, "from")?.ok_or_else(|| error(400, "Missing parameter: from"))?;
        if from > to {
            return Err(error(400, "Invalid parameter value: from"));
        }
        let starts = (from.div_euclid(HOUR)..)
            .map(|hour| hour * HOUR)
            .take_while(|start| *start < to);
        let with_uptime = request.parameter("includeuptime") == Some("true");
        let hours: Vec<Value> = starts
            .filter_map(|start| check.hour(start, with_uptime))
            .collect();
        Ok(Answer::new(200, json!({"summary": {"hours": hours}})))
    }
}

fn number(request: &Recorded, name: &str) -> Result<Option<i64>, Answer> {
    let text = request.parameter(name);
    let wrong = |_| error(400, &format!("Invalid parameter value: {name}"));
    text.map(|text| text.parse().map_err(wrong)).transpose()
}

fn error(status: u16, message: &str) -> Answer {
    Answer::new(status, error_body(status, message))
}

fn error_body(status: u16, message: &str) -> Value {
    let description = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        _ => "Internal Server Error",
    };
    json!({"error": {"statuscode": status, "statusdesc": description, "errormessage": message}})
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    /// An answer as it comes, from its first line to the end of the connection.
    fn get(pingdom: &Pingdom, target: &str, token: &str) -> String {
        let url = pingdom.url();
        let host = url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(host).expect("it listens");
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        text
    }

    #[test]
    fn hours_are_ordinary_unless_the_fixture_says_otherwise() {
        let check = Check::new(7, "shop")
            .with_hour(3600, json!({"avgresponse": null, "downtime": 60}))
            .with_hour(7200, Value::Null);
        let pingdom = Pingdom::start(Fixture::default().check(check));
        let path =
            "/api/3.1/summary.performance/7?from=100&to=10801&resolution=hour&includeuptime=true";
        let answer = get(&pingdom, path, TOKEN);
        let hours = json!([
            {"starttime": 0, "avgresponse": 800, "uptime": 3600, "downtime": 0, "unmonitored": 0},
            {"starttime": 3600, "uptime": 3600, "downtime": 60, "unmonitored": 0},
            {"starttime": 10800, "avgresponse": 803, "uptime": 3600, "downtime": 0, "unmonitored": 0},
        ]);
        assert!(
            answer.ends_with(&json!({"summary": {"hours": hours}}).to_string()),
            "{answer}"
        );
        assert_eq!(pingdom.requests()[0].parameter("to"), Some("10801"));
    }

    #[test]
    fn limits_are_told_and_come_to_an_end() {
        let limits = Limits {
            short: 2,
            short_seconds: 40,
            ..Limits::default()
        };
        let pingdom = Pingdom::start(Fixture::sample().limited(limits));
        let page = get(&pingdom, "/api/3.1/checks?limit=1&offset=1", TOKEN);
        assert!(
            page.contains("req-limit-short: Remaining: 1 Time until reset: 40"),
            "{page}"
        );
        assert!(
            page.contains("govuk licensing") && page.contains("\"total\":4"),
            "{page}"
        );
        assert!(get(&pingdom, "/api/3.1/checks", "other").starts_with("HTTP/1.1 401"));
        assert!(get(&pingdom, "/api/3.1/checks", TOKEN).starts_with("HTTP/1.1 429"));
    }

    #[test]
    fn what_is_planned_goes_wrong_and_nothing_else() {
        let pingdom = Pingdom::start(Fixture::sample());
        pingdom.fail("checks", 1, 1, Failure::Cut(10));
        pingdom.fail_next(refused(503, "Try later").with_header("retry-after", "7"));
        let answers = [0, 1, 2].map(|_| get(&pingdom, "/api/3.1/checks", TOKEN));
        assert!(answers[0].starts_with("HTTP/1.1 503") && answers[0].contains("retry-after: 7"));
        assert!(
            answers[1].starts_with("HTTP/1.1 200") && !answers[1].contains("govuk"),
            "{}",
            answers[1]
        );
        assert!(answers[2].contains("govuk"));
    }
}
