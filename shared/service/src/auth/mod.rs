//! Who is calling, and whether they may.

mod caller;
mod current_keys;
mod document;
mod keys;
mod rate;
mod recent;
mod revoked;
mod scope;
mod token;
mod write_key;

pub use caller::{Authorized, Caller, LocalAdmin, Needs, basic_key, need};
pub(crate) use current_keys::CurrentKeys;
pub use current_keys::{KEYS_FRESH, KeySource, KeysUnavailable};
pub use document::{DocumentError, KeyDocument, KeyNames};
pub use keys::{MIN_KEY_BYTES, ShortKey, SigningKey, SigningKeys};
pub use rate::Rates;
pub(crate) use revoked::RevokedCopy;
pub use scope::{Scope, Scopes, UnknownScope};
pub(crate) use token::Tokens;
pub use token::{AccessToken, Claims, Grant, TokenError};
pub use write_key::KeyHolder;
pub(crate) use write_key::KnownKeys;

#[cfg(test)]
mod tests;
