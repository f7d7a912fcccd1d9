//! How a span of time is read: in batches of days, and the events of a day in waves of hours.
//!
//! Both keep memory bounded, and both grow while little is found, so that a sparse series takes
//! few calls and a busy one gives its first page without reading on.

use futures::future::try_join_all;
use weir_model::{Day, Quarters, Series, StoredEvent, Timestamp, Window};
use weir_store::{DayView, Store, StoreError, View};

/// Events that one read is to give, unless a single hour has more.
const READ_EVENTS: u64 = 10_000;

/// Reads made side by side.
const WAVE_READS: usize = 8;

/// Events that the reads of a wave are to give together, unless a single hour has more.
const WAVE_EVENTS: u64 = 20_000;

/// Milliseconds of a quarter-hour.
const QUARTER_MS: i64 = 900_000;

/// From which end of a span reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Oldest,
    Newest,
}

/// How many days the first batch has, and how many a batch has at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) first: u32,
    pub(crate) most: u32,
}

/// Cuts the days of a window that lie in the given years, which ascend, into batches. Each has
/// twice the days of the one before.
pub(crate) fn batches(window: Window, years: &[u16], order: Order, pace: Pace) -> Vec<(Day, Day)> {
    let mut spans = spans(window, years);
    if order == Order::Newest {
        spans.reverse();
    }
    let mut batches = Vec::new();
    let mut days = pace.first.clamp(1, pace.most);
    for (mut first, mut last) in spans {
        while first <= last {
            let taken = days.min(last - first + 1);
            match order {
                Order::Oldest => {
                    batches.push((first, first + taken - 1));
                    first += taken;
                }
                Order::Newest => {
                    batches.push((last + 1 - taken, last));
                    let Some(before) = last.checked_sub(taken) else {
                        break;
                    };
                    last = before;
                }
            }
            days = days.saturating_mul(2).min(pace.most);
        }
    }
    let day = |number| Day::from_number(number).expect("it lies between two days");
    batches
        .into_iter()
        .map(|(first, last)| (day(first), day(last)))
        .collect()
}

/// Stretches of days by number, years that follow each other joined.
fn spans(window: Window, years: &[u16]) -> Vec<(u32, u32)> {
    let (from, to) = window.days();
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for year in years {
        let first = Day::first_of_year(*year).max(from).number();
        let last = Day::last_of_year(*year).min(to).number();
        match spans.last_mut() {
            _ if first > last => {}
            Some(span) if span.1 + 1 == first => span.1 = last,
            _ => spans.push((first, last)),
        }
    }
    spans
}

/// Some of a day's 96 quarter-hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct QuarterSet(u128);

impl QuarterSet {
    pub(crate) fn insert(&mut self, quarter: u8) {
        self.0 |= 1 << quarter;
    }

    pub(crate) fn contains(self, quarter: u8) -> bool {
        self.0 >> quarter & 1 == 1
    }

    fn has_hour(self, hour: u8) -> bool {
        self.0 >> (hour * 4) & 0b1111 != 0
    }
}

/// The first and the last instant of a quarter-hour.
pub(crate) fn quarter_of(day: Day, quarter: u8) -> Window {
    let start = day.start().as_millis() + i64::from(quarter) * QUARTER_MS;
    let at = |millis| Timestamp::from_millis(millis).expect("it lies within a day");
    Window {
        min: at(start),
        max: at(start + QUARTER_MS - 1),
    }
}

/// Hours of a day that are read at once, and the quarters that they are read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub(crate) view: &'a DayView,
    /// The first and the last hour.
    pub(crate) hours: (u8, u8),
    pub(crate) wanted: QuarterSet,
    events: u64,
}

impl Stretch<'_> {
    /// The first and the last instant of its hours.
    pub(crate) fn window(&self) -> Window {
        let (first, last) = self.hours;
        let day = self.view.day;
        Window {
            min: quarter_of(day, first * 4).min,
            max: quarter_of(day, last * 4 + 3).max,
        }
    }
}

/// The stretches of a day, in time order, that hold the wanted quarters.
pub(crate) fn stretches<'a>(
    view: &'a DayView,
    quarters: &Quarters,
    wanted: QuarterSet,
) -> Vec<Stretch<'a>> {
    let mut counts = [0_u64; 24];
    for (quarter, totals) in quarters.iter() {
        counts[usize::from(quarter / 4)] += totals.count();
    }
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    for hour in (0..24).filter(|hour| wanted.has_hour(*hour)) {
        let count = counts[usize::from(hour)];
        match stretches.last_mut() {
            Some(last) if last.hours.1 + 1 == hour && last.events + count <= READ_EVENTS => {
                last.hours.1 = hour;
                last.events += count;
            }
            _ => stretches.push(Stretch {
                view,
                hours: (hour, hour),
                wanted,
                events: count,
            }),
        }
    }
    stretches
}

/// Groups stretches, in their order, that may be read side by side.
pub(crate) fn waves(stretches: Vec<Stretch<'_>>) -> Vec<Vec<Stretch<'_>>> {
    let mut waves: Vec<Vec<Stretch<'_>>> = Vec::new();
    let mut events = 0;
    for stretch in stretches {
        events += stretch.events;
        match waves.last_mut() {
            Some(wave) if wave.len() < WAVE_READS && events <= WAVE_EVENTS => wave.push(stretch),
            _ => {
                events = stretch.events;
                waves.push(vec![stretch]);
            }
        }
    }
    waves
}

/// Reads a wave: the events of each stretch, in no particular order.
pub(crate) async fn read_wave(
    store: &Store,
    series: &Series,
    wave: &[Stretch<'_>],
    view: View,
) -> Result<Vec<Vec<StoredEvent>>, StoreError> {
    let reads = wave
        .iter()
        .map(|stretch| store.events(series, stretch.view, stretch.hours, view));
    try_join_all(reads).await
}

/// Says that reading took too long where the store says that it ran out of time: it has answered,
/// but too much was asked for.
pub(crate) fn explain(error: StoreError, store: &Store, view: View) -> StoreError {
    match error {
        StoreError::Unavailable(_) if store.now() >= view.ends() => {
            StoreError::TooSlow(View::SECONDS)
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        Timestamp::parse(text).unwrap().day()
    }

    fn window(min: &str, max: &str) -> Window {
        Window::new(
            Timestamp::parse(min).unwrap(),
            Timestamp::parse(max).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn batches_grow_from_the_end_that_is_read_first() {
        let window = window("2023-12-30T12:00:00", "2024-01-06T12:00:00");
        let pace = Pace { first: 1, most: 4 };
        let check = |order: Order, expected: [(&str, &str); 4]| {
            let expected = expected.map(|(first, last)| (day(first), day(last)));
            assert_eq!(batches(window, &[2022, 2023, 2024], order, pace), expected);
        };
        check(
            Order::Oldest,
            [
                ("2023-12-30", "2023-12-30"),
                ("2023-12-31", "2024-01-01"),
                ("2024-01-02", "2024-01-05"),
                ("2024-01-06", "2024-01-06"),
            ],
        );
        check(
            Order::Newest,
            [
                ("2024-01-06", "2024-01-06"),
                ("2024-01-04", "2024-01-05"),
                ("2023-12-31", "2024-01-03"),
                ("2023-12-30", "2023-12-30"),
            ],
        );
    }

    #[test]
    fn years_without_events_are_passed_over() {
        let pace = Pace {
            first: 400,
            most: 800,
        };
        let years = [1970, 2020];
        let expected = [("1970-01-01", "1970-12-31"), ("2020-01-01", "2020-12-31")];
        let expected = expected.map(|(first, last)| (day(first), day(last)));
        assert_eq!(batches(Window::ALL, &years, Order::Oldest, pace), expected);
        assert_eq!(batches(Window::ALL, &[], Order::Newest, pace), []);
        let early = window("1970-01-01", "1970-01-02");
        assert_eq!(batches(early, &years, Order::Newest, pace).len(), 1);
    }

    #[test]
    fn quarters_know_their_hours_and_their_ends() {
        let mut set = QuarterSet::default();
        set.insert(95);
        set.insert(3);
        assert!(set.contains(3) && !set.contains(4) && set.has_hour(0) && set.has_hour(23));
        assert!(!set.has_hour(1));
        let last = quarter_of(day("2024-02-29"), 95);
        assert_eq!(
            last,
            window("2024-02-29T23:45:00", "2024-02-29T23:59:59.999")
        );
    }

    proptest! {
        #[test]
        fn batches_cover_each_day_once(
            from in 0..4000_u32, length in 0..2000_u32, first in 1..50_u32, most in 1..500_u32,
        ) {
            let days = |number| Day::from_number(number).unwrap();
            let window = Window::new(days(from).start(), days(from + length).end()).unwrap();
            let years: Vec<u16> = (1970..1990).collect();
            for order in [Order::Oldest, Order::Newest] {
                let batches = batches(window, &years, order, Pace { first, most });
                let mut seen: Vec<u32> = Vec::new();
                for (first, last) in &batches {
                    prop_assert!(last.number() - first.number() < most);
                    seen.extend(first.number()..=last.number());
                }
                seen.sort_unstable();
                prop_assert_eq!(seen, (from..=from + length).collect::<Vec<_>>());
            }
        }
    }
}
