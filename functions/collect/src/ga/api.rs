//! Asks the GA4 Data API, and knows what its refusals mean.
//!
//! Source: Google Analytics Data API v1beta, "Limits and quotas" and "Errors".

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use weir_collector::http::{HttpError, HttpErrorKind, Refusal, Verdict};
use weir_collector::{Fault, SourceError};
use weir_model::Timestamp;

use super::answer::{Answer, AnswerError};
use super::property::{Property, Target};
use super::quota::Returns;
use super::token::Account;
use crate::access::Access;

/// How often a request is sent that Google's servers fail at: their errors have a quota, too.
const TRIES: u32 = 3;
/// How long is waited for other requests of the property to end.
const CONCURRENT_WAIT: Duration = Duration::from_secs(30);

/// The GA4 Data API, for one account.
#[derive(Debug)]
pub(crate) struct Api {
    account: Account,
}

/// Which report is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// A report about days.
    Report,
    /// A report about the last half hour.
    Realtime,
}

/// Google's errors.
#[derive(Deserialize)]
struct Failed {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
}

impl Api {
    /// The API, as somebody may reach it.
    pub(crate) fn new(access: Access) -> Self {
        Self {
            account: Account::new(access),
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.account.access().clock.now()
    }

    /// The property that a query is about.
    ///
    /// # Errors
    /// When nobody says which it is.
    pub(crate) async fn property(&mut self, target: &Target) -> Result<Property, SourceError> {
        let credentials = self.account.credentials().await?;
        let found = target.resolve(&credentials.properties, &credentials.place);
        Ok(found?)
    }

    /// Asks once, and if the token is refused, again with a new one, and with the secret read anew.
    ///
    /// # Errors
    /// By what the runner does.
    pub(crate) async fn ask(
        &mut self,
        property: &Property,
        method: Method,
        body: &Value,
    ) -> Result<Answer, SourceError> {
        let mut times = 0;
        loop {
            times += 1;
            let error = match self.ask_once(property, method, body).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.is_unauthorized() || !self.account.refused(times).await? {
                return Err(self.explained(error, property).await);
            }
        }
    }

    async fn ask_once(
        &mut self,
        property: &Property,
        method: Method,
        body: &Value,
    ) -> Result<Result<Answer, HttpError>, SourceError> {
        let token = self.account.token().await?;
        let Access {
            http,
            address,
            clock,
            ..
        } = self.account.access();
        let route = format!("/v1beta/{property}:{method}");
        let clock = clock.clone();
        let request = http
            .post(format!("{address}{route}"))
            .route(route)
            .bearer(&token)
            .json(body)
            .tries(TRIES)
            .judge(move |refusal| verdict(refusal, clock.now()));
        Ok(match request.send().await {
            Ok(response) => response.json(),
            Err(error) => Err(error),
        })
    }

    /// Adds what to do about a refusal.
    async fn explained(&mut self, error: HttpError, property: &Property) -> SourceError {
        let status = error.status().map(|status| status.as_u16());
        let who = match self.account.credentials().await {
            Ok(credentials) => credentials.who().to_owned(),
            Err(error) => return error,
        };
        let fault = |hint: String| SourceError::Final(Fault::new(&error).hint(hint));
        match (error.kind(), status) {
            (HttpErrorKind::Refused { .. }, Some(403)) => fault(format!(
                "give {who} the role of a viewer of {property} (Admin, Property access management), \
                 and see that the Google Analytics Data API is enabled in its project"
            )),
            (HttpErrorKind::Refused { .. }, Some(404)) => {
                fault(format!("look whether {property} exists"))
            }
            (HttpErrorKind::Unauthorized, _) => fault(format!(
                "Google gives {who} tokens and refuses them: look at the credentials"
            )),
            _ => error.into(),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Report => "runReport",
            Self::Realtime => "runRealtimeReport",
        })
    }
}

/// What an error in an answer is for the runner: it will be there the next time, too.
pub(crate) fn no_report(error: AnswerError, property: &Property) -> SourceError {
    SourceError::failed(Fault::new(format_args!("a report on {property}: {error}")))
}

/// Which quota is exhausted says how long it takes; what has no quota's name is waited for.
fn verdict(refusal: &Refusal, now: Timestamp) -> Option<Verdict> {
    if refusal.status().as_u16() != 429 {
        return None;
    }
    let said = refusal.json::<Failed>().map(|failed| failed.error.message);
    exhausted(&said.unwrap_or_default(), now)
}

fn exhausted(message: &str, now: Timestamp) -> Option<Verdict> {
    let message = message.to_lowercase();
    let later = |returns: Returns| {
        Some(Verdict::Later {
            after: Some(returns.wait(now)),
        })
    };
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["concurrent"]) {
        Some(Verdict::Wait(CONCURRENT_WAIT))
    } else if says(&["per day", "daily"]) {
        later(Returns::AtMidnight)
    } else if says(&["per hour", "hourly"]) {
        later(Returns::InAnHour)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_quota_says_when_it_returns() {
        let now = Timestamp::parse("2026-01-10T07:00:00Z").unwrap();
        let check = |message: &str, expected| {
            assert_eq!(exhausted(message, now), expected, "{message}");
        };
        let hour = Some(Verdict::Later {
            after: Some(Duration::from_secs(3_600)),
        });
        check(
            "Exhausted concurrent requests quota. Please wait for requests to complete before \
             sending more.",
            Some(Verdict::Wait(Duration::from_secs(30))),
        );
        check(
            "Exhausted property tokens per hour. These quota tokens will return",
            hour,
        );
        check("Exhausted property tokens for a project per hour.", hour);
        check("Exhausted server errors per project per hour.", hour);
        // Midnight in California is at eight o'clock in UTC.
        check(
            "Exhausted property tokens per day. These quota tokens will return",
            hour,
        );
        check("Too many requests.", None);
        check("", None);
    }
}
