//! What the doors of old clients have in common.
//!
//! A door maps each event of a request by itself, so that a bad one never spoils the others; then
//! a [`visit::Visit`] writes down what is bad and stores what is good. Mapping is pure: text in,
//! [`weir_model::Event`] or [`fault::Fault`] out.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod fault;
pub(crate) mod fields;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod properties;
pub(crate) mod visit;
