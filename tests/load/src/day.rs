//! A day that came in event by event: asked just after it was loaded, when it is compacted, and
//! while single events go on coming.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;
use tokio::task::JoinSet;
use weir_model::{Day, Event, Series, Timestamp};

use crate::figures::{Figure, Sent};
use crate::ingest::json;
use crate::question::{Question, ask_all, expect};
use crate::report::{Report, Section};
use crate::server::{Own, Server, Source};
use crate::target::Target;
use crate::timeline::{PAUSE, Timeline, days_ago};

const NAMESPACE: &str = "load-day";
const NAME: &str = "m";
const SERIES: (&str, &str) = (NAMESPACE, NAME);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How a day is measured.
#[derive(Debug)]
pub(crate) struct Singles {
    pub(crate) events: u64,
    /// Events that come at the end.
    pub(crate) waiting: u64,
    pub(crate) connections: usize,
}

impl Singles {
    pub(crate) async fn measure(&self, source: &Source, report: &mut Report) -> Result<()> {
        let day = Calendar {
            day: days_ago(3),
            events: self.events,
        };
        let server = source.fresh().await?;
        let mut figures = vec![day.load(&server.target, self.connections).await?];
        expect(&server.target, SERIES, self.events).await?;
        figures.extend(ask_all(&server.target, SERIES, &day.questions()).await?);
        self.push(&server, "just loaded", figures, report);
        server.stop().await?;
        if let Some(own) = source.own() {
            let server = own.start(day.compacted(own).await?).await?;
            self.measure_compacted(&day, server, report).await?;
        }
        Ok(())
    }

    async fn measure_compacted(
        &self,
        day: &Calendar,
        server: Server,
        report: &mut Report,
    ) -> Result<()> {
        expect(&server.target, SERIES, self.events).await?;
        let figures = ask_all(&server.target, SERIES, &day.questions()).await?;
        self.push(&server, "compacted", figures, report);
        if self.waiting > 0 {
            let late = Calendar {
                events: self.waiting,
                ..*day
            };
            // One by one, so that each is a block of its own.
            let mut figures = vec![late.load(&server.target, 1).await?];
            expect(&server.target, SERIES, self.events + self.waiting).await?;
            figures.extend(ask_all(&server.target, SERIES, &day.questions()).await?);
            let state = format!("compacted, and {} blocks came just now", self.waiting);
            self.push(&server, &state, figures, report);
        }
        server.stop().await
    }

    fn push(&self, server: &Server, state: &str, mut figures: Vec<Figure>, report: &mut Report) {
        let most = server.memory().map(|memory| memory.most_mb);
        figures
            .iter_mut()
            .for_each(|figure| figure.server_mb = most);
        let title = format!("A day of {} single events, {state}", self.events);
        report.push(Section::of(title, Vec::new(), &figures));
    }
}

/// When the events of the day are.
#[derive(Debug, Clone, Copy)]
struct Calendar {
    day: Day,
    events: u64,
}

impl Calendar {
    fn questions(&self) -> Vec<Question> {
        let day = self.day;
        let whole = format!("tsMin={day}&tsMax={day}T23:59:59.999Z");
        let hour = format!("tsMin={day}T12:00:00Z&tsMax={day}T12:59:59.999Z");
        vec![
            Question::new("the day by hour", format!("{whole}&granularity=hour")),
            Question::new("the day by minute", format!("{whole}&granularity=minute")),
            Question::new("an hour, each event", format!("{hour}&granularity=none")),
        ]
    }

    fn time_of(&self, index: u64) -> Timestamp {
        let into = DAY.as_millis() as u64 * index / self.events;
        self.day.start().saturating_add(Duration::from_millis(into))
    }

    fn body(&self, index: u64) -> String {
        let at = self.time_of(index).as_millis();
        format!(r#"{{"namespace":"{NAMESPACE}","name":"{NAME}","timestamp":{at},"value":1}}"#)
    }

    /// Loads it over HTTP, one event a request.
    async fn load(&self, target: &Target, connections: usize) -> Result<Figure> {
        let next = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let mut loaders = JoinSet::new();
        for _ in 0..connections {
            let (day, target, next) = (*self, target.clone(), Arc::clone(&next));
            loaders.spawn(async move { day.send_all(&target, &next).await });
        }
        let mut all = Sent::default();
        while let Some(sent) = loaders.join_next().await {
            all.add(&sent??);
        }
        let name = format!("loading {} events x{connections}", self.events);
        Ok(all.over(name, began.elapsed()))
    }

    async fn send_all(&self, target: &Target, next: &AtomicU64) -> Result<Sent> {
        let mut sent = Sent::default();
        let mut connection = target.connection();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= self.events {
                return Ok(sent);
            }
            let request = target.post(json(self.body(index)));
            let began = Instant::now();
            connection.send(request).await?.success()?;
            sent.times.record(began.elapsed());
            sent.events += 1;
        }
    }

    /// The same day as it would have come: each event at its time, with a compaction every five
    /// minutes, and all the upkeep that follows.
    async fn compacted(&self, own: &Own) -> Result<TempDir> {
        let data = own.directory()?;
        let mut timeline = Timeline::in_directory(data.path(), self.day.start()).await?;
        let series = Series::parse(NAMESPACE, NAME)?;
        let mut compaction = self.day.start().saturating_add(PAUSE);
        for index in 0..self.events {
            let at = self.time_of(index);
            while compaction <= at {
                timeline.set(compaction);
                timeline.compact().await?;
                compaction = compaction.saturating_add(PAUSE);
            }
            timeline.set(at);
            timeline.accept(vec![event(&series, at)], None).await?;
        }
        timeline.settle().await?;
        Ok(data)
    }
}

fn event(series: &Series, at: Timestamp) -> Event {
    Event {
        series: series.clone(),
        timestamp: Some(at),
        value: 1.0,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_of_the_day() {
        let day = days_ago(3);
        let calendar = Calendar { day, events: 777 };
        let times: Vec<_> = (0..777).map(|index| calendar.time_of(index)).collect();
        assert!(times.is_sorted());
        assert_eq!(times[0], day.start());
        assert!(times.iter().all(|at| at.day() == day));
    }
}
