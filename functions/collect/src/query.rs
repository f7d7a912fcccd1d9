//! The document that says what a job collects: the QUERY file of backdrop-collector, and beside
//! its keys those of a job file (`schedule`, `credentials`, `token`, `sink`, …).
//!
//! What the old program required is required, and each error names file and key. What it ignored
//! is ignored here, too, and noted, so that nobody's file stops working for a key too many.

mod entrypoint;
mod section;
mod sink;

use std::fmt;

use serde_json::{Map, Value};
use weir_collector::{Fault, SourceError};
use weir_model::DataSetName;

use crate::options::Options;
pub use entrypoint::Entrypoint;
pub use section::Section;
pub(crate) use section::closest;
pub use sink::SinkChoice;

/// Keys of the document. From `name` on they are those of a function's event; `path_to_json_file`
/// is what the old program added itself.
const KEYS: &[&str] = &[
    "entrypoint",
    "query",
    "options",
    "data-set",
    "schedule",
    "time-zone",
    "credentials",
    "token",
    "backdrop",
    "sink",
    "name",
    "start",
    "end",
    "state",
    "started",
    "round",
    "scheduled",
    "path_to_json_file",
];

/// What a job collects, how, when, and where it goes.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The file that it was read from, for messages.
    pub file: String,
    /// Which collector.
    pub entrypoint: Entrypoint,
    /// What the collector is asked: each has its own keys.
    pub query: Map<String, Value>,
    /// What becomes of its rows.
    pub options: Options,
    /// The data set that the records are for.
    pub data_set: Option<DataSetName>,
    /// When it runs, as EventBridge writes it.
    pub schedule: Option<String>,
    /// The zone of the schedule, of the IANA database.
    pub time_zone: Option<String>,
    /// The name of the secret with the third party's credentials.
    pub credentials: Option<String>,
    /// The name of the secret with the data set's token.
    pub token: Option<String>,
    /// The name of the secret that says where a Backdrop is.
    pub backdrop: Option<String>,
    /// Where the records go.
    pub sink: SinkChoice,
    /// What was ignored, for whoever wrote the file.
    pub notes: Vec<String>,
}

/// What is wrong with a query document, its options or its plugins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct QueryError {
    /// The file.
    pub file: String,
    /// The key in it, as `query.name`; none if it is no JSON object.
    pub key: Option<String>,
    /// What is wrong, and what is allowed.
    pub why: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.file, self.why),
            None => write!(f, "{}: {}", self.file, self.why),
        }
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Fault {
        Fault::new(error)
    }
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> SourceError {
        SourceError::Final(error.into())
    }
}

impl Definition {
    /// Reads a query document.
    ///
    /// # Errors
    /// When it is no JSON object, or a key is missing or has a value that is not allowed.
    pub fn parse(text: &str, file: &str) -> Result<Definition, QueryError> {
        let value: Value = serde_json::from_str(text).map_err(|error| QueryError {
            file: file.to_owned(),
            key: None,
            why: format!("is not JSON: {error}"),
        })?;
        Self::from_value(&value, file)
    }

    /// Takes a query document that was read already, as a function's event is.
    ///
    /// # Errors
    /// As for [`Definition::parse`].
    pub fn from_value(value: &Value, file: &str) -> Result<Definition, QueryError> {
        let Value::Object(map) = value else {
            return Err(QueryError {
                file: file.to_owned(),
                key: None,
                why: "is not a JSON object with entrypoint, query, options and data-set".to_owned(),
            });
        };
        let document = Section::new(file, "", map);
        let entrypoint = Entrypoint::read(&document)?;
        let options = document.object_or_empty("options")?;
        let options_section = Section::new(file, "options", &options);
        let query = document.required_object("query")?;
        let data_set = read_data_set(&document)?;
        let sink = SinkChoice::read(&document)?;
        if data_set.is_none() && sink.needs_data_set() {
            return Err(document.error(
                "data-set",
                "is missing: give {\"data-group\": …, \"data-type\": …}",
            ));
        }
        let mut notes = document.unknown(KEYS);
        notes.extend(options_section.unknown(Options::KEYS));
        Ok(Definition {
            file: file.to_owned(),
            entrypoint,
            query: query.clone(),
            options: Options::read(&options_section)?,
            data_set,
            schedule: document.text("schedule")?.map(str::to_owned),
            time_zone: document.text("time-zone")?.map(str::to_owned),
            credentials: document.text("credentials")?.map(str::to_owned),
            token: document.text("token")?.map(str::to_owned),
            backdrop: document.text("backdrop")?.map(str::to_owned),
            sink,
            notes,
        })
    }

    /// The collector's own keys, for reading.
    pub fn query(&self) -> Section<'_> {
        Section::new(&self.file, "query", &self.query)
    }

    /// What the records are called: `options.dataType`, else the data set's type, else the
    /// entrypoint.
    pub fn data_type(&self) -> &str {
        let of_data_set = self.data_set.as_ref().map(DataSetName::data_type);
        self.options
            .data_type
            .as_deref()
            .or(of_data_set)
            .unwrap_or(self.entrypoint.name())
    }
}

fn read_data_set(document: &Section<'_>) -> Result<Option<DataSetName>, QueryError> {
    let Some(map) = document.object("data-set")? else {
        return Ok(None);
    };
    let section = document.within("data-set", map);
    let group = section.required_text("data-group", "the group of the data set")?;
    let data_type = match (section.text("data-type")?, section.text("data-set")?) {
        (Some(data_type), Some(other)) if data_type != other => {
            return Err(section.error(
                "data-set",
                format!("says \"{other}\" and data-type says \"{data_type}\": give one of them"),
            ));
        }
        (Some(data_type), _) | (None, Some(data_type)) => data_type,
        (None, None) => {
            return Err(section.error(
                "data-type",
                "is missing: it is the type of the data set (data-set is accepted as well)",
            ));
        }
    };
    DataSetName::new(group, data_type)
        .map(Some)
        .map_err(|error| document.error("data-set", error))
}

#[cfg(test)]
mod tests;
