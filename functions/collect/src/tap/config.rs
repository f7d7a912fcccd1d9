//! The configuration of a tap.
//!
//! `{"queries": […], "credentials": {…}, "start_date": "2026-01-01"}`: each query is a query
//! document or the path of one; in place of `credentials`, `credentials_file` is the path of a
//! file with them. Without `start_date` a stream begins with its collector's default range.

use std::path::Path;

use serde_json::{Map, Value};
use weir_collector::Fault;
use weir_collector::secrets::SecretJson;
use weir_model::Timestamp;

use crate::access::Credential;
use crate::query::{Definition, Entrypoint, Section};

const KEYS: &[&str] = &["queries", "credentials", "credentials_file", "start_date"];

/// Which third party a tap reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapKind {
    /// Checks of Pingdom.
    Pingdom,
    /// Google Analytics.
    Ga,
}

/// A configuration, read.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) definitions: Vec<Definition>,
    pub(super) credentials: Credential,
    pub(super) start: Option<Timestamp>,
}

impl Config {
    pub(super) fn open(kind: TapKind, path: &Path) -> Result<Config, Fault> {
        let file = path.display().to_string();
        let directory = path.parent().unwrap_or(Path::new(""));
        let value = read_json(path)?;
        let Value::Object(map) = &value else {
            return Err(Fault::new(format_args!("{file}: is no JSON object"))
                .hint("write {\"queries\": […], \"credentials\": {…}}"));
        };
        let section = Section::new(&file, "", map);
        for note in section.unknown(KEYS) {
            tracing::warn!("{note}");
        }
        let start = section
            .text("start_date")?
            .map(Timestamp::parse)
            .transpose();
        Ok(Config {
            definitions: definitions(kind, &section, directory)?,
            credentials: credentials(&section, directory)?,
            start: start.map_err(|error| section.error("start_date", error))?,
        })
    }
}

fn definitions(
    kind: TapKind,
    section: &Section<'_>,
    directory: &Path,
) -> Result<Vec<Definition>, Fault> {
    let queries = match section.get("queries") {
        Some(Value::Array(queries)) if !queries.is_empty() => queries,
        Some(Value::Array(_)) | None => {
            return Err(section
                .error("queries", "has no query document, nor the path of one")
                .into());
        }
        Some(other) => return Err(section.wrong("queries", other, "a list").into()),
    };
    let read_one = |(index, query): (usize, &Value)| {
        let key = format!("queries[{index}]");
        match query {
            Value::Object(map) => definition(kind, map, &format!("{}: {key}", section.file())),
            Value::String(path) => {
                let path = directory.join(path);
                let file = path.display().to_string();
                match read_json(&path)? {
                    Value::Object(map) => definition(kind, &map, &file),
                    _ => Err(Fault::new(format_args!("{file}: is no JSON object"))),
                }
            }
            other => Err(section
                .wrong(&key, other, "a query document, or the path of one")
                .into()),
        }
    };
    queries.iter().enumerate().map(read_one).collect()
}

/// A tap has one sink, whatever the document says, so that it needs no data set.
fn definition(kind: TapKind, map: &Map<String, Value>, file: &str) -> Result<Definition, Fault> {
    let mut map = map.clone();
    map.insert("sink".to_owned(), "stdout".into());
    let definition = Definition::from_value(&Value::Object(map), file)?;
    let is_of_kind = match definition.entrypoint {
        Entrypoint::Pingdom => kind == TapKind::Pingdom,
        Entrypoint::Ga | Entrypoint::GaTrending | Entrypoint::GaRealtime => kind == TapKind::Ga,
        // Its tap has a configuration of its own.
        Entrypoint::Pendo => false,
    };
    for note in &definition.notes {
        tracing::warn!("{note}");
    }
    match is_of_kind {
        true => Ok(definition),
        false => Err(Fault::new(format_args!(
            "{file}: entrypoint: {} is another tap's",
            definition.entrypoint
        ))),
    }
}

fn credentials(section: &Section<'_>, directory: &Path) -> Result<Credential, Fault> {
    if let Some(path) = section.text("credentials_file")? {
        return Ok(Credential::file(directory.join(path)));
    }
    match section.object("credentials")? {
        Some(map) => {
            let place = format!("{}: credentials", section.file());
            let text = Value::Object(map.clone()).to_string();
            Ok(Credential::given(SecretJson::parse(place, &text)?))
        }
        None => Err(Fault::from(section.error("credentials", "is missing"))
            .hint("give the third party's credentials there, or the path of their file in credentials_file")),
    }
}

/// Reads a file of JSON. What is in it may be secret, so errors say no more than where.
pub(super) fn read_json(path: &Path) -> Result<Value, Fault> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Fault::new(format_args!("cannot read {file}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Fault::new(format_args!(
            "{file}: is not JSON (line {line}, column {column})"
        ))
    })
}
