//! What documents look like once the options were applied, as JSON Schema.

use serde_json::{Map, Value, json};
use weir_collector::Schema;

use super::Pipeline;
use crate::mappings;
use crate::plugins::{Aggregation, Plugin};

/// The properties of documents, by key.
type Properties = Map<String, Value>;

impl Pipeline {
    /// The schema of [`Pipeline::documents`], whose rows have these fields: names and the JSON
    /// Schema of their values.
    pub fn schema(&self, fields: impl IntoIterator<Item = (String, Value)>) -> Schema {
        let mut properties = Properties::new();
        properties.insert("_timestamp".to_owned(), time());
        properties.insert("dataType".to_owned(), text());
        properties.insert("humanId".to_owned(), text());
        properties.extend(fields);
        self.schema_of(properties)
    }

    /// The schema of documents that were built elsewhere.
    pub(crate) fn schema_of(&self, mut properties: Properties) -> Schema {
        for (key, cell) in self.additional_fields() {
            let kind = properties
                .remove(key)
                .unwrap_or_else(|| kind_of(&cell.into_value()));
            properties.insert(key.to_owned(), kind);
        }
        let mut properties = self.renamed(properties);
        if self.options.id_mapping.is_some() {
            properties.insert("humanId".to_owned(), text());
        }
        for plugin in &self.options.plugins {
            apply(plugin, &mut properties);
        }
        properties.insert("_id".to_owned(), text());
        let has_time = properties.contains_key("_timestamp");
        Schema {
            stream: self.data_type.as_str().into(),
            schema: json!({"type": "object", "properties": properties}),
            key_properties: vec!["_id".to_owned()],
            bookmark_properties: has_time
                .then(|| "_timestamp".to_owned())
                .into_iter()
                .collect(),
        }
    }

    fn renamed(&self, properties: Properties) -> Properties {
        let mut renamed = Properties::new();
        for (key, kind) in properties {
            renamed.insert(
                mappings::renamed(&self.options.mappings, &key).to_owned(),
                kind,
            );
        }
        for to in mappings::parts(&self.options.mappings) {
            renamed.insert(to.to_owned(), text_or_null());
        }
        renamed
    }
}

fn apply(plugin: &Plugin, properties: &mut Properties) {
    let mut put = |key: &str, kind: Value| {
        properties.insert(key.to_owned(), kind);
    };
    match plugin {
        Plugin::Comment(_) => {}
        Plugin::ComputeRank(key) => put(key, json!({"type": "integer"})),
        Plugin::SetDepartment(_) | Plugin::ComputeDepartmentKey(_) => put("department", text()),
        Plugin::ComputeIdFrom(_) => {
            put("_id", text());
            put("humanId", text());
        }
        Plugin::AggregateKey(aggregations) => {
            for aggregation in aggregations {
                if let Aggregation::Rate { rate, .. } = aggregation {
                    put(rate, json!({"type": ["null", "number"]}));
                }
            }
        }
        Plugin::RemoveKey(keys) => {
            for key in keys {
                properties.remove(key);
            }
        }
    }
}

/// The schema of an instant.
pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// The schema of a text.
pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

fn text_or_null() -> Value {
    json!({"type": ["null", "string"]})
}

fn kind_of(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "number"}),
        Value::Number(_) => json!({"type": "integer"}),
        _ => text_or_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::query::Section;

    #[test]
    fn the_schema_follows_the_options() {
        let options = json!({
            "dataType": "pages",
            "mappings": {"pagePath": "path", "event_0": "kind"},
            "additionalFields": {"service": "tax", "priority": 1},
            "plugins": [
                "ComputeDepartmentKey('code')", "RemoveKey('code', 'event')",
                "AggregateKey(aggregate_count('visits'), aggregate_rate('bounce', 'visits'))",
                "ComputeRank('rank')", "ComputeIdFrom('path')",
            ],
        });
        let map = options.as_object().unwrap();
        let options = Options::read(&Section::new("q.json", "options", map)).unwrap();
        let fields = [
            ("pagePath", "string"),
            ("event", "string"),
            ("code", "string"),
            ("visits", "integer"),
            ("bounce", "number"),
        ];
        let fields = fields.map(|(key, kind)| (key.to_owned(), json!({"type": kind})));
        let schema = Pipeline::new(&options, "other").schema(fields);
        assert_eq!(&*schema.stream, "pages");
        assert_eq!(schema.key_properties, ["_id"]);
        assert_eq!(schema.bookmark_properties, ["_timestamp"]);
        let expected = json!({"type": "object", "properties": {
            "_timestamp": {"type": "string", "format": "date-time"},
            "dataType": {"type": "string"},
            "humanId": {"type": "string"},
            "path": {"type": "string"},
            "visits": {"type": "integer"},
            "bounce": {"type": ["null", "number"]},
            "service": {"type": ["null", "string"]},
            "priority": {"type": "integer"},
            "kind": {"type": ["null", "string"]},
            "department": {"type": "string"},
            "rank": {"type": "integer"},
            "_id": {"type": "string"},
        }});
        assert_eq!(schema.schema, expected);
    }
}
