use proptest::prelude::*;

use super::*;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).expect(text)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect(text)
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect(name)
}

/// The first times after one, in a zone.
fn check(text: &str, zone_name: &str, after: &str, expected: &[&str]) {
    let (schedule, zone) = (schedule(text), zone(zone_name));
    let mut now = time(after);
    for due in expected {
        now = schedule.next(now, &zone).expect(text);
        assert_eq!(now, time(due), "{text} in {zone_name}");
    }
}

/// The examples of the EventBridge user guide, "Cron expressions reference".
#[test]
fn the_examples_of_the_documentation_come_when_it_says() {
    let utc = |text, expected: &[&str]| check(text, "UTC", "2026-09-08T09:35:10Z", expected);
    utc(
        "cron(0 10 * * ? *)",
        &["2026-09-08T10:00Z", "2026-09-09T10:00Z"],
    );
    utc(
        "cron(15 12 * * ? *)",
        &["2026-09-08T12:15Z", "2026-09-09T12:15Z"],
    );
    let evenings = [
        "2026-09-08T18:00Z",
        "2026-09-09T18:00Z",
        "2026-09-10T18:00Z",
    ];
    utc("cron(0 18 ? * MON-FRI *)", &evenings);
    check(
        "cron(0 18 ? * MON-FRI *)",
        "UTC",
        "2026-09-11T18:00Z",
        &["2026-09-14T18:00Z"],
    );
    utc(
        "cron(0 8 1 * ? *)",
        &["2026-10-01T08:00Z", "2026-11-01T08:00Z"],
    );
    utc(
        "cron(0/15 * * * ? *)",
        &["2026-09-08T09:45Z", "2026-09-08T10:00Z"],
    );
    utc(
        "cron(0/10 * ? * MON-FRI *)",
        &["2026-09-08T09:40Z", "2026-09-08T09:50Z"],
    );
    check(
        "cron(0/5 8-17 ? * MON-FRI *)",
        "UTC",
        "2026-09-11T17:50Z",
        &["2026-09-11T17:55Z", "2026-09-14T08:00Z"],
    );
    utc(
        "cron(0 9 ? * 2#1 *)",
        &["2026-10-05T09:00Z", "2026-11-02T09:00Z"],
    );
    utc("cron(0 9 ? * 3#2 *)", &["2026-10-13T09:00Z"]);
    // "Every 30 minutes on weekdays between 10 PM and 2 AM": the range goes over midnight.
    check(
        "cron(0/30 20-2 ? * MON-FRI *)",
        "UTC",
        "2026-09-11T22:45Z",
        &[
            "2026-09-11T23:00Z",
            "2026-09-11T23:30Z",
            "2026-09-14T00:00Z",
        ],
    );
    check(
        "cron(0/30 20-2 ? * MON-FRI *)",
        "UTC",
        "2026-09-14T02:00Z",
        &["2026-09-14T02:30Z", "2026-09-14T20:00Z"],
    );
}

/// The examples of the EventBridge Scheduler user guide, "Schedule types".
#[test]
fn the_last_friday_of_each_month_of_two_years() {
    let text = "cron(15 10 ? * 6L 2022-2023)";
    let first = [
        "2022-01-28T10:15Z",
        "2022-02-25T10:15Z",
        "2022-03-25T10:15Z",
    ];
    check(text, "UTC", "2021-06-01", &first);
    let (schedule, utc) = (schedule(text), Zone::utc());
    assert_eq!(schedule.next(time("2023-12-29T10:15Z"), &utc), None);
    let all = std::iter::successors(schedule.next(Timestamp::MIN, &utc), |due| {
        schedule.next(*due, &utc)
    });
    assert_eq!(all.count(), 24);
}

#[test]
fn a_rate_counts_from_what_was_before() {
    let from = "2026-03-07T12:00:00Z";
    check("rate(5 minutes)", "UTC", from, &["2026-03-07T12:05:00Z"]);
    check("rate(1 minute)", "UTC", from, &["2026-03-07T12:01:00Z"]);
    check("rate(2 hours)", "UTC", from, &["2026-03-07T14:00:00Z"]);
    // A day is 24 hours, also when it has only 23 on the clock.
    let five_days = "2026-03-12T12:00:00Z";
    check("rate(5 days)", "America/New_York", from, &[five_days]);
    assert_eq!(
        schedule("rate(7 days)").rate(),
        Some(Duration::from_secs(604_800))
    );
    let forever = schedule("rate(4000000000 days)");
    assert_eq!(forever.next(time(from), &Zone::utc()), None);
}

#[test]
fn a_one_time_schedule_comes_once_in_its_zone() {
    let text = "at(2022-11-20T13:00:00)";
    check(text, "UTC", "2022-01-01", &["2022-11-20T13:00:00Z"]);
    check(text, "Asia/Tokyo", "2022-01-01", &["2022-11-20T04:00:00Z"]);
    let due = time("2022-11-20T13:00:00Z");
    assert_eq!(schedule(text).next(due, &Zone::utc()), None);
}

#[test]
fn a_time_that_clocks_leave_out_is_skipped() {
    // New York, 8 March 2026: 02:00 to 03:00 does not exist.
    let days = ["2026-03-07T07:30Z", "2026-03-09T06:30Z"];
    check(
        "cron(30 2 * * ? *)",
        "America/New_York",
        "2026-03-07",
        &days,
    );
    let half_hours = [
        "2026-03-08T06:30Z",
        "2026-03-08T07:00Z",
        "2026-03-08T07:30Z",
    ];
    let after = "2026-03-08T06:00Z";
    check(
        "cron(0/30 * * * ? *)",
        "America/New_York",
        after,
        &half_hours,
    );
    let never = schedule("at(2026-03-08T02:30:00)");
    assert_eq!(never.next(Timestamp::MIN, &zone("America/New_York")), None);
}

#[test]
fn a_time_that_comes_twice_counts_once() {
    // New York, 1 November 2026: 01:00 to 02:00 comes twice.
    let days = ["2026-11-01T05:30Z", "2026-11-02T06:30Z"];
    check(
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-11-01",
        &days,
    );
    let after_the_first = ["2026-11-01T07:00Z", "2026-11-01T07:30Z"];
    let after = "2026-11-01T05:30Z";
    check(
        "cron(0/30 * * * ? *)",
        "America/New_York",
        after,
        &after_the_first,
    );
    let second = "2026-11-01T06:10Z";
    check(
        "cron(0/30 * * * ? *)",
        "America/New_York",
        second,
        &after_the_first,
    );
}

#[test]
fn zones_with_odd_offsets_and_lost_days_are_no_exception() {
    check(
        "cron(0 9 * * ? *)",
        "Asia/Kathmandu",
        "2026-01-01",
        &["2026-01-01T03:15Z"],
    );
    // Samoa left 30 December 2011 out.
    let days = ["2011-12-29T19:00Z", "2011-12-30T19:00Z"];
    check(
        "cron(0 9 * * ? *)",
        "Pacific/Apia",
        "2011-12-29T18:00Z",
        &days,
    );
    // Clocks of Lord Howe Island go back by half an hour: 01:30 to 02:00 comes twice.
    let island = ["2026-04-04T14:45Z", "2026-04-05T15:15Z"];
    check(
        "cron(45 1 * * ? *)",
        "Australia/Lord_Howe",
        "2026-04-04",
        &island,
    );
}

#[test]
fn a_working_day_is_the_closest_one_of_its_month() {
    let utc = |text, after, expected: &[&str]| check(text, "UTC", after, expected);
    // A Saturday, then a Sunday.
    utc("cron(0 9 12W * ? *)", "2026-09-01", &["2026-09-11T09:00Z"]);
    utc("cron(0 9 13W * ? *)", "2026-09-01", &["2026-09-14T09:00Z"]);
    // The first is a Saturday, the last a Sunday.
    utc("cron(0 9 1W * ? *)", "2026-08-01", &["2026-08-03T09:00Z"]);
    utc(
        "cron(0 9 31W * ? *)",
        "2026-05-01",
        &["2026-05-29T09:00Z", "2026-07-31T09:00Z"],
    );
    utc(
        "cron(0 9 LW * ? *)",
        "2026-02-01",
        &["2026-02-27T09:00Z", "2026-03-31T09:00Z"],
    );
    utc(
        "cron(0 9 1,15W * ? *)",
        "2026-08-01T10:00Z",
        &["2026-08-14T09:00Z"],
    );
}

#[test]
fn last_days_and_leap_days_are_found() {
    let utc = |text, after, expected: &[&str]| check(text, "UTC", after, expected);
    utc(
        "cron(0 0 L * ? *)",
        "2028-02-01",
        &["2028-02-29T00:00Z", "2028-03-31T00:00Z"],
    );
    utc(
        "cron(0 12 29 FEB ? *)",
        "2026-01-01",
        &["2028-02-29T12:00Z"],
    );
    utc("cron(0 12 ? * L *)", "2026-09-08", &["2026-09-12T12:00Z"]);
    utc("cron(0 12 ? * 7L *)", "2026-09-08", &["2026-09-26T12:00Z"]);
    utc(
        "cron(0 12 ? * FRI#5 *)",
        "2026-09-08",
        &["2026-10-30T12:00Z"],
    );
    let never = schedule("cron(0 0 30 2 ? *)");
    assert_eq!(never.next(Timestamp::MIN, &Zone::utc()), None);
    assert_eq!(
        schedule("cron(0 0 1 1 ? 2199)").next(Timestamp::MAX, &Zone::utc()),
        None
    );
    utc(
        "cron(0 0 1 1 ? 1970,2199)",
        "1970-01-01T00:00Z",
        &["2199-01-01T00:00Z"],
    );
}

#[test]
fn what_is_no_schedule_is_told_why() {
    let check = |text: &str, why: &str| {
        let error = Schedule::parse(text).expect_err(text).to_string();
        assert!(
            error.contains(why) && error.contains("is not a schedule"),
            "{error}"
        );
    };
    for text in [
        "",
        "5 minutes",
        "rate 5 minutes",
        "every(5 minutes)",
        "cron(0 10 * * ? *",
    ] {
        check(text, "write rate(5 minutes), cron(0 10 * * ? *) or at(");
    }
    check("rate(0 minutes)", "number \"0\"");
    check("rate(1.5 hours)", "number \"1.5\"");
    check("rate(5 weeks)", "unit \"weeks\"");
    check("rate(5)", "a rate is a positive number");
    check("cron(0 10 * * ?)", "cron has six fields, not 5");
    check("cron(0 10 * * * *)", "one must be ?");
    check("cron(0 10 1 * 2 *)", "one must be ?");
    check("cron(0 10 ? * ? *)", "both ?");
    check("cron(? 10 * * ? *)", "minutes \"?\" is not 0 to 59");
    check("cron(0 10 L-3 * ? *)", "day-of-month \"L\" is not 1 to 31");
    check(
        "cron(0 10 ? * 3#1,6#3 *)",
        "it is one weekday and a number from 1 to 5",
    );
    check("cron(0 10 ? * 3#6 *)", "a number from 1 to 5");
    check("cron(0 10 * * ? 1969)", "year \"1969\" is not 1970 to 2199");
    check("at(2027-01-01)", "at(yyyy-mm-ddThh:mm:ss)");
    check("at(2027-02-30T00:00:00)", "at(yyyy-mm-ddThh:mm:ss)");
    check("at(2027-01-01T00:00:00Z)", "at(yyyy-mm-ddThh:mm:ss)");
}

#[test]
fn an_expression_is_kept_as_it_was_written() {
    let schedule = schedule(" cron(0  10 * * ? *) ");
    assert_eq!(schedule.to_string(), "cron(0  10 * * ? *)");
}

const MINUTE_MS: i64 = 60_000;

/// Whether a minute is named, by nothing but the wall clock of its zone.
fn is_named(fields: &[&str], at: jiff::Zoned) -> bool {
    let numbered = |field: &str, value: i64| match field {
        "*" | "?" => true,
        _ => field.split(',').any(|item| match item.split_once('/') {
            Some((from, step)) => {
                let (from, step): (i64, i64) = (from.parse().unwrap(), step.parse().unwrap());
                value >= from && (value - from) % step == 0
            }
            None => item.parse() == Ok(value),
        }),
    };
    let weekday = i64::from(at.weekday().to_sunday_one_offset());
    at.second() == 0
        && numbered(fields[0], at.minute().into())
        && numbered(fields[1], at.hour().into())
        && numbered(fields[2], at.day().into())
        && numbered(fields[3], at.month().into())
        && numbered(fields[4], weekday)
        && numbered(fields[5], at.year().into())
}

/// Whether this minute's local time came before, an offset ago.
fn is_second_coming(at: &jiff::Zoned) -> bool {
    let earlier = at.time_zone().to_ambiguous_zoned(at.datetime());
    earlier.compatible().expect("a time").timestamp() < at.timestamp()
}

fn field(values: std::ops::Range<u8>) -> impl Strategy<Value = String> {
    let one = values.clone().prop_map(|value| value.to_string());
    let two = (values.clone(), values.clone()).prop_map(|(a, b)| format!("{a},{b}"));
    let stepped = (values.clone(), 1_u8..20).prop_map(|(from, step)| format!("{from}/{step}"));
    prop_oneof![Just("*".to_owned()), one, two, stepped]
}

fn plain(values: std::ops::Range<u8>) -> impl Strategy<Value = String> {
    let one = values.clone().prop_map(|value| value.to_string());
    let two = (values.clone(), values).prop_map(|(a, b)| format!("{a},{b}"));
    prop_oneof![Just("*".to_owned()), one, two]
}

fn fields() -> impl Strategy<Value = [String; 6]> {
    let none = || Just("?".to_owned());
    let days = prop_oneof![(field(1..32), none()), (none(), plain(1..8))];
    (field(0..60), field(0..24), days, field(1..13)).prop_map(
        |(minutes, hours, (of_month, of_week), month)| {
            [minutes, hours, of_month, month, of_week, "*".to_owned()]
        },
    )
}

proptest! {
    /// Minute by minute until the first one that is named; a fortnight around a change of clocks.
    #[test]
    fn the_next_time_is_the_first_minute_that_the_fields_name(
        fields in fields(),
        zone_name in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
        ]),
        start in prop::sample::select(vec!["2026-03-01", "2026-03-26", "2026-04-01", "2026-10-22"]),
        minutes in 0_i64..14 * 24 * 60,
        seconds in 0_i64..60,
    ) {
        let schedule = schedule(&format!("cron({})", fields.join(" ")));
        let words: Vec<&str> = fields.iter().map(String::as_str).collect();
        let zone = zone(zone_name);
        let after_ms = time(start).as_millis() + minutes * MINUTE_MS + seconds * 1000;
        let after = Timestamp::from_millis(after_ms).expect("a time");
        let due = schedule.next(after, &zone).map(Timestamp::as_millis);
        prop_assert!(due.is_none_or(|due| due > after_ms));

        let first_ms = (after_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
        let in_zone = jiff::tz::TimeZone::get(zone_name).expect("a zone");
        let expected = (0..7 * 24 * 60).map(|minute| first_ms + minute * MINUTE_MS).find(|ms| {
            let at = jiff::Timestamp::from_millisecond(*ms).expect("a time");
            let at = at.to_zoned(in_zone.clone());
            !is_second_coming(&at) && is_named(&words, at)
        });
        match expected {
            Some(expected) => prop_assert_eq!(due, Some(expected)),
            None => prop_assert!(due.is_none_or(|due| due >= first_ms + 7 * 24 * 60 * MINUTE_MS)),
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(cron|rate|at)?\\(?[0-9A-Z*?,/#LW -]{0,30}\\)?") {
        let _ = Schedule::parse(&text);
    }
}
