//! Lets a request in: reads its bearer token (RFC 6750), and checks it, its revocation, its
//! client's rate and its scopes, in this order; or reads a write key, as the user of HTTP Basic
//! (RFC 7617) without a password. A key can write and nothing else.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use weir_model::Name;
use weir_store::registry::ClientId;

use super::revoked::NoCopy;
use super::scope::{Scope, Scopes};
use super::token::{AccessToken, Claims, Grant, TokenError, Tokens};
use super::write_key::KeyHolder;
use crate::Service;
use crate::problem::Problem;
use crate::secret::WriteKey;

pub(super) const REALM: &str = "Bearer realm=\"weir\"";

/// After how long a request should come again that was turned away because revocations are
/// unknown.
const UNKNOWN_RETRY: Duration = Duration::from_secs(5);

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client, or `local`; with a write key, the key's public name.
    pub client: ClientId,
    /// What people call the write key, if it was one.
    pub label: Option<Name>,
    /// What its token permits; with a write key, to write.
    pub scopes: Scopes,
}

/// Marks requests that came in by the control socket: whoever can open it administers this Weir.
/// Nothing but that socket's listener may put it among a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct LocalAdmin;

impl Service {
    /// Finds out who sent a request and whether they have the scope.
    ///
    /// # Errors
    /// 401 without a good token or write key, 403 without the scope, 429 over the client's rate, 503 when
    /// it cannot be known whether the token is good, or what is revoked.
    pub async fn authorize(&self, request: &Parts, scope: Scope) -> Result<Caller, Problem> {
        if request.extensions.get::<LocalAdmin>().is_some() {
            return Ok(Caller {
                client: ClientId::local(),
                label: None,
                scopes: Scopes::ALL,
            });
        }
        let caller = match Credential::of(&request.headers)? {
            Credential::Token(token) => self.bearer(token).await?,
            // A key opens nothing else, whoever's it is: it need not be looked up.
            Credential::Key(_) if scope != Scope::Write => return Err(without_scope(scope)),
            Credential::Key(key) => self.holder(key.expose()).await?.into(),
        };
        match caller.scopes.contains(scope) {
            true => Ok(caller),
            false => Err(without_scope(scope)),
        }
    }

    /// The client that a token is good for, within its rate.
    async fn bearer(&self, token: &str) -> Result<Caller, Problem> {
        let claims = self.verify(token).await?;
        let caller = caller(&claims)?;
        self.refuse_revoked(&claims).await?;
        if let Some(rate) = claims.rate {
            self.within_rate(&caller.client, rate)?;
        }
        Ok(caller)
    }

    /// Signs a token.
    ///
    /// # Errors
    /// 503 when there is no key to sign it with.
    pub async fn issue(&self, grant: &Grant) -> Result<AccessToken, Problem> {
        let keys = self
            .keys()
            .current(self.clock())
            .await
            .map_err(|_| keys_unavailable("tokens cannot be signed right now; try again"))?;
        Ok(self.tokens().issue(&keys, grant, self.now()))
    }

    /// Reads a token that is genuine and has not ended. Whether it was revoked is not asked.
    ///
    /// # Errors
    /// When it is neither, or there is no key to check it with.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let id = Tokens::key_of(token)?;
        let keys = self.keys().knowing(&id, self.clock()).await;
        let keys = keys.map_err(|_| TokenError::Unknown)?;
        let key = keys.find(&id).ok_or(TokenError::Invalid)?;
        self.tokens().verify(key, token, self.now())
    }

    /// Counts a request against its client's rate.
    ///
    /// # Errors
    /// 429 when the client is over it.
    pub fn within_rate(&self, client: &ClientId, rate: u32) -> Result<(), Problem> {
        self.rates().take(client, rate, self.now()).map_err(|wait| {
            let detail = format!("this client may make {rate} requests a second");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "over-rate", detail).with_retry_after(wait)
        })
    }

    async fn refuse_revoked(&self, claims: &Claims) -> Result<(), Problem> {
        match self
            .revoked_copy()
            .contains(&self.store, &claims.jti, &claims.sub)
            .await
        {
            Ok(false) => Ok(()),
            Ok(true) => Err(invalid_token("the token was revoked")),
            Err(NoCopy(error)) => {
                tracing::error!(%error, "no request is let in: what is revoked is unknown: {error}");
                let detail = "it cannot be told whether the token was revoked";
                Err(Problem::unavailable(
                    "store-unavailable",
                    detail,
                    UNKNOWN_RETRY,
                ))
            }
        }
    }
}

fn caller(claims: &Claims) -> Result<Caller, Problem> {
    let client = ClientId::parse(&claims.sub).map_err(|_| TokenError::Invalid)?;
    let scopes = Scopes::known(claims.scope.split_ascii_whitespace());
    Ok(Caller {
        client,
        label: None,
        scopes,
    })
}

impl From<KeyHolder> for Caller {
    fn from(holder: KeyHolder) -> Caller {
        Caller {
            client: holder.id,
            label: Some(holder.label),
            scopes: Scope::Write.into(),
        }
    }
}

/// What a request proves itself with.
enum Credential<'a> {
    Token(&'a str),
    Key(WriteKey),
}

impl Credential<'_> {
    /// Reads the one `Authorization` header, whose scheme is compared without regard to case.
    fn of(headers: &HeaderMap) -> Result<Credential<'_>, Problem> {
        let (scheme, value) = authorization(headers).ok_or_else(without_token)?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Credential::Token(value));
        }
        let key = basic_key(headers).ok_or_else(without_token)?;
        Ok(Credential::Key(key))
    }
}

/// The write key of a request, if it is the user of HTTP Basic without a password, and the only
/// `Authorization` that there is.
pub fn basic_key(headers: &HeaderMap) -> Option<WriteKey> {
    let (scheme, value) = authorization(headers)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    // Some keys have a colon of their own, and no password follows.
    WriteKey::parse(decoded.strip_suffix(':')?).ok()
}

fn authorization(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, value) = value.to_str().ok()?.trim().split_once(' ')?;
    Some((scheme, value.trim_start()))
}

/// RFC 6750 section 3: a request that did not try to authenticate gets no error code.
fn without_token() -> Problem {
    let detail = "send an access token: Authorization: Bearer TOKEN; to write, a write key will \
                  do as the user of HTTP Basic, without a password";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).with_challenge(REALM)
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Problem {
        match error {
            TokenError::Invalid | TokenError::Expired => invalid_token(&error.to_string()),
            TokenError::Unknown => keys_unavailable(error.to_string()),
        }
    }
}

/// 503: without the signing keys no token can be signed or checked. The log says why.
fn keys_unavailable(detail: impl Into<String>) -> Problem {
    Problem::unavailable("keys-unavailable", detail, UNKNOWN_RETRY)
}

fn invalid_token(reason: &str) -> Problem {
    let challenge = format!("{REALM}, error=\"invalid_token\", error_description=\"{reason}\"");
    Problem::new(StatusCode::UNAUTHORIZED, "invalid-token", reason).with_challenge(&challenge)
}

fn without_scope(scope: Scope) -> Problem {
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\"");
    let detail = format!("this needs a token with the scope {scope}");
    Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", detail)
        .with_challenge(&challenge)
        .with_member("scope", scope.as_str())
}

/// A scope as a type, for [`Authorized`].
pub trait Needs: Send + Sync {
    /// The scope.
    const SCOPE: Scope;
}

/// Scopes as types.
pub mod need {
    use super::{Needs, Scope};

    /// [`Scope::Read`].
    #[derive(Debug)]
    pub struct Read;

    /// [`Scope::Write`].
    #[derive(Debug)]
    pub struct Write;

    /// [`Scope::Aggregation`].
    #[derive(Debug)]
    pub struct Aggregation;

    impl Needs for Read {
        const SCOPE: Scope = Scope::Read;
    }

    impl Needs for Write {
        const SCOPE: Scope = Scope::Write;
    }

    impl Needs for Aggregation {
        const SCOPE: Scope = Scope::Aggregation;
    }
}

/// Extracts the caller of a request that has the scope, as in `Authorized<need::Write>`; any other
/// request is answered with the problem.
pub struct Authorized<N: Needs> {
    /// Who sent the request.
    pub caller: Caller,
    need: PhantomData<N>,
}

impl<N: Needs> fmt::Debug for Authorized<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Authorized({}, {:?})", N::SCOPE, self.caller)
    }
}

impl<N, S> FromRequestParts<S> for Authorized<N>
where
    N: Needs,
    S: Send + Sync,
    Arc<Service>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let service = Arc::<Service>::from_ref(state);
        let caller = service.authorize(parts, N::SCOPE).await?;
        Ok(Authorized {
            caller,
            need: PhantomData,
        })
    }
}
