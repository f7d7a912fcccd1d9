//! What queries of a compacted year cost.

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::Serialize;
use tower::ServiceExt as _;
use weir_compact::{VerifyOptions, verify};
use weir_service::auth::{LocalAdmin, SigningKey, SigningKeys};
use weir_service::{Service, ServiceConfig};
use weir_store::db::Units;

use super::price;
use super::scenario::{Size, minus};
use crate::question::Question;
use crate::report::Row;
use crate::timeline::{Timeline, days_ago};
use crate::year::{self, Year};

/// Events of the year: about 30 in each quarter-hour.
const EVENTS: u64 = 1_000_000;

const NAMESPACE: &str = "units-year";

/// What a query costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    case: String,
    reads: f64,
    writes: f64,
    dynamodb_dollars_a_million: f64,
}

impl Row for Cost {
    const COLUMNS: &[&str] = &["query", "R", "W", "$/million: DynamoDB"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            format!("{:.1}", self.reads),
            format!("{:.1}", self.writes),
            format!("{:.2}", self.dynamodb_dollars_a_million),
        ]
    }
}

/// Asks each question of a year once, and verifies it.
pub(super) async fn measure(size: Size) -> Result<(Vec<Cost>, Vec<String>)> {
    let year = Year {
        namespace: NAMESPACE,
        events: size.of(EVENTS),
        waiting: 0,
        wait: None,
    };
    let mut timeline = Timeline::in_memory(days_ago(2).start()).await?;
    year.load_into(&timeline).await?;
    timeline.settle().await?;
    let router = router(&timeline);
    let mut rows = Vec::new();
    for question in year::questions() {
        let before = timeline.units();
        ask(&router, &question).await?;
        rows.push(cost(question.name, minus(timeline.units(), before)));
    }
    let before = timeline.units();
    recount(&timeline, year.events).await?;
    let name = "recounting every day (verify)".to_owned();
    rows.push(cost(name, minus(timeline.units(), before)));
    let notes = vec![format!(
        "of a compacted year of {} events in one series, every read strongly consistent; a token \
         adds a read every 30 s and process. Prices as above",
        year.events
    )];
    Ok((rows, notes))
}

fn router(timeline: &Timeline) -> Router {
    // Its tokens are never asked for: whoever asks here is the machine's owner.
    let keys = SigningKeys::new(SigningKey::random());
    let service = Service::new(timeline.store.clone(), ServiceConfig::new(keys));
    weir_query::router(service)
}

async fn ask(router: &Router, question: &Question) -> Result<()> {
    let mut request = Request::get(question.path(NAMESPACE, "m")).body(Body::empty())?;
    request.extensions_mut().insert(LocalAdmin);
    let answer = router.clone().oneshot(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let is_answered = status == StatusCode::OK && body.len() > 2;
    ensure!(is_answered, "{}: {status}", question.name);
    Ok(())
}

/// What the daily verification does.
async fn recount(timeline: &Timeline, events: u64) -> Result<()> {
    let report = verify(&timeline.store, &VerifyOptions::default()).await?;
    let is_right = report.differences.is_empty() && report.events == events;
    ensure!(is_right, "the year does not agree: {report:?}");
    Ok(())
}

fn cost(case: String, units: Units) -> Cost {
    Cost {
        case,
        reads: units.read,
        writes: units.write,
        dynamodb_dollars_a_million: price::of_units(units) * 1e6,
    }
}
