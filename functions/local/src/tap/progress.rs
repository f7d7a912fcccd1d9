//! What a tap says on standard error: how far it has come, for people, and metrics, for programs
//! that run taps.
//!
//! Both are lines as singer-python logs them, `INFO …`; what follows `METRIC: ` is one JSON object,
//! in the words of its `metrics` module. A counter's value is what was added since its last line.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_model::Timestamp;
use weir_pendo::{Observer, Outcome, StreamId};
use weir_store::Clock;

use crate::output::counted;

/// Between two lines about a stream, and between the timers of two requests of it that succeeded:
/// a history is a request for each visitor and day.
const TOLD_EVERY_MS: i64 = 5_000;

/// Between two lines of a counter, as singer-python has it.
const COUNTED_EVERY_MS: i64 = 60_000;

/// Tells how a tap comes along.
pub(super) struct Progress {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    to: Box<dyn Write + Send>,
    streams: BTreeMap<StreamId, Stream>,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy)]
struct Stream {
    began: Timestamp,
    records: u64,
    bookmark: Option<Timestamp>,
    told: Timestamp,
    counted: Timestamp,
    counted_records: u64,
    /// When a request that succeeded was last timed, if one was.
    timed: Option<Timestamp>,
}

impl Progress {
    pub(super) fn new(clock: Arc<dyn Clock>, to: impl Write + Send + 'static) -> Progress {
        let inner = Mutex::new(Inner {
            to: Box::new(to),
            streams: BTreeMap::new(),
        });
        Progress { clock, inner }
    }

    /// Counts what is not counted yet, of streams that did not come to their end.
    pub(super) fn end(&self) {
        let now = self.clock.now();
        let mut inner = self.inner();
        for (id, stream) in std::mem::take(&mut inner.streams) {
            inner.count(id, &stream);
            inner.job(id, seconds(since(stream.began, now)), "failed");
        }
    }

    /// What a thread that panicked has left is good enough to be told.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn progress(&self, id: StreamId, records: u64, bookmark: Option<Timestamp>) {
        let now = self.clock.now();
        let mut inner = self.inner();
        let mut stream = inner.stream(id, now);
        stream.records = records;
        stream.bookmark = bookmark.or(stream.bookmark);
        inner.tell(id, &mut stream, now);
        if since(stream.counted, now) >= COUNTED_EVERY_MS {
            inner.count(id, &stream);
            stream.counted = now;
            stream.counted_records = records;
        }
        inner.streams.insert(id, stream);
    }

    fn finished(&self, id: StreamId, outcome: Outcome, records: u64, took: Duration) {
        let now = self.clock.now();
        let mut inner = self.inner();
        let mut stream = inner.stream(id, now);
        inner.streams.remove(&id);
        stream.records = records;
        inner.count(id, &stream);
        let (status, end) = match outcome {
            Outcome::Complete => ("succeeded", "done"),
            Outcome::Failed => ("failed", "not read to its end"),
        };
        inner.job(id, took.as_secs_f64(), status);
        let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        inner.say(&format!("{id}: {end}: {}", stream.shown(took_ms)));
    }

    fn request(&self, id: StreamId, status: Option<u16>, took: Duration) {
        let (code, outcome) = match status {
            Some(status @ 200..=299) => (status.to_string(), "succeeded"),
            Some(status) => (status.to_string(), "failed"),
            None => ("null".to_owned(), "failed"),
        };
        let (took, now) = (took.as_secs_f64(), self.clock.now());
        let mut inner = self.inner();
        // A stream of many answers with few records in them comes along, too.
        let mut stream = inner.stream(id, now);
        inner.tell(id, &mut stream, now);
        let is_timed = stream
            .timed
            .is_some_and(|timed| since(timed, now) < TOLD_EVERY_MS);
        let is_silent = is_timed && outcome == "succeeded";
        if !is_silent {
            stream.timed = Some(now);
        }
        inner.streams.insert(id, stream);
        if is_silent {
            return;
        }
        inner.say(&format!(
            "METRIC: {{\"type\": \"timer\", \"metric\": \"http_request_duration\", \"value\": \
             {took:.6}, \"tags\": {{\"endpoint\": \"{id}\", \"http_status_code\": {code}, \
             \"status\": \"{outcome}\"}}}}"
        ));
    }
}

impl Inner {
    /// What is known of a stream; of one that is new, that it begins now.
    fn stream(&self, id: StreamId, now: Timestamp) -> Stream {
        let known = self.streams.get(&id).copied();
        known.unwrap_or(Stream {
            began: now,
            records: 0,
            bookmark: None,
            told: now,
            counted: now,
            counted_records: 0,
            timed: None,
        })
    }

    /// Says how far a stream has come, if nothing was said of it for a while.
    fn tell(&mut self, id: StreamId, stream: &mut Stream, now: Timestamp) {
        if since(stream.told, now) >= TOLD_EVERY_MS {
            stream.told = now;
            let shown = stream.shown(since(stream.began, now));
            self.say(&format!("{id}: {shown}"));
        }
    }

    fn count(&mut self, id: StreamId, stream: &Stream) {
        let added = stream.records.saturating_sub(stream.counted_records);
        self.say(&format!(
            "METRIC: {{\"type\": \"counter\", \"metric\": \"record_count\", \"value\": {added}, \
             \"tags\": {{\"endpoint\": \"{id}\"}}}}"
        ));
    }

    fn job(&mut self, id: StreamId, seconds: f64, status: &str) {
        self.say(&format!(
            "METRIC: {{\"type\": \"timer\", \"metric\": \"job_duration\", \"value\": {seconds:.6}, \
             \"tags\": {{\"job_type\": \"sync\", \"endpoint\": \"{id}\", \"status\": \
             \"{status}\"}}}}"
        ));
    }

    /// Nobody who reads it is no reason to stop.
    fn say(&mut self, line: &str) {
        drop(writeln!(self.to, "INFO {line}"));
    }
}

impl Stream {
    /// Records, how many in a second, and the bookmark.
    fn shown(&self, took_ms: i64) -> String {
        let records = counted(self.records, "record", "records");
        let rate = self.records as f64 / seconds(took_ms.max(1));
        let rate = counted(rate.round() as u64, "a second", "a second");
        match self.bookmark {
            Some(bookmark) => format!("{records}, {rate}, up to {bookmark}"),
            None => format!("{records}, {rate}"),
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

fn since(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millis().saturating_sub(from.as_millis())
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use weir_store::ManualClock;

    use super::*;

    /// What was written, to be looked at.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn lines(&self) -> Vec<String> {
            let bytes = std::mem::take(&mut *self.0.lock().unwrap());
            let text = String::from_utf8(bytes).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn progress() -> (Progress, ManualClock, Written) {
        let clock = ManualClock::new(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let written = Written::default();
        let progress = Progress::new(Arc::new(clock.clone()), written.clone());
        (progress, clock, written)
    }

    fn metric(line: &str) -> Value {
        let json = line.split_once("METRIC: ").unwrap().1;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn people_are_told_every_few_seconds_and_at_the_end() {
        let (progress, clock, written) = progress();
        let bookmark = Timestamp::parse("2026-01-01").ok();
        progress.progress(StreamId::Visitors, 1, bookmark);
        clock.advance(Duration::from_secs(4));
        progress.progress(StreamId::Visitors, 4_000, bookmark);
        assert_eq!(written.lines(), Vec::<String>::new());
        clock.advance(Duration::from_secs(1));
        progress.progress(StreamId::Visitors, 5_000, bookmark);
        progress.progress(StreamId::Visitors, 5_001, bookmark);
        let expected = "INFO visitors: 5,000 records, 1,000 a second, up to 2026-01-01T00:00:00Z";
        assert_eq!(written.lines(), [expected]);
        progress.finished(
            StreamId::Visitors,
            Outcome::Complete,
            6_000,
            Duration::from_secs(12),
        );
        let expected =
            "INFO visitors: done: 6,000 records, 500 a second, up to 2026-01-01T00:00:00Z";
        assert_eq!(written.lines().last().unwrap(), expected);
    }

    #[test]
    fn a_stream_of_empty_answers_is_told_of_as_well() {
        let (progress, clock, written) = progress();
        let took = Duration::from_millis(50);
        progress.request(StreamId::VisitorHistory, Some(200), took);
        clock.advance(Duration::from_secs(5));
        written.lines();
        progress.request(StreamId::VisitorHistory, Some(200), took);
        let expected = "INFO visitor_history: 0 records, 0 a second";
        assert_eq!(written.lines()[0], expected);
    }

    #[test]
    fn counters_add_up_to_the_records_whether_a_stream_ends_or_not() {
        let (progress, clock, written) = progress();
        progress.progress(StreamId::Events, 1, None);
        clock.advance(Duration::from_secs(60));
        progress.progress(StreamId::Events, 700, None);
        progress.progress(StreamId::Pages, 30, None);
        progress.progress(StreamId::Events, 900, None);
        progress.finished(
            StreamId::Pages,
            Outcome::Complete,
            35,
            Duration::from_millis(1_500),
        );
        progress.end();
        let lines = written.lines();
        let metrics: Vec<Value> = lines
            .iter()
            .filter(|line| line.starts_with("INFO METRIC: "))
            .map(|line| metric(line))
            .collect();
        let sum = |endpoint: &str| -> u64 {
            let of = |one: &&Value| {
                one["metric"] == "record_count" && one["tags"]["endpoint"] == endpoint
            };
            let values = metrics.iter().filter(of);
            values.map(|one| one["value"].as_u64().unwrap()).sum()
        };
        assert_eq!((sum("events"), sum("pages")), (900, 35));
        let jobs: Vec<&Value> = metrics
            .iter()
            .filter(|one| one["metric"] == "job_duration")
            .collect();
        let pages = json!({"job_type": "sync", "endpoint": "pages", "status": "succeeded"});
        let events = json!({"job_type": "sync", "endpoint": "events", "status": "failed"});
        assert_eq!(jobs[0]["tags"], pages);
        assert_eq!(jobs[0]["value"], 1.5);
        assert_eq!(jobs[1]["tags"], events);
    }

    #[test]
    fn a_stream_that_failed_is_not_done() {
        let (progress, _, written) = progress();
        progress.finished(StreamId::Events, Outcome::Failed, 4, Duration::from_secs(2));
        let lines = written.lines();
        let tags = json!({"job_type": "sync", "endpoint": "events", "status": "failed"});
        assert_eq!(metric(&lines[1])["tags"], tags);
        assert_eq!(
            lines[2],
            "INFO events: not read to its end: 4 records, 2 a second"
        );
    }

    #[test]
    fn a_counter_is_the_line_that_runners_know() {
        let (progress, _, written) = progress();
        progress.finished(
            StreamId::FeatureEvents,
            Outcome::Complete,
            4,
            Duration::from_secs(1),
        );
        let expected = "INFO METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \
                        \"value\": 4, \"tags\": {\"endpoint\": \"feature_events\"}}";
        assert_eq!(written.lines()[0], expected);
    }

    #[test]
    fn a_request_is_timed_with_its_status() {
        let (progress, _, written) = progress();
        let took = Duration::from_millis(250);
        let check = |status: Option<u16>, expected: Value| {
            progress.request(StreamId::Accounts, status, took);
            let found = metric(&written.lines()[0]);
            assert_eq!(found["metric"], "http_request_duration");
            assert_eq!(found["value"], 0.25);
            assert_eq!(found["tags"], expected);
        };
        let tags = |code: Value, status: &str| json!({"endpoint": "accounts", "http_status_code": code, "status": status});
        check(Some(200), tags(json!(200), "succeeded"));
        check(Some(503), tags(json!(503), "failed"));
        check(None, tags(Value::Null, "failed"));
    }

    #[test]
    fn of_many_requests_one_in_five_seconds_is_timed_and_each_that_failed() {
        let (progress, clock, written) = progress();
        let took = Duration::from_millis(1);
        let timed = |status| {
            progress.request(StreamId::VisitorHistory, Some(status), took);
            let lines = written.lines();
            lines
                .iter()
                .any(|line| line.contains("http_request_duration"))
        };
        assert_eq!([200, 200, 503, 200].map(timed), [true, false, true, false]);
        clock.advance(Duration::from_secs(5));
        assert_eq!([200, 200].map(timed), [true, false]);
    }
}
