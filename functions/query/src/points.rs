//! Finds the points of an aggregate: reads a series' days within one view of the store, has them
//! counted, and cuts a page.

use std::str::FromStr;
use std::time::Duration;

use weir_model::limits::POINTS;
use weir_model::{Aggregation, Day, Granularity, Series, Timestamp, Zone};
use weir_service::Problem;
use weir_store::{Deadline, Detail, Extent, Store, StoreError, View};

use crate::aggregate::{Aggregate, Gaps, Group};
use crate::answer::Point;
use crate::cursor::Fingerprint;
use crate::params::{Bounds, shown};
use crate::reading::{Order, Pace, batches, explain, read_wave, waves};

/// How often a query begins again when what it reads has changed under it.
const REPEATS: u32 = 2;

/// A query that was disturbed does not begin again when it has taken this long already.
const REPEAT_WITHIN: Duration = Duration::from_secs(10);

/// Days of events, of quarter-hours and of whole days that a batch has at most. A day's quarters
/// take up to 20 KB.
const MOST_EVENT_DAYS: u32 = 64;
const MOST_QUARTER_DAYS: u32 = 366;
const MOST_WHOLE_DAYS: u32 = 1461;

/// Whole days in a row that are rather read by quarter-hour than by a call of their own.
const SHORT_RUN: usize = 31;

/// What a bucket without events gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    None,
    Zero,
    Null,
}

impl Fill {
    pub(crate) const ALL: [Fill; 3] = [Fill::None, Fill::Zero, Fill::Null];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Fill::None => "none",
            Fill::Zero => "zero",
            Fill::Null => "null",
        }
    }
}

impl FromStr for Fill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|fill| fill.as_str() == text);
        found.ok_or_else(|| {
            format!(
                "{:?} is not a fill: allowed are none, zero or null",
                shown(text)
            )
        })
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) series: Series,
    pub(crate) bounds: Bounds,
    pub(crate) granularity: Granularity,
    pub(crate) aggregation: Aggregation,
    pub(crate) zone: Zone,
    pub(crate) fill: Fill,
    /// Points of a page; none when everything is asked for at once.
    pub(crate) limit: Option<usize>,
    /// The last point of the page before.
    pub(crate) after: Option<Timestamp>,
}

/// A page of points.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) points: Vec<Point>,
    pub(crate) more: bool,
}

impl Ask {
    /// What a cursor of this query belongs to.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let [min, max] = self.bounds.texts();
        Fingerprint::of(&[
            "events",
            self.series.namespace.as_str(),
            self.series.name.as_str(),
            &min,
            &max,
            self.granularity.as_str(),
            self.aggregation.as_str(),
            self.zone.name(),
            self.fill.as_str(),
        ])
    }

    fn most(&self) -> usize {
        self.limit.unwrap_or(POINTS)
    }

    fn aggregate(&self) -> Aggregate {
        let window = self.bounds.window();
        // One more than a page tells whether another follows.
        Aggregate::new(
            window,
            self.granularity,
            self.zone.clone(),
            self.after,
            self.most() + 1,
        )
    }

    /// What is to be filled when everything up to an instant is known.
    fn gaps(&self, aggregate: &Aggregate, known: Timestamp) -> Option<Gaps> {
        if self.fill == Fill::None {
            return None;
        }
        // What lies before the first event was left out of the first page, and is not in this one.
        let open = self.bounds.min.is_none() && self.after.is_none();
        let from = (!open).then(|| aggregate.window().min);
        Some(Gaps {
            from,
            to: self.bounds.max.map(|max| max.min(known)),
        })
    }

    fn pace(&self) -> Pace {
        let groups = u32::try_from(self.most()).unwrap_or(u32::MAX);
        let of_days = |days: u32, most| Pace {
            first: groups.saturating_mul(days),
            most,
        };
        match self.granularity {
            Granularity::None => Pace {
                first: 1,
                most: MOST_EVENT_DAYS,
            },
            Granularity::Minute => Pace {
                first: groups / 1440,
                most: MOST_EVENT_DAYS,
            },
            Granularity::Hour => Pace {
                first: groups / 24,
                most: MOST_QUARTER_DAYS,
            },
            Granularity::Day => of_days(1, MOST_QUARTER_DAYS),
            Granularity::Week => of_days(7, MOST_WHOLE_DAYS),
            Granularity::Month => of_days(31, MOST_WHOLE_DAYS),
            Granularity::Year => of_days(366, MOST_WHOLE_DAYS),
        }
    }
}

/// Finds a page of points, in time order.
///
/// # Errors
/// 400 `too-many-points` if there are more than fit into an answer and no page was asked for; 422
/// `value-out-of-range` if a value is beyond a double; the store's own.
pub(crate) async fn find(store: &Store, ask: &Ask) -> Result<Found, Problem> {
    let (aggregate, mut groups) = read(store, ask).await?;
    let more = groups.len() > ask.most();
    if more && ask.limit.is_none() {
        return Err(too_many());
    }
    groups.truncate(ask.most());
    let points = groups.iter().map(|group| point(ask, &aggregate, group));
    Ok(Found {
        points: points.collect::<Result<_, _>>()?,
        more,
    })
}

fn point(ask: &Ask, aggregate: &Aggregate, group: &Group) -> Result<Point, Problem> {
    let value = match aggregate.totals(group) {
        Some(totals) => {
            let value = ask.aggregation.of(totals);
            Some(value.ok_or_else(|| out_of_range(ask.aggregation, group.at))?)
        }
        None if ask.fill == Fill::Zero => Some(0.0),
        None => None,
    };
    Ok(Point {
        at: group.at,
        value,
    })
}

fn too_many() -> Problem {
    let detail = format!(
        "there are more than {POINTS} points: ask for a shorter window or a coarser granularity, \
         or take them in pages with limit, following the Link header"
    );
    Problem::bad_request("too-many-points", detail).with_member("limit", POINTS)
}

fn out_of_range(aggregation: Aggregation, at: Timestamp) -> Problem {
    let detail = format!(
        "the {aggregation} of the group that begins at {at} is beyond the range of a double \
         (1.8e308): ask for a finer granularity, or for min, max, first, last or count"
    );
    Problem::unprocessable("value-out-of-range", detail)
}

async fn read(store: &Store, ask: &Ask) -> Result<(Aggregate, Vec<Group>), StoreError> {
    let give_up = store.now().saturating_add(REPEAT_WITHIN);
    let mut repeats = 0;
    loop {
        let view = store.begin_view();
        let found = read_once(store, ask, view).await;
        match found.map_err(|error| explain(error, store, view)) {
            Err(StoreError::Changed(_)) if repeats < REPEATS && store.now() < give_up => {
                repeats += 1;
            }
            other => return other,
        }
    }
}

async fn read_once(
    store: &Store,
    ask: &Ask,
    view: View,
) -> Result<(Aggregate, Vec<Group>), StoreError> {
    let mut aggregate = ask.aggregate();
    let extent = store.extent(&ask.series, Deadline::at(view.ends())).await?;
    if extent.years.is_empty() {
        return Ok((aggregate, Vec::new()));
    }
    let window = aggregate.window();
    for batch in batches(window, &extent.years, Order::Oldest, ask.pace()) {
        count_batch(store, ask, &extent, batch, &mut aggregate, view).await?;
        let gaps = ask.gaps(&aggregate, batch.1.end());
        if aggregate.is_full() || aggregate.has_enough(gaps) {
            let groups = aggregate.groups(gaps);
            return Ok((aggregate, groups));
        }
    }
    let gaps = ask.gaps(&aggregate, window.max);
    let groups = aggregate.groups(gaps);
    Ok((aggregate, groups))
}

async fn count_batch(
    store: &Store,
    ask: &Ask,
    extent: &Extent,
    (first, last): (Day, Day),
    aggregate: &mut Aggregate,
    view: View,
) -> Result<(), StoreError> {
    let mut details: Vec<Detail> = days(first, last).map(|day| aggregate.detail(day)).collect();
    join_short_runs(&mut details);
    let detail = |day: Day| details[(day.number() - first.number()) as usize];
    let days = store
        .days(&ask.series, extent, (first, last), detail, view)
        .await?;
    let mut cut = Vec::new();
    for day in &days {
        cut.extend(aggregate.add_day(day)?);
    }
    for wave in waves(cut) {
        let events = read_wave(store, &ask.series, &wave, view).await?;
        for (stretch, events) in wave.iter().zip(&events) {
            aggregate.add_events(stretch, events);
        }
        if aggregate.is_full() {
            break;
        }
    }
    Ok(())
}

/// Reads a few whole days between two others as these are read: each run of days that are read
/// alike is a call of its own, and quarter-hours come with a day at no cost.
fn join_short_runs(details: &mut [Detail]) {
    let mut since = None;
    for at in 0..details.len() {
        match (details[at], since) {
            (Detail::Day, _) => {}
            (_, Some(before)) if at - before <= SHORT_RUN => {
                details[before + 1..at].fill(Detail::Quarters);
                since = Some(at);
            }
            _ => since = Some(at),
        }
    }
}

fn days(first: Day, last: Day) -> impl Iterator<Item = Day> {
    std::iter::successors(Some(first), |day| day.next()).take_while(move |day| *day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_between_others_are_read_along() {
        use Detail::{Day, Events, Quarters};
        let mut details = vec![Day, Day, Events, Day, Day, Quarters, Quarters, Day];
        join_short_runs(&mut details);
        let joined = [
            Day, Day, Events, Quarters, Quarters, Quarters, Quarters, Day,
        ];
        assert_eq!(details, joined);
        let mut apart = vec![Day; 100];
        (apart[3], apart[80]) = (Quarters, Quarters);
        let before = apart.clone();
        join_short_runs(&mut apart);
        assert_eq!(apart, before);
    }
}
