//! Who is calling, and whether they may.

mod caller;
mod current_keys;
mod document;
mod keys;
mod rate;
mod revoked;
mod scope;
mod token;

pub use caller::{Authorized, Caller, LocalAdmin, Needs, need};
pub(crate) use current_keys::CurrentKeys;
pub use current_keys::{KEYS_FRESH, KeySource, KeysUnavailable};
pub use document::{DocumentError, KeyDocument, KeyNames};
pub use keys::{MIN_KEY_BYTES, ShortKey, SigningKey, SigningKeys};
pub use rate::Rates;
pub(crate) use revoked::RevokedCopy;
pub use scope::{Scope, Scopes, UnknownScope};
pub(crate) use token::Tokens;
pub use token::{AccessToken, Claims, Grant, TokenError};

#[cfg(test)]
mod tests;
