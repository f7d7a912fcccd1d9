//! The rows that there are, by source and parent, and the orders in which they were asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::order::sort;
use super::pipeline::{Pipeline, Stage};
use super::row::Row;
use super::series::Period;
use super::source::Source;

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    shelves: BTreeMap<Source, Shelf>,
    views: HashMap<View, Arc<Vec<Row>>>,
}

#[derive(Debug, Default)]
struct Shelf {
    rows: Vec<Row>,
    /// As they are answered.
    by_parent: HashMap<String, Vec<Row>>,
    ids: HashSet<String>,
}

/// Rows of a source or a parent, of a period, in an order: kept, so that pages cost no sorting.
#[derive(Debug, PartialEq, Eq, Hash)]
struct View {
    source: Source,
    parent: Option<String>,
    period: Option<Period>,
    keys: Vec<String>,
}

impl Shelves {
    pub(crate) fn new(rows: BTreeMap<Source, Vec<Row>>) -> Shelves {
        let mut shelves = Shelves::default();
        for (source, rows) in rows {
            shelves.set(source, rows);
        }
        shelves
    }

    fn set(&mut self, source: Source, rows: Vec<Row>) {
        self.views.retain(|view, _| view.source != source);
        self.shelves.insert(source, Shelf::new(source, rows));
    }

    pub(crate) fn rows(&self, source: Source) -> &[Row] {
        let shelf = self.shelves.get(&source);
        shelf.map_or(&[], |shelf| &shelf.rows)
    }

    fn rows_of(&self, source: Source, parent: &str) -> &[Row] {
        let shelf = self.shelves.get(&source);
        shelf
            .and_then(|shelf| shelf.by_parent.get(parent))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add(&mut self, source: Source, rows: impl IntoIterator<Item = Value>) {
        let mut all = self.rows(source).to_vec();
        all.extend(rows.into_iter().map(Row::from));
        self.set(source, all);
    }

    pub(crate) fn put(&mut self, source: Source, row: Value) {
        let (field, row) = (id_field(source), Row::from(row));
        let mut all = self.rows(source).to_vec();
        let id = row.text_of(field);
        match all.iter_mut().find(|it| it.text_of(field) == id) {
            Some(place) => *place = row,
            None => all.push(row),
        }
        self.set(source, all);
    }

    pub(crate) fn remove(&mut self, source: Source, id: &str) {
        let mut all = self.rows(source).to_vec();
        all.retain(|row| row.text_of(id_field(source)).as_deref() != Some(id));
        self.set(source, all);
    }

    /// Whether a visitor is there.
    pub(crate) fn has_visitor(&self, id: &str) -> bool {
        let shelf = self.shelves.get(&Source::Visitors);
        shelf.is_some_and(|shelf| shelf.ids.contains(id))
    }

    /// What a visitor did from a time on, for so long.
    pub(crate) fn history(&self, visitor: &str, from: i64, length: i64) -> Vec<Row> {
        let entries = self.rows_of(Source::History, visitor).iter();
        let times = from..from + length;
        entries
            .filter(|row| {
                let time = row.get("ts").and_then(|time| time.as_i64());
                time.is_some_and(|time| times.contains(&time))
            })
            .cloned()
            .collect()
    }

    /// What a pipeline gives.
    ///
    /// # Errors
    /// What is wrong with its times.
    pub(crate) fn run(&mut self, pipeline: &Pipeline, now: i64) -> Result<Vec<Row>, String> {
        let span = pipeline.series.as_ref().map(|series| series.span(now));
        let span = span.transpose()?;
        let period = pipeline.series.as_ref().map(|series| series.period);
        let sorted = matches!(pipeline.stages.first(), Some(Stage::Sort(_)));
        let rows = self.view(pipeline, period);
        let mut rows: Vec<Row> = rows
            .iter()
            .filter(|row| pipeline.is_about(row))
            .filter(|row| {
                let in_span = span.zip(period);
                in_span.is_none_or(|(span, period)| span.has(row, pipeline.source, period))
            })
            .cloned()
            .collect();
        for stage in &pipeline.stages[usize::from(sorted)..] {
            rows = stage.apply(rows);
        }
        Ok(rows)
    }

    /// The rows of the source, in the order of the first stage if that is one.
    fn view(&mut self, pipeline: &Pipeline, period: Option<Period>) -> Arc<Vec<Row>> {
        let keys = match pipeline.stages.first() {
            Some(Stage::Sort(keys)) => keys.clone(),
            _ => Vec::new(),
        };
        let view = View {
            source: pipeline.source,
            parent: pipeline.parent.clone(),
            period,
            keys,
        };
        if let Some(rows) = self.views.get(&view) {
            return Arc::clone(rows);
        }
        let rows = Arc::new(self.made(&view));
        self.views.insert(view, Arc::clone(&rows));
        rows
    }

    fn made(&self, view: &View) -> Vec<Row> {
        let rows = match &view.parent {
            Some(parent) => self.rows_of(view.source, parent),
            None => self.rows(view.source),
        };
        let mut rows: Vec<Row> = rows.iter().map(|row| of_period(row, view)).collect();
        sort(&mut rows, &view.keys);
        rows
    }
}

impl Shelf {
    fn new(source: Source, rows: Vec<Row>) -> Shelf {
        let mut shelf = Shelf::default();
        for row in &rows {
            let text_of = |field: Option<&str>| field.and_then(|field| row.text_of(field));
            shelf.ids.extend(text_of(source.id()));
            if let Some(parent) = text_of(source.parent()) {
                let answered = match source {
                    Source::History => row.without("visitorId"),
                    _ => row.clone(),
                };
                shelf.by_parent.entry(parent).or_default().push(answered);
            }
        }
        shelf.rows = rows;
        shelf
    }
}

/// A row that has both a day and an hour is answered with the one that was asked for.
fn of_period(row: &Row, view: &View) -> Row {
    match view.period {
        Some(period) if row.get("day").is_some() && row.get("hour").is_some() => {
            row.without(period.other_field())
        }
        _ => row.clone(),
    }
}

fn id_field(source: Source) -> &'static str {
    match source.id() {
        Some(field) => field,
        None => panic!("rows of {source:?} have no id"),
    }
}
