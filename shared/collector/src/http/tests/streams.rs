//! Bodies that are read as they arrive.

use std::io::Read as _;

use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Item {
    n: u64,
}

fn list(count: u64) -> String {
    let items: Vec<String> = (0..count).map(|n| format!("{{\"n\": {n}}}")).collect();
    format!(
        "{{\"start\": {{\"results\": 1}}, \"results\": [{}], \"end\": 2}}",
        items.join(",")
    )
}

async fn items(http: &Http, server: &Server) -> Items<Item> {
    let streaming = http.get(&server.url).stream().await.unwrap();
    streaming.items(&["results"])
}

/// How many items there were, and what came after.
async fn count(mut items: Items<Item>) -> (u64, Result<(), HttpError>) {
    let mut count = 0;
    loop {
        match items.next().await {
            Ok(Some(item)) => assert_eq!(item.n, count),
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error)),
        }
        count += 1;
    }
}

#[tokio::test]
async fn items_arrive_one_by_one() {
    let body = list(1000);
    let zipped = answer(
        "200 OK",
        &["content-encoding: gzip"],
        &gzip(body.as_bytes()),
    );
    for answer in [ok(body.as_bytes()), zipped, ok(list(0).as_bytes())] {
        let is_empty = answer.len() < 200;
        let server = Server::answering(answer).await;
        let (count, ended) = count(items(&hasty(), &server).await).await;
        assert_eq!(count, if is_empty { 0 } else { 1000 });
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_list_may_be_the_whole_text() {
    let server = Server::answering(ok(b" [{\"n\": 0}, {\"n\": 1}] ")).await;
    let streaming = hasty().get(&server.url).stream().await.unwrap();
    let (count, ended) = count(streaming.items(&[])).await;
    assert_eq!(count, 2);
    ended.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_cut_is_told_after_what_had_arrived() {
    let whole = ok(list(1000).as_bytes());
    for bytes in [1, 5, 2000] {
        let server = Server::answering(cut(whole.clone(), bytes)).await;
        let (count, ended) = count(items(&hasty(), &server).await).await;
        assert_eq!(
            ended.unwrap_err().kind(),
            HttpErrorKind::Unavailable,
            "{count}"
        );
    }
    // The framing is whole, and the JSON is not.
    let body = list(1000);
    let server = Server::answering(ok(&body.as_bytes()[..body.len() - 5])).await;
    let (count, ended) = count(items(&hasty(), &server).await).await;
    assert_eq!(count, 1000);
    assert_eq!(ended.unwrap_err().kind(), HttpErrorKind::Malformed);
}

#[tokio::test]
async fn what_is_no_such_list_is_malformed() {
    for body in [
        "{}",
        "{\"results\": 7}",
        "{\"results\": [{\"m\": 1}]}",
        "[]",
        "{} {}",
    ] {
        let server = Server::answering(ok(body.as_bytes())).await;
        let (_, ended) = count(items(&hasty(), &server).await).await;
        assert_eq!(
            ended.unwrap_err().kind(),
            HttpErrorKind::Malformed,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_stream_and_its_items_have_bounds() {
    let server = Server::answering(ok(list(1000).as_bytes())).await;
    let request = hasty().get(&server.url).max_stream_bytes(1000);
    let streaming = request.stream().await.unwrap();
    let (_, ended) = count(streaming.items(&["results"])).await;
    assert_eq!(ended.unwrap_err().kind(), HttpErrorKind::TooLarge);

    let small = with(HttpOptions {
        max_item_bytes: 1000,
        ..HttpOptions::default()
    });
    let long = format!(
        "{{\"results\": [{{\"x\": \"{}\", \"n\": 0}}]}}",
        "a".repeat(500_000)
    );
    let server = Server::answering(ok(long.as_bytes())).await;
    let (count, ended) = count(items(&small, &server).await).await;
    let error = ended.unwrap_err();
    assert_eq!((count, error.kind()), (0, HttpErrorKind::TooLarge));
    assert!(error.to_string().contains("an item is larger"), "{error}");
}

#[tokio::test]
async fn many_items_are_not_one_large_one() {
    let small = with(HttpOptions {
        max_item_bytes: 1000,
        ..HttpOptions::default()
    });
    let server = Server::answering(ok(list(100_000).as_bytes())).await;
    let (count, ended) = count(items(&small, &server).await).await;
    ended.unwrap();
    assert_eq!(count, 100_000);
}

#[tokio::test]
async fn who_stops_listening_stops_the_parser() {
    let server = Server::answering(ok(list(100_000).as_bytes())).await;
    let mut items = items(&hasty(), &server).await;
    assert_eq!(items.next().await.unwrap(), Some(Item { n: 0 }));
    drop(items);
}

#[tokio::test]
async fn chunks_make_the_body() {
    let body = vec![b'a'; 300_000];
    let server = Server::answering(ok(&body)).await;
    let mut streaming = hasty().get(&server.url).stream().await.unwrap();
    let mut read = Vec::new();
    while let Some(chunk) = streaming.chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert!(read == body);
}

#[tokio::test]
async fn readers_that_block_read_as_the_body_arrives() {
    use struson::reader::{JsonReader as _, JsonStreamReader};

    let server = Server::answering(ok(b"{\"a\": [1, 2, 3]}")).await;
    let reader = hasty().get(&server.url).stream().await.unwrap().reader();
    let sum = spawn_blocking(move || {
        let mut json = JsonStreamReader::new(reader);
        json.begin_object().unwrap();
        json.skip_name().unwrap();
        json.begin_array().unwrap();
        let mut sum = 0;
        while json.has_next().unwrap() {
            sum += json.next_number::<u32>().unwrap().unwrap();
        }
        sum
    });
    assert_eq!(sum.await.unwrap(), 6);

    let server = Server::answering(cut(ok(b"abc"), 1)).await;
    let mut reader = hasty().get(&server.url).stream().await.unwrap().reader();
    let error = spawn_blocking(move || {
        reader.read_to_end(&mut Vec::new()).unwrap_err();
        reader.take_error().unwrap()
    });
    assert_eq!(error.await.unwrap().kind(), HttpErrorKind::Unavailable);
}

#[tokio::test]
async fn a_stream_is_asked_for_again_until_it_begins() {
    let scripts = [answer("503 Busy", &[], b""), ok(b"[]")];
    let server = Server::start(scripts.map(Script::Bytes).to_vec()).await;
    hasty().get(&server.url).stream().await.unwrap();
    assert_eq!(server.count(), 2);
}
