//! Random events, half of them compacted, against the plain recount.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::Value;
use weir_model::{Aggregation, Granularity, Series, Timestamp, Window};

use crate::oracle::{agree, label, recount, touched};
use crate::world::{World, at, event, series};

/// Zones, each with a time around which something odd happens there.
const ZONES: [(&str, &str); 12] = [
    ("UTC", "2024-02-29T00:00:00"),
    ("Europe/Berlin", "2024-10-27T01:00:00"),
    ("America/New_York", "2024-03-10T07:00:00"),
    // Its clocks were set at one minute past midnight: back to the day before.
    ("America/St_Johns", "2010-11-07T02:31:00"),
    // Half an hour of daylight saving.
    ("Australia/Lord_Howe", "2024-04-06T15:00:00"),
    // There was no 30 December.
    ("Pacific/Apia", "2011-12-30T10:00:00"),
    // From 5:30 to 5:45.
    ("Asia/Kathmandu", "1985-12-31T18:30:00"),
    // Off by 44 minutes and 30 seconds until then.
    ("Africa/Monrovia", "1972-01-07T00:44:30"),
    ("Africa/Casablanca", "2024-03-10T02:00:00"),
    ("Asia/Gaza", "2023-10-28T23:00:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00"),
    ("America/Caracas", "2016-05-01T07:00:00"),
];

#[derive(Debug, Clone)]
struct Case {
    zone: &'static str,
    events: Vec<(Timestamp, i32)>,
    published: Vec<bool>,
    window: (Option<Timestamp>, Option<Timestamp>),
    limit: usize,
}

/// A time as far from the middle as a digit of either sign and a scale say: an edge, a minute, a
/// quarter, an hour, a day or a month away, give or take a little.
fn time(middle: Timestamp) -> impl Strategy<Value = Timestamp> {
    let scales = [1, 60_000, 900_000, 3_600_000, 86_400_000, 2_629_746_000_i64];
    let little = prop_oneof![Just(0_i64), Just(-1), Just(1), -100_000..100_000_i64];
    let parts = (
        proptest::sample::select(scales.to_vec()),
        -9..=9_i64,
        little,
    );
    parts.prop_map(move |(scale, digit, little)| {
        let millis = middle.as_millis() + scale * digit + little;
        Timestamp::from_millis(millis.max(0)).unwrap()
    })
}

fn case() -> impl Strategy<Value = Case> {
    proptest::sample::select(ZONES.to_vec()).prop_flat_map(|(zone, middle)| {
        let middle = at(middle);
        let events = proptest::collection::vec((time(middle), -1000..1000_i32), 1..60);
        let published = proptest::collection::vec(any::<bool>(), 60);
        let end = || proptest::option::weighted(0.7, time(middle));
        (Just(zone), events, published, end(), end(), 1..9_usize).prop_map(
            |(zone, events, published, one, other, limit)| {
                let window = match (one, other) {
                    (Some(one), Some(other)) => (Some(one.min(other)), Some(one.max(other))),
                    open => open,
                };
                Case {
                    zone,
                    events,
                    published,
                    window,
                    limit,
                }
            },
        )
    })
}

impl Case {
    fn window(&self) -> Window {
        let (min, max) = self.window;
        Window::new(min.unwrap_or(Timestamp::MIN), max.unwrap_or(Timestamp::MAX)).unwrap()
    }

    fn values(&self) -> Vec<(Timestamp, f64)> {
        self.events
            .iter()
            .map(|(time, value)| (*time, f64::from(*value)))
            .collect()
    }

    fn query(&self, granularity: Granularity, aggregation: Aggregation) -> String {
        let zone = self.zone;
        let mut query =
            format!("granularity={granularity}&aggregationType={aggregation}&tz={zone}");
        let (min, max) = self.window;
        query.extend(min.map(|min| format!("&tsMin={min}")));
        query.extend(max.map(|max| format!("&tsMax={max}")));
        query
    }

    /// Some events through the door, in two requests; some straight into manifests, of days whose
    /// year the door made known.
    async fn world(&self, series: &Series) -> World {
        let world = World::start().await;
        let year = |time: &Timestamp| time.day().year();
        let (mut accepted, mut published) = (Vec::new(), Vec::new());
        for ((time, value), publish) in self.events.iter().zip(&self.published) {
            let known = self.events.iter().zip(&self.published);
            let mut known = known
                .filter(|(_, publish)| !**publish)
                .map(|((time, _), _)| time);
            let event = event(series, *time, f64::from(*value));
            match *publish && known.any(|known| year(known) == year(time)) {
                true => published.push(event),
                false => accepted.push(event),
            }
        }
        let rest = accepted.split_off(accepted.len() / 2);
        world.accept(accepted).await;
        world.accept(rest).await;
        world.publish(&published).await;
        world
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn some(points: Vec<(Timestamp, f64)>) -> Vec<(Timestamp, Option<f64>)> {
    points
        .into_iter()
        .map(|(time, value)| (time, Some(value)))
        .collect()
}

async fn check_aggregates(case: &Case) -> Result<(), TestCaseError> {
    let series = series("n", "s");
    let world = case.world(&series).await;
    let zone = TimeZone::get(case.zone).unwrap();
    for (place, granularity) in Granularity::ALL.into_iter().enumerate() {
        let aggregations = Aggregation::ALL;
        // Each granularity with three of the aggregations, and count, over the cases all of them.
        for aggregation in [place, place + case.limit, place + 2 * case.limit, 4] {
            let aggregation = aggregations[aggregation % aggregations.len()];
            let query = case.query(granularity, aggregation);
            let answer = world.json(&format!("/api/events/n/s?{query}")).await;
            let values = case.values();
            let expected = some(recount(
                &values,
                case.window(),
                granularity,
                &zone,
                aggregation,
            ));
            agree(&answer, &expected)
                .map_err(|reason| TestCaseError::fail(format!("{query}: {reason}")))?;
            if aggregation == Aggregation::Count {
                let query = format!("{query}&limit={}", case.limit);
                let union = world.union("/api/events/n/s", &query).await;
                prop_assert_eq!(&Value::from(union), &answer, "in pages: {}", query);
            }
        }
    }
    Ok(())
}

/// Buckets without events from the window's ends or, where it is open, from the events'.
async fn check_fill(case: &Case) -> Result<(), TestCaseError> {
    let series = series("n", "s");
    let world = case.world(&series).await;
    let zone = TimeZone::get(case.zone).unwrap();
    // Where minutes are looked at one by one, the window must not be long.
    let span = |granularity| match granularity {
        Granularity::Minute => 3,
        Granularity::Hour | Granularity::Day | Granularity::Week => 60,
        _ => 120,
    };
    for granularity in Granularity::ALL.into_iter().skip(1) {
        let window = case.window();
        let values = case.values();
        let points = recount(&values, window, granularity, &zone, Aggregation::Sum);
        let from = case.window.0.or(points.first().map(|(time, _)| *time));
        let to = case.window.1.or(points.last().map(|(time, _)| *time));
        let mut expected = some(points.clone());
        if let (Some(from), Some(to)) = (from, to) {
            if to.as_millis() - from.as_millis() > span(granularity) * 86_400_000 {
                continue;
            }
            let full: Vec<_> = points
                .iter()
                .map(|(t, _)| label(granularity, &zone, *t))
                .collect();
            for (label, time) in touched(Window::new(from, to).unwrap(), granularity, &zone) {
                if !full.contains(&label) {
                    expected.push((time, None));
                }
            }
        }
        expected.sort_by_key(|(time, _)| *time);
        let query = case.query(granularity, Aggregation::Sum);
        let answer = world
            .json(&format!("/api/events/n/s?{query}&fill=null"))
            .await;
        agree(&answer, &expected)
            .map_err(|reason| TestCaseError::fail(format!("{query}: {reason}")))?;
        let limit = case.limit * 100;
        let paged = format!("{query}&fill=null&limit={limit}");
        let union = world.union("/api/events/n/s", &paged).await;
        prop_assert_eq!(&Value::from(union), &answer, "in pages: {}", query);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_equal_a_plain_recount_whole_and_in_pages(case in case()) {
        run(check_aggregates(&case))?;
    }

    #[test]
    fn filled_aggregates_have_every_bucket_of_the_window(case in case()) {
        run(check_fill(&case))?;
    }
}
