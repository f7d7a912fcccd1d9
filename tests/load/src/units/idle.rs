//! What upkeep costs while nothing happens.

use anyhow::Result;
use serde::Serialize;
use weir_model::{Event, Series};
use weir_store::db::Units;

use super::price;
use super::scenario::minus;
use crate::report::Row;
use crate::timeline::{PAUSE, Timeline, days_ago};

/// Compactions of a day.
const RUNS: u32 = 288;

const DAYS_A_MONTH: f64 = 30.0;

/// An idle time.
#[derive(Debug, Serialize)]
pub(super) struct Idle {
    case: String,
    writes_a_day: f64,
    reads_a_day: f64,
    dynamodb_dollars_a_month: f64,
    lambda_dollars_a_month: f64,
}

impl Row for Idle {
    const COLUMNS: &[&str] = &["case", "W/day", "R/day", "$/month: DynamoDB", "Lambda"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            format!("{:.0}", self.writes_a_day),
            format!("{:.0}", self.reads_a_day),
            format!("{:.4}", self.dynamodb_dollars_a_month),
            format!("{:.4}", self.lambda_dollars_a_month),
        ]
    }
}

/// A day of compactions after upkeep is done.
pub(super) async fn measure() -> Result<(Vec<Idle>, Vec<String>)> {
    let start = days_ago(4).start();
    let mut timeline = Timeline::in_memory(start).await?;
    timeline.accept(vec![event()?], None).await?;
    timeline.settle().await?;
    let before = timeline.units();
    for _ in 0..RUNS {
        timeline.set(timeline.now().saturating_add(PAUSE));
        timeline.compact().await?;
    }
    let idle = of(minus(timeline.units(), before));
    let notes = vec![format!(
        "{RUNS} compactions a day of {} ms each (assumed), prices as above. Storage and alarms are \
         not in it",
        price::IDLE_COMPACTION_MS
    )];
    Ok((vec![idle], notes))
}

fn event() -> Result<Event> {
    Ok(Event {
        series: Series::parse("units", "idle")?,
        timestamp: None,
        value: 1.0,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    })
}

fn of(day: Units) -> Idle {
    let lambda = price::of_idle_compactions(f64::from(RUNS));
    Idle {
        case: "nothing happens".to_owned(),
        writes_a_day: day.write,
        reads_a_day: day.read,
        dynamodb_dollars_a_month: price::of_units(day) * DAYS_A_MONTH,
        lambda_dollars_a_month: lambda * DAYS_A_MONTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_idle_day_writes_nothing() {
        let (rows, _) = measure().await.unwrap();
        assert_eq!(rows[0].writes_a_day, 0.0);
        // Each run looks at the inbox and at what is left to do.
        assert!(rows[0].reads_a_day >= f64::from(2 * RUNS));
    }
}
