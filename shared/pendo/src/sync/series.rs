//! Events by their time, and days of histories: what one task reads, in steps.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Map, Value};
use weir_collector::Fault;
use weir_collector::http::HttpError;
use weir_model::Timestamp;

use crate::api::{Api, Apps, Ask, EventsAsked, Trouble, events, events_count, history};
use crate::config::Config;
use crate::ordered::Sender;
use crate::pages::{ByTime, Fate, Next, Print, Told};
use crate::record::{Row, RowSeed};
use crate::selection::SelectedStream;
use crate::spool::Spillable;
use crate::streams::EventsKind;
use crate::sync::Pace;

/// A step goes on at a border with so many rows, ...
const STEP_ROWS: usize = 64;
/// ... or so many bytes.
const STEP_BYTES: usize = 48 * 1024;
/// It is not that much larger where there is no border.
const WITHOUT_BORDER: usize = 4;

/// Some rows, in their order.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Step {
    /// Records, and their times.
    pub(crate) rows: Vec<(Option<i64>, Map<String, Value>)>,
    /// The time before which all is told with these, if they end at a border.
    pub(crate) at: Option<i64>,
    bytes: usize,
}

/// Reads for the tasks of one stream.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) api: Arc<Api>,
    pub(crate) stream: SelectedStream,
    pub(crate) config: Config,
    pub(crate) pace: Pace,
}

/// Reads events from a time on: a parent's, or those of apps. `since` is where that reading had begun
/// before it was interrupted.
pub(crate) async fn read_series(
    reader: &Reader,
    kind: &EventsKind,
    parent: Option<&str>,
    (since, from): (i64, i64),
    to: &mut Sender<Step>,
) -> Result<(), Trouble> {
    let apps = Apps::of(&reader.config);
    let asked = EventsAsked {
        stream: reader.stream.id,
        kind,
        apps: &apps,
        parent,
        period: reader.config.period,
        since,
    };
    let mut pages = ByTime::from(from, reader.config.record_limit);
    let mut rows = Rows::new(reader, to);
    for until in ends(from, reader.config.events_window, reader.api.now()) {
        let mut least = None;
        loop {
            let (from, limit) = (pages.ask(), pages.limit());
            let ask = events(asked, (from, until), limit);
            match rows.page(&ask, &mut pages).await? {
                Answer::Whole => {}
                Answer::Astray => continue,
                Answer::Cut(error) => {
                    rows.again(error).await?;
                    continue;
                }
            }
            match pages.end_page() {
                Next::Page => {}
                Next::End => break,
                Next::EndIfAll => {
                    let count = events_count(asked, (from, until));
                    let count = reader.api.count(asked.stream, &count).await?;
                    if count <= pages.rows() {
                        break;
                    }
                    // Rows may have come meanwhile.
                    let is_stuck = least == Some(pages.rows()) && pages.at() == from;
                    if is_stuck {
                        return Err(Trouble::Refused(withheld(from, pages.rows(), count)));
                    }
                    least = Some(pages.rows());
                }
            }
        }
        if let Some(until) = until {
            pages.skip_to(until);
        }
    }
    rows.end().await
}

fn withheld(from: i64, rows: u64, count: u64) -> Fault {
    let from = Timestamp::from_millis(from).unwrap_or_default();
    let fault = Fault::new(format_args!(
        "from {from} on there are {count} rows, but Pendo answers no more than {rows}, all of that \
         time, whatever the limit is"
    ));
    fault.hint("\"period\": \"hourRange\" makes the rows of one time fewer")
}

/// Reads a day of a visitor's history: what has changed since `since`.
pub(crate) async fn read_day(
    reader: &Reader,
    visitor: &str,
    (day, since): (i64, i64),
    to: &mut Sender<Step>,
) -> Result<(), Trouble> {
    let ask = history(visitor, day).map_err(Trouble::Refused)?;
    let extra = vec![("visitor_id", Value::from(visitor))];
    let seed = RowSeed::new(&reader.stream, extra);
    let (mut rows, mut told) = (Rows::new(reader, to), Told::default());
    loop {
        told.again();
        match rows.list(&ask, seed.clone(), since, &mut told).await? {
            Answer::Whole if told.is_whole() => return rows.end().await,
            Answer::Whole | Answer::Astray => {}
            Answer::Cut(error) => rows.again(error).await?,
        }
    }
}

/// Where the parts of the time line end that are asked for one by one; the last one has no end.
fn ends(
    from: i64,
    window: Option<std::time::Duration>,
    now: i64,
) -> impl Iterator<Item = Option<i64>> {
    let window = window.and_then(|window| i64::try_from(window.as_millis()).ok());
    let window = window.filter(|window| *window > 0);
    let ends = window.into_iter().flat_map(move |window| {
        let next = move |end: &i64| end.checked_add(window);
        std::iter::successors(from.checked_add(window), next)
    });
    ends.take_while(move |end| *end < now)
        .map(Some)
        .chain([None])
}

/// How an answer ended.
enum Answer {
    Whole,
    /// Its rows are not those that were told: it is to be asked for once more.
    Astray,
    Cut(HttpError),
}

/// Rows on their way into steps.
struct Rows<'a> {
    reader: &'a Reader,
    to: &'a mut Sender<Step>,
    step: Step,
    patience: crate::api::Patience,
}

impl<'a> Rows<'a> {
    fn new(reader: &'a Reader, to: &'a mut Sender<Step>) -> Rows<'a> {
        Rows {
            reader,
            to,
            step: Step::default(),
            patience: reader.api.patience(),
        }
    }

    /// Takes a page. What came of one that is cut is taken.
    async fn page(&mut self, ask: &Ask, pages: &mut ByTime) -> Result<Answer, Trouble> {
        let stream = &self.reader.stream;
        let seed = RowSeed::new(stream, Vec::new());
        let mut rows = self.reader.api.rows(stream.id, ask, seed).await?;
        loop {
            let row = match rows.next().await {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Answer::Whole),
                Err(error) => return Ok(Answer::Cut(error)),
            };
            let taken = pages.take(row.time, Print::of(&row.record));
            if taken.is_border {
                self.border(pages.at()).await?;
            }
            if self.add(row, taken.fate).await?.is_break() {
                return Ok(Answer::Astray);
            }
        }
    }

    /// Takes a whole list: what of it has changed since a time.
    async fn list(
        &mut self,
        ask: &Ask,
        seed: RowSeed,
        since: i64,
        told: &mut Told,
    ) -> Result<Answer, Trouble> {
        let mut rows = self
            .reader
            .api
            .rows(self.reader.stream.id, ask, seed)
            .await?;
        loop {
            let row = match rows.next().await {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Answer::Whole),
                Err(error) => return Ok(Answer::Cut(error)),
            };
            if row.time.is_some_and(|time| time < since) {
                continue;
            }
            let fate = told.take(Print::of(&row.record));
            if self.add(row, fate).await?.is_break() {
                return Ok(Answer::Astray);
            }
        }
    }

    async fn again(&mut self, error: HttpError) -> Result<(), Trouble> {
        self.patience.again(error).await
    }

    /// Takes a row, if it is to be told; breaks off, if the answer is another one.
    async fn add(&mut self, row: Row, fate: Fate) -> Result<ControlFlow<()>, Trouble> {
        match fate {
            Fate::New => self.patience.progress(),
            Fate::Again => {}
            Fate::Known => return Ok(ControlFlow::Continue(())),
            Fate::Astray => return Ok(ControlFlow::Break(())),
        }
        self.step.bytes += row.bytes;
        self.step.rows.push((row.time, row.record));
        if self.is_full(WITHOUT_BORDER) {
            self.send(None).await?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// All rows so far are before this time, and all before it are among them.
    async fn border(&mut self, at: i64) -> Result<(), Trouble> {
        self.patience.progress();
        let is_eager = self.reader.pace == Pace::EveryBorder;
        match is_eager || self.is_full(1) {
            true => self.send(Some(at)).await,
            false => Ok(()),
        }
    }

    async fn end(mut self) -> Result<(), Trouble> {
        match self.step.rows.is_empty() {
            true => Ok(()),
            false => self.send(None).await,
        }
    }

    fn is_full(&self, times: usize) -> bool {
        self.step.rows.len() >= STEP_ROWS * times || self.step.bytes >= STEP_BYTES * times
    }

    async fn send(&mut self, at: Option<i64>) -> Result<(), Trouble> {
        let mut step = std::mem::take(&mut self.step);
        step.at = at;
        Ok(self.to.send(step).await?)
    }
}

/// A row in a file: its time, the length of its JSON, its JSON.
impl Spillable for Step {
    fn bytes(&self) -> usize {
        self.bytes + size_of::<Step>()
    }

    fn write(&self, to: &mut Vec<u8>) {
        put_time(self.at, to);
        to.extend((self.bytes as u64).to_le_bytes());
        for (time, record) in &self.rows {
            put_time(*time, to);
            let start = to.len();
            to.extend([0; 8]);
            serde_json::to_writer(&mut *to, record).expect("memory takes it");
            let length = (to.len() - start - 8) as u64;
            to[start..start + 8].copy_from_slice(&length.to_le_bytes());
        }
    }

    fn read(mut from: &[u8]) -> io::Result<Self> {
        let at = take_time(&mut from)?;
        let bytes = take_number(&mut from)?;
        let mut rows = Vec::new();
        while !from.is_empty() {
            let time = take_time(&mut from)?;
            let length = take_number(&mut from)?;
            let (json, rest) = from.split_at_checked(length).ok_or_else(cut)?;
            rows.push((time, serde_json::from_slice(json)?));
            from = rest;
        }
        Ok(Step { rows, at, bytes })
    }
}

fn put_time(time: Option<i64>, to: &mut Vec<u8>) {
    to.push(u8::from(time.is_some()));
    to.extend(time.unwrap_or_default().to_le_bytes());
}

fn take_time(from: &mut &[u8]) -> io::Result<Option<i64>> {
    let (flag, rest) = from.split_first().ok_or_else(cut)?;
    *from = rest;
    let time = i64::from_le_bytes(take(from)?);
    Ok((*flag == 1).then_some(time))
}

fn take_number(from: &mut &[u8]) -> io::Result<usize> {
    let number = u64::from_le_bytes(take(from)?);
    usize::try_from(number).map_err(io::Error::other)
}

fn take<const N: usize>(from: &mut &[u8]) -> io::Result<[u8; N]> {
    let (taken, rest) = from.split_first_chunk().ok_or_else(cut)?;
    *from = rest;
    Ok(*taken)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "rows in it are cut")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn steps_come_back_from_a_file_as_they_went() {
        let record = |value: Value| match value {
            Value::Object(record) => record,
            _ => unreachable!("it is an object"),
        };
        let step = Step {
            rows: vec![
                (Some(-5), record(json!({"b": 0.1, "a": "é\n", "n": null}))),
                (None, record(json!({}))),
            ],
            at: Some(7),
            bytes: 99,
        };
        let mut bytes = Vec::new();
        step.write(&mut bytes);
        assert_eq!(Step::read(&bytes).unwrap(), step);
        assert!(Step::read(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn the_time_line_is_cut_up_to_now() {
        let all = |from, window: Option<u64>, now| -> Vec<_> {
            ends(from, window.map(Duration::from_millis), now).collect()
        };
        assert_eq!(all(0, None, 100), [None]);
        assert_eq!(all(0, Some(40), 100), [Some(40), Some(80), None]);
        assert_eq!(all(200, Some(40), 100), [None]);
    }
}
