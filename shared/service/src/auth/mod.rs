//! Who is calling, and whether they may.

mod caller;
mod keys;
mod rate;
mod revoked;
mod scope;
mod token;

pub use caller::{Authorized, Caller, LocalAdmin, Needs, need};
pub use keys::{MIN_KEY_BYTES, ShortKey, SigningKey, SigningKeys};
pub use rate::Rates;
pub(crate) use revoked::RevokedCopy;
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::{AccessToken, Claims, Grant, TokenError, Tokens};

#[cfg(test)]
mod tests;
