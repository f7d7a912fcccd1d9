//! Pingdom's API 3.1, as far as it is asked.

use std::collections::HashSet;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use weir_collector::http::{HttpError, Request, Response};
use weir_collector::secrets::{SecretJson, SecretText};
use weir_collector::{Fault, SourceError};
use weir_model::Timestamp;

use super::quota;
use super::range::Range;
use crate::access::{Access, no_secret};

const PATH: &str = "/api/3.1";

/// Checks of a page. A page may have 25,000.
const PAGE: usize = 1_000;

/// Names that an error lists.
const NAMES_LISTED: usize = 5;

/// Names are close from this likeness on (Jaro and Winkler).
const CLOSE: f64 = 0.7;

/// Keys of credentials for API 2.x, which is gone.
const OLD_KEYS: [&str; 4] = ["user", "password", "app_key", "account_email"];

/// Asks Pingdom, as one account.
pub(super) struct Api<'a> {
    access: &'a Access,
    place: String,
    token: SecretText,
    headers: HeaderMap,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) id: u64,
    pub(super) created: Timestamp,
}

#[derive(Deserialize)]
struct Checks {
    checks: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    created: Option<i64>,
}

#[derive(Deserialize)]
struct Performance {
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    hours: Vec<Value>,
}

impl<'a> Api<'a> {
    /// Reads the credentials; nothing is asked yet.
    pub(super) async fn open(access: &'a Access) -> Result<Api<'a>, SourceError> {
        let secret = access.credentials.read().await.map_err(no_secret)?;
        Ok(Api {
            access,
            place: secret.place().to_owned(),
            token: token_of(&secret)?,
            headers: HeaderMap::new(),
        })
    }

    /// Finds a check by its name: the first of that name, as the old program did.
    pub(super) async fn check(&mut self, name: &str, file: &str) -> Result<Check, SourceError> {
        let (mut names, mut seen) = (Vec::new(), HashSet::new());
        loop {
            let offset = seen.len();
            let page = self.checks(offset).await?;
            let is_last = page.len() < PAGE;
            for listed in page {
                if listed.name == name {
                    return Ok(listed.into());
                }
                seen.insert(listed.id);
                names.push(listed.name);
            }
            // A page without anything new would come again and again.
            if is_last || seen.len() == offset {
                return Err(SourceError::Final(no_such_check(name, file, &names)));
            }
        }
    }

    /// The hours of a check.
    pub(super) async fn hours(&mut self, id: u64, range: Range) -> Result<Vec<Value>, SourceError> {
        let seconds = |time: Timestamp| (time.as_millis() / 1_000).to_string();
        let query = [
            ("from", seconds(range.from)),
            ("to", seconds(range.to)),
            ("resolution", "hour".to_owned()),
            ("includeuptime", "true".to_owned()),
        ];
        let path = format!("/summary.performance/{id}");
        let answer = self.get(&path, "/summary.performance/{id}", &query).await?;
        Ok(answer.json::<Performance>()?.summary.hours)
    }

    /// Ends the run if the last answer said that few requests are left.
    pub(super) fn leave_some(&self) -> Result<(), SourceError> {
        match quota::running_low(&self.headers) {
            None => Ok(()),
            Some(after) => Err(SourceError::Later {
                fault: Fault::new("Pingdom allows only few more requests for now"),
                after: Some(after),
            }),
        }
    }

    async fn checks(&mut self, offset: usize) -> Result<Vec<Listed>, SourceError> {
        let query = [("limit", PAGE.to_string()), ("offset", offset.to_string())];
        let answer = self.get("/checks", "/checks", &query).await?;
        Ok(answer.json::<Checks>()?.checks)
    }

    /// A token that is refused is read again, once: it may have been changed.
    async fn get(
        &mut self,
        path: &str,
        route: &str,
        query: &[(&str, String)],
    ) -> Result<Response, SourceError> {
        let answer = match self.request(path, route, query).send().await {
            Err(error) if error.is_unauthorized() && self.renew().await? => {
                self.request(path, route, query).send().await
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| self.refused(error))?;
        self.headers = answer.headers().clone();
        Ok(answer)
    }

    fn request(&self, path: &str, route: &str, query: &[(&str, String)]) -> Request {
        let url = format!("{}{PATH}{path}", self.access.address);
        let request = self.access.http.get(url).route(route);
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        request.query(query).bearer(&self.token).judge(quota::judge)
    }

    /// Whether there is another token now.
    async fn renew(&mut self) -> Result<bool, SourceError> {
        let secret = self.access.credentials.again().await.map_err(no_secret)?;
        let token = token_of(&secret)?;
        let is_other = token != self.token;
        self.token = token;
        Ok(is_other)
    }

    /// Says what to do about a refusal.
    fn refused(&self, error: HttpError) -> SourceError {
        let place = &self.place;
        let hint = match error.status() {
            Some(StatusCode::UNAUTHORIZED) => format!(
                "{place}: put a token of Pingdom's API that is valid (My Pingdom, Settings, Pingdom API) into \"token\""
            ),
            Some(StatusCode::FORBIDDEN) => {
                format!("{place}: the token in \"token\" needs leave to read this check")
            }
            _ => return error.into(),
        };
        SourceError::Final(Fault::new(&error).hint(hint))
    }
}

fn token_of(secret: &SecretJson) -> Result<SecretText, SourceError> {
    let is_old = !secret.has("token") && OLD_KEYS.iter().any(|key| secret.has(key));
    if is_old {
        let fault = Fault::new(format_args!(
            "{}: these are credentials for Pingdom's API 2.x, which no longer exists",
            secret.place()
        ));
        return Err(SourceError::Final(fault.hint(
            "make a token with read access in My Pingdom (Settings, Pingdom API) and write {\"token\": \"…\"}",
        )));
    }
    secret.text("token").map_err(no_secret)
}

fn no_such_check(name: &str, file: &str, names: &[String]) -> Fault {
    let fault = Fault::new(format_args!(
        "{file}: query.name: Pingdom has no check {name:?}"
    ));
    let close = close_names(name, names);
    match (close.is_empty(), names.len()) {
        (false, _) => fault.hint(format_args!("did you mean {}?", close.join(", "))),
        (true, 0) => fault.hint("the token's account has no checks"),
        (true, checks) => fault.hint(format_args!(
            "none of the {checks} checks of the token's account has a name like it"
        )),
    }
}

/// The names like this one, the likest first.
fn close_names(name: &str, names: &[String]) -> Vec<String> {
    let plain = |text: &str| text.to_lowercase();
    let likeness = |other: &String| {
        let (one, other) = (plain(name), plain(other));
        match other.contains(&one) || one.contains(&other) {
            true => 1.0,
            false => strsim::jaro_winkler(&one, &other),
        }
    };
    let mut close: Vec<(f64, &String)> = names
        .iter()
        .filter(|other| !other.is_empty())
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .collect();
    close.sort_by(|one, other| other.0.total_cmp(&one.0));
    close.dedup_by(|one, other| one.1 == other.1);
    let listed = close.into_iter().take(NAMES_LISTED);
    listed.map(|(_, name)| format!("{name:?}")).collect()
}

impl From<Listed> for Check {
    fn from(listed: Listed) -> Check {
        let created = listed
            .created
            .and_then(|seconds| seconds.checked_mul(1_000));
        let created = created.and_then(|millis| Timestamp::from_millis(millis).ok());
        Check {
            id: listed.id,
            created: created.unwrap_or(Timestamp::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_the_one_that_is_not_there_are_listed() {
        let names = ["govuk", "govuk licensing", "GOV.UK search", "other"].map(str::to_owned);
        let check = |name: &str, expected: &str| {
            assert_eq!(no_such_check(name, "q.json", &names).to_string(), expected);
        };
        check(
            "gov.uk",
            "q.json: query.name: Pingdom has no check \"gov.uk\"; did you mean \"GOV.UK search\", \"govuk\", \"govuk licensing\"?",
        );
        check(
            "zzz",
            "q.json: query.name: Pingdom has no check \"zzz\"; none of the 4 checks of the token's account has a name like it",
        );
        let none = no_such_check("a", "q.json", &[]).to_string();
        assert!(
            none.ends_with("the token's account has no checks"),
            "{none}"
        );
    }

    #[test]
    fn old_credentials_are_told_from_missing_ones() {
        let check = |text: &str, expected: &str| {
            let secret = SecretJson::parse("c.json", text).unwrap();
            assert_eq!(token_of(&secret).unwrap_err().to_string(), expected);
        };
        check(
            r#"{"user": "planted", "password": "planted", "app_key": "planted"}"#,
            "c.json: these are credentials for Pingdom's API 2.x, which no longer exists; make a token with read access in My Pingdom (Settings, Pingdom API) and write {\"token\": \"…\"}",
        );
        check("{}", "c.json: key \"token\" is missing");
    }
}
