//! The Lambda edge that all functions share: what stands between a function's library and Lambda.
//!
//! A function's main is [`http`], with its router, or [`scheduled`], with its work. Either reads
//! the [`settings`], makes everything once, and then serves one invocation after the other. The
//! way of a request is `event` (API Gateway's JSON to a request, its path put right by `path`) →
//! the router within [`weir_service::layer::edge`] → `metrics` → `answer` (a response to API
//! Gateway's JSON). Nothing runs after an answer is sent, because Lambda freezes the process then.
//!
//! The crate `lambda_http` is not used: it panics on a path with a space, normalises paths, keeps
//! only the first of several headers of one name, and encodes newline-delimited JSON so that the
//! largest answers are too large. What it would do takes two small files here, and its start
//! costs nothing.

mod answer;
mod event;
mod keys;
mod log;
mod metrics;
mod path;
mod requests;
mod runtime;
mod schedule;
pub mod settings;

pub use metrics::{Metric, Unit};
pub use requests::http;
pub use schedule::{Deployed, Failed, Invocation, Outcome, scheduled};

#[cfg(test)]
mod tests;
