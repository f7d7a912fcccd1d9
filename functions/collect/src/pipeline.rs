//! From rows to documents: build, map keys, compute ids, run plugins.
//!
//! Pure: the same rows give the same documents in the same order, whoever asks and whenever. Keys
//! stand in the order `_timestamp`, `dataType`, additional fields, dimensions in the query's
//! order, the collector's own fields, `humanId`, `_id`.

pub(crate) mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Map, Value};
use weir_model::Timestamp;

use crate::cell::{Cell, compact};
use crate::mappings;
use crate::options::Options;
use crate::plugins;
use crate::query::QueryError;

/// A row of a report, before it is a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The start of its period.
    pub start: Timestamp,
    /// Its dimensions in the query's order.
    pub dimensions: Vec<(String, Value)>,
    /// What the collector adds: metrics, `timeSpan`.
    pub special: Vec<(String, Value)>,
}

/// What makes documents of rows.
#[derive(Debug, Clone)]
pub struct Pipeline {
    options: Options,
    data_type: String,
    /// Keys that a document has at times.
    known: &'static [&'static str],
}

/// A document that is still being made, its keys in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document(Vec<(String, Cell)>);

/// A document that was built, and the id that it has unless the options say another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Built {
    pub(crate) document: Document,
    pub(crate) default_id: DefaultId,
}

/// The id of a document where `idMapping` says none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DefaultId {
    /// Data type, start, time span and these, joined by `_`.
    Joined {
        start: Timestamp,
        dimensions: Vec<String>,
    },
    /// The one that it has.
    Kept,
}

impl Pipeline {
    /// The pipeline of these options. `data_type` is that of the data set: `options.dataType`
    /// goes before it.
    pub fn new(options: &Options, data_type: &str) -> Pipeline {
        let data_type = options.data_type.as_deref().unwrap_or(data_type).to_owned();
        Pipeline {
            options: options.clone(),
            data_type,
            known: &[],
        }
    }

    /// Takes mappings of these keys for no mistake where no document of a report has them.
    pub(crate) fn knowing(self, known: &'static [&'static str]) -> Pipeline {
        Pipeline { known, ..self }
    }

    /// What the records are called.
    pub fn data_type(&self) -> &str {
        &self.data_type
    }

    /// Makes documents of the rows of one report.
    ///
    /// # Errors
    /// When a mapping, an id or a plugin names a key that the documents do not have, or a value is
    /// not what it takes.
    pub fn documents(&self, rows: Vec<Row>) -> Result<Vec<Map<String, Value>>, QueryError> {
        let built = rows.into_iter().map(|row| self.build(row)).collect();
        self.finish(built)
    }

    /// The later steps, for documents that were built elsewhere.
    pub(crate) fn finish(&self, built: Vec<Built>) -> Result<Vec<Map<String, Value>>, QueryError> {
        let mut documents = self.mapped(built)?;
        self.check_id_mapping(&documents)?;
        for Built {
            document,
            default_id,
        } in &mut documents
        {
            self.identify(document, default_id);
        }
        let documents = documents.into_iter().map(|built| built.document).collect();
        let documents = self.run_plugins(documents)?;
        Ok(documents.into_iter().map(Document::into_map).collect())
    }

    /// The fields that `additionalFields` gives each document.
    pub(crate) fn additional_fields(&self) -> impl Iterator<Item = (&str, Cell)> {
        let fields = self.options.additional_fields.iter();
        fields.map(|(key, value)| (key.as_str(), Cell::from(value.clone())))
    }

    fn build(&self, row: Row) -> Built {
        let default_id = DefaultId::Joined {
            start: row.start,
            dimensions: row
                .dimensions
                .iter()
                .map(|(_, value)| Cell::from(value.clone()).text())
                .collect(),
        };
        let mut document = Document::default();
        document.set("_timestamp", Cell::Time(row.start));
        document.set("dataType", Cell::from(self.data_type.as_str()));
        for (key, cell) in self.additional_fields() {
            document.set(key, cell);
        }
        for (key, value) in row.dimensions.into_iter().chain(row.special) {
            document.set(&key, value.into());
        }
        Built {
            document,
            default_id,
        }
    }

    fn mapped(&self, built: Vec<Built>) -> Result<Vec<Built>, QueryError> {
        if self.options.mappings.is_empty() {
            return Ok(built);
        }
        let section = self.options.section();
        let told = |misfit: mappings::Misfit| {
            section.error(&format!("mappings.{}", misfit.from), misfit.why)
        };
        let (documents, ids): (Vec<Document>, Vec<DefaultId>) = built
            .into_iter()
            .map(|built| (built.document, built.default_id))
            .unzip();
        if let Some(misfit) = mappings::misfit(&self.options.mappings, &documents, self.known) {
            return Err(told(misfit));
        }
        let map = |(document, default_id): (Document, DefaultId)| {
            let document = mappings::apply(&self.options.mappings, &document).map_err(&told)?;
            Ok(Built {
                document,
                default_id,
            })
        };
        documents.into_iter().zip(ids).map(map).collect()
    }

    /// An id of which no document has a part would be the same for all of them.
    fn check_id_mapping(&self, documents: &[Built]) -> Result<(), QueryError> {
        let Some(first) = documents.first() else {
            return Ok(());
        };
        let is_there = |key: &String| {
            self.options.mappings.iter().any(|(_, to)| to == key)
                || documents
                    .iter()
                    .any(|built| built.document.get(key).is_some())
        };
        let keys = self.options.id_mapping.iter().flatten();
        match keys.into_iter().find(|key| !is_there(key)) {
            None => Ok(()),
            Some(key) => {
                let has: Vec<&str> = first.document.keys().collect();
                let has = has.join(", ");
                let why = format!("no document has the key {key}: they have {has}");
                Err(self.options.section().error("idMapping", why))
            }
        }
    }

    fn identify(&self, document: &mut Document, default_id: &DefaultId) {
        let human_id = match (&self.options.id_mapping, default_id) {
            (Some(keys), _) => {
                let text = |key: &String| document.get(key).map(Cell::text).unwrap_or_default();
                keys.iter().map(text).collect()
            }
            (None, DefaultId::Joined { start, dimensions }) => {
                let span = document.get("timeSpan").filter(|cell| !cell.is_null());
                let mut parts = vec![self.data_type.clone(), compact(*start)];
                parts.extend(span.map(Cell::text));
                parts.extend(dimensions.iter().cloned());
                parts.join("_")
            }
            (None, DefaultId::Kept) => return,
        };
        document.set_id(&human_id);
    }

    fn run_plugins(&self, mut documents: Vec<Document>) -> Result<Vec<Document>, QueryError> {
        for (index, plugin) in self.options.plugins.iter().enumerate() {
            documents = plugins::run(plugin, documents).map_err(|why| {
                let name = format!("plugins[{index}]");
                self.options
                    .section()
                    .error(&name, format_args!("{plugin}: {why}"))
            })?;
        }
        Ok(documents)
    }
}

impl Document {
    pub(crate) fn get(&self, key: &str) -> Option<&Cell> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, cell)| cell)
    }

    /// A key that is there keeps its place.
    pub(crate) fn set(&mut self, key: &str, cell: Cell) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = cell,
            None => self.0.push((key.to_owned(), cell)),
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let place = self.0.iter().position(|(name, _)| name == key);
        place.map(|place| self.0.remove(place)).is_some()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.0.iter().map(|(name, cell)| (name.as_str(), cell))
    }

    /// Sets `humanId` to the text and `_id` to its URL-safe base64.
    pub(crate) fn set_id(&mut self, human_id: &str) {
        self.set("humanId", Cell::from(human_id));
        self.set("_id", Cell::from(URL_SAFE.encode(human_id).as_str()));
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        let value = |(key, cell): (String, Cell)| (key, cell.into_value());
        self.0.into_iter().map(value).collect()
    }
}

impl FromIterator<(String, Value)> for Document {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Document {
        let mut document = Document::default();
        for (key, value) in pairs {
            document.set(&key, value.into());
        }
        document
    }
}

#[cfg(test)]
mod tests;
