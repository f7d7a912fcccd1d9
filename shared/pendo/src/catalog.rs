//! The catalog of streams that discovery tells.

use serde_json::Value;

use crate::config::Config;
use crate::discover::Custom;

/// The catalog of all streams, with the custom fields of accounts and visitors.
pub fn catalog(_config: &Config, _custom: &Custom) -> Value {
    Value::Null
}
