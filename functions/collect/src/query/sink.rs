//! Where a job's records go.

use serde_json::{Map, Value};
use weir_collector::sink::FileFormat;

use crate::query::{QueryError, Section};

const TYPES: &str = "data-set, backdrop, files or stdout";

/// Where a job's records go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SinkChoice {
    /// A data set here.
    #[default]
    DataSet,
    /// A data set of a Backdrop elsewhere.
    Backdrop {
        /// Its address up to the data sets, as `https://host/data`. Without one, the secret named
        /// by `backdrop` says it.
        url: Option<String>,
    },
    /// Files in a directory or a bucket.
    Files {
        /// `file:///directory` or `s3://bucket/prefix`.
        url: String,
        /// What is in them.
        format: FileFormat,
    },
    /// Standard output, as Singer messages.
    Stdout,
}

impl SinkChoice {
    /// Whether it writes to a data set, which must then be named.
    pub fn needs_data_set(&self) -> bool {
        matches!(self, Self::DataSet | Self::Backdrop { .. })
    }

    /// Without `sink` it is a Backdrop where `backdrop` names one, else a data set here.
    pub(super) fn read(document: &Section<'_>) -> Result<SinkChoice, QueryError> {
        match document.get("sink") {
            None if document.text("backdrop")?.is_some() => Ok(Self::Backdrop { url: None }),
            None => Ok(Self::DataSet),
            Some(Value::String(name)) => {
                let map = Map::new();
                Self::of_type(name, &document.within("sink", &map), document)
            }
            Some(Value::Object(map)) => {
                let section = document.within("sink", map);
                let name = section.required_text("type", TYPES)?;
                Self::of_type(name, &section, document)
            }
            Some(other) => {
                Err(document.wrong("sink", other, "an object with type, or a type alone"))
            }
        }
    }

    fn of_type(
        name: &str,
        section: &Section<'_>,
        document: &Section<'_>,
    ) -> Result<SinkChoice, QueryError> {
        match name {
            "data-set" => Ok(Self::DataSet),
            "stdout" => Ok(Self::Stdout),
            "backdrop" => {
                let url = section.text("url")?.map(str::to_owned);
                if url.is_none() && document.text("backdrop")?.is_none() {
                    let why =
                        "is missing: give it here, or name the secret that has it in backdrop";
                    return Err(section.error("url", why));
                }
                Ok(Self::Backdrop { url })
            }
            "files" => Ok(Self::Files {
                url: section
                    .required_text("url", "file:///directory or s3://bucket/prefix")?
                    .to_owned(),
                format: read_format(section)?,
            }),
            other => {
                let why = format!("\"{other}\" is no sink: there are {TYPES}");
                Err(section.error("type", why))
            }
        }
    }
}

fn read_format(section: &Section<'_>) -> Result<FileFormat, QueryError> {
    match section.text("format")? {
        None | Some("jsonl.gz") => Ok(FileFormat::JsonLines),
        Some("parquet") => Ok(FileFormat::Parquet),
        Some(other) => {
            let why = format!("\"{other}\" is no format: there are jsonl.gz and parquet");
            Err(section.error("format", why))
        }
    }
}
