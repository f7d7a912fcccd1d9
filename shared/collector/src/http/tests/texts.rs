//! Texts that JSON allows and programs write, but that no character or number is.

use super::server::chunked;
use super::*;

const HALVES: &str = r#"[{"cut": "\ud83d", "whole": "\ud83e\udd80"}, {"\uDD80": "\\ud83d"}]"#;

#[tokio::test]
async fn half_a_character_is_no_reason_to_refuse_an_answer() {
    let told = json!([{"cut": "\u{fffd}", "whole": "🦀"}, {"\u{fffd}": "\\ud83d"}]);
    let (one, other) = HALVES.as_bytes().split_at(12);
    for answer in [ok(HALVES.as_bytes()), chunked(&[one, other], "0\r\n\r\n")] {
        let server = Server::answering(answer).await;
        let whole = hasty().get(&server.url).send().await.unwrap();
        assert_eq!(whole.json::<Value>().unwrap(), told);
        let streaming = hasty().get(&server.url).stream().await.unwrap();
        let mut items = streaming.items::<Value>(&[]);
        let mut read = Vec::new();
        while let Some(item) = items.next().await.unwrap() {
            read.push(item);
        }
        assert_eq!(Value::from(read), told);
    }
}

#[tokio::test]
async fn a_number_that_is_too_great_is_named() {
    let server = Server::answering(ok(b"[1e400]")).await;
    let whole = hasty().get(&server.url).send().await.unwrap();
    let streaming = hasty().get(&server.url).stream().await.unwrap();
    for error in [
        whole.json::<Value>().unwrap_err(),
        streaming.items::<Value>(&[]).next().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), HttpErrorKind::Malformed);
        let words = "the answer has a number that is too great to be read (line 1, column ";
        assert!(error.to_string().contains(words), "{error}");
    }
}
