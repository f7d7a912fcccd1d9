//! Google: the token endpoint, and the Data API of Analytics 4 (`runReport`, `runRealtimeReport`),
//! as Google's reference describes them (developers.google.com: "Google Analytics Data API v1beta",
//! "Using OAuth 2.0 for Server to Server Applications").

mod error;
mod filter;
mod fixture;
mod grant;
mod names;
mod quota;
mod report;
mod request;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::front::{Front, Vendor};
use crate::recorded::Recorded;

pub use error::{QuotaKind, quota_error, refused};
pub use fixture::{Fixture, Property, Quota};
use grant::Grants;
use quota::Spent;

/// What `Authorization` must allow.
pub const SCOPE: &str = "https://www.googleapis.com/auth/analytics.readonly";

/// A Google on this machine.
#[derive(Debug)]
pub struct Google {
    front: Front<Books>,
}

/// What Google knows: properties, tokens given out, quota spent.
#[derive(Debug)]
struct Books {
    fixture: Fixture,
    grants: Grants,
    spent: Spent,
}

impl Google {
    /// Begins to answer.
    ///
    /// # Panics
    /// When this machine gives no port or no thread.
    pub fn start(fixture: Fixture) -> Google {
        let front = Front::start(Books {
            fixture,
            grants: Grants::default(),
            spent: Spent::default(),
        });
        Google { front }
    }

    /// The address in the place of `https://analyticsdata.googleapis.com`.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// A service account's key file, whose `token_uri` is here.
    pub fn credentials(&self) -> Value {
        self.front.credentials()
    }

    /// A refresh token with its client, for the same `token_uri`.
    pub fn refresh_credentials(&self) -> Value {
        json!({
            "client_id": grant::CLIENT_ID,
            "client_secret": grant::CLIENT_SECRET,
            "refresh_token": grant::REFRESH_TOKEN,
            "token_uri": format!("{}/token", self.url()),
        })
    }

    /// Every request so far, for tokens and for reports.
    pub fn requests(&self) -> Vec<Recorded> {
        self.front.requests()
    }

    /// The bodies of the requests for reports so far, realtime ones included.
    pub fn reports(&self) -> Vec<Value> {
        let requests = self.requests().into_iter();
        let reports = requests.filter(|request| request.path.contains("/properties/"));
        reports.map(|request| request.json()).collect()
    }

    /// How often a token was asked for.
    pub fn tokens_asked(&self) -> usize {
        let requests = self.requests().into_iter();
        requests
            .filter(|request| request.path == grant::PATH)
            .count()
    }

    /// The next request for a report goes wrong.
    pub fn fail_next(&self, failure: Failure) {
        self.fail("/properties/", 0, 1, failure);
    }

    /// The next request for a token goes wrong.
    pub fn fail_next_token(&self, failure: Failure) {
        self.fail(grant::PATH, 0, 1, failure);
    }

    /// Of the requests whose path contains `at`, `after` go well, and then `times` go wrong.
    pub fn fail(&self, at: &str, after: u64, times: u64, failure: Failure) {
        self.front.plan(at, after, times, failure);
    }

    /// Nothing that was planned goes wrong any more.
    pub fn heal(&self) {
        self.front.heal();
    }

    /// Tokens given out so far are no longer good.
    pub fn expire_tokens(&self) {
        self.front.vendor().grants.expire();
    }

    /// Nobody's key and nobody's refresh token is good from now on, or they are again.
    pub fn trust(&self, trusted: bool) {
        self.front.vendor().grants.trust(trusted);
    }

    /// What time it is from now on, in Unix seconds; without it, what this machine says.
    pub fn set_now(&self, seconds: i64) {
        self.front.vendor().grants.set_now(seconds);
    }
}

impl Vendor for Books {
    type Answer = Answer;

    fn answer(&self, request: &Recorded) -> Answer {
        if request.path == grant::PATH {
            return self.grants.answer(request);
        }
        self.report(request).unwrap_or_else(|refusal| refusal)
    }

    fn credentials(&self, url: &str) -> Value {
        grant::service_account(url)
    }
}

impl Books {
    fn report(&self, request: &Recorded) -> Result<Answer, Answer> {
        let (id, method) = place(&request.path).ok_or_else(|| error::no_such(&request.path))?;
        if request.method != "POST" {
            return Err(error::no_such(&request.path));
        }
        self.grants.admit(request)?;
        let property = self
            .fixture
            .property_with_access(id)
            .ok_or_else(error::no_access)?;
        let quota = self.spent.spend(property)?;
        let mut body = match method {
            "runReport" => {
                report::run(property, &request::read(&request.body)?, self.grants.now())?
            }
            _ => report::run_realtime(property, &request::read_realtime(&request.body)?)?,
        };
        if request.json()["returnPropertyQuota"] == true {
            body["propertyQuota"] = quota;
        }
        Ok(Answer::new(200, body))
    }
}

/// The property and the method that a path names.
fn place(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v1beta/properties/")?;
    let (id, method) = rest.split_once(':')?;
    ["runReport", "runRealtimeReport"]
        .contains(&method)
        .then_some((id, method))
}

#[cfg(test)]
mod tests;
