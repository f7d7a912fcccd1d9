//! Access tokens: JWTs signed with HS256. Says whether a token is genuine and in time, not
//! whether it was revoked.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_model::Timestamp;
use weir_store::registry::ClientId;

use super::keys::{SigningKey, SigningKeys};
use super::scope::Scopes;
use crate::secret::{hex, random_bytes};

/// Ours have some 400 bytes. Longer ones are not worth decoding.
const MAX_TOKEN_BYTES: usize = 4096;

/// A token as it goes to a client: whoever has it may do what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// Hands out the text, to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it, where that is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The client, which acts for itself.
    pub sub: String,
    /// The client again, by the name RFC 9068 gives it.
    pub client_id: String,
    /// What it may do, as a list separated by spaces.
    pub scope: String,
    /// The token's own id.
    pub jti: String,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// When it ends, in Unix seconds.
    pub exp: i64,
    /// Requests a second that the client may make, if they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl Claims {
    /// When the token ends.
    pub fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.exp.saturating_mul(1000)).unwrap_or(Timestamp::MAX)
    }
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The client.
    pub client: ClientId,
    /// What it may do with it.
    pub scopes: Scopes,
    /// Requests a second, if they are limited.
    pub rate: Option<u32>,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a token of ours, or changed since.
    #[error("the token is not one that was issued here, or its key is no longer in use")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The signing keys are not at hand.
    #[error("it cannot be told whether the token is good")]
    Unknown,
}

/// Signs and checks tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    validation: Validation,
    lifetime: Duration,
    issuer: Option<String>,
}

impl Tokens {
    /// Tokens that live so long.
    pub(crate) fn new(lifetime: Duration, issuer: Option<String>) -> Tokens {
        let mut validation = Validation::new(Algorithm::HS256);
        // The clock decides about time, and only this one Weir reads its tokens.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Tokens {
            validation,
            lifetime,
            issuer,
        }
    }

    /// How long a token lives.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Signs a token.
    pub(crate) fn issue(&self, keys: &SigningKeys, grant: &Grant, now: Timestamp) -> AccessToken {
        let issued = now.as_millis().div_euclid(1000);
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: grant.client.to_string(),
            client_id: grant.client.to_string(),
            scope: grant.scopes.to_string(),
            jti: hex(&random_bytes::<16>()),
            iat: issued,
            exp: issued.saturating_add(lifetime),
            rate: grant.rate,
        };
        let key = keys.signing();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.id().into());
        let text = jsonwebtoken::encode(&header, &claims, key.encoding())
            .expect("claims are plain JSON, and the key is one for HMAC");
        AccessToken(text)
    }

    /// The name of the key that a token says it is signed with. Nothing of it is checked yet.
    pub(crate) fn key_of(token: &str) -> Result<String, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        header.kid.ok_or(TokenError::Invalid)
    }

    /// Reads a token that this key has signed and that has not ended.
    ///
    /// # Errors
    /// When it is neither.
    pub(crate) fn verify(
        &self,
        key: &SigningKey,
        token: &str,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let data = jsonwebtoken::decode(token, key.decoding(), &self.validation);
        let claims: Claims = data.map_err(|_| TokenError::Invalid)?.claims;
        match now < claims.expires() {
            true => Ok(claims),
            false => Err(TokenError::Expired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scope::Scope;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn key(byte: u8) -> SigningKey {
        SigningKey::new(&[byte; 32]).unwrap()
    }

    /// Tokens under these keys.
    struct Under(SigningKeys, Tokens);

    impl Under {
        fn issue(&self, grant: &Grant, now: Timestamp) -> AccessToken {
            self.1.issue(&self.0, grant, now)
        }

        fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
            let key = self.0.find(&Tokens::key_of(token)?);
            self.1.verify(key.ok_or(TokenError::Invalid)?, token, now)
        }
    }

    fn tokens(keys: SigningKeys) -> Under {
        Under(keys, Tokens::new(Duration::from_secs(3600), None))
    }

    fn grant() -> Grant {
        let client = ClientId::parse("reader").unwrap();
        Grant {
            client,
            scopes: Scope::Read.into(),
            rate: Some(5),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).unwrap()
    }

    #[test]
    fn a_token_says_what_it_was_issued_for() {
        let issuer = Some("https://weir.example".into());
        let tokens = Tokens::new(Duration::from_secs(60), issuer);
        let tokens = Under(SigningKeys::new(key(1)), tokens);
        let token = tokens.issue(&grant(), at(1000));
        let claims = tokens.verify(token.expose(), at(1001)).unwrap();
        assert_eq!(claims.iss.as_deref(), Some("https://weir.example"));
        assert_eq!(
            (claims.sub.as_str(), claims.client_id.as_str()),
            ("reader", "reader")
        );
        assert_eq!((claims.scope.as_str(), claims.rate), ("read", Some(5)));
        assert_eq!((claims.iat, claims.exp, claims.jti.len()), (1000, 1060, 32));
    }

    #[test]
    fn a_token_ends_by_the_clock() {
        let tokens = tokens(SigningKeys::new(key(1)));
        let token = tokens.issue(&grant(), at(1000));
        assert!(tokens.verify(token.expose(), at(4599)).is_ok());
        assert_eq!(
            tokens.verify(token.expose(), at(4600)),
            Err(TokenError::Expired)
        );
    }

    #[test]
    fn two_keys_overlap_while_they_are_rotated() {
        let old = tokens(SigningKeys::new(key(1)).accepting(key(2)));
        let new = tokens(SigningKeys::new(key(2)).accepting(key(1)));
        let after = tokens(SigningKeys::new(key(2)));
        let (by_old, by_new) = (old.issue(&grant(), at(0)), new.issue(&grant(), at(0)));
        for tokens in [&old, &new] {
            assert!(tokens.verify(by_old.expose(), at(1)).is_ok());
            assert!(tokens.verify(by_new.expose(), at(1)).is_ok());
        }
        assert!(after.verify(by_new.expose(), at(1)).is_ok());
        assert_eq!(
            after.verify(by_old.expose(), at(1)),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn a_token_that_was_changed_is_refused() {
        let tokens = tokens(SigningKeys::new(key(1)));
        let token = tokens.issue(&grant(), at(0)).expose().to_owned();
        let parts: Vec<&str> = token.split('.').collect();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let more = URL_SAFE_NO_PAD.encode(claims.replace("\"read\"", "\"read write\""));
        let header = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
        let none = URL_SAFE_NO_PAD.encode(header.replace("HS256", "none"));
        let other = URL_SAFE_NO_PAD.encode(header.replace("HS256", "HS384"));
        let check = |text: String| {
            assert_eq!(
                tokens.verify(&text, at(1)),
                Err(TokenError::Invalid),
                "{text}"
            );
        };
        check(format!("{}.{more}.{}", parts[0], parts[2]));
        check(format!("{none}.{}.", parts[1]));
        check(format!("{none}.{}.{}", parts[1], parts[2]));
        check(format!("{other}.{}.{}", parts[1], parts[2]));
        check(format!("{}.{}.", parts[0], parts[1]));
        check(String::new());
        check("a.b.c".into());
        check("x".repeat(5000));
    }

    #[test]
    fn debug_of_a_token_shows_nothing_of_it() {
        let token = tokens(SigningKeys::new(key(1))).issue(&grant(), at(0));
        assert_eq!(format!("{token:?}"), "***");
    }
}
