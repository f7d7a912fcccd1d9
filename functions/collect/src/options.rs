//! What becomes of a collector's rows: the `options` of a query document.

use serde_json::{Map, Value};

use crate::plugins::Plugin;
use crate::query::{QueryError, Section};

/// The `options` of a query document that all collectors share.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Keys to rename, in the document's order: from, to.
    pub mappings: Vec<(String, String)>,
    /// Fields that are added to each document.
    pub additional_fields: Map<String, Value>,
    /// The keys whose values make the id; none for the default one.
    pub id_mapping: Option<Vec<String>>,
    /// What the records are called, in place of the data set's type.
    pub data_type: Option<String>,
    /// How many records a request to a Backdrop has; none for the sink's own number.
    pub chunk_size: Option<usize>,
    /// Whether what follows replaces what the data set holds.
    pub empty_data_set: bool,
    /// What is done to the documents at last, in order.
    pub plugins: Vec<Plugin>,
    /// All keys as they were given, for those of one collector.
    pub all: Map<String, Value>,
    /// The file that they were read from, for messages.
    pub file: String,
}

impl Options {
    /// The keys that some collector reads.
    pub(crate) const KEYS: &'static [&'static str] = &[
        "mappings",
        "additionalFields",
        "idMapping",
        "dataType",
        "chunk-size",
        "empty-data-set",
        "plugins",
        "property",
        "customDimensions",
    ];

    /// Reads them.
    ///
    /// # Errors
    /// When a value is not what its key takes, or a plugin is not known.
    pub fn read(section: &Section<'_>) -> Result<Options, QueryError> {
        let chunk_size = section.whole("chunk-size")?;
        Ok(Options {
            mappings: read_mappings(section)?,
            additional_fields: read_additional(section)?,
            id_mapping: read_id_mapping(section)?,
            data_type: section.text("dataType")?.map(str::to_owned),
            // There, 0 meant all records in one request.
            chunk_size: chunk_size
                .filter(|records| *records > 0)
                .map(|records| usize::try_from(records).unwrap_or(usize::MAX)),
            empty_data_set: section.switch("empty-data-set")?.unwrap_or(false),
            plugins: read_plugins(section)?,
            all: section.map().clone(),
            file: section.file().to_owned(),
        })
    }

    /// All keys, for reading those of one collector.
    pub fn section(&self) -> Section<'_> {
        Section::new(&self.file, "options", &self.all)
    }
}

fn read_mappings(section: &Section<'_>) -> Result<Vec<(String, String)>, QueryError> {
    let Some(map) = section.object("mappings")? else {
        return Ok(Vec::new());
    };
    let mappings = section.within("mappings", map);
    map.keys()
        .map(|from| {
            let to = mappings.required_text(from, "the key that it becomes")?;
            Ok((from.clone(), to.to_owned()))
        })
        .collect()
}

fn read_additional(section: &Section<'_>) -> Result<Map<String, Value>, QueryError> {
    let Some(map) = section.object("additionalFields")? else {
        return Ok(Map::new());
    };
    let fields = section.within("additionalFields", map);
    for (key, value) in map {
        if value.is_array() || value.is_object() {
            let wanted = "a text, a number, true, false or null: a record is flat";
            return Err(fields.wrong(key, value, wanted));
        }
    }
    Ok(map.clone())
}

fn read_id_mapping(section: &Section<'_>) -> Result<Option<Vec<String>>, QueryError> {
    match section.texts("idMapping")? {
        None => Ok(None),
        Some(keys) if keys.is_empty() => {
            Err(section.error("idMapping", "is empty: name a key, or leave it out"))
        }
        Some(keys) => Ok(Some(keys.into_iter().map(str::to_owned).collect())),
    }
}

fn read_plugins(section: &Section<'_>) -> Result<Vec<Plugin>, QueryError> {
    let texts = section.texts("plugins")?.unwrap_or_default();
    let read = |(index, text): (usize, &&str)| {
        let name = format!("plugins[{index}]");
        Plugin::parse(text).map_err(|error| section.error(&name, error))
    };
    let plugins: Vec<Plugin> = texts
        .iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    match plugins.last() {
        None | Some(Plugin::ComputeIdFrom(_)) => Ok(plugins),
        Some(last) => {
            let why = format!("the last plugin must be ComputeIdFrom('key', …), not {last}");
            Err(section.error("plugins", why))
        }
    }
}
