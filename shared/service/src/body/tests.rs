use std::io::Write;

use axum::response::IntoResponse;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::Either;
use futures::{StreamExt as _, stream};
use http::header::RETRY_AFTER;
use weir_store::Store;

use super::*;
use crate::ServiceConfig;
use crate::auth::{SigningKey, SigningKeys};
use crate::gate::Bounds;
use crate::testing::World;

const LIMITS: BodyLimits = BodyLimits {
    body_bytes: 100_000,
    decompressed_bytes: 1_000_000,
    read_time: Duration::from_secs(30),
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn encoded(name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, name.parse().unwrap());
    headers
}

async fn read_within(
    budget: &Arc<Budget>,
    headers: &HeaderMap,
    body: impl Into<Body>,
) -> Result<ReceivedBody, Problem> {
    read(headers, body.into(), &LIMITS, budget).await
}

async fn check(encoding: &str, sent: Vec<u8>, expected: Result<&[u8], (u16, &str)>) {
    let budget = Budget::new(10_000_000);
    let result = read_within(&budget, &encoded(encoding), sent).await;
    match (&result, expected) {
        (Ok(body), Ok(bytes)) => assert_eq!(body.bytes(), bytes),
        (Err(problem), Err((status, code))) => {
            assert_eq!(problem.status().as_u16(), status, "{problem}");
            assert_eq!(problem.document().code, code);
        }
        _ => panic!("{result:?} instead of {expected:?}"),
    }
    drop(result);
    assert_eq!(budget.used(), 0, "memory came back");
}

#[tokio::test]
async fn every_encoding_is_decoded() {
    let text = b"{\"value\": 1}".repeat(1000);
    check("identity", text.clone(), Ok(&text)).await;
    check("gzip", gzip(&text), Ok(&text)).await;
    check("X-GZIP", gzip(&text), Ok(&text)).await;
    check(
        "zstd",
        zstd::encode_all(text.as_slice(), 3).unwrap(),
        Ok(&text),
    )
    .await;
    let members = [gzip(b"one, "), gzip(b"two")].concat();
    check("gzip", members, Ok(b"one, two")).await;
}

#[tokio::test]
async fn an_encoding_that_is_not_there_is_refused_with_those_that_are() {
    check("br", b"x".to_vec(), Err((415, "unsupported-encoding"))).await;
    check(
        "gzip, gzip",
        b"x".to_vec(),
        Err((415, "unsupported-encoding")),
    )
    .await;
    let mut twice = encoded("gzip");
    twice.append(CONTENT_ENCODING, "gzip".parse().unwrap());
    let problem = Encoding::of(&twice).unwrap_err();
    assert_eq!(problem.headers()[ACCEPT_ENCODING], "gzip, zstd, identity");
}

#[tokio::test]
async fn a_broken_or_cut_compression_is_a_bad_request() {
    let whole = gzip(b"some text that is long enough");
    check(
        "gzip",
        whole[..whole.len() - 4].to_vec(),
        Err((400, "invalid-compression")),
    )
    .await;
    check("gzip", b"plain".to_vec(), Err((400, "invalid-compression"))).await;
    let trailing = [whole, b"garbage".to_vec()].concat();
    check("gzip", trailing, Err((400, "invalid-compression"))).await;
    let whole = zstd::encode_all(b"some text".as_slice(), 3).unwrap();
    check(
        "zstd",
        whole[..whole.len() - 4].to_vec(),
        Err((400, "invalid-compression")),
    )
    .await;
}

#[tokio::test]
async fn a_body_over_its_size_is_refused() {
    check("identity", vec![b'x'; 100_000], Ok(&vec![b'x'; 100_000])).await;
    check("identity", vec![b'x'; 100_001], Err((413, "too-large"))).await;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, "100001".parse().unwrap());
    let problem = read_within(&Budget::new(1), &headers, "")
        .await
        .unwrap_err();
    assert_eq!(problem.status().as_u16(), 413);
    assert!(
        problem.document().detail.contains("100000 bytes"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_limit_and_not_after_it() {
    let zeros = vec![0; 50_000_000];
    check("gzip", gzip(&zeros), Err((413, "too-large"))).await;
    check(
        "zstd",
        zstd::encode_all(zeros.as_slice(), 3).unwrap(),
        Err((413, "too-large")),
    )
    .await;
    // What a bomb may hold is its own size, its limit and what doubling adds: never the 50 MB.
    let sent = gzip(&zeros);
    let budget = Budget::new(sent.len() * 2 + 1_000_000);
    let problem = read_within(&budget, &encoded("gzip"), sent)
        .await
        .unwrap_err();
    assert_eq!(problem.status().as_u16(), 413, "{problem}");
}

#[tokio::test]
async fn a_window_that_takes_too_much_memory_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(25).unwrap();
    encoder.write_all(b"some text").unwrap();
    let sent = encoder.finish().unwrap();
    check("zstd", sent, Err((400, "invalid-compression"))).await;
}

#[tokio::test]
async fn a_request_that_finds_no_memory_is_asked_to_come_again() {
    let budget = Budget::new(100_000);
    let headers = HeaderMap::new();
    let first = read_within(&budget, &headers, vec![b'x'; 60_000])
        .await
        .unwrap();
    let problem = read_within(&budget, &headers, vec![b'x'; 60_000])
        .await
        .unwrap_err();
    assert_eq!(problem.status().as_u16(), 503);
    assert_eq!(problem.into_response().headers()[RETRY_AFTER], "1");
    drop(first);
    let mut body = read_within(&budget, &headers, vec![b'x'; 60_000])
        .await
        .unwrap();
    assert!(body.charge(30_000).is_ok());
    assert_eq!(body.charge(30_000).unwrap_err().status().as_u16(), 503);
}

#[tokio::test]
async fn decoding_too_is_within_the_memory() {
    let budget = Budget::new(200_000);
    let sent = gzip(&vec![0; 900_000]);
    let problem = read_within(&budget, &encoded("gzip"), sent)
        .await
        .unwrap_err();
    assert_eq!(problem.document().code, "over-capacity");
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_timed_out() {
    let stuck = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let problem = read_within(&Budget::new(1000), &HeaderMap::new(), stuck)
        .await
        .unwrap_err();
    assert_eq!(problem.status().as_u16(), 408);
}

#[tokio::test]
async fn a_body_that_breaks_off_may_come_again() {
    let pieces = [Ok(Bytes::from("{")), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(stream::iter(pieces));
    let problem = read_within(&Budget::new(1000), &HeaderMap::new(), body)
        .await
        .unwrap_err();
    assert_eq!(problem.document().code, "body-cut-off");
    assert_eq!(problem.status().as_u16(), 503);
}

#[tokio::test]
async fn text_that_is_not_utf8_is_a_bad_request() {
    let body = read_within(&Budget::new(1000), &HeaderMap::new(), b"ab\xff".to_vec()).await;
    let problem = body.unwrap().text().map(|_| ()).unwrap_err();
    assert_eq!(problem.document().code, "invalid-utf8");
    assert!(problem.document().detail.ends_with("byte 2"), "{problem}");
}

/// Nobody waits.
fn at_once(at_once: usize) -> Bounds {
    Bounds {
        at_once,
        waiting: 0,
        patience: Duration::ZERO,
    }
}

#[tokio::test]
async fn a_request_too_many_is_refused_before_its_body_is_read() {
    let world = World::start().await;
    let keys = SigningKeys::new(SigningKey::random());
    let config = ServiceConfig {
        in_flight_requests: at_once(2),
        ..ServiceConfig::new(keys)
    };
    let service = Service::new(Store::new(world.db()), config);
    let none = HeaderMap::new();
    let one = service.read_body(&none, Body::from("1")).await.unwrap();
    let other = service.read_body(&none, Body::from("2")).await.unwrap();
    let unread = stream::once(async { panic!("it is read") });
    let unread = Body::from_stream(unread.map(Ok::<Bytes, std::io::Error>));
    let refusal = service.read_body(&none, unread).await.unwrap_err();
    assert_eq!(refusal.document().code, "overloaded");
    drop(one);
    // A large one weighs more than a small one.
    let large = vec![b'x'; WEIGHED_BYTES];
    let refusal = service.read_body(&none, large.clone().into()).await;
    assert_eq!(refusal.unwrap_err().document().code, "overloaded");
    drop(other);
    assert!(service.read_body(&none, large.into()).await.is_ok());
}

#[tokio::test]
async fn a_body_on_its_way_takes_no_place() {
    let world = World::start().await;
    let keys = SigningKeys::new(SigningKey::random());
    let config = ServiceConfig {
        in_flight_requests: at_once(1),
        ..ServiceConfig::new(keys)
    };
    let service = Service::new(Store::new(world.db()), config);
    let none = HeaderMap::new();
    let slow = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let slow = service.read_body(&none, slow);
    let slow = std::pin::pin!(slow);
    let quick = service.read_body(&none, Body::from("1"));
    match futures::future::select(slow, std::pin::pin!(quick)).await {
        Either::Right((quick, _)) => assert!(quick.is_ok()),
        Either::Left(_) => panic!("it never ends"),
    }
}

#[test]
fn a_body_weighs_by_its_size_up_to_a_limit() {
    for (bytes, expected) in [
        (0, 1),
        (WEIGHED_BYTES - 1, 1),
        (WEIGHED_BYTES, 2),
        (14 * WEIGHED_BYTES, 15),
        (BODY_BYTES, HEAVIEST),
        (usize::MAX, HEAVIEST),
    ] {
        assert_eq!(weight(bytes), expected, "{bytes}");
    }
}
