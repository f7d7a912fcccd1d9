//! The body of `POST /api/v1/aggregation`: a source, and what is done with its rows, in order.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filter::Filter;
use super::order::sort;
use super::row::Row;
use super::series::Series;
use super::source::Source;

/// What a pipeline asks for.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) source: Source,
    pub(crate) series: Option<Series>,
    pub(crate) parent: Option<String>,
    /// Whose rows; all, if nothing is said.
    pub(crate) apps: Option<Vec<i64>>,
    /// Whether visitors who are not known are left out.
    pub(crate) identified: bool,
    pub(crate) stages: Vec<Stage>,
}

/// What is done with rows.
#[derive(Debug)]
pub(crate) enum Stage {
    Sort(Vec<String>),
    Filter(Filter),
    Limit(usize),
    Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    response: Response,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Response {
    mime_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "names may be said, and change nothing")]
struct Request {
    name: Option<String>,
    request_id: Option<String>,
    /// Said by some beside the pipeline, without an effect.
    sort: Option<Vec<String>>,
    pipeline: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Source(Map<String, Value>),
    Sort(Vec<String>),
    Filter(String),
    Limit(usize),
    Count(()),
}

impl Pipeline {
    /// Reads a body.
    ///
    /// # Errors
    /// What it does not understand.
    pub(crate) fn parse(body: &str) -> Result<Pipeline, String> {
        let body: Body = serde_json::from_str(body).map_err(|error| error.to_string())?;
        if body.response.mime_type != "application/json" {
            return Err(format!("unknown mimeType {}", body.response.mime_type));
        }
        let mut steps = body.request.pipeline.into_iter();
        let Some(Step::Source(source)) = steps.next() else {
            return Err("a pipeline begins with a source".to_owned());
        };
        let mut pipeline = Pipeline::of_source(source)?;
        pipeline.stages = steps.map(stage).collect::<Result<_, _>>()?;
        Ok(pipeline)
    }

    fn of_source(mut source: Map<String, Value>) -> Result<Pipeline, String> {
        let series = source.remove("timeSeries").map(serde_json::from_value);
        let series = series.transpose().map_err(|error| error.to_string())?;
        let mut names = source.into_iter();
        let (Some((name, wanted)), None) = (names.next(), names.next()) else {
            return Err("a source has one name".to_owned());
        };
        let source =
            Source::of_pipeline(&name).ok_or_else(|| format!("unknown source {name:?}"))?;
        let mut pipeline = Pipeline {
            source,
            series,
            parent: None,
            apps: None,
            identified: false,
            stages: Vec::new(),
        };
        if source.is_of_times() != pipeline.series.is_some() {
            return Err(format!(
                "{name}: a timeSeries, for events and only for them"
            ));
        }
        pipeline.read_wanted(&name, wanted)?;
        Ok(pipeline)
    }

    fn read_wanted(&mut self, name: &str, wanted: Value) -> Result<(), String> {
        let wanted = match wanted {
            Value::Null => Map::new(),
            Value::Object(wanted) => wanted,
            other => return Err(format!("{name}: {other} is no object")),
        };
        for (key, value) in wanted {
            let wrong = format!("{name}: unknown {key:?}: {value}");
            self.read_key(&key, value).ok_or(wrong)?;
        }
        Ok(())
    }

    fn read_key(&mut self, key: &str, value: Value) -> Option<()> {
        match (key, value) {
            ("identified", Value::Bool(identified)) if self.source == Source::Visitors => {
                self.identified = identified;
            }
            ("appId", value) if self.source != Source::Visitors => self.apps = apps(value)?,
            (key, Value::String(id)) if self.source.parent() == Some(key) => {
                self.parent = Some(id);
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether a row of the source is asked for, by what its source says of it.
    pub(crate) fn is_about(&self, row: &Row) -> bool {
        let app = || row.get("appId").and_then(|app| app.as_i64());
        let of_apps = |apps: &Vec<i64>| app().is_none_or(|app| apps.contains(&app));
        let known = !self.identified || !is_anonymous(row);
        known && self.apps.as_ref().is_none_or(of_apps)
    }
}

/// Visitors who are not known have ids of this form.
fn is_anonymous(row: &Row) -> bool {
    let id = row.get("visitorId");
    id.is_some_and(|id| id.as_str().is_some_and(|id| id.starts_with("_PENDO_T_")))
}

/// Nothing if all apps are meant.
fn apps(value: Value) -> Option<Option<Vec<i64>>> {
    match value {
        Value::String(all) if all == r#"expandAppIds("*")"# => Some(None),
        Value::Array(ids) if !ids.is_empty() => {
            let ids: Option<Vec<i64>> = ids.iter().map(app).collect();
            Some(Some(ids?))
        }
        _ => None,
    }
}

/// A number, also as text.
fn app(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

fn stage(step: Step) -> Result<Stage, String> {
    match step {
        Step::Source(_) => Err("a pipeline has one source".to_owned()),
        Step::Sort(keys) if keys.is_empty() => Err("sort: no field".to_owned()),
        Step::Sort(keys) => Ok(Stage::Sort(keys)),
        Step::Filter(text) => Ok(Stage::Filter(Filter::parse(&text)?)),
        Step::Limit(0) => Err("limit: 0 is not allowed".to_owned()),
        Step::Limit(limit) => Ok(Stage::Limit(limit)),
        Step::Count(()) => Ok(Stage::Count),
    }
}

impl Stage {
    pub(crate) fn apply(&self, mut rows: Vec<Row>) -> Vec<Row> {
        match self {
            Stage::Sort(keys) => sort(&mut rows, keys),
            Stage::Filter(filter) => rows.retain(|row| filter.passes(row)),
            Stage::Limit(limit) => rows.truncate(*limit),
            Stage::Count => rows = vec![json!({"count": rows.len()}).into()],
        }
        rows
    }
}
