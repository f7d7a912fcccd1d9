//! How this process reaches AWS: region, credentials, HTTPS; and Secrets Manager.
//!
//! DynamoDB itself is `weir-store`'s, which takes the configuration made here.

mod access;
mod config;
mod secrets;

pub use access::{AccessError, region_with_access};
pub use aws_types::SdkConfig;
pub use config::{of_function, of_user};
pub use secrets::{SecretError, Secrets};
