//! Requests to Pendo.

mod access;
mod key;
mod observer;

pub use access::{PendoAccess, base_url};
pub use key::{Key, KeyRenewal};
pub use observer::Observer;
