//! From an hour that Pingdom tells to a document. Pure.

use serde_json::Value;
use weir_model::Timestamp;

use crate::cell::{Cell, iso_format};
use crate::pipeline::{Built, DefaultId, Document, Pipeline};

/// What an hour may tell; any of it may be missing.
pub(super) const FIELDS: [&str; 4] = ["avgresponse", "uptime", "downtime", "unmonitored"];

/// Builds the document of an hour, and says when the hour began. The error says what the hour
/// lacks.
pub(super) fn build(
    hour: &Value,
    check: &str,
    pipeline: &Pipeline,
) -> Result<(Timestamp, Built), String> {
    let start = start_of(hour)?;
    let iso = iso_format(start, 'T');
    let mut document = Document::default();
    let id = format!("{}.{iso}", check.replace(' ', "_"));
    document.set("_id", Cell::from(id.as_str()));
    document.set("_timestamp", Cell::Time(start));
    for field in FIELDS {
        match hour.get(field) {
            None | Some(Value::Null) => {}
            Some(number @ Value::Number(_)) => document.set(field, number.clone().into()),
            Some(other) => return Err(format!("the {field} of {iso} is no number but {other}")),
        }
    }
    document.set("check", Cell::from(check));
    for (key, cell) in pipeline.additional_fields() {
        document.set(key, cell);
    }
    let default_id = DefaultId::Kept;
    Ok((
        start,
        Built {
            document,
            default_id,
        },
    ))
}

fn start_of(hour: &Value) -> Result<Timestamp, String> {
    let start = hour.get("starttime").filter(|start| !start.is_null());
    let start = start.ok_or("it has no starttime")?;
    let millis = start
        .as_i64()
        .and_then(|seconds| seconds.checked_mul(1_000));
    millis
        .and_then(|millis| Timestamp::from_millis(millis).ok())
        .ok_or_else(|| format!("its starttime is {start} and must be Unix seconds"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::options::Options;
    use crate::query::Section;

    fn documents(options: Value, hour: Value) -> Result<String, String> {
        let map = options.as_object().unwrap();
        let options = Options::read(&Section::new("q.json", "options", map)).unwrap();
        let pipeline = Pipeline::new(&options, "monitoring");
        let (_, built) = build(&hour, "govuk home page", &pipeline)?;
        let documents = pipeline
            .finish(vec![built])
            .map_err(|error| error.to_string())?;
        Ok(Value::Object(documents[0].clone()).to_string())
    }

    fn whole() -> Value {
        json!({"starttime": 1_363_000_000_i64 / 3600 * 3600, "avgresponse": 721, "uptime": 3300, "downtime": 300, "unmonitored": 0})
    }

    #[test]
    fn an_hour_is_the_document_that_it_was() {
        let expected = json!({
            "_id": "govuk_home_page.2013-03-11T11:00:00+00:00",
            "_timestamp": "2013-03-11T11:00:00+00:00",
            "avgresponse": 721, "uptime": 3300, "downtime": 300, "unmonitored": 0,
            "check": "govuk home page",
        });
        assert_eq!(documents(json!({}), whole()), Ok(expected.to_string()));
    }

    #[test]
    fn options_are_applied_where_there_are_some() {
        let options = json!({
            "additionalFields": {"service": "tax"},
            "mappings": {"avgresponse": "ms"},
            "idMapping": ["check", "_timestamp"],
        });
        let expected = json!({
            "_id": "Z292dWsgaG9tZSBwYWdlMjAxMy0wMy0xMSAxMTowMDowMCswMDowMA==",
            "_timestamp": "2013-03-11T11:00:00+00:00",
            "ms": 721, "uptime": 3300, "downtime": 300, "unmonitored": 0,
            "check": "govuk home page", "service": "tax",
            "humanId": "govuk home page2013-03-11 11:00:00+00:00",
        });
        assert_eq!(documents(options, whole()), Ok(expected.to_string()));
    }

    #[test]
    fn what_an_hour_lacks_the_document_lacks() {
        let expected = json!({
            "_id": "govuk_home_page.1970-01-01T01:00:00+00:00",
            "_timestamp": "1970-01-01T01:00:00+00:00",
            "uptime": 3600,
            "check": "govuk home page",
        });
        let hour = json!({"starttime": 3600, "avgresponse": null, "uptime": 3600});
        assert_eq!(documents(json!({}), hour), Ok(expected.to_string()));
    }

    #[test]
    fn an_hour_that_is_none_is_told() {
        let check = |hour: Value, expected: &str| {
            assert_eq!(documents(json!({}), hour), Err(expected.to_owned()));
        };
        check(json!({"uptime": 1}), "it has no starttime");
        check(
            json!({"starttime": "x"}),
            "its starttime is \"x\" and must be Unix seconds",
        );
        check(
            json!({"starttime": 0, "uptime": "1"}),
            "the uptime of 1970-01-01T00:00:00+00:00 is no number but \"1\"",
        );
        check(json!([]), "it has no starttime");
    }
}
