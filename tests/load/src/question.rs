//! Queries, asked again and again, one after the other.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::connection::Connection;
use crate::figures::{Figure, Sent};
use crate::target::Target;

/// How often each is asked at least, and at most: quick ones for as long as makes their median
/// steady.
const REPEATS: usize = 30;
const REPEATS_MAX: usize = 300;

/// From when on the least is enough.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// What is asked of a series.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) name: String,
    parameters: String,
}

/// A point of an answer.
#[derive(Deserialize)]
struct Point {
    value: Option<f64>,
}

impl Question {
    pub(crate) fn new(name: impl Into<String>, parameters: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parameters: parameters.into(),
        }
    }

    /// The same, by the clock of a zone.
    pub(crate) fn in_zone(&self, zone: &str) -> Self {
        Self {
            name: format!("{}, {zone}", self.name),
            parameters: format!("{}&tz={zone}", self.parameters),
        }
    }

    /// Where it is asked about a series.
    pub(crate) fn path(&self, namespace: &str, name: &str) -> String {
        format!("/api/events/{namespace}/{name}?{}", self.parameters)
    }

    /// Asks once and checks that there is an answer.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        connection: &mut Connection,
        (namespace, name): (&str, &str),
    ) -> Result<()> {
        let request = target.get(&self.path(namespace, name));
        let answer = connection.send(request).await?.success()?;
        // An answer without points would be quick, and no answer.
        ensure!(answer.len() > 2, "{}: there is nothing", self.name);
        Ok(())
    }
}

/// Asks each question of a series.
pub(crate) async fn ask_all(
    target: &Target,
    series: (&str, &str),
    questions: &[Question],
) -> Result<Vec<Figure>> {
    let mut connection = target.connection();
    let mut figures = Vec::new();
    for question in questions {
        let mut sent = Sent::default();
        let began = Instant::now();
        for repeat in 0..REPEATS_MAX {
            if repeat >= REPEATS && began.elapsed() >= LONG_ENOUGH {
                break;
            }
            let asked = Instant::now();
            question.ask(target, &mut connection, series).await?;
            sent.times.record(asked.elapsed());
        }
        figures.push(sent.over(question.name.clone(), began.elapsed()));
    }
    Ok(figures)
}

/// How many events a series has in all.
pub(crate) async fn count(target: &Target, (namespace, name): (&str, &str)) -> Result<u64> {
    let question = Question::new("count", "granularity=year&aggregationType=count");
    let request = target.get(&question.path(namespace, name));
    let answer = target.connection().send(request).await?.success()?;
    let points: Vec<Point> = serde_json::from_slice(&answer).context("no list of points")?;
    let counts = points.iter().filter_map(|point| point.value);
    Ok(counts.sum::<f64>() as u64)
}

/// Checks that a series has so many events.
pub(crate) async fn expect(target: &Target, series: (&str, &str), events: u64) -> Result<()> {
    let there = count(target, series).await?;
    ensure!(
        there == events,
        "{} has {there} events, not {events}",
        series.0
    );
    Ok(())
}
