//! What reading on needs of a row beside its record.

use serde_json::Value;

use crate::record::time;
use crate::shape::Watch;

/// What was found in a row.
#[derive(Debug, Default)]
pub(super) struct Caught {
    pub(super) id: Option<String>,
    pub(super) time: Option<i64>,
    /// The last change of an account or a visitor, as it came.
    pub(super) last_updated: Option<Value>,
    pub(super) last_visit: Option<i64>,
    pub(super) do_not_process: bool,
    /// Whether there is a value that the schema does not allow, of a kind that is new.
    pub(super) is_odd: bool,
}

impl Caught {
    /// Takes what is needed of a value.
    pub(super) fn catch(&mut self, watch: Watch, value: &Value) {
        match watch {
            Watch::Id => self.id = id(value),
            Watch::Time => self.time = self.time.max(time::millis(value)),
            Watch::LastUpdated => {
                self.time = time::millis(value);
                self.last_updated = Some(value.clone());
            }
            Watch::LastVisit => self.last_visit = time::millis(value),
            Watch::DoNotProcess => self.do_not_process = is_true(value),
            Watch::Metadata => {}
        }
    }
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(switch) => *switch,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    }
}
