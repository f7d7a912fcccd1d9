//! Fields of a state: times and texts, and errors that name them.

use serde_json::{Map, Value};
use weir_collector::Fault;
use weir_model::Timestamp;

/// What a state that cannot be read is followed by.
pub(super) const HINT: &str = "give a state that a run of this tap has written, or none";

/// A part of a state, by its name.
pub(super) struct Fields<'a> {
    place: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(place: String, map: &'a Map<String, Value>) -> Fields<'a> {
        Fields { place, map }
    }

    /// A time in milliseconds; none, if it is missing, null or empty.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Fault> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => match Timestamp::parse(text) {
                Ok(time) => Ok(Some(time.as_millis())),
                Err(_) => Err(self.wrong(name, "a time like \"2024-01-01T00:00:00Z\"")),
            },
            Some(_) => Err(self.wrong(name, "a time like \"2024-01-01T00:00:00Z\"")),
        }
    }

    /// A text, if there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// An object, if there is one.
    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Fault> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => {
                Ok(Some(Fields::new(format!("{}.{name}", self.place), map)))
            }
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }

    /// All its times by name.
    pub(super) fn times(&self) -> Result<Vec<(String, i64)>, Fault> {
        let names = self.map.keys();
        let times = names.map(|name| Ok(self.time(name)?.map(|time| (name.clone(), time))));
        times.filter_map(Result::transpose).collect()
    }

    fn wrong(&self, name: &str, allowed: &str) -> Fault {
        let value = self.map.get(name).unwrap_or(&Value::Null);
        wrong(&format!("{}.{name}", self.place), value, allowed)
    }
}

/// An error about a field.
pub(super) fn wrong(place: &str, value: &Value, allowed: &str) -> Fault {
    const SHOWN: usize = 80;
    let text = value.to_string();
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    Fault::new(format_args!(
        "state: {place} is {shown}{more} and must be {allowed}"
    ))
    .hint(HINT)
}

/// A time as the reference writes it: `2024-01-01T00:00:00.005000Z`.
pub(super) fn stamp(millis: i64) -> Value {
    let millis = millis.clamp(0, Timestamp::MAX.as_millis());
    let time = Timestamp::from_millis(millis).unwrap_or_default();
    let text = time.to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    Value::String(format!("{seconds}.{:03}000Z", millis % 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_six_digits_and_read_in_any_form() {
        let check = |text: &str, expected: i64| {
            let map = Map::from_iter([("t".to_owned(), Value::from(text))]);
            let fields = Fields::new(String::new(), &map);
            assert_eq!(fields.time("t").unwrap(), Some(expected), "{text}");
        };
        let time = 1_704_067_200_005;
        assert_eq!(stamp(time), "2024-01-01T00:00:00.005000Z");
        check("2024-01-01T00:00:00.005000Z", time);
        check("2024-01-01T01:00:00.005+01:00", time);
        check("2024-01-01T00:00:00Z", time - 5);
        check("2024-01-01T00:00:00+00:00", time - 5);
        check("2024-01-01 00:00:00", time - 5);
        assert_eq!(stamp(-1), "1970-01-01T00:00:00.000000Z");
    }
}
