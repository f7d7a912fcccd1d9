//! The whole state, by stream.

use serde::Deserialize;
use serde_json::{Map, Value};
use weir_collector::{Fault, State};

use crate::config::Period;
use crate::state::fields::{Fields, HINT, stamp, wrong};
use crate::state::{Failures, Pass, Series, Traversal};
use crate::streams::{EventTime, Kind, StreamId};

const CURRENTLY: &str = "currently_syncing";
const BOOKMARKS: &str = "bookmarks";
const WEIR: &str = "weir";
const PREVIOUS: &str = "previous_sync_completed_ts";
const LAST_PROCESSED: &str = "last_processed";
const PERIOD: &str = "period";
const FAILURES: &str = "failures";
const BEGAN: &str = "began";

/// Names under which times of polls and of events of guides have been kept.
const BROWSER_FIELDS: [&str; 3] = ["day", "browserTime", "browser_time"];

/// A day that holds an hour began less than this before it, by the clocks of the account.
const DAY_OF_HOUR_MS: i64 = 25 * 3_600_000;

/// Keys that an error lists.
const LISTED: usize = 5;

/// The whole state.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    root: Map<String, Value>,
    period: Period,
    /// What could not be read in the run that is under way.
    pub(crate) failures: Failures,
}

impl Book {
    /// Reads a state, the reference's or our own.
    ///
    /// # Errors
    /// When it is another tap's, or a field of it is not what it must be.
    pub(crate) fn read(state: Option<&State>, period: Period) -> Result<Book, Fault> {
        let mut root = match state.map(|state| &state.0) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(root)) => root.clone(),
            Some(other) => return Err(wrong("the whole", other, "an object")),
        };
        let failures = take_failures(&mut root)?;
        let mut book = Book {
            root,
            period,
            failures,
        };
        book.check()?;
        Ok(book)
    }

    /// The state as it is now.
    pub(crate) fn state(&self) -> State {
        let mut root = self.root.clone();
        if let Some(failures) = self.failures.to_state() {
            let failures = serde_json::to_value(failures).expect("it has numbers and texts alone");
            object_mut(&mut root, WEIR).insert(FAILURES.to_owned(), failures);
        }
        State(Value::Object(root))
    }

    /// The stream in whose middle the run before this one ended.
    pub(crate) fn currently(&self) -> Option<StreamId> {
        let name = self.root.get(CURRENTLY)?.as_str()?;
        StreamId::of_name(name)
    }

    /// Whether a reading of a stream has begun and not ended, our own or the reference's.
    pub(crate) fn is_under_way(&self, stream: StreamId) -> bool {
        let is_there =
            |map: &Map<String, Value>, name| map.get(name).is_some_and(|it| !it.is_null());
        let marks = self.map(stream);
        marks.is_some_and(|marks| {
            let weir = marks.get(WEIR).and_then(Value::as_object);
            is_there(marks, LAST_PROCESSED) || weir.is_some_and(|weir| is_there(weir, BEGAN))
        })
    }

    /// Says which stream is read; none, when all are.
    pub(crate) fn set_currently(&mut self, stream: Option<StreamId>) {
        let name = stream.map_or(Value::Null, |stream| stream.name().into());
        self.root.insert(CURRENTLY.to_owned(), name);
    }

    /// Up to where a stream was read, in milliseconds.
    pub(crate) fn bookmark(&self, stream: StreamId) -> Result<Option<i64>, Fault> {
        let Some(marks) = self.marks(stream)? else {
            return Ok(None);
        };
        if self.is_reference_pass(stream)? {
            return marks.time(PREVIOUS);
        }
        match stream.kind() {
            Kind::Events(kind) if kind.time == EventTime::Browser => {
                latest(&marks, &BROWSER_FIELDS)
            }
            Kind::Events(_) => self.period_bookmark(&marks),
            Kind::History => marks.time("modified_ts"),
            Kind::Entity(_) | Kind::Reports => {
                let key = stream.bookmark_key(self.period).unwrap_or_default();
                let field = stream.replication_key(self.period).unwrap_or_default();
                latest(&marks, &[key, field])
            }
            Kind::Metadata(_) => Ok(None),
        }
    }

    /// Moves a stream's bookmark, or leaves it; a stream that never had one may have none.
    pub(crate) fn set_bookmark(&mut self, stream: StreamId, time: Option<i64>) {
        let names: Vec<&str> = match stream.kind() {
            Kind::Events(kind) if kind.time == EventTime::Browser => BROWSER_FIELDS.to_vec(),
            _ => stream.bookmark_key(self.period).into_iter().collect(),
        };
        let has_pass = stream.parent().is_some();
        let marks = self.marks_mut(stream);
        for name in names.into_iter().chain(has_pass.then_some(PREVIOUS)) {
            match time {
                Some(time) => marks.insert(name.to_owned(), stamp(time)),
                None => marks.shift_remove(name),
            };
        }
    }

    /// The traversal of a stream that is under way.
    pub(crate) fn traversal(&self, stream: StreamId) -> Result<Option<Traversal>, Fault> {
        match self.weir(stream)? {
            Some(weir) => Traversal::read(&weir),
            None => Ok(None),
        }
    }

    /// Says how far a traversal is; nothing, when it has ended.
    pub(crate) fn set_traversal(&mut self, stream: StreamId, traversal: Option<&Traversal>) {
        self.set_weir(stream, traversal.map(Traversal::write));
    }

    /// The reading of a stream of events that is under way. One by another period is none.
    pub(crate) fn series(&self, stream: StreamId) -> Result<Option<Series>, Fault> {
        match self.weir(stream)? {
            Some(weir) if self.is_of_period(stream, &weir)? => Series::read(&weir),
            _ => Ok(None),
        }
    }

    /// Says how far a reading of events is; nothing, when it has ended.
    pub(crate) fn set_series(&mut self, stream: StreamId, series: Option<&Series>) {
        let weir = series.map(Series::write);
        let weir = weir.map(|weir| self.with_period(stream, weir));
        self.set_weir(stream, weir);
    }

    /// What is known of a child stream. A pass by another period, or one that another tap has gone
    /// on with, is none that is under way. Of parents that could not be read by hours, days are read
    /// from the one that holds the hour.
    pub(crate) fn pass(&self, stream: StreamId) -> Result<Pass, Fault> {
        let Some(weir) = self.weir(stream)? else {
            return Ok(Pass {
                known: match self.bookmark(stream)? {
                    Some(_) => crate::known::Known::all(),
                    None => crate::known::Known::default(),
                },
                ..Pass::default()
            });
        };
        let mut pass = Pass::read(&weir)?;
        if self.period == Period::Day && !self.is_of_period(stream, &weir)? {
            pass.own.values_mut().for_each(|at| *at -= DAY_OF_HOUR_MS);
        }
        let is_ours = self.is_of_period(stream, &weir)? && !self.is_reference_pass(stream)?;
        if let Some(began) = pass.began.filter(|_| !is_ours) {
            pass.begin(began);
            pass.began = None;
        }
        Ok(pass)
    }

    /// Says that a pass has begun. A bookmark that was elsewhere, or under another name, is from now
    /// on where reading goes on from.
    pub(crate) fn begin_pass(&mut self, stream: StreamId, pass: &Pass) -> Result<(), Fault> {
        let bookmark = self.bookmark(stream)?;
        self.set_bookmark(stream, bookmark);
        self.set_pass(stream, pass);
        Ok(())
    }

    /// Says what is known of a child stream and how far its pass is.
    pub(crate) fn set_pass(&mut self, stream: StreamId, pass: &Pass) {
        let weir = self.with_period(stream, pass.write());
        self.set_weir(stream, Some(weir));
        let marks = self.marks_mut(stream);
        match &pass.after {
            Some(after) => marks.insert(LAST_PROCESSED.to_owned(), after.as_str().into()),
            None => marks.shift_remove(LAST_PROCESSED),
        };
    }

    fn check(&mut self) -> Result<(), Fault> {
        match self.root.get(CURRENTLY) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => return Err(wrong(CURRENTLY, other, "the name of a stream, or null")),
        }
        check_form(&self.root)?;
        match self.root.get(BOOKMARKS) {
            None | Some(Value::Null) => {
                self.root.insert(BOOKMARKS.to_owned(), Map::new().into());
            }
            Some(Value::Object(bookmarks)) => check_streams(bookmarks)?,
            Some(other) => return Err(wrong(BOOKMARKS, other, "an object of streams")),
        }
        for stream in StreamId::ALL {
            self.bookmark(stream)?;
            match stream.kind() {
                Kind::Entity(_) => self.traversal(stream).map(|_| ()),
                Kind::Events(_) if stream.parent().is_none() => self.series(stream).map(|_| ()),
                Kind::Events(_) | Kind::History => self.pass(stream).map(|_| ()),
                Kind::Reports | Kind::Metadata(_) => Ok(()),
            }?;
        }
        Ok(())
    }

    /// A day is not covered by the hour at which reading has ended; an hour is by a day.
    fn period_bookmark(&self, marks: &Fields<'_>) -> Result<Option<i64>, Fault> {
        let own = marks.time(self.period.field())?;
        if own.is_some() {
            return Ok(own);
        }
        match self.period {
            Period::Day => Ok(marks.time("hour")?.map(|hour| hour - DAY_OF_HOUR_MS)),
            Period::Hour => marks.time("day"),
        }
    }

    /// Whether the reference was in the middle of the stream when it wrote this.
    fn is_reference_pass(&self, stream: StreamId) -> Result<bool, Fault> {
        if stream.parent().is_none() {
            return Ok(false);
        }
        let last = self.map(stream).and_then(|marks| marks.get(LAST_PROCESSED));
        let last = last.filter(|last| !last.is_null());
        let weir = self.weir(stream)?;
        let after = weir.map(|weir| weir.text("after")).transpose()?.flatten();
        Ok(last.is_some_and(|last| after.is_none() || last.as_str() != after))
    }

    fn is_of_period(&self, stream: StreamId, weir: &Fields<'_>) -> Result<bool, Fault> {
        let period = weir.text(PERIOD)?;
        Ok(!is_by_period(stream) || period == Some(self.period.field()))
    }

    fn with_period(&self, stream: StreamId, weir: Map<String, Value>) -> Map<String, Value> {
        let period = is_by_period(stream).then(|| self.period.field());
        let period = period.map(|period| (PERIOD.to_owned(), period.into()));
        period.into_iter().chain(weir).collect()
    }

    fn map(&self, stream: StreamId) -> Option<&Map<String, Value>> {
        self.root.get(BOOKMARKS)?.get(stream.name())?.as_object()
    }

    fn marks(&self, stream: StreamId) -> Result<Option<Fields<'_>>, Fault> {
        let place = || format!("{BOOKMARKS}.{}", stream.name());
        Ok(self.map(stream).map(|map| Fields::new(place(), map)))
    }

    fn weir(&self, stream: StreamId) -> Result<Option<Fields<'_>>, Fault> {
        match self.marks(stream)? {
            Some(marks) => marks.object(WEIR),
            None => Ok(None),
        }
    }

    fn set_weir(&mut self, stream: StreamId, weir: Option<Map<String, Value>>) {
        let marks = self.marks_mut(stream);
        match weir {
            Some(weir) => marks.insert(WEIR.to_owned(), weir.into()),
            None => marks.shift_remove(WEIR),
        };
    }

    fn marks_mut(&mut self, stream: StreamId) -> &mut Map<String, Value> {
        let bookmarks = object_mut(&mut self.root, BOOKMARKS);
        object_mut(bookmarks, stream.name())
    }
}

/// What a state says of failures, out of it.
fn take_failures(root: &mut Map<String, Value>) -> Result<Failures, Fault> {
    let weir = root.get_mut(WEIR).and_then(Value::as_object_mut);
    let Some(weir) = weir else {
        return Ok(Failures::default());
    };
    let failures = weir.shift_remove(FAILURES).unwrap_or_default();
    if weir.is_empty() {
        root.shift_remove(WEIR);
    }
    if failures.is_null() {
        return Ok(Failures::default());
    }
    let allowed = "an object of streams with what failed";
    let read = Deserialize::deserialize(&failures).map(Failures::of);
    read.map_err(|_| wrong(&format!("{WEIR}.{FAILURES}"), &failures, allowed))
}

/// The object of a key; what is none becomes an empty one.
fn object_mut<'m>(map: &'m mut Map<String, Value>, key: &str) -> &'m mut Map<String, Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made one")
}

fn is_by_period(stream: StreamId) -> bool {
    matches!(stream.kind(), Kind::Events(kind) if kind.time == EventTime::Period)
}

fn latest(marks: &Fields<'_>, names: &[&str]) -> Result<Option<i64>, Fault> {
    let mut latest = None;
    for name in names {
        latest = latest.max(marks.time(name)?);
    }
    Ok(latest)
}

/// What has other fields alone says nothing of how far anything was read: it is given by mistake.
fn check_form(root: &Map<String, Value>) -> Result<(), Fault> {
    let is_known = |name: &String| [CURRENTLY, BOOKMARKS, WEIR].contains(&name.as_str());
    if root.is_empty() || root.keys().any(is_known) {
        return Ok(());
    }
    let fault = Fault::new(format_args!(
        "state: it has neither {BOOKMARKS:?} nor {CURRENTLY:?}, but {}",
        listed(root)
    ));
    Err(match root.contains_key("value") {
        true => fault.hint("of a whole STATE message, give what its \"value\" is"),
        false => fault.hint(HINT),
    })
}

fn check_streams(bookmarks: &Map<String, Value>) -> Result<(), Fault> {
    let streams = bookmarks.iter();
    for (name, marks) in streams.filter(|(name, _)| StreamId::of_name(name).is_some()) {
        if !marks.is_object() && !marks.is_null() {
            let place = format!("{BOOKMARKS}.{name}");
            return Err(wrong(&place, marks, "an object of fields with times"));
        }
    }
    let is_ours = |name: &String| StreamId::of_name(name).is_some();
    if bookmarks.is_empty() || bookmarks.keys().any(is_ours) {
        return Ok(());
    }
    let fault = Fault::new(format_args!(
        "state: it is another tap's: of its bookmarks ({}) none is of a stream of Pendo",
        listed(bookmarks)
    ));
    Err(fault.hint(HINT))
}

/// The first few keys.
fn listed(map: &Map<String, Value>) -> String {
    let names = map.keys().take(LISTED);
    names
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
