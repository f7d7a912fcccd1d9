//! A DynamoDB in this process, behind the SDK's HTTP client.
//!
//! [`transport`] takes the SDK's signed requests apart; [`engine`] carries them out. In between
//! stands the [`Transport`] trait, which is where tests put delays, failures and repeats.

mod dispatch;
mod engine;
mod kept;
mod pages;
mod readers;
mod seed;
mod sweep;
mod transport;

pub use engine::{Engine, EngineError};
pub(crate) use transport::EmbeddedHttp;
pub use transport::{Answer, Call, Cut, Transport};

#[cfg(test)]
mod tests;
