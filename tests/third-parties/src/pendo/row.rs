//! A row as it is answered, and the fields by which it is found.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Fields that are kept beside the text, for speed; others are read from it.
const KEPT: [&str; 11] = [
    "id",
    "accountId",
    "visitorId",
    "appId",
    "metadata.auto.lastupdated",
    "lastUpdatedAt",
    "day",
    "hour",
    "browserTime",
    "receivedAt",
    "ts",
];

/// Reads as what stands for half a character, which no text can hold.
const HALF: char = '\u{fffd}';

/// A row of a source; cheap to clone.
#[derive(Debug, Clone)]
pub struct Row {
    text: Arc<str>,
    kept: Arc<[(&'static str, Value)]>,
}

impl From<Value> for Row {
    fn from(value: Value) -> Row {
        let kept = KEPT
            .iter()
            .filter_map(|path| Some((*path, at(&value, path)?.clone())));
        Row {
            kept: kept.collect(),
            text: value.to_string().into(),
        }
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Row, D::Error> {
        Value::deserialize(from).map(Row::from)
    }
}

impl Row {
    /// It in JSON, as it goes out. U+FFFD stands for half a character, and half of one goes out: what
    /// JavaScript leaves when it cuts a text in the middle of an emoji.
    pub(crate) fn text(&self) -> Arc<str> {
        match self.text.contains(HALF) {
            true => self.text.replace(HALF, r"\ud83d").into(),
            false => Arc::clone(&self.text),
        }
    }

    /// It as it came.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).expect("it was made from a value")
    }

    /// A field, by a path with dots. Fields that are null are as if they were not there.
    pub(crate) fn get(&self, path: &str) -> Option<Cow<'_, Value>> {
        let value = match KEPT.contains(&path) {
            true => {
                let (_, value) = self.kept.iter().find(|(kept, _)| *kept == path)?;
                Cow::Borrowed(value)
            }
            false => Cow::Owned(at(&self.value(), path)?.clone()),
        };
        (!value.is_null()).then_some(value)
    }

    /// A field with a text.
    pub(crate) fn text_of(&self, path: &str) -> Option<String> {
        Some(self.get(path)?.as_str()?.to_owned())
    }

    /// Itself without a field.
    pub(crate) fn without(&self, field: &str) -> Row {
        let mut value = self.value();
        if let Some(fields) = value.as_object_mut() {
            fields.remove(field);
        }
        value.into()
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_by_paths_whether_kept_or_not() {
        let row = Row::from(json!({
            "id": "f1", "day": null, "metadata": {"auto": {"lastupdated": 7, "other": 8}},
        }));
        let get = |path: &str| row.get(path).map(Cow::into_owned);
        assert_eq!(get("id"), Some("f1".into()));
        assert_eq!(get("metadata.auto.lastupdated"), Some(7.into()));
        assert_eq!(get("metadata.auto.other"), Some(8.into()));
        assert_eq!(
            [get("day"), get("hour"), get("metadata.auto.none")],
            [None, None, None]
        );
        assert_eq!(
            row.without("day").without("metadata").value(),
            json!({"id": "f1"})
        );
    }

    #[test]
    fn half_a_character_goes_out_as_such() {
        let row = Row::from(json!({"id": "cut \u{fffd}", "name": "🦀"}));
        assert_eq!(&*row.text(), r#"{"id":"cut \ud83d","name":"🦀"}"#);
        assert_eq!(row.text_of("id").as_deref(), Some("cut \u{fffd}"));
        serde_json::from_str::<Value>(&row.text()).unwrap_err();
    }
}
