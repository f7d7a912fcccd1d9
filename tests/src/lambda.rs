//! AWS Lambda and API Gateway on this machine, as far as a function can tell.
//!
//! A [`Function`] runs a real program: an [`Instance`] is a process that asks this process for
//! events over the runtime API, one at a time, and can be killed at any moment. Like Lambda, a
//! function starts another instance when none is idle, gives an idle one the next event, and
//! replaces one that has died only when the next event comes. [`gateway`] turns HTTP requests into
//! the events that API Gateway makes of them.
//!
//! What is not like AWS: nothing limits how many instances there are, instances are not frozen
//! between events, and a processor is not shared out by memory.

mod function;
mod gateway;
mod instance;
mod runtime;

pub use function::{Function, Setup};
pub use gateway::event;
pub use instance::Instance;
pub use runtime::Outcome;

#[cfg(test)]
mod tests;
