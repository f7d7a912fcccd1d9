//! Which data sets a query document's records are for.

use serde_json::Value;
use weir_model::DataSetName;

use crate::query::{Entrypoint, QueryError, Section};

/// The data set of a job, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSets {
    /// This one.
    One(DataSetName),
    /// Each stream has the one of its name in this group.
    OfGroup(String),
}

impl DataSets {
    /// What a document has to say, for errors.
    pub(super) fn wanted(entrypoint: Entrypoint) -> &'static str {
        match entrypoint.has_streams() {
            true => "{\"data-group\": …}, in which each stream has the data set of its name",
            false => "{\"data-group\": …, \"data-type\": …}",
        }
    }

    pub(super) fn read(
        document: &Section<'_>,
        entrypoint: Entrypoint,
    ) -> Result<Option<DataSets>, QueryError> {
        let Some(map) = document.object("data-set")? else {
            return Ok(None);
        };
        let section = document.within("data-set", map);
        let group = section.required_text("data-group", "the group of the data set")?;
        match entrypoint.has_streams() {
            true => of_group(&section, group).map(Some),
            false => one(document, &section, group).map(Some),
        }
    }
}

fn of_group(section: &Section<'_>, group: &str) -> Result<DataSets, QueryError> {
    for key in ["data-type", "data-set"] {
        if section.get(key).is_some() {
            let why = "each stream has a data set of its own, named as the stream: take it out";
            return Err(section.error(key, why));
        }
    }
    // Any stream's name will do to see whether the group is one.
    match DataSetName::new(group, Entrypoint::Pendo.name()) {
        Ok(_) => Ok(DataSets::OfGroup(group.to_owned())),
        Err(_) => Err(section.wrong(
            "data-group",
            &Value::from(group),
            "1 to 100 letters, digits, \"_\" or \"-\"",
        )),
    }
}

fn one(document: &Section<'_>, section: &Section<'_>, group: &str) -> Result<DataSets, QueryError> {
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
        .map(DataSets::One)
        .map_err(|error| document.error("data-set", error))
}
