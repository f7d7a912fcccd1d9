//! What Pendo must do for the tests of collectors to mean something.

mod served;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::answer::Answer;
use crate::front::Vendor as _;
use crate::reply::Reply;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn request(method: &str, path: &str, body: &Value) -> Recorded {
    Recorded {
        method: method.into(),
        path: path.into(),
        headers: BTreeMap::from([("x-pendo-integration-key".into(), KEY.into())]),
        body: body.to_string(),
        ..Recorded::default()
    }
}

fn body(pipeline: &Value) -> Value {
    json!({
        "response": {"mimeType": "application/json"},
        "request": {"name": "all", "requestId": "all", "pipeline": pipeline},
    })
}

fn aggregation(pipeline: &Value) -> Recorded {
    request("POST", "/api/v1/aggregation", &body(pipeline))
}

fn history(id: &str, start: i64) -> Recorded {
    let path = format!("/api/v1/visitor/{id}/history");
    let mut request = request("GET", &path, &Value::Null);
    request.query.insert("starttime".into(), start.to_string());
    request
}

/// A status and a body, with half a character as what stands for it.
fn said(reply: Reply) -> (u16, Value) {
    let text = reply.text.whole().replace(r"\ud83d", "\u{fffd}");
    (
        reply.status,
        serde_json::from_str(&text).expect("it is JSON"),
    )
}

fn results(books: &Books, pipeline: &Value) -> Vec<Value> {
    let (status, mut body) = said(books.answer(&aggregation(pipeline)));
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(body["results"].take()).expect("a list")
}

fn refusal(books: &Books, pipeline: &Value) -> String {
    let (status, body) = said(books.answer(&aggregation(pipeline)));
    assert_eq!(status, 400, "{body}");
    body["message"].as_str().expect("a text").to_owned()
}

fn names(rows: &[Value], field: &str) -> Vec<String> {
    let each = rows.iter().map(|row| row[field].as_str().unwrap_or("-"));
    each.map(str::to_owned).collect()
}

fn features() -> Value {
    json!([{"source": {"features": {"appId": "expandAppIds(\"*\")"}}}, {"sort": ["id"]}])
}

#[test]
fn stages_are_done_in_their_order() {
    let row = |id: &str, time: Value| json!({"id": id, "lastUpdatedAt": time, "appId": 1});
    let rows = [
        row("c", 2.into()),
        row("a", 2.into()),
        row("d", Value::Null),
        row("b", 1.into()),
    ];
    let books = Books::new(Fixture::default().with(Source::Features, rows));
    let source = json!({"source": {"features": {"appId": [1]}}});
    let check = |stages: Value, expected: &[&str]| {
        let mut pipeline = vec![source.clone()];
        pipeline.extend(stages.as_array().cloned().unwrap_or_default());
        assert_eq!(names(&results(&books, &json!(pipeline)), "id"), expected);
    };
    check(json!([]), &["c", "a", "d", "b"]);
    check(json!([{"sort": ["lastUpdatedAt"]}]), &["d", "b", "c", "a"]);
    check(
        json!([{"sort": ["-lastUpdatedAt", "id"]}]),
        &["a", "c", "b", "d"],
    );
    check(json!([{"limit": 2}, {"sort": ["id"]}]), &["a", "c"]);
    check(
        json!([{"sort": ["id"]}, {"filter": "id>\"a\""}, {"limit": 2}]),
        &["b", "c"],
    );
    check(json!([{"limit": 2}, {"filter": "id==\"b\""}]), &[]);
    let counted = json!([source, {"filter": "lastUpdatedAt==2"}, {"limit": 9}, {"count": null}]);
    assert_eq!(results(&books, &counted), [json!({"count": 2})]);
}

#[test]
fn what_it_does_not_understand_is_refused() {
    let books = Books::new(Fixture::plain());
    let check = |pipeline: Value, words: &str| {
        let why = refusal(&books, &pipeline);
        assert!(why.contains(words), "{pipeline}: {why}");
    };
    let pages = json!({"source": {"pages": {"appId": [1]}}});
    let series = json!({"period": "dayRange", "first": 0, "last": "now()"});
    check(json!([]), "begins with a source");
    check(json!([{"limit": 1}]), "begins with a source");
    check(json!([pages, pages]), "one source");
    check(json!([pages, {"group": {}}]), "unknown variant `group`");
    check(json!([pages, {"limit": 0}]), "limit");
    check(json!([pages, {"limit": -1}]), "invalid value");
    check(json!([pages, {"filter": "day ~ 1"}]), "a comparison");
    check(json!([{"source": {"reports": null}}]), "unknown source");
    check(
        json!([{"source": {"pages": {"appId": "1,2"}}}]),
        "\"appId\"",
    );
    check(json!([{"source": {"pages": {"appId": []}}}]), "\"appId\"");
    check(
        json!([{"source": {"pages": {"appId": [1.5]}}}]),
        "\"appId\"",
    );
    check(
        json!([{"source": {"visitors": {"identified": "true"}}}]),
        "\"identified\"",
    );
    check(
        json!([{"source": {"pages": null, "features": null}}]),
        "one name",
    );
    check(
        json!([{"source": {"pages": null, "timeSeries": series}}]),
        "timeSeries",
    );
    check(
        json!([{"source": {"pageEvents": {"pageId": "p1"}}}]),
        "timeSeries",
    );
    check(
        json!([{"source": {"pageEvents": {"featureId": "p1"}, "timeSeries": series}}]),
        "\"featureId\"",
    );
    let weeks = json!({"period": "weekRange", "first": 0, "last": "now()"});
    check(
        json!([{"source": {"events": null, "timeSeries": weeks}}]),
        "weekRange",
    );
    let request = request("POST", "/api/v1/aggregation", &json!({"pipeline": []}));
    assert_eq!(said(books.answer(&request)).0, 400);
}

#[test]
fn counts_are_of_the_days_or_hours_that_are_asked_for() {
    let at = |time: i64, id: &str| json!({"day": time / DAY * DAY, "hour": time, "visitorId": id, "featureId": "f/1"});
    let rows = [
        at(DAY + HOUR, "a"),
        at(2 * DAY, "b"),
        at(2 * DAY + 5 * HOUR, "c"),
        at(9 * DAY, "d"),
    ];
    let books = Books::new(
        Fixture::default()
            .at(8 * DAY)
            .with(Source::FeatureEvents, rows),
    );
    let asked = |id: &str, period: &str, first: i64| {
        let series = json!({"period": period, "first": first, "last": "now()"});
        json!([{"source": {"featureEvents": {"featureId": id}, "timeSeries": series}}, {"sort": ["day"]}])
    };
    let days = results(&books, &asked("f/1", "dayRange", 2 * DAY + 7 * HOUR));
    assert_eq!(names(&days, "visitorId"), ["b", "c"]);
    assert!(
        days.iter()
            .all(|row| row["day"] == 2 * DAY && row.get("hour").is_none())
    );
    let hours = results(&books, &asked("f/1", "hourRange", 2 * DAY + HOUR));
    assert_eq!(names(&hours, "visitorId"), ["c"]);
    assert!(hours[0].get("day").is_none());
    assert!(results(&books, &asked("f2", "dayRange", 0)).is_empty());
}

#[test]
fn apps_and_visitors_who_are_not_known_are_left_out_if_that_is_said() {
    let books = Books::new(Fixture::awkward());
    let count = |source: Value| results(&books, &json!([{"source": source}])).len();
    let of_app = |app: i64| count(json!({"features": {"appId": [app]}}));
    let all = count(json!({"features": {"appId": "expandAppIds(\"*\")"}}));
    assert!(of_app(1) < all && of_app(2) >= 1);
    assert_eq!(count(json!({"features": {"appId": ["1"]}})), of_app(1));
    assert_eq!(of_app(1) + of_app(2), all);
    let visitors = |identified: bool| count(json!({"visitors": {"identified": identified}}));
    assert_eq!(visitors(false), visitors(true) + 2);
}

#[test]
fn a_history_is_told_by_the_day_to_who_escapes_its_id() {
    let books = Books::new(Fixture::awkward());
    let day = NOW / DAY * DAY - 2 * DAY;
    for (escaped, id) in [("v%2F2", "v/2"), ("v%252F6", "v%2F6"), ("v%22%37", "v\"7")] {
        let (status, entries) = said(books.answer(&history(escaped, day)));
        assert_eq!(status, 200, "{id}: {entries}");
        let times: Vec<&Value> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["ts"])
            .collect();
        assert_eq!(times, [&json!(day)]);
        assert!(entries[0].get("visitorId").is_none());
    }
    for wrong in ["v/2", "v%252", "v%2", "", "nobody"] {
        assert_eq!(said(books.answer(&history(wrong, day))).0, 404, "{wrong}");
    }
    let timeless = request("GET", "/api/v1/visitor/v1/history", &Value::Null);
    assert_eq!(said(books.answer(&timeless)).0, 400);
}

#[test]
fn rows_come_change_and_go() {
    let pendo = Pendo::start(Fixture::plain());
    let books = pendo.front.vendor();
    pendo.add(Source::Features, [json!({"id": "f0"})]);
    pendo.put(Source::Features, json!({"id": "f2", "name": "new"}));
    pendo.remove(Source::Features, "f1");
    let rows = results(books, &features());
    assert_eq!(names(&rows, "id"), ["f0", "f2", "f3"]);
    assert_eq!(names(&rows, "name")[1], "new");
    assert_eq!(pendo.rows(Source::Features).len(), 3);
    let change = json!({"add": {"source": "features", "rows": [{"id": "f9"}]}});
    let control = request("POST", "/_change", &change);
    let answered: Option<Answer> = books.control(&control);
    assert_eq!(answered.map(|it| it.status), Some(200));
    assert_eq!(
        names(&results(books, &features()), "id"),
        ["f0", "f2", "f3", "f9"]
    );
    let wrong = request("POST", "/_change", &json!({"drop": 1}));
    assert_eq!(books.control(&wrong).map(|it| it.status), Some(400));
}

#[test]
fn a_fixture_can_be_written_as_json() {
    let text = r#"{
        "key": "k.eu", "broken": {"f1": 404}, "metadata": {"account": {"auto": {}}},
        "rows": {"trackTypes": [{"id": "t1", "name": null}], "history": [{"visitorId": "v", "ts": 1}]}
    }"#;
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    assert_eq!((fixture.len(), fixture.now, fixture.gzip), (2, NOW, true));
    let books = Books::new(fixture);
    assert_eq!(books.credentials("")["x_pendo_integration_key"], "k.eu");
    assert_eq!(
        books.rows(Source::TrackTypes),
        [json!({"id": "t1", "name": null})]
    );
    let wrong = [
        r#"{"rows": {"track_types": []}}"#,
        r#"{"rows": []}"#,
        r#"{"visitors": []}"#,
    ];
    for text in wrong {
        serde_json::from_str::<Fixture>(text).expect_err(text);
    }
}

/// What each source says a row is known by.
fn keys(rows: &[Row], fields: &[&str]) -> Vec<String> {
    let key = |row: &Row| {
        let value = row.value();
        let each = fields.iter().map(|field| value[*field].to_string());
        each.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(key).collect()
}

#[test]
fn rows_of_fixtures_are_told_apart_by_their_keys() {
    let event = [
        "visitorId",
        "accountId",
        "server",
        "remoteIp",
        "userAgent",
        "day",
    ];
    let with = |field: &'static str| [&event[..], &[field]].concat();
    let guide = [
        "guideId",
        "guideStepId",
        "visitorId",
        "type",
        "accountId",
        "browserTime",
        "url",
    ];
    let fields = [
        (Source::Accounts, vec!["accountId"]),
        (Source::Visitors, vec!["visitorId"]),
        (Source::Features, vec!["id"]),
        (Source::Reports, vec!["id"]),
        (Source::Events, event.to_vec()),
        (Source::FeatureEvents, with("featureId")),
        (Source::PageEvents, with("pageId")),
        (Source::TrackEvents, with("trackTypeId")),
        (Source::GuideEvents, guide.to_vec()),
        (
            Source::PollEvents,
            vec!["visitorId", "accountId", "pollId", "browserTime"],
        ),
        (Source::History, vec!["visitorId", "ts", "type"]),
    ];
    for fixture in [Fixture::plain(), Fixture::awkward(), Fixture::large(4_000)] {
        for (source, fields) in &fields {
            let mut keys = keys(&fixture.rows[source], fields);
            let all = keys.len();
            assert!(all > 0, "{source:?}");
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), all, "{source:?}");
        }
    }
}

#[test]
fn large_fixtures_have_as_many_rows_as_wanted() {
    for rows in [1_000, 20_000] {
        assert_eq!(Fixture::large(rows).len(), rows);
    }
    assert_eq!(Fixture::histories(50).len(), 150);
}

/// Pages by id, as a collector asks for them.
fn paged(books: &Books, source: &Value, field: &str, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let mut pipeline = vec![json!({"source": source}), json!({"sort": [field]})];
        if let Some(last) = all.last() {
            pipeline
                .push(json!({"filter": format!("{field}>{}", Value::from(String::clone(last)))}));
        }
        pipeline.push(json!({"limit": limit}));
        let page = names(&results(books, &json!(pipeline)), field);
        all.extend(page.iter().cloned());
        if page.len() < limit {
            return all;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pages_by_id_give_every_row_once(limit in 1..20_usize) {
        let books = Books::new(Fixture::awkward());
        let check = |source: Value, kind: Source, field: &str| {
            let paged = paged(&books, &source, field, limit);
            let mut all: Vec<String> = names(&books.rows(kind), field);
            all.sort();
            assert_eq!(paged, all);
        };
        check(json!({"visitors": {"identified": false}}), Source::Visitors, "visitorId");
        check(json!({"accounts": {"appId": "expandAppIds(\"*\")"}}), Source::Accounts, "accountId");
        check(json!({"guides": null}), Source::Guides, "id");
    }
}
