//! Bodies that are read as they arrive.

use std::io::Read as _;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use tokio::task::spawn_blocking;

use super::server::chunked;
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
}

#[tokio::test]
async fn a_text_that_ends_too_early_is_cut_however_it_was_framed() {
    let body = list(1000);
    let short = &body.as_bytes()[..body.len() - 5];
    // Without a length, and without one of HTTP 1.1, the end of the connection is the end.
    let unframed = [b"HTTP/1.0 200 OK\r\n\r\n", short].concat();
    let zipped = answer("200 OK", &["content-encoding: gzip"], &gzip(short));
    for answer in [ok(short), unframed, chunked(&[short], "0\r\n\r\n"), zipped] {
        let server = Server::answering(answer).await;
        let (count, ended) = count(items(&hasty(), &server).await).await;
        let error = ended.unwrap_err();
        assert_eq!((count, error.kind()), (1000, HttpErrorKind::Unavailable));
        assert!(error.to_string().contains("ends in the middle"), "{error}");
    }
}

#[tokio::test]
async fn a_whole_text_without_the_last_chunk_is_cut() {
    let body = list(1000);
    let (one, other) = body.as_bytes().split_at(5000);
    for (end, is_whole) in [
        ("0\r\n\r\n", true),
        ("", false),
        ("0\r\n", false),
        ("5\r\n  ", false),
    ] {
        let server = Server::answering(chunked(&[one, other], end)).await;
        let (count, ended) = count(items(&hasty(), &server).await).await;
        assert_eq!(count, 1000);
        let kind = ended.map_err(|error| error.kind());
        let told = match is_whole {
            true => Ok(()),
            false => Err(HttpErrorKind::Unavailable),
        };
        assert_eq!(kind, told, "{end:?}");
    }
}

#[tokio::test]
async fn what_is_compressed_and_cut_is_told_from_what_is_garbled() {
    let whole = gzip(list(10_000).as_bytes());
    let mut garbled = whole.clone();
    // Behind its head, gzip has no block of this kind.
    garbled[10] = 0xff;
    let mut other_sum = whole.clone();
    other_sum[whole.len() - 8] ^= 1;
    for (body, kind) in [
        (
            whole[..whole.len() / 2].to_vec(),
            HttpErrorKind::Unavailable,
        ),
        (
            whole[..whole.len() - 3].to_vec(),
            HttpErrorKind::Unavailable,
        ),
        (garbled, HttpErrorKind::Malformed),
        (other_sum, HttpErrorKind::Malformed),
        (b"no gzip at all".to_vec(), HttpErrorKind::Malformed),
    ] {
        let zipped = ["content-encoding: gzip"];
        let server = Server::answering(answer("200 OK", &zipped, &body)).await;
        let mut items = items(&hasty(), &server).await;
        // The checksum comes last, so items may be wrong before it is known.
        let error = loop {
            match items.next().await {
                Ok(item) => assert!(item.is_some(), "{kind:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), kind, "{error}, of {} bytes", body.len());
    }
}

/// Reads an item as its number, plus one that is given.
#[derive(Clone)]
struct Plus(u64);

impl<'de> DeserializeSeed<'de> for Plus {
    type Value = u64;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<u64, D::Error> {
        Item::deserialize(json).map(|item| item.n + self.0)
    }
}

#[tokio::test]
async fn items_are_read_by_a_seed() {
    for (body, path) in [
        ("[{\"n\": 1}, {\"n\": 2}]", &[][..]),
        (&list(3)[..], &["results"]),
    ] {
        let server = Server::answering(ok(body.as_bytes())).await;
        let streaming = hasty().get(&server.url).stream().await.unwrap();
        let mut items = streaming.items_with(path, Plus(40));
        let mut read = Vec::new();
        while let Some(item) = items.next().await.unwrap() {
            read.push(item);
        }
        assert_eq!(
            read,
            if path.is_empty() {
                vec![41, 42]
            } else {
                vec![40, 41, 42]
            }
        );
    }
}

#[tokio::test]
async fn an_item_does_not_wait_for_the_next_one() {
    let body = "{\"results\": [{\"n\": 0}, {\"n\": 1}, ";
    let begun = cut(ok(&[body.as_bytes(), &[b' '; 100]].concat()), 100);
    let server = Server::start(vec![Script::Silence(begun)]).await;
    let mut items = items(&hasty(), &server).await;
    for n in 0..2 {
        assert_eq!(items.next().await.unwrap(), Some(Item { n }));
    }
}

#[tokio::test]
async fn a_reader_that_is_slow_keeps_the_parser_from_reading_on() {
    // An item of 100 KB is a batch by itself.
    let item = format!("{{\"n\": 0, \"x\": \"{}\"}}", "a".repeat(100_000));
    let count = 400;
    let body = format!("[{}]", vec![item; count].join(","));
    let (server, sent) = Server::counting(ok(body.as_bytes())).await;
    let streaming = hasty().get(&server.url).stream().await.unwrap();
    let mut items = streaming.items::<Item>(&[]);
    items.next().await.unwrap().unwrap();
    let ahead = sent.settled().await;
    // What the kernel takes on both sides is most of it.
    assert!(ahead < body.len() / 2, "{ahead} of {}", body.len());
    let mut read = 1;
    while items.next().await.unwrap().is_some() {
        read += 1;
    }
    assert_eq!(read, count);
}

#[tokio::test]
async fn a_reader_that_pauses_is_no_silent_server() {
    let impatient = with(HttpOptions {
        read_time: Duration::from_secs(5),
        tries: 1,
        ..HttpOptions::default()
    });
    let body = vec![b'a'; 4_000_000];
    let server = Server::answering(ok(&body)).await;
    let mut streaming = impatient.get(&server.url).stream().await.unwrap();
    let mut read = streaming.chunk().await.unwrap().unwrap().len();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    while let Some(chunk) = streaming.chunk().await.unwrap() {
        read += chunk.len();
    }
    assert_eq!(read, body.len());
}

#[test]
fn a_runtime_ends_while_a_server_is_silent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let begun = cut(ok(list(1000).as_bytes()), 2000);
        let server = Server::start(vec![Script::Silence(begun)]).await;
        let mut items = items(&hasty(), &server).await;
        items.next().await.unwrap().unwrap();
    });
    // It would wait for a parser that waits for the server, which may take two minutes.
    let began = std::time::Instant::now();
    drop(runtime);
    assert!(began.elapsed() < Duration::from_secs(60));
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
    for request in [
        small.get(&server.url),
        hasty().get(&server.url).max_item_bytes(1000),
    ] {
        let streaming = request.stream().await.unwrap();
        let (count, ended) = count(streaming.items(&["results"])).await;
        let error = ended.unwrap_err();
        assert_eq!((count, error.kind()), (0, HttpErrorKind::TooLarge));
        let words = "an item is larger than 1000 bytes";
        assert!(error.to_string().contains(words), "{error}");
    }
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
