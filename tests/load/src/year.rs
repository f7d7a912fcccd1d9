//! Queries over one year of events in one series.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Deserialize;

use crate::figures::{Figure, Figures};
use crate::ingest::BATCH;
use crate::target::Target;

/// 2023-01-01T00:00:00Z, and the milliseconds of that year.
const START_MS: u64 = 1_672_531_200_000;
const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

/// How often each query is asked.
const REPEATS: usize = 30;

/// The queries: what each is called, and its parameters.
const QUERIES: [(&str, &str); 6] = [
    (
        "a year by day",
        "tsMin=2023-01-01&tsMax=2023-12-31T23:59:59.999Z&granularity=day",
    ),
    (
        "a year by month",
        "tsMin=2023-01-01&tsMax=2023-12-31T23:59:59.999Z&granularity=month",
    ),
    (
        "a month by hour",
        "tsMin=2023-06-01&tsMax=2023-06-30T23:59:59.999Z&granularity=hour",
    ),
    (
        "a year by day, Europe/Berlin",
        "tsMin=2023-01-01&tsMax=2023-12-31T23:59:59.999Z&granularity=day&tz=Europe/Berlin",
    ),
    (
        "a year by day, Asia/Kolkata",
        "tsMin=2023-01-01&tsMax=2023-12-31T23:59:59.999Z&granularity=day&tz=Asia/Kolkata",
    ),
    (
        "a day by minute",
        "tsMin=2023-06-15&tsMax=2023-06-15T23:59:59.999Z&granularity=minute",
    ),
];

/// A series with a year of events, spread evenly.
pub(crate) struct Year<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) events: usize,
}

#[derive(Deserialize)]
struct Point {
    value: Option<f64>,
}

impl Year<'_> {
    /// Loads the year unless it is there, and asks each query.
    pub(crate) async fn measure(&self, target: &Target, figures: &mut Figures) -> Result<()> {
        let there = self.count(target).await?;
        ensure!(
            there == 0.0 || there == self.events as f64,
            "{there} events are there already"
        );
        if there == 0.0 {
            figures.push(self.load(target).await?);
        }
        ensure!(
            self.count(target).await? == self.events as f64,
            "not every event is counted"
        );
        for (name, parameters) in QUERIES {
            figures.push(self.ask(target, name, parameters).await?);
        }
        Ok(())
    }

    async fn count(&self, target: &Target) -> Result<f64> {
        let path = self.path("granularity=year&aggregationType=count&tsMin=2023-01-01");
        let answer = target.get(&path).send().await?.error_for_status()?;
        let points: Vec<Point> = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(points.iter().filter_map(|point| point.value).sum())
    }

    fn path(&self, parameters: &str) -> String {
        format!("/api/events/{}/m?{parameters}", self.namespace)
    }

    async fn load(&self, target: &Target) -> Result<Figure> {
        let began = Instant::now();
        let mut times = Histogram::new(3)?;
        let batches = (self.events as u64).div_ceil(BATCH);
        for number in 0..batches {
            let sent = Instant::now();
            let key = format!("load-{}-{number}-{}", self.namespace, self.events);
            let request = target.post("application/x-ndjson", self.batch(number));
            let answer = request.header("idempotency-key", key).send().await?;
            ensure!(
                answer.status() == 201,
                "{}: {}",
                answer.status(),
                answer.text().await?
            );
            times.record(sent.elapsed().as_micros() as u64)?;
        }
        let name = format!("loading {} events", self.events);
        Ok(Figure::of(
            name,
            &times,
            0,
            self.events as u64,
            began.elapsed().as_secs_f64(),
        ))
    }

    fn batch(&self, number: u64) -> String {
        let mut body = String::new();
        let events = self.events as u64;
        for index in number * BATCH..((number + 1) * BATCH).min(events) {
            let at = START_MS + index * YEAR_MS / events;
            writeln!(
                body,
                r#"{{"namespace":"{}","name":"m","timestamp":{at},"value":{}}}"#,
                self.namespace,
                index % 1000
            )
            .expect("writing to a string");
        }
        body
    }

    async fn ask(&self, target: &Target, name: &str, parameters: &str) -> Result<Figure> {
        let path = self.path(parameters);
        let mut times = Histogram::new(3)?;
        let began = Instant::now();
        for _ in 0..REPEATS {
            let sent = Instant::now();
            let answer = target.get(&path).send().await?.error_for_status()?;
            answer.bytes().await?;
            times.record(sent.elapsed().as_micros() as u64)?;
        }
        let name = format!("{name}, {} events", self.events);
        Ok(Figure::of(
            name,
            &times,
            0,
            0,
            began.elapsed().as_secs_f64(),
        ))
    }
}
