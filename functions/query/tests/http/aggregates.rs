//! What one query answers: values, forms, filling, and what is refused.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use weir_model::{Event, Timestamp};

use crate::world::{World, at, event, series};

/// Three days of a series, the second without events.
async fn three_days() -> World {
    let world = World::start().await;
    let series = series("web", "visits");
    let times = [
        ("2024-03-01T08:15:30.250", 2.0),
        ("2024-03-01T08:16:00", 4.0),
        ("2024-03-01T23:59:59.999", 9.0),
        ("2024-03-03T00:00:00", -1.5),
    ];
    world
        .accept(
            times
                .map(|(time, value)| event(&series, at(time), value))
                .to_vec(),
        )
        .await;
    world
}

fn points(points: &[(&str, Value)]) -> Value {
    let points = points.iter();
    points
        .map(|(time, value)| json!({"aggregatedTimestamp": time, "value": value}))
        .collect()
}

#[tokio::test]
async fn a_group_is_told_by_its_earliest_event() {
    let world = three_days().await;
    let by_day = world
        .json("/api/events/web/visits?granularity=day&aggregationType=sum")
        .await;
    let first = ("2024-03-01T08:15:30.250Z", json!(15));
    let third = ("2024-03-03T00:00:00Z", json!(-1.5));
    assert_eq!(by_day, points(&[first.clone(), third.clone()]));
    let by_month = world.json("/api/events/web/visits?granularity=month").await;
    assert_eq!(by_month, points(&[(first.0, json!(3.375))]));
}

#[tokio::test]
async fn without_parameters_each_instant_is_averaged() {
    let world = three_days().await;
    world
        .accept(vec![event(&series("web", "visits"), at("2024-03-03"), 0.5)])
        .await;
    let all = world.json("/api/events/web/visits").await;
    let expected = [
        ("2024-03-01T08:15:30.250Z", json!(2)),
        ("2024-03-01T08:16:00Z", json!(4)),
        ("2024-03-01T23:59:59.999Z", json!(9)),
        ("2024-03-03T00:00:00Z", json!(-0.5)),
    ];
    assert_eq!(all, points(&expected));
}

#[tokio::test]
async fn both_ends_of_a_window_belong_to_it_and_either_may_be_open() {
    let world = three_days().await;
    let count = async |window: &str| {
        let query =
            format!("/api/events/web/visits?granularity=year&aggregationType=count&{window}");
        let answer = world.json(&query).await;
        answer[0]["value"].as_u64().unwrap_or(0)
    };
    assert_eq!(
        count("tsMin=2024-03-01T08:16:00Z&tsMax=2024-03-01T23:59:59.999Z").await,
        2
    );
    assert_eq!(
        count("tsMin=2024-03-01T08:16:00.001Z&tsMax=2024-03-01T23:59:59.998Z").await,
        0
    );
    assert_eq!(count("tsMin=1709280930.25").await, 4);
    assert_eq!(count("tsMin=1709280930.251").await, 3);
    assert_eq!(count("tsMax=1709280930250").await, 1);
    assert_eq!(count("tsMax=1709280930249").await, 0);
    assert_eq!(count("tsMax=9999-12-31T23:59:59.999Z").await, 4);
}

#[tokio::test]
async fn a_day_is_that_of_the_time_zone() {
    let world = three_days().await;
    let path = "/api/events/web/visits?granularity=day&aggregationType=count";
    let berlin = world.json(&format!("{path}&tz=Europe%2FBerlin")).await;
    let expected = [
        ("2024-03-01T08:15:30.250Z", json!(2)),
        ("2024-03-01T23:59:59.999Z", json!(1)),
        ("2024-03-03T00:00:00Z", json!(1)),
    ];
    assert_eq!(berlin, points(&expected));
    let honolulu = world.json(&format!("{path}&tz=pacific/honolulu")).await;
    assert_eq!(
        honolulu[0]["aggregatedTimestamp"],
        "2024-03-01T08:15:30.250Z"
    );
    assert_eq!(honolulu.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn gaps_are_filled_between_the_ends_that_are_given() {
    let world = three_days().await;
    let path = "/api/events/web/visits?granularity=day&aggregationType=count";
    let inner = world.json(&format!("{path}&fill=zero")).await;
    let (one, two, three) = (
        "2024-03-01T08:15:30.250Z",
        "2024-03-02T00:00:00Z",
        "2024-03-03T00:00:00Z",
    );
    assert_eq!(
        inner,
        points(&[(one, json!(3)), (two, json!(0)), (three, json!(1))])
    );

    let window = "tsMin=2024-02-29T12:00:00Z&tsMax=2024-03-04T00:00:00Z";
    let clipped = world.json(&format!("{path}&fill=null&{window}")).await;
    let expected = [
        ("2024-02-29T12:00:00Z", Value::Null),
        (one, json!(3)),
        (two, Value::Null),
        (three, json!(1)),
        ("2024-03-04T00:00:00Z", Value::Null),
    ];
    assert_eq!(clipped, points(&expected));

    let nothing_there = "tsMin=2024-06-01&tsMax=2024-06-02T23:59:59.999Z";
    let filled = world
        .json(&format!("{path}&fill=zero&{nothing_there}"))
        .await;
    let expected = [
        ("2024-06-01T00:00:00Z", json!(0)),
        ("2024-06-02T00:00:00Z", json!(0)),
    ];
    assert_eq!(filled, points(&expected));
    assert_eq!(
        world
            .json(&format!("{path}&fill=zero&tsMin=2024-06-01"))
            .await,
        json!([])
    );
}

#[tokio::test]
async fn what_is_not_known_is_empty() {
    let world = three_days().await;
    assert_eq!(world.json("/api/events/web/clicks").await, json!([]));
    assert_eq!(
        world
            .json("/api/events/nowhere/visits?granularity=day")
            .await,
        json!([])
    );
    let window = "granularity=day&fill=zero&tsMin=2024-01-01&tsMax=2024-01-09";
    assert_eq!(
        world
            .json(&format!("/api/events/web/clicks?{window}"))
            .await,
        json!([])
    );
    assert_eq!(
        world.json("/api/events/web/visits?tsMin=2024-03-04").await,
        json!([])
    );
}

#[tokio::test]
async fn names_come_by_path_or_by_query() {
    let world = World::start().await;
    let odd = series("a/b?#%", "c d/..é");
    world.accept(vec![event(&odd, at("2024-03-01"), 1.0)]).await;
    let by_query = "/api/events?namespace=a%2Fb%3F%23%25&name=c+d%2F..%C3%A9";
    let by_path = "/api/events/a%2Fb%3F%23%25/c%20d%2F..%C3%A9";
    let expected = points(&[("2024-03-01T00:00:00Z", json!(1))]);
    assert_eq!(world.json(by_query).await, expected);
    assert_eq!(world.json(by_path).await, expected);
}

#[tokio::test]
async fn an_answer_has_the_form_that_was_asked_for() {
    let world = three_days().await;
    let path = "/api/events/web/visits?granularity=month";
    let csv = world.get(&format!("{path}&format=csv")).await;
    assert_eq!(csv.content_type(), "text/csv; charset=utf-8");
    assert_eq!(
        csv.body,
        "aggregatedTimestamp,value\n2024-03-01T08:15:30.250Z,3.375\n"
    );
    let accepting = world
        .request(path, "aggregation")
        .await
        .header("accept", "application/x-ndjson");
    let lines = world.send(accepting).await;
    assert_eq!(lines.content_type(), "application/x-ndjson");
    let line = "{\"aggregatedTimestamp\":\"2024-03-01T08:15:30.250Z\",\"value\":3.375}\n";
    assert_eq!(lines.body, line);
    let neither = world
        .request(path, "aggregation")
        .await
        .header("accept", "text/html");
    assert_eq!(world.send(neither).await.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_value_beyond_a_double_is_an_error_and_not_a_number() {
    let world = World::start().await;
    let series = series("n", "s");
    let time = at("2024-03-01");
    world
        .accept(vec![
            event(&series, time, 1.7e308),
            event(&series, time, 1.7e308),
        ])
        .await;
    let sum = world.get("/api/events/n/s?aggregationType=sum").await;
    assert_eq!(sum.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sum.json()["code"], "value-out-of-range");
    assert!(
        sum.json()["detail"]
            .as_str()
            .unwrap()
            .contains("2024-03-01T00:00:00Z")
    );
    let max = world.json("/api/events/n/s?aggregationType=max").await;
    assert_eq!(max[0]["value"], json!(1.7e308));
}

#[tokio::test]
async fn integer_sums_are_exact_past_what_doubles_add_up() {
    let world = World::start().await;
    let series = series("n", "s");
    let big = 9_007_199_254_740_992.0;
    let values = [big, 1.0, 1.0, -big];
    let events = values
        .map(|value| event(&series, at("2024-03-01"), value))
        .to_vec();
    world.accept(events).await;
    let sum = world
        .json("/api/events/n/s?granularity=day&aggregationType=sum")
        .await;
    assert_eq!(sum[0]["value"], json!(2));
}

#[tokio::test]
async fn more_points_than_fit_are_refused_unless_pages_are_asked_for() {
    let world = World::start().await;
    let series = series("n", "s");
    let start = at("2024-03-01").as_millis();
    let time = |n: i64| Timestamp::from_millis(start + n * 1000).unwrap();
    let seconds: Vec<Event> = (0..10_000)
        .map(|n| event(&series, time(n), n as f64))
        .collect();
    world.accept(seconds).await;
    let path = "/api/events/n/s";
    assert_eq!(
        world.json(path).await.as_array().map(Vec::len),
        Some(10_000)
    );

    world.accept(vec![event(&series, time(10_000), 1.0)]).await;
    let over = world.get(path).await;
    assert_eq!(over.status, StatusCode::BAD_REQUEST);
    let problem = over.json();
    assert_eq!(
        (&problem["code"], &problem["limit"]),
        (&json!("too-many-points"), &json!(10_000))
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("10000"),
        "{problem}"
    );

    let pages = world.pages(path, "limit=10000").await;
    let lengths: Vec<_> = pages
        .iter()
        .map(|page| page.json().as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [10_000, 1]);
    let filled = "granularity=minute&fill=zero&tsMin=2024-01-01&tsMax=2024-12-31";
    let over = world.get(&format!("{path}?{filled}")).await;
    assert_eq!(over.json()["code"], "too-many-points");
    let by_hour = format!("{path}?granularity=hour&aggregationType=count");
    assert_eq!(world.json(&by_hour).await[2]["value"], json!(2_801));
}

#[tokio::test]
async fn expired_events_are_counted_in_totals_alone() {
    let world = World::start().await;
    let series = series("n", "s");
    let mut expiring = event(&series, at("2024-03-01T10:00:00"), 1.0);
    expiring.expires = Some(at("2026-01-01T00:00:01"));
    world.accept(vec![expiring]).await;
    let by_day = "/api/events/n/s?granularity=day&aggregationType=count";
    assert_eq!(
        world.json("/api/events/n/s").await.as_array().map(Vec::len),
        Some(1)
    );
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.json("/api/events/n/s").await, json!([]));
    assert_eq!(world.json(by_day).await[0]["value"], json!(1));
}

#[tokio::test]
async fn events_before_and_after_a_compaction_are_counted_once() {
    let world = three_days().await;
    let series = series("web", "visits");
    let path = "/api/events/web/visits?aggregationType=sum&granularity=";
    let granularities = ["none", "minute", "hour", "day", "week", "month", "year"];
    let mut before = Vec::new();
    for granularity in granularities {
        before.push(world.json(&format!("{path}{granularity}")).await);
    }
    world.fold(&series, at("2024-03-01").day()).await;
    for (granularity, before) in granularities.into_iter().zip(before) {
        assert_eq!(
            world.json(&format!("{path}{granularity}")).await,
            before,
            "{granularity}"
        );
    }
    world
        .accept(vec![event(&series, at("2024-03-01T12:00:00"), 100.0)])
        .await;
    let by_year = world.json(&format!("{path}year")).await;
    assert_eq!(by_year[0]["value"], json!(113.5));
}

#[tokio::test]
async fn a_token_needs_the_scope_of_what_it_asks_for() {
    let world = three_days().await;
    let status =
        async |path: &str, scopes: &str| world.send(world.request(path, scopes).await).await.status;
    let (ok, forbidden) = (StatusCode::OK, StatusCode::FORBIDDEN);
    for path in [
        "/api/events/web/visits",
        "/api/events?namespace=web&name=visits",
    ] {
        assert_eq!(status(path, "aggregation").await, ok);
        assert_eq!(status(path, "read write").await, forbidden);
    }
    for path in [
        "/api/raw/web/visits",
        "/api/raw?namespace=web&name=visits",
        "/api/namespaces",
        "/api/namespaces/web",
    ] {
        assert_eq!(status(path, "read").await, ok, "{path}");
        assert_eq!(status(path, "write aggregation").await, forbidden, "{path}");
        let bare = http::Request::builder().uri(path);
        assert_eq!(
            world.send(bare).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let head = world
        .request("/api/events/web/visits", "aggregation")
        .await
        .method(Method::HEAD);
    let head = world.send(head).await;
    assert_eq!((head.status, head.body.as_str()), (ok, ""));
    let post = world
        .request("/api/events/web/visits", "aggregation")
        .await
        .method(Method::POST);
    assert_eq!(
        world.send(post).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[test]
fn the_description_has_every_route_and_parameter() {
    let document: Value = serde_json::from_str(&weir_query::openapi().to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let names: Vec<_> = paths.keys().map(String::as_str).collect();
    let expected = [
        "/api/events",
        "/api/events/{namespace}/{name}",
        "/api/namespaces",
        "/api/namespaces/{namespace}",
        "/api/raw",
        "/api/raw/{namespace}/{name}",
        "/api/rejected",
    ];
    assert_eq!(names, expected);
    let get = &paths["/api/events/{namespace}/{name}"]["get"];
    let parameters = get["parameters"].as_array().unwrap();
    let parameter = |name: &str| parameters.iter().find(|p| p["name"] == name).unwrap();
    assert_eq!(
        parameter("granularity")["schema"]["enum"]
            .as_array()
            .map(Vec::len),
        Some(7)
    );
    assert_eq!(parameter("limit")["schema"]["maximum"], 10_000);
    assert_eq!(parameter("namespace")["in"], "path");
    let refused = &get["responses"]["400"]["content"]["application/problem+json"];
    assert_eq!(refused["schema"]["$ref"], "#/components/schemas/Problem");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
    for status in ["401", "403", "406", "422", "429", "503"] {
        assert!(get["responses"][status].is_object(), "{status}");
    }
}

/// On 7 November 2010 clocks in Newfoundland went from 00:01 back to 23:01 of the day before.
#[tokio::test]
async fn a_local_day_that_comes_back_for_an_hour_is_one_group() {
    let world = World::start().await;
    let series = series("n", "s");
    let times = [
        "2010-11-06T20:00:00",
        "2010-11-07T02:30:30",
        "2010-11-07T02:40:00",
        "2010-11-07T03:40:00",
    ];
    let events = times.map(|time| event(&series, at(time), 1.0)).to_vec();
    let path = "/api/events/n/s";
    let query = "granularity=day&aggregationType=count&tz=America/St_Johns";
    world.accept(events).await;
    let sixth = ("2010-11-06T20:00:00Z", json!(2));
    let seventh = ("2010-11-07T02:30:30Z", json!(2));
    let whole = points(&[sixth, seventh.clone()]);
    assert_eq!(world.json(&format!("{path}?{query}")).await, whole);
    let pages = world.union(path, &format!("{query}&limit=1")).await;
    assert_eq!(Value::from(pages), whole);

    // The window begins on the seventh, and has some of the sixth behind that.
    let query = format!("{query}&tsMin=2010-11-07T02:30:15Z");
    let whole = points(&[seventh, ("2010-11-07T02:40:00Z", json!(1))]);
    assert_eq!(world.json(&format!("{path}?{query}")).await, whole);
    let pages = world.union(path, &format!("{query}&limit=1")).await;
    assert_eq!(Value::from(pages), whole);

    let window = "tsMin=2010-11-07T02:30:59.998Z&tsMax=2010-11-07T02:31:00Z";
    let filled = world
        .json(&format!(
            "{path}?granularity=day&tz=America/St_Johns&fill=null&{window}"
        ))
        .await;
    let seventh = ("2010-11-07T02:30:59.998Z", Value::Null);
    let sixth = ("2010-11-07T02:31:00Z", Value::Null);
    assert_eq!(filled, points(&[seventh, sixth]));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_told_to_ask_for_less() {
    let world = three_days().await;
    world.line.takes(std::time::Duration::from_secs(11));
    for path in [
        "/api/events/web/visits",
        "/api/raw/web/visits",
        "/api/namespaces/web",
    ] {
        let answer = world.get(path).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{path}: {}",
            answer.body
        );
        assert_eq!(answer.json()["code"], "too-slow", "{path}");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn whole_days_cost_calls_by_the_year_and_not_by_the_event() {
    let world = World::start().await;
    let series = series("n", "s");
    let start = at("2023-01-01T00:10:00").as_millis();
    let time = |n: i64| Timestamp::from_millis(start + n * 3_600_000).unwrap();
    let events: Vec<Event> = (0..2_880).map(|n| event(&series, time(n), 1.0)).collect();
    world.accept(vec![events[0].clone()]).await;
    world.publish(&events[1..]).await;
    let calls = async |query: &str| {
        let before = world.line.calls();
        let path = format!("/api/events/n/s?aggregationType=count&{query}");
        let answer = world.json(&path).await;
        let counts = answer
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["value"].as_u64().unwrap());
        (counts.sum::<u64>(), world.line.calls() - before)
    };
    for query in [
        "granularity=day",
        "granularity=hour",
        "granularity=month&tz=Europe/Berlin",
        "granularity=week&tz=Asia/Kathmandu",
    ] {
        let (count, calls) = calls(query).await;
        assert_eq!(count, 2_880, "{query}");
        assert!(calls <= 30, "{query}: {calls} calls");
    }
}
