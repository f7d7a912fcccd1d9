use super::*;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, Zoned};
use proptest::prelude::*;
use proptest::sample::select;

/// Zones with whole hours, quarters, half-hour summer time, skipped and repeated days, changes at
/// midnight, at 00:01 and around Ramadan, and seconds in their offset.
const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Asia/Tehran",
    "America/Sao_Paulo",
    "Pacific/Kwajalein",
    "Antarctica/Troll",
    "Asia/Gaza",
];

/// 2100-01-01.
const END_MS: i64 = 4_102_444_800_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::clamped(millis)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn buckets(granularity: Granularity, zone: &str) -> Buckets {
    Buckets::new(granularity, Zone::parse(zone).expect("a zone"))
}

/// What `jiff` says of one zone; it knows nothing of pieces and spans.
struct Oracle {
    granularity: Granularity,
    zone: TimeZone,
}

impl Oracle {
    fn new(granularity: Granularity, zone: &str) -> Self {
        Self {
            granularity,
            zone: TimeZone::get(zone).expect("a zone"),
        }
    }

    fn local(&self, time: Timestamp) -> Zoned {
        let instant = Instant::from_millisecond(time.as_millis()).expect("before 9999-12-31");
        instant.to_zoned(self.zone.clone())
    }

    /// The parts of the local label. They ascend as labels do.
    fn label(&self, time: Timestamp) -> Vec<i64> {
        let local = self.local(time);
        let date = [
            local.year().into(),
            local.month().into(),
            local.day().into(),
        ];
        let offset = -i64::from(local.offset().seconds());
        let (hour, minute) = (local.hour().into(), local.minute().into());
        match self.granularity {
            Granularity::None => vec![time.as_millis()],
            Granularity::Minute => [&date[..], &[hour, minute, offset]].concat(),
            Granularity::Hour => [&date[..], &[hour, offset]].concat(),
            Granularity::Day => date.to_vec(),
            Granularity::Week => {
                let week = local.date().iso_week_date();
                vec![week.year().into(), week.week().into()]
            }
            Granularity::Month => date[..2].to_vec(),
            Granularity::Year => date[..1].to_vec(),
        }
    }

    /// Instants between two, among them all at which the offset changes and those just before.
    fn instants(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let instant = Instant::from_millisecond(from.as_millis()).expect("before 9999-12-31");
        let changes = self
            .zone
            .following(instant)
            .map(|change| change.timestamp().as_millisecond())
            .take_while(|change| *change <= to.as_millis())
            .flat_map(|change| [at(change - 1), at(change)]);
        [from, to]
            .into_iter()
            .chain(changes)
            .filter(|time| *time <= to)
            .collect()
    }

    /// Whether all instants have one label. Between changes of the offset labels ascend, so it
    /// is enough to look at the ends of those stretches.
    fn is_whole(&self, from: Timestamp, to: Timestamp) -> bool {
        let label = self.label(from);
        self.instants(from, to)
            .into_iter()
            .all(|time| self.label(time) == label)
    }
}

/// Random instants, half of them around a change of the zone's offset.
fn zone_and_instant() -> impl Strategy<Value = (&'static str, i64)> {
    (
        select(&ZONES[..]),
        0..END_MS,
        any::<bool>(),
        -180_000_000..180_000_000_i64,
        0..4_u32,
    )
        .prop_map(|(zone, millis, near, distance, scale)| {
            let change = TimeZone::get(zone)
                .expect("a zone")
                .following(Instant::from_millisecond(millis).expect("in range"))
                .next()
                .map(|change| change.timestamp().as_millisecond());
            let millis = match change {
                Some(change) if near => change + distance / 100_i64.pow(scale),
                _ => millis,
            };
            (zone, millis.clamp(0, END_MS))
        })
}

fn granularity() -> impl Strategy<Value = Granularity> {
    select(&Granularity::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn keys_are_equal_exactly_where_labels_are(
        granularity in granularity(),
        (zone, millis) in zone_and_instant(),
        distances in proptest::collection::vec((-100_000_000..100_000_000_i64, 0..4_u32), 1..12),
    ) {
        let oracle = Oracle::new(granularity, zone);
        let mut buckets = buckets(granularity, zone);
        let (from, label) = (at(millis), oracle.label(at(millis)));
        for (distance, scale) in distances {
            let other = at(millis + distance / 30_i64.pow(scale));
            let same = oracle.label(other) == label;
            prop_assert_eq!(buckets.key(from) == buckets.key(other), same, "{} {} {}", zone, from, other);
            if granularity.is_local() {
                let order = oracle.label(other).cmp(&label);
                prop_assert_eq!(buckets.key(other).cmp(&buckets.key(from)), order);
            } else if !same {
                prop_assert_eq!(buckets.key(other).cmp(&buckets.key(from)), other.cmp(&from));
            }
        }
    }

    #[test]
    fn a_range_is_whole_exactly_if_all_its_instants_have_one_label(
        granularity in granularity(),
        (zone, millis) in zone_and_instant(),
        length in 0..40_000_000_i64,
        scale in 0..5_u32,
        on_quarters in any::<bool>(),
    ) {
        // Up to fifteen months, down to milliseconds.
        let length = length * 1_000 / 40_i64.pow(scale);
        let (mut from, mut to) = (millis, (millis + length).min(END_MS));
        if on_quarters {
            from = from / 900_000 * 900_000;
            to = to / 900_000 * 900_000 + 899_999;
        }
        let (from, to) = (at(from), at(to));
        let mut buckets = buckets(granularity, zone);
        let expected = Oracle::new(granularity, zone).is_whole(from, to).then(|| buckets.key(from));
        prop_assert_eq!(buckets.whole(from, to), expected, "{} {} {} {}", granularity, zone, from, to);
    }

    #[test]
    fn a_bucket_starts_with_the_first_instant_of_its_label(
        granularity in granularity(),
        (zone, millis) in zone_and_instant(),
    ) {
        let oracle = Oracle::new(granularity, zone);
        let mut buckets = buckets(granularity, zone);
        let time = at(millis);
        let label = oracle.label(time);
        let start = buckets.start(time);
        prop_assert!(start <= time);
        prop_assert_eq!(oracle.label(start), label.clone());
        // No instant of the three days before has the label.
        let days_before = at(start.as_millis() - 3 * DAY_MS);
        let mut before = oracle.instants(days_before, start);
        before.extend((0..600).map(|n| at(start.as_millis() - 1 - n * 450_000)));
        for other in before.into_iter().filter(|other| *other < start) {
            prop_assert_ne!(oracle.label(other), label.clone(), "{} {} {}", zone, start, other);
        }
    }

    #[test]
    fn the_next_bucket_starts_where_the_first_later_label_does(
        granularity in granularity(),
        (zone, millis) in zone_and_instant(),
    ) {
        let oracle = Oracle::new(granularity, zone);
        let mut buckets = buckets(granularity, zone);
        let time = at(millis);
        let label = oracle.label(time);
        let next = buckets.next_start(time).expect("before 9999");
        prop_assert!(next > time || granularity.is_local());
        prop_assert_eq!(buckets.start(next), next);
        prop_assert_ne!(oracle.label(next), label.clone());
        if granularity.is_local() {
            prop_assert!(oracle.label(next) > label);
            let start = buckets.start(time);
            let between = oracle.instants(start, at(next.as_millis() - 1));
            prop_assert!(between.into_iter().all(|other| oracle.label(other) <= label));
        } else {
            prop_assert!(oracle.is_whole(time, at(next.as_millis() - 1)));
        }
    }
}

/// The starts of buckets from one instant until another.
fn starts(granularity: Granularity, zone: &str, from: &str, until: &str) -> Vec<String> {
    let mut buckets = buckets(granularity, zone);
    let first = buckets.start(time(from));
    std::iter::successors(Some(first), |start| buckets.next_start(*start))
        .take_while(|start| *start < time(until))
        .map(|start| start.to_string())
        .collect()
}

#[test]
fn a_year_of_berlin_has_365_days_52_weeks_and_12_months() {
    let count = |granularity| {
        starts(
            granularity,
            "Europe/Berlin",
            "2023-01-01T23:00:00Z",
            "2023-12-31T23:00:00Z",
        )
        .len()
    };
    assert_eq!(count(Granularity::Day), 364);
    assert_eq!(count(Granularity::Week), 52);
    assert_eq!(count(Granularity::Month), 12);
    assert_eq!(count(Granularity::Year), 1);
    assert_eq!(count(Granularity::Hour), 364 * 24);
}

#[test]
fn the_day_on_which_clocks_go_back_has_25_hours() {
    let mut buckets = buckets(Granularity::Day, "Europe/Berlin");
    let (first, last) = (
        time("2023-10-28T22:00:00Z"),
        time("2023-10-29T22:59:59.999Z"),
    );
    assert_eq!(buckets.whole(first, last), Some(buckets.key(first)));
    assert_eq!(buckets.start(last), first);
    assert_eq!(
        buckets.next_start(first),
        Some(time("2023-10-29T23:00:00Z"))
    );
}

#[test]
fn an_hour_that_comes_twice_makes_two_buckets() {
    let mut buckets = buckets(Granularity::Hour, "Europe/Berlin");
    let (first, second) = (time("2023-10-29T00:30:00Z"), time("2023-10-29T01:30:00Z"));
    assert!(buckets.key(first) < buckets.key(second));
    assert_eq!(buckets.whole(first, second), None);
    assert_eq!(buckets.start(second), time("2023-10-29T01:00:00Z"));
}

#[test]
fn half_an_hour_of_lord_howe_is_a_bucket_of_its_own() {
    // On 2023-04-02 clocks went from 02:00 (+11) back to 01:30 (+10:30).
    let hours = starts(
        Granularity::Hour,
        "Australia/Lord_Howe",
        "2023-04-01T14:00:00Z",
        "2023-04-01T16:30:00Z",
    );
    assert_eq!(
        hours,
        [
            "2023-04-01T14:00:00Z",
            "2023-04-01T15:00:00Z",
            "2023-04-01T15:30:00Z"
        ]
    );
}

#[test]
fn apia_had_no_30_december_2011() {
    let days = starts(
        Granularity::Day,
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        "2012-01-01T10:00:01Z",
    );
    assert_eq!(
        days,
        [
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z",
            "2012-01-01T10:00:00Z"
        ]
    );
}

#[test]
fn a_day_of_st_johns_that_was_left_for_an_hour_is_one_bucket() {
    // On 2006-10-29 clocks went from 00:01 (-2:30) back to 23:01 (-3:30) of the day before.
    let mut buckets = buckets(Granularity::Day, "America/St_Johns");
    let (first, gone, again) = (
        time("2006-10-29T02:30:30Z"),
        time("2006-10-29T02:31:00Z"),
        time("2006-10-29T03:30:00Z"),
    );
    assert_eq!(buckets.key(first), buckets.key(again));
    assert!(buckets.key(gone) < buckets.key(first));
    assert_eq!(buckets.start(again), time("2006-10-29T02:30:00Z"));
    assert_eq!(buckets.next_start(gone), Some(time("2006-10-29T02:30:00Z")));
    assert_eq!(
        buckets.next_start(first),
        Some(time("2006-10-30T03:30:00Z"))
    );
    assert_eq!(buckets.whole(first, again), None);
    assert!(
        buckets
            .whole(again, time("2006-10-30T03:29:59.999Z"))
            .is_some()
    );
}

#[test]
fn minutes_of_monrovia_began_at_half_minutes() {
    let mut buckets = buckets(Granularity::Minute, "Africa/Monrovia");
    let (first, last) = (
        time("1971-06-01T00:00:30Z"),
        time("1971-06-01T00:01:29.999Z"),
    );
    assert_eq!(buckets.start(last), first);
    assert!(buckets.whole(first, last).is_some());
    assert_eq!(buckets.whole(time("1971-06-01T00:00:29.999Z"), last), None);
}

#[test]
fn kathmandu_moved_its_days_by_a_quarter_of_an_hour() {
    let days = starts(
        Granularity::Day,
        "Asia/Kathmandu",
        "1985-12-31T00:00:00Z",
        "1986-01-02T12:00:00Z",
    );
    // At midnight of 1986 clocks went from 00:00 to 00:15.
    assert_eq!(
        days,
        [
            "1985-12-30T18:30:00Z",
            "1985-12-31T18:30:00Z",
            "1986-01-01T18:15:00Z"
        ]
    );
}

#[test]
fn a_month_is_whole_although_its_offset_changes() {
    let mut buckets = buckets(Granularity::Month, "Europe/Berlin");
    let day = time("2023-03-26").day();
    assert!(buckets.whole(day.start(), day.end()).is_some());
    assert_eq!(
        buckets.whole(day.start(), time("2023-03-31T22:00:00Z")),
        None
    );
}

#[test]
fn time_has_a_first_and_a_last_bucket() {
    for granularity in Granularity::ALL {
        for zone in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
            let mut buckets = buckets(granularity, zone);
            assert_eq!(buckets.start(Timestamp::MIN), Timestamp::MIN);
            assert_eq!(
                buckets.next_start(Timestamp::MAX),
                None,
                "{granularity} {zone}"
            );
            assert!(buckets.start(Timestamp::MAX) <= Timestamp::MAX);
            assert!(buckets.key(Timestamp::MIN) < buckets.key(Timestamp::MAX));
        }
    }
    let mut new_year = buckets(Granularity::Year, "Pacific/Kiritimati");
    assert_eq!(new_year.start(Timestamp::MAX), time("9999-12-31T10:00:00Z"));
}

#[test]
fn backwards_ranges_are_not_whole() {
    let mut buckets = buckets(Granularity::Year, "UTC");
    assert_eq!(buckets.whole(time("2020-01-02"), time("2020-01-01")), None);
}
