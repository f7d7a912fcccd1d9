//! A year of events in one series, asked just after it was loaded, when it is compacted, and while
//! blocks wait in its inbox.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::JoinSet;
use weir_model::{Event, Series, Timestamp};

use crate::figures::{Figure, Sent};
use crate::ingest::{BATCH, json, lines};
use crate::question::{Question, ask_all, count, expect};
use crate::report::{Report, Row, Section};
use crate::server::{Own, Server, Source};
use crate::target::Target;
use crate::timeline::{Timeline, days_ago};

/// 2023-01-01T00:00:00Z, and the days of that year.
const START_MS: u64 = 1_672_531_200_000;
const DAY_MS: u64 = 24 * 3600 * 1000;
const DAYS: u64 = 365;

/// The name of the series.
const NAME: &str = "m";

/// Connections that load a year.
const LOADERS: usize = 4;

/// Requests of a timeline that are under way together.
const TOGETHER: u64 = 16;

/// What is asked by the clock of each.
const ZONES: [&str; 2] = ["Europe/Berlin", "Asia/Kolkata"];

/// How a year is measured.
#[derive(Debug)]
pub(crate) struct Year<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) events: u64,
    /// Blocks that wait in the last part of it.
    pub(crate) waiting: u64,
    /// How long to wait for compaction where the server's clock is not ours.
    pub(crate) wait: Option<Duration>,
}

/// What is asked of a year.
pub(crate) fn questions() -> Vec<Question> {
    let year = "tsMin=2023-01-01&tsMax=2023-12-31T23:59:59.999Z";
    let zoned = [
        Question::new("a year by day", format!("{year}&granularity=day")),
        Question::new("a year by month", format!("{year}&granularity=month")),
        Question::new(
            "a month by hour",
            "tsMin=2023-06-01&tsMax=2023-06-30T23:59:59.999Z&granularity=hour",
        ),
    ];
    let mut questions = zoned.to_vec();
    for zone in ZONES {
        questions.extend(zoned.iter().map(|question| question.in_zone(zone)));
    }
    questions.push(Question::new(
        "a day by minute",
        "tsMin=2023-06-15&tsMax=2023-06-15T23:59:59.999Z&granularity=minute",
    ));
    questions.push(Question::new(
        "an hour, each event",
        "tsMin=2023-06-15T12:00:00Z&tsMax=2023-06-15T12:59:59.999Z&granularity=none",
    ));
    questions
}

impl Year<'_> {
    /// Measures all of it; gives the figures of the compacted year, if it was compacted.
    pub(crate) async fn measure(
        &self,
        source: &Source,
        report: &mut Report,
    ) -> Result<Option<Vec<Figure>>> {
        let server = source.fresh().await?;
        self.measure_loaded(&server, report).await?;
        match (source.own(), self.wait) {
            (Some(own), _) => {
                server.stop().await?;
                let data = self.compacted(own).await?;
                let server = own.start(data).await?;
                self.measure_compacted(server, report).await.map(Some)
            }
            (None, Some(wait)) => {
                eprintln!("waiting {wait:?} for compaction");
                tokio::time::sleep(wait).await;
                self.measure_compacted(server, report).await.map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    fn series(&self) -> (&str, &str) {
        (self.namespace, NAME)
    }

    async fn measure_loaded(&self, server: &Server, report: &mut Report) -> Result<()> {
        let there = count(&server.target, self.series()).await?;
        let mut figures = Vec::new();
        if there == 0 {
            figures.push(self.load(&server.target).await?);
        }
        expect(&server.target, self.series(), self.events).await?;
        figures.extend(ask_all(&server.target, self.series(), &questions()).await?);
        self.push(server, "just loaded", figures, report);
        Ok(())
    }

    async fn measure_compacted(&self, server: Server, report: &mut Report) -> Result<Vec<Figure>> {
        expect(&server.target, self.series(), self.events).await?;
        let compacted = ask_all(&server.target, self.series(), &questions()).await?;
        self.push(&server, "compacted", compacted.clone(), report);
        if self.waiting > 0 {
            let blocks = self.add_blocks(&server.target).await?;
            expect(&server.target, self.series(), self.events + blocks).await?;
            let figures = ask_all(&server.target, self.series(), &questions()).await?;
            let state = format!("compacted, and {blocks} blocks wait");
            self.push(&server, &state, figures, report);
        }
        server.stop().await?;
        Ok(compacted)
    }

    fn push(&self, server: &Server, state: &str, mut figures: Vec<Figure>, report: &mut Report) {
        let most = server.memory().map(|memory| memory.most_mb);
        figures
            .iter_mut()
            .for_each(|figure| figure.server_mb = most);
        let title = format!("A year of {} events, {state}", self.events);
        report.push(Section::of(title, Vec::new(), &figures));
    }

    /// Loads the year over HTTP, in time order.
    async fn load(&self, target: &Target) -> Result<Figure> {
        let next = Arc::new(AtomicU64::new(0));
        let bodies = Bodies {
            namespace: self.namespace.to_owned(),
            events: self.events,
        };
        let began = Instant::now();
        let mut loaders = JoinSet::new();
        for _ in 0..LOADERS {
            loaders.spawn(send_all(target.clone(), bodies.clone(), Arc::clone(&next)));
        }
        let mut all = Sent::default();
        while let Some(sent) = loaders.join_next().await {
            all.add(&sent??);
        }
        Ok(all.over(format!("loading, x{LOADERS}"), began.elapsed()))
    }

    /// The year, compacted, in a directory of its own.
    async fn compacted(&self, own: &Own) -> Result<TempDir> {
        let data = own.directory()?;
        let mut timeline = Timeline::in_directory(data.path(), days_ago(2).start()).await?;
        self.load_into(&timeline).await?;
        timeline.settle().await?;
        Ok(data)
    }

    /// Stores the year in a timeline, in time order.
    pub(crate) async fn load_into(&self, timeline: &Timeline) -> Result<()> {
        let series = Series::parse(self.namespace, NAME)?;
        let batches = self.events.div_ceil(BATCH);
        for first in (0..batches).step_by(TOGETHER as usize) {
            let numbers = first..(first + TOGETHER).min(batches);
            let requests = numbers.map(|number| {
                let events =
                    batch_of(number, self.events).map(|index| event(&series, index, self.events));
                timeline.accept(events.collect(), None)
            });
            try_join_all(requests).await?;
        }
        Ok(())
    }

    /// Stores events that become a block each: a wave of requests has one for each day, and the
    /// next wave begins when all of it is answered. So no two are ever committed together, and a
    /// day has too few for compaction to begin within 15 minutes. Gives how many there are.
    async fn add_blocks(&self, target: &Target) -> Result<u64> {
        let mut connections: Vec<_> = (0..LOADERS).map(|_| target.connection()).collect();
        let waves = self.waiting.div_ceil(DAYS);
        for wave in 0..waves {
            let shares = connections
                .iter_mut()
                .enumerate()
                .map(async |(at, connection)| {
                    for day in (at as u64..DAYS).step_by(LOADERS) {
                        let body = self.late_event(day, wave);
                        let answer = connection.send(target.post(json(body))).await?;
                        answer.success()?;
                    }
                    anyhow::Ok(())
                });
            try_join_all(shares).await?;
        }
        Ok(waves * DAYS)
    }

    fn late_event(&self, day: u64, wave: u64) -> String {
        // Spread over the day, so that no part of it is spared.
        let at = START_MS + day * DAY_MS + wave * DAY_MS / self.waiting.div_ceil(DAYS);
        format!(
            r#"{{"namespace":"{}","name":"{NAME}","timestamp":{at},"value":1}}"#,
            self.namespace
        )
    }
}

#[derive(Debug, Clone)]
struct Bodies {
    namespace: String,
    events: u64,
}

async fn send_all(target: Target, bodies: Bodies, next: Arc<AtomicU64>) -> Result<Sent> {
    let mut sent = Sent::default();
    let mut connection = target.connection();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= bodies.events.div_ceil(BATCH) {
            return Ok(sent);
        }
        let request = target.post(lines(bodies.batch(number)));
        let began = Instant::now();
        connection.send(request).await?.success()?;
        sent.times.record(began.elapsed());
        sent.events += batch_of(number, bodies.events).count() as u64;
    }
}

impl Bodies {
    fn batch(&self, number: u64) -> String {
        let mut body = String::with_capacity(BATCH as usize * 80);
        for index in batch_of(number, self.events) {
            let (at, value) = (time_of(index, self.events), index % 1000);
            let namespace = &self.namespace;
            writeln!(
                body,
                r#"{{"namespace":"{namespace}","name":"{NAME}","timestamp":{at},"value":{value}}}"#
            )
            .expect("writing to a string");
        }
        body
    }
}

/// The events of a batch.
fn batch_of(number: u64, events: u64) -> std::ops::Range<u64> {
    number * BATCH..((number + 1) * BATCH).min(events)
}

/// Spreads events evenly.
fn time_of(index: u64, events: u64) -> u64 {
    START_MS + index * DAYS * DAY_MS / events
}

/// The same events as over HTTP.
fn event(series: &Series, index: u64, events: u64) -> Event {
    let at = Timestamp::from_millis(time_of(index, events) as i64).expect("a time in 2023");
    Event {
        series: series.clone(),
        timestamp: Some(at),
        value: (index % 1000) as f64,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

/// How much longer a question takes when there are more events.
#[derive(Debug, Serialize)]
struct Growth {
    case: String,
    fewer_median_ms: f64,
    more_median_ms: f64,
    ratio: f64,
}

impl Row for Growth {
    const COLUMNS: &[&str] = &["case", "fewer: median ms", "more: median ms", "ratio"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            format!("{:.2}", self.fewer_median_ms),
            format!("{:.2}", self.more_median_ms),
            format!("{:.2}", self.ratio),
        ]
    }
}

/// Compares two compacted years, question by question.
pub(crate) fn compare(fewer: &(u64, Vec<Figure>), more: &(u64, Vec<Figure>)) -> Result<Section> {
    ensure!(fewer.1.len() == more.1.len(), "other questions were asked");
    let rows: Vec<Growth> = fewer
        .1
        .iter()
        .zip(&more.1)
        .map(|(fewer, more)| Growth {
            case: fewer.case.clone(),
            fewer_median_ms: fewer.median_ms,
            more_median_ms: more.median_ms,
            ratio: more.median_ms / fewer.median_ms,
        })
        .collect();
    let title = format!("Compacted years of {} and {} events", fewer.0, more.0);
    Ok(Section::of(title, Vec::new(), &rows))
}

/// A compacted year for others to measure on.
pub(crate) async fn prepare(own: &Own, namespace: &str, events: u64) -> Result<TempDir> {
    let year = Year {
        namespace,
        events,
        waiting: 0,
        wait: None,
    };
    year.compacted(own).await.context("a year to measure on")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use serde_json::Value;

    #[test]
    fn a_year_is_loaded_whole_and_in_order_whichever_way() {
        let events = 3 * BATCH + 7;
        let bodies = Bodies {
            namespace: "n".into(),
            events,
        };
        let series = Series::parse("n", NAME).unwrap();
        let mut index = 0;
        let mut last = 0;
        for number in 0..4 {
            for line in bodies.batch(number).lines() {
                let sent: Value = serde_json::from_str(line).unwrap();
                let stored = event(&series, index, events);
                assert_eq!(sent["timestamp"], stored.timestamp.unwrap().as_millis());
                assert_eq!(sent["value"].as_f64(), Some(stored.value));
                assert!(sent["timestamp"].as_u64().unwrap() > last);
                last = sent["timestamp"].as_u64().unwrap();
                index += 1;
            }
        }
        assert_eq!(index, events);
        assert!(last < START_MS + DAYS * DAY_MS);
    }

    #[test]
    fn late_events_of_a_wave_are_of_different_days() {
        let year = Year {
            namespace: "n",
            events: 1,
            waiting: 5_000,
            wait: None,
        };
        let day = |day, wave| {
            let event: Value = serde_json::from_str(&year.late_event(day, wave)).unwrap();
            (event["timestamp"].as_u64().unwrap() - START_MS) / DAY_MS
        };
        for wave in [0, 13] {
            assert!((0..DAYS).all(|number| day(number, wave) == number));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_late_event_is_a_block_of_its_own() {
        let world = World::start().await;
        let year = Year {
            namespace: "n",
            events: 1_000,
            waiting: 2 * DAYS - 5,
            wait: None,
        };
        let blocks = year.add_blocks(&world.target).await.unwrap();
        assert_eq!(blocks, 2 * DAYS);
        expect(&world.target, year.series(), blocks).await.unwrap();
        let waiting = world.waiting_blocks(year.series()).await;
        assert_eq!(waiting as u64, blocks);
        world.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_loaded_year_has_an_answer_to_every_question() {
        let world = World::start().await;
        let year = Year {
            namespace: "n",
            events: 9_000,
            waiting: 0,
            wait: None,
        };
        let loaded = year.load(&world.target).await.unwrap();
        assert_eq!((loaded.requests, loaded.failed), (18, 0));
        expect(&world.target, year.series(), year.events)
            .await
            .unwrap();
        let figures = ask_all(&world.target, year.series(), &questions())
            .await
            .unwrap();
        assert_eq!(figures.len(), questions().len());
        assert!(figures.iter().all(|figure| figure.median_ms > 0.0));
        world.stop().await;
    }
}
