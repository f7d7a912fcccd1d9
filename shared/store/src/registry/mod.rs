//! Who may use this Weir: its clients, and what of theirs has been revoked.
//!
//! Knows secrets only as hashes and scopes only as words; what they mean is the service's part.

mod clients;
mod revocations;
mod secret;

pub use clients::{Client, ClientId, ClientIdError, ClientPage, Creation, Setting};
pub use revocations::Revoked;
pub use secret::SecretHash;

#[cfg(test)]
mod tests;
