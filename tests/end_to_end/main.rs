//! A whole Weir, asked over its routers as its users would.

mod bounds;
mod catalogue;
mod client;
mod collecting;
mod doors;
mod exactly_once;
mod secrets;
mod track;
