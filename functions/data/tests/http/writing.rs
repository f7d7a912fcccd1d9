//! Records that are sent: taken, refused, replaced, changed, deleted.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::world::{FOO, TOKEN, World, gzip};

fn without_updated(mut data: Value) -> Value {
    for record in data.as_array_mut().unwrap() {
        let updated = record.as_object_mut().unwrap().shift_remove("_updated_at");
        assert!(updated.is_some(), "{record}");
    }
    data
}

async fn stored(world: &World) -> Value {
    without_updated(world.get("").await.data())
}

#[tokio::test]
async fn one_record_is_stored_or_a_list() {
    let world = World::start().await;
    world
        .store(json!({"_id": "a", "_timestamp": "2013-03-11T01:00:00+01:00", "name": "t-rex"}))
        .await;
    world
        .store(json!([{"_id": "c", "size": 1.5}, {"_id": "b", "big": true, "none": null}]))
        .await;
    let expected = json!([
        {"_id": "b", "big": true, "none": null},
        {"_id": "c", "size": 1.5},
        {"_id": "a", "_timestamp": "2013-03-11T00:00:00+00:00", "name": "t-rex"},
    ]);
    assert_eq!(stored(&world).await, expected);
    let answer = world.get("").await.data();
    assert_eq!(answer[2]["_updated_at"], "2013-04-01T12:00:00.000+00:00");
    world.store(json!([])).await;
    assert_eq!(stored(&world).await, expected);
}

#[tokio::test]
async fn a_record_replaces_the_one_of_its_id_and_others_get_one() {
    let world = World::start().await;
    let time = "2013-03-11T00:00:00+00:00";
    world
        .store(json!([{"_id": "a", "old": 1, "_timestamp": time}, {"no_id": 1}]))
        .await;
    world.store(json!({"_id": "a", "new": 2})).await;
    world.store(json!({"no_id": 1})).await;
    let data = stored(&world).await;
    let records = data.as_array().unwrap();
    assert_eq!(records.len(), 3, "{data}");
    let of_a: Vec<_> = records.iter().filter(|r| r["_id"] == "a").collect();
    assert_eq!(of_a, [&json!({"_id": "a", "new": 2})]);
}

#[tokio::test]
async fn with_a_bad_record_nothing_is_stored_and_every_message_is_told() {
    let world = World::start().await;
    let records = json!([
        {"_id": "good", "value": 1},
        {"_foo": "bar", "list": [1]},
        {"_timestamp": "hammer time", "_id": "a b"},
        7,
    ]);
    let answer = world.post(records).await;
    assert_eq!(answer.status, 400);
    let expected = json!({
        "messages": [
            "_foo is not a recognised internal field",
            "list has an invalid value",
            "_timestamp is not a valid timestamp, it must be ISO8601",
            "_id is not a valid id",
            "a record is a JSON object, and not a number",
        ],
        "records": [1, 1, 2, 2, 3],
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(stored(&world).await, json!([]));
    let events = world.service.tally().take();
    assert_eq!((events.stored, events.refused), (0, 4));
}

#[tokio::test]
async fn records_that_are_stored_are_counted() {
    let world = World::with(json!([{"aa": 1}, {"aa": 2}])).await;
    assert_eq!(world.service.tally().take().stored, 2);
}

#[tokio::test]
async fn a_hundred_messages_are_told_at_most() {
    let world = World::start().await;
    let bad: Vec<_> = (0..150).map(|_| json!({"_bad": 1})).collect();
    let answer = world.post(json!(bad)).await.json();
    assert_eq!(answer["messages"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_request_has_ten_thousand_records_at_most() {
    let world = World::start().await;
    let many: Vec<_> = (0..10_001).map(|_| json!({})).collect();
    let message = world.post(json!(many)).await.refusal(400);
    assert_eq!(message, "a request has up to 10000 records, not 10001");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_apart_from_none() {
    let world = World::start().await;
    for method in ["POST", "PUT"] {
        let message = world.call(method, FOO, "").await.refusal(400);
        let expected = "Expected JSON request body but received zero bytes.";
        assert_eq!(message, expected);
        for body in ["{borked!}", "[1", "\u{feff}[]"] {
            let message = world.call(method, FOO, body).await.refusal(400);
            assert!(message.starts_with("Error parsing JSON: \""), "{message}");
        }
        let message = world.call(method, FOO, vec![b'"', 0xff, b'"']).await;
        let message = message.refusal(400);
        assert!(message.starts_with("Error parsing JSON: \""), "{message}");
    }
    let deep = "[".repeat(200_000);
    let message = world.call("POST", FOO, deep).await.refusal(400);
    assert!(message.starts_with("Error parsing JSON: \""), "{message}");
}

async fn post_encoded(world: &World, encoding: &str, body: Vec<u8>) -> crate::world::Answer {
    let request = Request::post(FOO)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("content-encoding", encoding);
    world.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_compressed_body_is_read() {
    let world = World::start().await;
    let body = gzip(json!([{"_id": "a", "value": 1}]).to_string().as_bytes());
    let answer = post_encoded(&world, "gzip", body).await;
    assert_eq!(answer.json(), json!({"status": "ok"}));
    assert_eq!(stored(&world).await, json!([{"_id": "a", "value": 1}]));
    let answer = post_encoded(&world, "gzip", b"not compressed".to_vec()).await;
    assert!(answer.refusal(400).contains("gzip"));
    let answer = post_encoded(&world, "br", b"[]".to_vec()).await;
    assert!(answer.refusal(415).contains("gzip"));
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let world = World::start().await;
    let bomb = gzip(&vec![b' '; 40 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let message = post_encoded(&world, "gzip", bomb).await.refusal(413);
    assert!(message.contains("decompressed"), "{message}");
    let large = vec![b' '; 5 * 1024 * 1024];
    world.call("POST", FOO, large).await.refusal(413);
}

#[tokio::test]
async fn a_data_set_is_emptied_by_an_empty_list_alone() {
    let world = World::with(json!([{"_id": "a"}, {"_id": "b"}])).await;
    for body in ["[{\"_id\": \"a\"}]", "{}", "null", "\"\""] {
        let message = world.call("PUT", FOO, body).await.refusal(400);
        let expected = "Not implemented: you can only pass an empty JSON list";
        assert_eq!(message, expected);
    }
    assert_eq!(stored(&world).await.as_array().unwrap().len(), 2);
    let answer = world.call("PUT", FOO, " [] ").await;
    let expected = json!({"status": "ok", "message": "foo/bar now contains 0 records"});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(stored(&world).await, json!([]));
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let world = World::start().await;
    let time = "2013-03-11T00:00:00Z";
    world
        .store(json!({"_id": "a=", "keep": 1, "change": 2, "_timestamp": time}))
        .await;
    let path = format!("{FOO}/a%3D");
    let changes = json!({"change": "x", "more": true, "_timestamp": "2013-03-12T00:00:00Z"});
    let answer = world.call("PATCH", &path, changes.to_string()).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "ok"}))
    );
    let expected = json!([{
        "_id": "a=", "keep": 1, "change": "x",
        "_timestamp": "2013-03-12T00:00:00+00:00", "more": true,
    }]);
    assert_eq!(stored(&world).await, expected);

    let answer = world.call("PATCH", &path, "{\"_bad\": 1}").await;
    let messages = json!(["_bad is not a recognised internal field"]);
    assert_eq!(
        (answer.status, &answer.json()["messages"]),
        (400, &messages)
    );
    let answer = world.call("PATCH", &path, "{\"_id\": \"b\"}").await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    world.call("PATCH", &path, "[]").await.refusal(400);
    world.call("PATCH", &path, "").await.refusal(400);
    let message = world.call("PATCH", &format!("{FOO}/b"), "{}").await;
    assert_eq!(message.refusal(404), "No record found with id \"b\"");
    assert_eq!(stored(&world).await, expected);
}

#[tokio::test]
async fn a_record_is_deleted_once() {
    let world = World::with(json!([{"_id": "a"}, {"_id": "b"}])).await;
    let path = format!("{FOO}/a");
    let answer = world.call("DELETE", &path, "").await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "ok"}))
    );
    assert_eq!(stored(&world).await, json!([{"_id": "b"}]));
    let message = world.call("DELETE", &path, "").await.refusal(404);
    assert_eq!(message, "No record found with id \"a\"");
}

#[tokio::test]
async fn methods_that_there_are_not_are_refused_in_the_same_form() {
    let world = World::start().await;
    for (method, path, allowed) in [
        ("DELETE", FOO.to_owned(), "GET,HEAD,POST,PUT"),
        ("PATCH", FOO.to_owned(), "GET,HEAD,POST,PUT"),
        ("GET", format!("{FOO}/a"), "DELETE,PATCH"),
        ("POST", format!("{FOO}/a"), "DELETE,PATCH"),
        ("POST", "/_status".to_owned(), "GET,HEAD"),
        ("POST", "/_status/data-sets".to_owned(), "GET,HEAD"),
    ] {
        let answer = world.call(method, &path, "").await;
        assert_eq!(answer.refusal(405), "Method Not Allowed", "{method} {path}");
        let mut methods: Vec<_> = answer.header("allow").split(',').collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_does_not_answer_can_be_sent_again() {
    let world = World::running().await;
    world.line.cut(true);
    let answer = world.post(json!([{"_id": "a"}])).await;
    answer.refusal(503);
    assert_eq!(answer.header("retry-after"), "2");
    world.line.cut(false);
    world.store(json!([{"_id": "a"}])).await;
    assert_eq!(stored(&world).await, json!([{"_id": "a"}]));
}
