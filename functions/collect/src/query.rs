//! The document that says what a job collects: the QUERY file of backdrop-collector, and beside
//! its keys those of a job file (`schedule`, `credentials`, `token`, `sink`, …).
//!
//! What the old program required is required, and each error names file and key. What it ignored
//! is ignored here, too, and noted, so that nobody's file stops working for a key too many.

mod data_sets;
mod entrypoint;
mod section;
mod sink;

use std::fmt;

use serde_json::{Map, Value};
use weir_collector::{Fault, SourceError};
use weir_model::DataSetName;

use crate::options::Options;
pub use data_sets::DataSets;
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
    /// The data set that the records are for, or those.
    pub data_sets: Option<DataSets>,
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
        let data_sets = DataSets::read(&document, entrypoint)?;
        let sink = SinkChoice::read(&document)?;
        if data_sets.is_none() && sink.needs_data_set() {
            let wanted = DataSets::wanted(entrypoint);
            return Err(document.error("data-set", format_args!("is missing: give {wanted}")));
        }
        if entrypoint.has_streams() {
            refuse_what_is_of_one_stream(&document, &options_section, &sink)?;
        }
        let mut notes = document.unknown(KEYS);
        notes.extend(options_section.unknown(Options::KEYS));
        Ok(Definition {
            file: file.to_owned(),
            entrypoint,
            query: query.clone(),
            options: Options::read(&options_section)?,
            data_sets,
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

    /// The data set that the records are for, if it is one.
    pub fn data_set(&self) -> Option<&DataSetName> {
        match &self.data_sets {
            Some(DataSets::One(name)) => Some(name),
            Some(DataSets::OfGroup(_)) | None => None,
        }
    }

    /// What the records are called: `options.dataType`, else the data set's type, else the
    /// entrypoint.
    pub fn data_type(&self) -> &str {
        let of_data_set = self.data_set().map(DataSetName::data_type);
        self.options
            .data_type
            .as_deref()
            .or(of_data_set)
            .unwrap_or(self.entrypoint.name())
    }
}

/// What would be ignored silently, and change what is delivered where it counts.
fn refuse_what_is_of_one_stream(
    document: &Section<'_>,
    options: &Section<'_>,
    sink: &SinkChoice,
) -> Result<(), QueryError> {
    if let Some(key) = Options::KEYS.iter().find(|key| options.get(key).is_some()) {
        let why = "applies to the records of one stream, and this collector has several, which keep \
                   their fields: take it out";
        return Err(options.error(key, why));
    }
    match sink {
        SinkChoice::Backdrop { .. } => Err(document.error(
            "sink",
            "backdrop is one data set with one token, and this collector has several streams: there \
             are data-set, files and stdout",
        )),
        SinkChoice::DataSet | SinkChoice::Files { .. } | SinkChoice::Stdout => Ok(()),
    }
}

#[cfg(test)]
mod tests;
