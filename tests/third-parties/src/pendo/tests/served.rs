//! What comes over the connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

/// An answer as it comes, from its first line to the end of the connection.
fn send(pendo: &Pendo, target: &str, key: &str, pipeline: Option<&Value>) -> String {
    let url = pendo.url();
    let host = url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(host).expect("it listens");
    let (method, body) = match pipeline {
        Some(pipeline) => ("POST", body(pipeline).to_string()),
        None => ("GET", String::new()),
    };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {host}\r\nx-pendo-integration-key: {key}\r\nconnection: close\r\n"
    );
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it answers");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn keys_are_looked_at_and_never_shown() {
    let mut fixture = Fixture::plain();
    fixture.forbidden_keys.push("a-smaller-key".into());
    let pendo = Pendo::start(fixture);
    let status = |key: &str| send(&pendo, "/api/v1/report", key, None)[9..12].to_owned();
    assert_eq!(
        [status(KEY), status("other"), status("a-smaller-key")],
        ["200", "401", "403"]
    );
    pendo.set_key("a-new-key");
    assert_eq!([status(KEY), status("a-new-key")], ["401", "200"]);
    let shown = format!(
        "{:?} {}",
        pendo.requests(),
        send(&pendo, "/_requests", "", None)
    );
    for key in [KEY, "a-new-key", "a-smaller-key"] {
        assert!(!shown.contains(key), "{shown}");
    }
    let answered: Vec<Option<u16>> = pendo.requests().iter().map(|it| it.status).collect();
    assert_eq!(answered, [200, 401, 403, 401, 200].map(Some));
}

#[test]
fn a_parent_goes_wrong_alone() {
    let pendo = Pendo::start(Fixture::awkward().broken("f3", 404));
    pendo.fail_parent("f2", 2, refused(500, "not now"));
    let series = json!({"period": "dayRange", "first": 0, "last": "now()"});
    let status = |id: &str| {
        let pipeline =
            json!([{"source": {"featureEvents": {"featureId": id}, "timeSeries": series}}]);
        send(&pendo, "/api/v1/aggregation", KEY, Some(&pipeline))[9..12].to_owned()
    };
    let all = ["f1", "f2", "f3", "f2", "f2"].map(status);
    assert_eq!(all, ["200", "500", "404", "500", "200"]);
    let place = &pendo.requests()[1].place;
    assert_eq!(place, "/api/v1/aggregation/featureEvents parent=<f2>");
    pendo.fail_parent("v/2", 1, throttled(Some(7)));
    let answer = send(
        &pendo,
        "/api/v1/visitor/v%2F2/history?starttime=0",
        KEY,
        None,
    );
    assert!(
        answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7"),
        "{answer}"
    );
}

#[test]
fn an_answer_is_cut_after_its_rows() {
    let pendo = Pendo::start(Fixture::plain());
    pendo.fail("/features", 0, 1, Failure::CutRows(2));
    let cut = send(&pendo, "/api/v1/aggregation", KEY, Some(&features()));
    assert!(
        cut.contains("called f2") && !cut.contains("called f3"),
        "{cut}"
    );
    assert!(!cut.ends_with("\r\n0\r\n\r\n"));
    let whole = send(&pendo, "/api/v1/aggregation", KEY, Some(&features()));
    assert!(whole.contains("called f3") && whole.ends_with("\r\n0\r\n\r\n"));
}

#[test]
fn requests_that_wait_are_under_way_at_once() {
    let pendo = Pendo::start(Fixture::plain().delayed(100));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| send(&pendo, "/api/v1/report", KEY, None));
        }
    });
    assert_eq!((pendo.asked(), pendo.most_at_once()), (3, 3));
    let first = &pendo.requests()[0];
    assert!(
        first
            .went_ms
            .is_some_and(|went| went >= first.came_ms + 100)
    );
}

#[test]
fn what_is_planned_can_be_taken_back_and_counted_from_outside() {
    let pendo = Pendo::start(Fixture::plain());
    pendo.fail("", 0, 9, Failure::Malformed);
    let post = |path: &str| send(&pendo, path, "", Some(&Value::Null));
    let report = || send(&pendo, "/api/v1/report", KEY, None);
    assert!(report().contains("Bad gateway"));
    assert!(post("/_heal").starts_with("HTTP/1.1 200"));
    assert!(report().contains("The one called r1"));
    let traffic = || send(&pendo, "/_traffic", "", None);
    assert!(traffic().contains(r#""asked":2"#), "{}", traffic());
    assert!(post("/_forget").starts_with("HTTP/1.1 200"));
    assert!(traffic().contains(r#""asked":0"#), "{}", traffic());
    assert!(post("/_unknown").starts_with("HTTP/1.1 404"));
}

#[test]
fn lists_are_packed_if_the_fixture_and_the_request_allow_it() {
    let packed = |fixture: Fixture, accepted: &str| {
        let pendo = Pendo::start(fixture);
        let key = format!("{KEY}\r\naccept-encoding: {accepted}");
        let answer = send(&pendo, "/api/v1/aggregation", &key, Some(&features()));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.contains("content-encoding: gzip")
    };
    assert!(packed(Fixture::plain(), "gzip, br"));
    assert!(!packed(Fixture::plain(), "identity"));
    assert!(!packed(Fixture::plain().unpacked(), "gzip"));
}
