//! The token endpoint: a signed assertion, or a refresh token, for an access token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SCOPE;
use super::error::unauthenticated;
use crate::answer::Answer;
use crate::front::locked;
use crate::recorded::Recorded;

pub(crate) const PATH: &str = "/token";

pub(crate) const CLIENT_ID: &str = "1234567890-test.apps.example";
pub(crate) const CLIENT_SECRET: &str = "test-client-secret";
pub(crate) const REFRESH_TOKEN: &str = "1//test-refresh-token";

const EMAIL: &str = "collector@test-project.iam.example";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The longest that an assertion may live, in seconds.
const LONGEST: i64 = 3600;

/// How far clocks may be apart, in seconds.
const SKEW: i64 = 300;

/// Tokens given out.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    given: u64,
    good: BTreeSet<String>,
    distrusted: bool,
    now: Option<i64>,
}

/// What an assertion says.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    scope: String,
    iat: i64,
    exp: i64,
}

/// A service account's key file, as the Cloud console gives it.
pub(crate) fn service_account(url: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": "test-project",
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": private_key(),
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": format!("{url}/auth"),
        "token_uri": format!("{url}{PATH}"),
    })
}

/// The key in PEM, without what stands before it in its file.
fn private_key() -> &'static str {
    let text = include_str!("../../fixtures/test-only-key.txt");
    let start = text.find("-----BEGIN").expect("the file holds a key");
    &text[start..]
}

fn public_key() -> DecodingKey {
    let text = include_str!("../../fixtures/test-only-key.public.json");
    let parts: BTreeMap<String, String> = serde_json::from_str(text).expect("the fixture is good");
    DecodingKey::from_rsa_components(&parts["n"], &parts["e"]).expect("the fixture is good")
}

impl Grants {
    /// Answers a request for a token.
    pub(crate) fn answer(&self, request: &Recorded) -> Answer {
        let form = request.form();
        let granted = match form.get("grant_type").map(String::as_str) {
            _ if request.method != "POST" => {
                Err(refusal(400, "invalid_request", "POST is required"))
            }
            Some(JWT_BEARER) => self.by_assertion(form.get("assertion"), request),
            Some("refresh_token") => self.by_refresh_token(&form),
            _ => Err(refusal(
                400,
                "unsupported_grant_type",
                "Invalid grant_type: ",
            )),
        };
        granted.map_or_else(|refusal| refusal, |()| self.give())
    }

    /// Lets a request in by its access token.
    pub(crate) fn admit(&self, request: &Recorded) -> Result<(), Answer> {
        let good = |token: &str| locked(&self.state).good.contains(token);
        request
            .bearer()
            .is_some_and(good)
            .then_some(())
            .ok_or_else(unauthenticated)
    }

    pub(crate) fn expire(&self) {
        locked(&self.state).good.clear();
    }

    pub(crate) fn trust(&self, trusted: bool) {
        locked(&self.state).distrusted = !trusted;
    }

    pub(crate) fn set_now(&self, seconds: i64) {
        locked(&self.state).now = Some(seconds);
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let said = locked(&self.state).now;
        said.unwrap_or_else(|| jiff::Timestamp::now().as_second())
    }

    fn by_assertion(&self, assertion: Option<&String>, request: &Recorded) -> Result<(), Answer> {
        let assertion = assertion.ok_or_else(|| {
            refusal(
                400,
                "invalid_request",
                "Missing required parameter: assertion",
            )
        })?;
        let claims = self.read(assertion)?;
        let host = request.header("host").unwrap_or_default();
        if claims.aud != format!("http://{host}{PATH}") {
            return Err(refusal(
                400,
                "invalid_grant",
                "Invalid JWT: Failed audience check.",
            ));
        }
        if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
            return Err(refusal(
                400,
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.",
            ));
        }
        let now = self.now();
        let in_time = claims.iat <= now + SKEW && claims.exp > now - SKEW;
        if !in_time || !(1..=LONGEST).contains(&(claims.exp - claims.iat)) {
            return Err(refusal(
                400,
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
                 timeframe. Check your iat and exp values in the JWT claim.",
            ));
        }
        Ok(())
    }

    /// What an assertion says, if the test account has signed it by RS256.
    fn read(&self, assertion: &str) -> Result<Claims, Answer> {
        let mut checks = Validation::new(Algorithm::RS256);
        checks.validate_exp = false;
        checks.validate_aud = false;
        checks.required_spec_claims.clear();
        let read = jsonwebtoken::decode::<Claims>(assertion, &public_key(), &checks);
        let claims = read
            .map_err(|_| refusal(400, "invalid_grant", "Invalid JWT Signature."))?
            .claims;
        if claims.iss != EMAIL || locked(&self.state).distrusted {
            return Err(refusal(
                400,
                "invalid_grant",
                "Invalid grant: account not found",
            ));
        }
        Ok(claims)
    }

    fn by_refresh_token(&self, form: &BTreeMap<String, String>) -> Result<(), Answer> {
        let is = |key: &str, value: &str| form.get(key).is_some_and(|it| it == value);
        if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
            return Err(refusal(
                401,
                "invalid_client",
                "The OAuth client was not found.",
            ));
        }
        if !is("refresh_token", REFRESH_TOKEN) || locked(&self.state).distrusted {
            return Err(refusal(
                400,
                "invalid_grant",
                "Token has been expired or revoked.",
            ));
        }
        Ok(())
    }

    fn give(&self) -> Answer {
        let mut state = locked(&self.state);
        state.given += 1;
        let token = format!("ya29.test-{}", state.given);
        state.good.insert(token.clone());
        let lifetime = 3599;
        Answer::new(
            200,
            json!({"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}),
        )
    }
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    Answer::new(
        status,
        json!({"error": error, "error_description": description}),
    )
}
