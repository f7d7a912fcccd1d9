//! Who may use this Weir: its clients and write keys, what of theirs has been revoked, and what of
//! theirs was refused.
//!
//! Knows secrets only as hashes and scopes only as words; what they mean is the service's part.

mod clients;
mod rejected_pages;
mod rejections;
mod revocations;
mod secret;
mod write_keys;

pub use clients::{Client, ClientId, ClientIdError, ClientPage, Creation, Setting};
pub use rejected_pages::{ListedRejection, RejectionPage, RejectionPlace, RejectionsAsk};
pub use rejections::{REJECTIONS_AN_HOUR, REJECTIONS_KEPT, Rejected, RejectedRequest, Standing};
pub use revocations::Revoked;
pub use secret::SecretHash;
pub use write_keys::{KeyHash, KeyRecord};

#[cfg(test)]
mod tests;
