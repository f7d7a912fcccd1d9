//! Has each function do everything that it can, and tells what it called.
//!
//! First without a fault, when every answer is looked at, and then with calls that fail in every
//! way, because doubts and repeats have calls of their own.

mod collect;
mod compact;
mod data;
mod doors;
mod place;
mod query;
mod token;
mod track;

use std::time::Duration;

pub(crate) use collect::collect;
pub(crate) use compact::compact;
pub(crate) use data::data;
pub(crate) use query::query;
pub(crate) use token::token;
pub(crate) use track::track;

const MINUTE: Duration = Duration::from_secs(60);

/// How often everything is done while calls fail.
const ROUNDS: u64 = 6;
