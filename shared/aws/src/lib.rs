//! How this process reaches AWS: region, credentials, HTTPS; and Secrets Manager, Lambda and
//! EventBridge Scheduler.
//!
//! DynamoDB itself is `weir-store`'s, which takes the configuration made here.

mod access;
mod call;
mod config;
mod functions;
mod schedules;
mod secrets;

pub use access::{AccessError, region_with_access};
pub use aws_types::SdkConfig;
pub use call::CallError;
pub use config::{of_function, of_user};
pub use functions::Functions;
pub use schedules::{ScheduledCall, Schedules};
pub use secrets::{SecretError, Secrets};
