//! How far a stream has come between two bookmarks.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use weir_collector::Fault;

use crate::known::Known;
use crate::state::fields::{Fields, stamp};

/// A traversal of things by id that is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traversal {
    /// When it began.
    pub(crate) began: i64,
    /// The greatest time that was met.
    pub(crate) greatest: Option<i64>,
    /// The id up to which all is told.
    pub(crate) after: Option<String>,
}

/// A reading of events without parents that is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Series {
    /// When it began.
    pub(crate) began: i64,
    /// The greatest time that was met.
    pub(crate) greatest: Option<i64>,
    /// The time before which all is told.
    pub(crate) at: i64,
}

/// What is known of a child stream, and the reading of all parents that is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// When it began, if one is under way.
    pub(crate) began: Option<i64>,
    /// The greatest time that was met in it.
    pub(crate) greatest: Option<i64>,
    /// The parent up to which it has come, that one included.
    pub(crate) after: Option<String>,
    /// Parents that are being read, and where to go on, exactly: more than one if another, whose
    /// turn comes before, has failed or appeared since.
    pub(crate) current: BTreeMap<String, i64>,
    /// Parents with positions of their own: those that could not be read.
    pub(crate) own: BTreeMap<String, i64>,
    /// The parents whose past was read.
    pub(crate) known: Known,
}

impl Traversal {
    pub(super) fn read(weir: &Fields<'_>) -> Result<Option<Traversal>, Fault> {
        let Some(began) = weir.time("began")? else {
            return Ok(None);
        };
        Ok(Some(Traversal {
            began,
            greatest: weir.time("greatest")?,
            after: weir.text("after")?.map(str::to_owned),
        }))
    }

    pub(super) fn write(&self) -> Map<String, Value> {
        let mut map = begun(self.began, self.greatest);
        put_text(&mut map, "after", self.after.as_deref());
        map
    }
}

impl Series {
    pub(super) fn read(weir: &Fields<'_>) -> Result<Option<Series>, Fault> {
        let (Some(began), Some(at)) = (weir.time("began")?, weir.time("at")?) else {
            return Ok(None);
        };
        Ok(Some(Series {
            began,
            greatest: weir.time("greatest")?,
            at,
        }))
    }

    pub(super) fn write(&self) -> Map<String, Value> {
        let mut map = begun(self.began, self.greatest);
        map.insert("at".to_owned(), stamp(self.at));
        map
    }
}

impl Pass {
    pub(super) fn read(weir: &Fields<'_>) -> Result<Pass, Fault> {
        Ok(Pass {
            began: weir.time("began")?,
            greatest: weir.time("greatest")?,
            after: weir.text("after")?.map(str::to_owned),
            current: positions(weir, "current")?,
            own: positions(weir, "parents")?,
            known: known(weir)?,
        })
    }

    pub(super) fn write(&self) -> Map<String, Value> {
        let mut map = match self.began {
            Some(began) => begun(began, self.greatest),
            None => Map::new(),
        };
        put_text(&mut map, "after", self.after.as_deref());
        put_positions(&mut map, "current", &self.current);
        put_positions(&mut map, "parents", &self.own);
        map.insert("known".to_owned(), Value::String(self.known.write()));
        map
    }

    /// Begins, or begins again: what is known and own positions stay.
    pub(crate) fn begin(&mut self, now: i64) {
        self.began = Some(now);
        self.greatest = None;
        self.after = None;
        self.current.clear();
        self.known.restart_pass();
    }

    /// Ends: who was read in it is known, and nobody else is.
    pub(crate) fn end(&mut self) {
        self.began = None;
        self.greatest = None;
        self.after = None;
        self.current.clear();
        self.known.end_pass();
    }
}

fn begun(began: i64, greatest: Option<i64>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("began".to_owned(), stamp(began));
    if let Some(greatest) = greatest {
        map.insert("greatest".to_owned(), stamp(greatest));
    }
    map
}

fn put_text(map: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        map.insert(name.to_owned(), text.into());
    }
}

fn positions(weir: &Fields<'_>, name: &str) -> Result<BTreeMap<String, i64>, Fault> {
    match weir.object(name)? {
        Some(parents) => Ok(parents.times()?.into_iter().collect()),
        None => Ok(BTreeMap::new()),
    }
}

fn put_positions(map: &mut Map<String, Value>, name: &str, positions: &BTreeMap<String, i64>) {
    if !positions.is_empty() {
        let each = positions.iter();
        let each = each.map(|(id, time)| (id.clone(), stamp(*time)));
        map.insert(name.to_owned(), Value::Object(each.collect()));
    }
}

/// A list that cannot be read is an empty one: all parents are read from the beginning, which tells
/// much again and loses nothing.
fn known(weir: &Fields<'_>) -> Result<Known, Fault> {
    let Some(text) = weir.text("known")? else {
        return Ok(Known::all());
    };
    Ok(Known::parse(text).unwrap_or_else(|_| {
        tracing::warn!(
            "state: the list of known parents cannot be read: all are read from the start date"
        );
        Known::default()
    }))
}
