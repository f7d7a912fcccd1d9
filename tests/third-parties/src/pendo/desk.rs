//! Who is let in, and what each path answers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::pipeline::Pipeline;
use super::row::Row;
use super::shelves::Shelves;
use super::source::Source;
use crate::answer::Answer;
use crate::front::{Vendor, locked};
use crate::recorded::Recorded;
use crate::reply::{List, Reply, Text};

const HEADER: &str = "x-pendo-integration-key";
const AGGREGATION: &str = "/api/v1/aggregation";
const DAY_MS: i64 = 24 * 3_600_000;

/// What stands around the rows of an answer: just them, or more, in which other things have the same
/// name.
const FRAME: (&str, &str) = (r#"{"results":["#, "]}");
const WIDE_FRAME: (&str, &str) = (
    r#"{"startTime":1767225600000,"messages":[{"results":[{"id":"none"}]}],"results":["#,
    r#"],"more":{"results":[{"id":"none"}],"text":"\"results\":[{}]"}}"#,
);

/// What Pendo knows.
#[derive(Debug)]
pub(crate) struct Books {
    shelves: Mutex<Shelves>,
    settings: Mutex<Settings>,
}

#[derive(Debug)]
struct Settings {
    key: String,
    forbidden_keys: Vec<String>,
    now: i64,
    delay: Duration,
    metadata: BTreeMap<String, Value>,
    broken: BTreeMap<String, u16>,
    gzip: bool,
    frame: (&'static str, &'static str),
    padding: usize,
    most_rows: usize,
    kept: usize,
}

/// What a test in another language has changed.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Change {
    Add { source: Source, rows: Vec<Value> },
    Put { source: Source, row: Value },
    Remove { source: Source, id: String },
    DelayMs(u64),
    Now(i64),
    Key(String),
    Metadata { kind: String, fields: Value },
}

impl Books {
    pub(crate) fn new(fixture: Fixture) -> Books {
        let settings = Settings {
            key: fixture.key,
            forbidden_keys: fixture.forbidden_keys,
            now: fixture.now,
            delay: Duration::from_millis(fixture.delay_ms),
            metadata: fixture.metadata,
            broken: fixture.broken,
            gzip: fixture.gzip,
            frame: if fixture.wide { WIDE_FRAME } else { FRAME },
            padding: fixture.padding,
            most_rows: fixture.most_rows.unwrap_or(usize::MAX),
            kept: fixture.kept_requests.unwrap_or(usize::MAX),
        };
        Books {
            shelves: Mutex::new(Shelves::new(fixture.rows)),
            settings: Mutex::new(settings),
        }
    }

    pub(crate) fn delay(&self, by: Duration) {
        locked(&self.settings).delay = by;
    }

    pub(crate) fn set_now(&self, now: i64) {
        locked(&self.settings).now = now;
    }

    pub(crate) fn set_key(&self, key: &str) {
        key.clone_into(&mut locked(&self.settings).key);
    }

    pub(crate) fn set_metadata(&self, kind: &str, fields: Value) {
        let mut settings = locked(&self.settings);
        settings.metadata.insert(kind.to_owned(), fields);
    }

    pub(crate) fn add(&self, source: Source, rows: impl IntoIterator<Item = Value>) {
        locked(&self.shelves).add(source, rows);
    }

    pub(crate) fn put(&self, source: Source, row: Value) {
        locked(&self.shelves).put(source, row);
    }

    pub(crate) fn remove(&self, source: Source, id: &str) {
        locked(&self.shelves).remove(source, id);
    }

    pub(crate) fn rows(&self, source: Source) -> Vec<Value> {
        let shelves = locked(&self.shelves);
        shelves.rows(source).iter().map(Row::value).collect()
    }

    fn change(&self, change: Change) {
        match change {
            Change::Add { source, rows } => self.add(source, rows),
            Change::Put { source, row } => self.put(source, row),
            Change::Remove { source, id } => self.remove(source, &id),
            Change::DelayMs(by) => self.delay(Duration::from_millis(by)),
            Change::Now(now) => self.set_now(now),
            Change::Key(key) => self.set_key(&key),
            Change::Metadata { kind, fields } => self.set_metadata(&kind, fields),
        }
    }

    fn serve(&self, request: &Recorded) -> Result<Reply, Answer> {
        self.admit(request)?;
        if request.path == AGGREGATION {
            return match request.method.as_str() {
                "POST" => self.aggregate(request),
                _ => Err(error(405, "the method is POST")),
            };
        }
        if request.method != "GET" {
            return Err(error(405, "the method is GET"));
        }
        if request.path == "/api/v1/report" {
            let rows = locked(&self.shelves).rows(Source::Reports).to_vec();
            return Ok(self.list(&rows, ("[", "]")));
        }
        match visitor_of(&request.path) {
            Some(id) => self.history(&id?, request),
            None => self.metadata(&request.path),
        }
    }

    fn admit(&self, request: &Recorded) -> Result<(), Answer> {
        let settings = locked(&self.settings);
        match request.header(HEADER) {
            Some(key) if settings.forbidden_keys.iter().any(|it| it == key) => {
                Err(error(403, "this key may not read"))
            }
            Some(key) if *key == settings.key => Ok(()),
            _ => Err(error(401, "no such integration key")),
        }
    }

    fn aggregate(&self, request: &Recorded) -> Result<Reply, Answer> {
        let pipeline = Pipeline::parse(&request.body).map_err(|why| error(400, &why))?;
        self.intact(pipeline.parent.as_deref())?;
        let (now, frame, most) = {
            let settings = locked(&self.settings);
            (settings.now, settings.frame, settings.most_rows)
        };
        let rows = locked(&self.shelves).run(&pipeline, now);
        let mut rows = rows.map_err(|why| error(400, &why))?;
        rows.truncate(most);
        Ok(self.list(&rows, frame))
    }

    /// Refuses a parent that is always refused.
    fn intact(&self, parent: Option<&str>) -> Result<(), Answer> {
        let settings = locked(&self.settings);
        match parent.and_then(|parent| settings.broken.get(parent)) {
            Some(status) => Err(error(*status, "this one cannot be read")),
            None => Ok(()),
        }
    }

    fn history(&self, visitor: &str, request: &Recorded) -> Result<Reply, Answer> {
        self.intact(Some(visitor))?;
        let start = request.parameter("starttime");
        let start: i64 = start
            .and_then(|start| start.parse().ok())
            .ok_or_else(|| error(400, "starttime is a time in milliseconds"))?;
        let shelves = locked(&self.shelves);
        if !shelves.has_visitor(visitor) {
            return Err(error(404, "no such visitor"));
        }
        let rows = shelves.history(visitor, start, DAY_MS);
        drop(shelves);
        Ok(self.list(&rows, ("[", "]")))
    }

    fn metadata(&self, path: &str) -> Result<Reply, Answer> {
        let kind = path.strip_prefix("/api/v1/metadata/schema/");
        let settings = locked(&self.settings);
        let fields = kind
            .filter(|kind| ["account", "visitor"].contains(kind))
            .ok_or_else(|| error(404, "no such path"))
            .map(|kind| settings.metadata.get(kind).cloned())?;
        let answer = Answer::new(200, fields.unwrap_or_else(|| json!({})));
        Ok(Reply {
            delay: settings.delay,
            ..answer.into()
        })
    }

    fn list(&self, rows: &[Row], (head, tail): (&str, &str)) -> Reply {
        let settings = locked(&self.settings);
        let list = List {
            head: head.to_owned(),
            rows: rows.iter().map(Row::text).collect(),
            tail: tail.to_owned(),
            padding: settings.padding,
        };
        Reply {
            status: 200,
            headers: Vec::new(),
            text: Text::List(list),
            delay: settings.delay,
            may_pack: settings.gzip,
        }
    }
}

impl Vendor for Books {
    const SECRET_HEADERS: &'static [&'static str] = &[HEADER];

    type Answer = Reply;

    fn answer(&self, request: &Recorded) -> Reply {
        self.serve(request).unwrap_or_else(Reply::from)
    }

    fn credentials(&self, _url: &str) -> Value {
        json!({"x_pendo_integration_key": locked(&self.settings).key})
    }

    fn place(&self, request: &Recorded) -> String {
        if let Some(Ok(visitor)) = visitor_of(&request.path) {
            return format!("{} {}", request.path, parent_mark(&visitor));
        }
        let Ok(pipeline) = Pipeline::parse(&request.body) else {
            return request.path.clone();
        };
        let source = format!("{:?}", pipeline.source);
        let (first, rest) = source.split_at(1);
        let place = format!("{}/{}{rest}", request.path, first.to_lowercase());
        match pipeline.parent {
            Some(parent) => format!("{place} {}", parent_mark(&parent)),
            None => place,
        }
    }

    fn kept(&self) -> usize {
        locked(&self.settings).kept
    }

    fn control(&self, request: &Recorded) -> Option<Answer> {
        if (request.method.as_str(), request.path.as_str()) != ("POST", "/_change") {
            return None;
        }
        Some(match serde_json::from_str(&request.body) {
            Ok(change) => {
                self.change(change);
                Answer::new(200, json!({"status": "ok"}))
            }
            Err(wrong) => error(400, &wrong.to_string()),
        })
    }
}

/// How a place names a parent.
pub(crate) fn parent_mark(id: &str) -> String {
    format!("parent=<{id}>")
}

/// The visitor whose history a path is, if it is one's.
fn visitor_of(path: &str) -> Option<Result<String, Answer>> {
    let rest = path.strip_prefix("/api/v1/visitor/")?;
    let id = rest
        .strip_suffix("/history")
        .filter(|id| !id.is_empty() && !id.contains('/'));
    let no_such_path = || error(404, "no such path");
    Some(id.and_then(unescaped).ok_or_else(no_such_path))
}

/// A text with its percent signs read.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

fn error(status: u16, message: &str) -> Answer {
    Answer::new(status, json!({"message": message}))
}
