//! The HTTP edge that all functions share: who is calling, how much they may send, and how they
//! are told what went wrong.
//!
//! Knows nothing of events. A function's router takes an `Arc<Service>`, lets callers in by
//! [`Service::authorize`] or [`auth::Authorized`], reads bodies by [`Service::read_body`] and
//! answers errors as [`Problem`]; whoever listens surrounds the merged routers by [`layer::edge`].

pub mod auth;
pub mod body;
pub mod budget;
pub mod clients;
pub mod cors;
pub mod gate;
pub mod health;
pub mod layer;
pub mod negotiate;
pub mod openapi;
pub mod problem;
pub mod rejected;
pub mod secret;
mod service;
mod snippet_path;
mod store_problem;
pub mod tally;
#[cfg(test)]
mod testing;
pub mod write_keys;

pub use auth::{Caller, KeyHolder, Scope, Scopes};
pub use problem::{FieldProblem, MAX_FIELD_ERRORS, Problem, ProblemDocument};
pub use rejected::{Rejection, RejectionSource, Rejections};
pub use service::{IN_FLIGHT_BYTES, IN_FLIGHT_REQUESTS, Service, ServiceConfig, TOKEN_LIFETIME};
pub use snippet_path::{SnippetPath, SnippetPathError};
