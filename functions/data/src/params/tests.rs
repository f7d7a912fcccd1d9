use axum::body::to_bytes;
use axum::response::IntoResponse as _;
use futures::FutureExt as _;
use utoipa::IntoParams as _;

use super::*;
use crate::period::written;

fn now() -> Timestamp {
    Timestamp::parse("2013-11-06T13:45:00Z").unwrap()
}

fn ask(query: &str) -> Result<Question, Refusal> {
    Parameters::read(Some(query))?.question(now())
}

fn accept(query: &str) -> Question {
    ask(query).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"))
}

/// The message of a refusal with 400.
fn refuse(query: &str) -> String {
    let response = ask(query).expect_err(query).into_response();
    assert_eq!(response.status().as_u16(), 400, "{query}");
    let body = to_bytes(response.into_body(), 10_000).now_or_never();
    let body: serde_json::Value = serde_json::from_slice(&body.unwrap().unwrap()).unwrap();
    assert_eq!(body["status"], "error");
    body["message"].as_str().unwrap().to_owned()
}

fn grouping(query: &str) -> Grouping {
    match accept(query).shape {
        Shape::Groups(grouping) => grouping,
        Shape::Records(listing) => panic!("{query}: {listing:?}"),
    }
}

fn check_refused(query: &str, message: &str) {
    let said = refuse(query);
    assert!(said.starts_with(message), "{query}: {said}");
}

#[test]
fn every_parameter_that_is_read_is_described() {
    let described = ReadParameters::into_params(|| None);
    let mut described: Vec<_> = described.into_iter().map(|known| known.name).collect();
    let mut known = KNOWN.to_vec();
    described.sort();
    known.sort_unstable();
    assert_eq!(described, known);
}

#[test]
fn a_parameter_that_nobody_knows_is_named_with_those_that_there_are() {
    let said = refuse("start_at=2013-01-01T00:00:00Z&strat_at=x");
    assert!(
        said.starts_with("An unrecognised parameter was provided: \"strat_at\""),
        "{said}"
    );
    for name in KNOWN {
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn a_time_has_seconds_and_an_offset() {
    for text in [
        "2013-03-11T00:00:00Z",
        "2013-03-11T01:30:00%2B01:30",
        "2013-03-10T18:00:00-0600",
    ] {
        let question = accept(&format!("start_at={text}"));
        let start = written(question.span.start.unwrap());
        assert_eq!(start, "2013-03-11T00:00:00+00:00", "{text}");
    }
    for text in [
        "",
        "2013-03-11",
        "2013-03-11T00:00:00",
        "2013-03-11T00:00Z",
        "2013-03-11T00:00:00+00:00",
        "2013-02-30T00:00:00Z",
        "2013-03-11T25:00:00Z",
        "1362960000",
        "é013-03-11T00:00:00Z",
    ] {
        let query = format!("end_at={text}");
        check_refused(&query, "end_at is not a valid datetime");
    }
    let far = accept("start_at=1900-01-01T00:00:00Z&end_at=9999-12-31T23:59:59-01:00");
    assert_eq!(far.span.start, Some(0));
    assert_eq!(far.span.end, Some(Timestamp::MAX.as_millis()));
}

#[test]
fn the_end_is_in_the_span_only_if_that_is_said() {
    let end = |query: &str| accept(query).span.end.unwrap() - Timestamp::MIN.as_millis();
    let at = "end_at=1970-01-01T00:00:01Z";
    assert_eq!(end(at), 1_000);
    assert_eq!(end(&format!("{at}&inclusive=false")), 1_000);
    assert_eq!(end(&format!("{at}&inclusive=true")), 1_001);
    check_refused(
        &format!("{at}&inclusive=1"),
        "inclusive must be true or false",
    );
}

fn range(query: &str) -> (String, String, usize, Moves) {
    let periods = grouping(query).periods.unwrap();
    let (first, end) = (written(periods.first), written(periods.end));
    let date = |text: String| text.strip_suffix(":00+00:00").unwrap().to_owned();
    (
        date(first),
        date(end),
        periods.iter().count(),
        periods.moves,
    )
}

#[test]
fn a_duration_counts_from_the_one_end_that_is_given_or_back_from_now() {
    let check = |query: &str, first: &str, end: &str, count: usize, moves: Moves| {
        let expected = (first.to_owned(), end.to_owned(), count, moves);
        assert_eq!(range(query), expected, "{query}");
    };
    check(
        "period=day&duration=2&start_at=2012-12-12T01:01:02Z",
        "2012-12-12T00:00",
        "2012-12-14T00:00",
        2,
        Moves::Later,
    );
    check(
        "period=week&duration=2&end_at=2012-12-14T01:01:02Z",
        "2012-11-26T00:00",
        "2012-12-10T00:00",
        2,
        Moves::Earlier,
    );
    check(
        "period=month&duration=12",
        "2012-11-01T00:00",
        "2013-11-01T00:00",
        12,
        Moves::Earlier,
    );
    check(
        "period=hour&duration=1",
        "2013-11-06T12:00",
        "2013-11-06T13:00",
        1,
        Moves::Earlier,
    );
}

#[test]
fn both_ends_give_every_period_that_they_touch() {
    let check = |ends: (&str, &str), more: &str, expected: (&str, &str, usize)| {
        let query = format!("period=day&start_at={}&end_at={}{more}", ends.0, ends.1);
        let (first, end, count, moves) = range(&query);
        assert_eq!((first.as_str(), end.as_str(), count), expected, "{query}");
        assert_eq!(moves, Moves::Never);
    };
    let (start, end) = ("2013-01-01T12:00:00Z", "2013-01-03T00:00:00Z");
    check(
        (start, end),
        "",
        ("2013-01-01T00:00", "2013-01-03T00:00", 2),
    );
    check(
        (start, end),
        "&inclusive=true",
        ("2013-01-01T00:00", "2013-01-04T00:00", 3),
    );
    let late = "2013-01-03T00:00:01Z";
    check(
        (start, late),
        "",
        ("2013-01-01T00:00", "2013-01-04T00:00", 3),
    );
    assert_eq!(
        range(&format!("period=year&start_at={late}&end_at={start}")).2,
        1
    );
    assert_eq!(
        range(&format!("period=day&start_at={late}&end_at={start}")).2,
        0
    );
}

#[test]
fn times_that_do_not_fit_together_are_refused() {
    let (start, end) = (
        "start_at=2013-01-01T00:00:00Z",
        "end_at=2013-02-01T00:00:00Z",
    );
    check_refused(
        &format!("{start}&{end}&period=day&duration=3"),
        "Absolute and relative time cannot be requested at the same time",
    );
    check_refused("duration=3", "If 'duration' is requested");
    for one in ["", start, end] {
        check_refused(
            &format!("period=day&{one}"),
            "both 'start_at' and 'end_at' are required for a period query",
        );
    }
    for number in ["0", "-1", "x", "1.5", ""] {
        let query = format!("period=day&duration={number}");
        check_refused(&query, "duration must be a positive integer");
        let query = format!("limit={number}");
        check_refused(&query, "limit must be a positive integer");
    }
    check_refused(
        "period=fortnight&duration=1",
        "'period' must be one of hour, day, week, month, quarter, year",
    );
    check_refused(
        "period=hour&duration=10001",
        "a query has at most 10000 periods",
    );
    check_refused(
        "period=year&duration=99999999999999999999",
        "duration must be",
    );
    assert!(grouping("period=hour&duration=10000").periods.is_some());
}

#[test]
fn a_filter_has_a_field_and_a_value() {
    assert!(!accept("filter_by=aa:b:c&filter_by=bb:").filter.is_empty());
    assert!(!accept("filter_by_prefix=aa:b").filter.is_empty());
    check_refused(
        "filter_by=bar",
        "filter_by must be a field name and value separated by a colon (:)",
    );
    check_refused(
        "filter_by_prefix=bar",
        "filter_by_prefix must be a field name",
    );
    for bad in ["filter_by=$foo:1", "filter_by=a-b:1", "filter_by_prefix=:1"] {
        check_refused(bad, "Cannot filter by an invalid field name");
    }
    check_refused(
        "filter_by=aa:b&filter_by_prefix=bb:c",
        "filter_by and filter_by_prefix cannot be used together",
    );
}

#[test]
fn groups_are_made_of_fields_that_records_have() {
    let keys = grouping("group_by=foo&group_by=Bar_2").keys;
    assert_eq!(keys, [("foo".to_owned(), 0), ("Bar_2".to_owned(), 1)]);
    check_refused("group_by=a", "Cannot group by an invalid field name");
    check_refused("group_by=", "Cannot group by an invalid field name");
    check_refused(
        "group_by=_timestamp",
        "Cannot group by internal fields, internal fields start with an underscore",
    );
    check_refused(
        "group_by=foo&group_by=foo",
        "Cannot group by the same field twice",
    );
}

#[test]
fn what_is_collected_is_gathered_once() {
    let query = "group_by=foo&collect=bar&collect=bar:set&collect=bar:sum&collect=bar:mean";
    let grouping = grouping(query);
    let names: Vec<_> = grouping
        .collects
        .iter()
        .map(|collect| (collect.name.as_str(), collect.is_bare, collect.place))
        .collect();
    let expected = [
        ("bar:set", true, 0),
        ("bar:sum", false, 1),
        ("bar:mean", false, 1),
    ];
    assert_eq!(names, expected);
    assert_eq!(grouping.gathered, [(1, Method::Set), (1, Method::Sum)]);
}

#[test]
fn what_cannot_be_collected_is_refused() {
    check_refused("collect=foo", "collect can be used only with either");
    let check = |collect: &str, message: &str| {
        check_refused(&format!("group_by=foo&collect={collect}"), message);
    };
    check("bar:median", "Unknown collection method");
    check("bar:sum:sum", "Unknown collection method");
    check("$bar", "Cannot collect an invalid field name");
    check("_id", "Cannot collect internal fields");
    check("foo", "Cannot collect by a field that is used for group_by");
    check(
        "foo:sum",
        "Cannot collect by a field that is used for group_by",
    );
}

#[test]
fn records_are_sorted_by_any_field() {
    let order = |query: &str| match accept(query).shape {
        Shape::Records(listing) => listing.order,
        Shape::Groups(grouping) => panic!("{grouping:?}"),
    };
    assert_eq!(order(""), Order::Time(Direction::Ascending));
    assert_eq!(
        order("sort_by=_timestamp:descending"),
        Order::Time(Direction::Descending)
    );
    assert_eq!(
        order("sort_by=foo:ascending"),
        Order::Field(0, Direction::Ascending)
    );
    check_refused("sort_by=lulz", "sort_by must be a field name");
    check_refused("sort_by=foo:random", "Unrecognised sort direction");
    check_refused(
        "sort_by=fo-o:ascending",
        "Cannot sort by an invalid field name",
    );
}

#[test]
fn groups_are_sorted_by_what_they_show() {
    let sort = |name: &str| {
        let query = format!(
            "group_by=foo&group_by=bar&collect=baz&collect=qux:sum&period=day&duration=1&\
             sort_by={name}:descending"
        );
        grouping(&query).sort.unwrap()
    };
    let check = |name: &str, by: SortBy| assert_eq!(sort(name), (by, Direction::Descending));
    check("bar", SortBy::Key(1));
    check("_count", SortBy::Count);
    check("_group_count", SortBy::GroupCount);
    check("baz", SortBy::Collect(0));
    check("baz:set", SortBy::Collect(0));
    check("qux:sum", SortBy::Collect(1));
    check_refused("group_by=foo&sort_by=qux:ascending", "Invalid sort key");
    check_refused(
        "group_by=foo&sort_by=_group_count:ascending",
        "Invalid sort key",
    );
    check_refused(
        "period=day&duration=1&sort_by=_count:ascending",
        "Cannot sort for period queries without group_by.",
    );
    check_refused(
        "period=day&duration=1&limit=1",
        "A period query can only be limited",
    );
}

#[test]
fn what_may_be_given_once_is_not_given_twice() {
    for name in [
        "start_at",
        "end_at",
        "duration",
        "period",
        "sort_by",
        "limit",
        "inclusive",
        "flatten",
        "format",
        "cursor",
    ] {
        let query = format!("{name}=1&{name}=1&limit=1");
        let said = refuse(&query);
        assert!(said.ends_with(" may be given only once"), "{said}");
    }
}

#[test]
fn a_cursor_goes_with_pages_of_records() {
    let query = "limit=2&filter_by=aa:x%26y&cursor=1.a%3D";
    let Shape::Records(listing) = accept(query).shape else {
        panic!()
    };
    let place = Place {
        at: Some(1),
        id: "a=".to_owned(),
    };
    assert_eq!(listing.after, Some(place.clone()));
    let parameters = Parameters::read(Some(query)).unwrap();
    let next = parameters.with_cursor(&place);
    assert_eq!(next, "limit=2&filter_by=aa%3Ax%26y&cursor=1.a%3D");
    check_refused("cursor=1.a", "cursor goes with limit");
    check_refused(
        "cursor=1.a&limit=1&sort_by=aa:ascending",
        "cursor goes with limit",
    );
    check_refused("cursor=1.a&limit=1&group_by=aa", "cursor goes with records");
    check_refused("cursor=what&limit=1", "cursor is not one that a Link had");
}

#[test]
fn an_answer_has_a_form() {
    assert_eq!(accept("format=csv").form, Form::Csv);
    assert_eq!(accept("format=json").form, Form::Json);
    assert_eq!(accept("").form, Form::Json);
    check_refused("format=xml", "format must be json or csv");
}

#[test]
fn spans_that_single_people_out_are_refused_where_they_are_not_allowed() {
    let check = |query: &str, message: Option<&str>| {
        let checked = accept(query).check_is_coarse();
        let said = checked.err().map(|refusal| format!("{refusal:?}"));
        match (&said, message) {
            (Some(said), Some(message)) => assert!(said.contains(message), "{query}: {said}"),
            _ => assert_eq!(said.as_deref(), message, "{query}"),
        }
    };
    let span =
        |start: &str, end: &str| format!("start_at={start}T00:00:00Z&end_at={end}T00:00:00Z");
    let raw = Some("querying for raw data is not allowed");
    check("", raw);
    check(&span("2013-01-01", "2014-01-01"), raw);
    check("group_by=foo", None);
    let short = Some("The minimum time span for a query is 7 days");
    let week = span("2013-04-01", "2013-04-08");
    check(&format!("group_by=foo&{week}"), None);
    check(
        &format!("group_by=foo&{}", span("2013-04-01", "2013-04-07")),
        short,
    );
    check("period=day&duration=6", short);
    check("period=day&duration=7", None);
    check(&format!("period=week&{week}"), None);
    check(
        &format!("period=week&{}", span("2013-03-31", "2013-04-08")),
        Some("start_at must be a monday"),
    );
    check(
        &format!("period=week&{}", span("2013-04-01", "2013-04-09")),
        Some("end_at must be a monday"),
    );
    check(
        &format!("period=month&{}", span("2013-04-01", "2013-05-02")),
        Some("'end_at' must be the first of the month for period=month queries"),
    );
    check(
        "group_by=foo&start_at=2013-04-01T00:00:01Z&end_at=2013-05-01T00:00:00Z",
        Some("start_at must be midnight"),
    );
    check(
        "group_by=foo&start_at=2013-04-01T01:00:00%2B01:00&end_at=2013-05-01T00:00:00Z",
        None,
    );
    check(
        "group_by=foo&end_at=2013-04-01T00:00:01Z",
        Some("end_at must be midnight"),
    );
}
