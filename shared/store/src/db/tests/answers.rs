//! What is made of every kind of answer.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures::future::{BoxFuture, pending};
use serde_json::{Value, json};

use super::*;
use crate::embedded::{Answer, Call, Cut};

/// Gives out prepared answers, the last of them for ever, and keeps the calls.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Answer, Cut>>>,
    calls: Mutex<Vec<Call>>,
}

impl Transport for Script {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        self.calls.lock().unwrap().push(call);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            0 => return Box::pin(pending()),
            1 => answers[0].clone(),
            _ => answers.pop_front().expect("there are several"),
        };
        Box::pin(async { answer })
    }
}

impl Script {
    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn scripted(answers: impl IntoIterator<Item = Result<Answer, Cut>>) -> (Db, Arc<Script>) {
    let answers = Mutex::new(answers.into_iter().collect());
    let script = Arc::new(Script {
        answers,
        ..Script::default()
    });
    let clock = Arc::new(ManualClock::running(start()));
    (Db::embedded(Arc::clone(&script) as _, clock), script)
}

fn ok(body: Value) -> Result<Answer, Cut> {
    Ok(Answer {
        status: 200,
        body: body.to_string().into(),
    })
}

fn error(status: u16, code: &str) -> Result<Answer, Cut> {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Ok(Answer::error(status, &code, "as scripted"))
}

#[tokio::test]
async fn an_attempt_is_signed_with_the_time_it_was_given_and_made_once() {
    let (db, script) = scripted([error(500, "InternalServerError")]);
    let signed_at = Timestamp::from_millis(1_000_000_000_000).unwrap();
    let attempt = Attempt {
        signed_at,
        ..attempt()
    };
    let failed = db.put(put("p", "1", "a", None), attempt).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");
    let calls = script.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].signed_at, signed_at);
    assert_eq!(calls[0].operation, "PutItem");
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(body["TableName"], "weir-inbox");
    assert_eq!(body["Item"]["sk"], json!({ "S": "1" }));
}

#[tokio::test]
async fn every_error_says_whether_the_call_may_have_been_applied() {
    let check = async |answer: Result<Answer, Cut>, expected: &str| {
        let (db, _) = scripted([answer.clone()]);
        let failed = db.put(put("p", "1", "a", None), attempt()).await;
        let failed = format!("{:?}", failed.expect_err("an error"));
        assert!(failed.starts_with(expected), "{answer:?} gave {failed}");
        assert!(!failed.contains("1\""), "{failed} shows an item");
    };
    check(error(400, "ConditionalCheckFailedException"), "Refused").await;
    check(error(400, "TransactionConflictException"), "Conflict").await;
    check(error(400, "TransactionInProgressException"), "Conflict").await;
    check(
        error(400, "ProvisionedThroughputExceededException"),
        "Throttled",
    )
    .await;
    check(error(400, "ThrottlingException"), "Throttled").await;
    check(error(400, "RequestLimitExceeded"), "Throttled").await;
    check(error(400, "InvalidSignatureException"), "Expired").await;
    check(error(400, "RequestExpired"), "Expired").await;
    check(
        error(400, "ValidationException"),
        "Invalid(\"ValidationException",
    )
    .await;
    check(error(400, "ResourceNotFoundException"), "Invalid").await;
    check(error(500, "InternalServerError"), "Doubt").await;
    check(error(503, "ServiceUnavailable"), "Doubt").await;
    check(error(500, "ThrottlingException"), "Doubt").await;
    check(Err(Cut("as scripted".into())), "Doubt").await;
    check(
        Ok(Answer {
            status: 400,
            body: "gateway".into(),
        }),
        "Doubt",
    )
    .await;
    check(
        Ok(Answer {
            status: 502,
            body: "<html>".into(),
        }),
        "Doubt",
    )
    .await;
    check(
        Ok(Answer {
            status: 200,
            body: "{\"Attri".into(),
        }),
        "Doubt",
    )
    .await;
}

#[tokio::test]
async fn a_cancelled_transaction_gives_the_reasons_there_are() {
    let check = async |codes: &[&str], expected: &[Reason]| {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "as scripted",
            "CancellationReasons": reasons,
        });
        let (db, _) = scripted([Ok(Answer {
            status: 400,
            body: body.to_string().into(),
        })]);
        let failed = db.transact(vec![put("p", "1", "a", None)], attempt()).await;
        assert_eq!(failed, Err(CallError::Cancelled(expected.to_vec())));
    };
    check(
        &["None", "ConditionalCheckFailed"],
        &[Reason::Met, Reason::Refused],
    )
    .await;
    check(&["TransactionConflict"], &[Reason::Conflict]).await;
    check(&["ThrottlingError"], &[Reason::Throttled]).await;
    check(&["ProvisionedThroughputExceeded"], &[Reason::Throttled]).await;
    check(
        &["ItemCollectionSizeLimitExceeded", "?"],
        &[Reason::Unknown; 2],
    )
    .await;
    check(&[], &[]).await;

    let (db, _) = scripted([error(400, "TransactionInProgressException")]);
    let failed = db.transact(vec![put("p", "1", "a", None)], attempt()).await;
    assert_eq!(failed, Err(CallError::Conflict));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_an_answer_ends_in_doubt() {
    let (db, script) = scripted([]);
    let began = tokio::time::Instant::now();
    let failed = db.put(put("p", "1", "a", None), attempt()).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");
    assert_eq!(began.elapsed(), attempt().timeout);
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_until_it_is_answered_or_the_deadline_has_passed() {
    let found = ok(json!({ "Item": { "pk": { "S": "p" } } }));
    let throttled = error(400, "ProvisionedThroughputExceededException");
    let (db, script) = scripted([throttled.clone(), Err(Cut("x".into())), found]);
    let item = db.get(Table::Inbox, key("p", "1"), soon()).await.unwrap();
    assert!(item.is_some());
    let body: Value = serde_json::from_slice(&script.calls()[2].body).unwrap();
    assert_eq!(body["ConsistentRead"], json!(true));

    let (db, script) = scripted([throttled]);
    let failed = db.get(Table::Inbox, key("p", "1"), soon()).await;
    assert_eq!(failed, Err(ReadError::Unavailable("too many calls".into())));
    let calls = script.calls();
    assert!(calls.len() > 5);
    assert!(calls.last().unwrap().signed_at > calls[0].signed_at);
    assert!(db.clock().now() >= start().saturating_add(Duration::from_secs(30)));

    let (db, script) = scripted([error(400, "ResourceNotFoundException")]);
    let failed = db.get(Table::Inbox, key("p", "1"), soon()).await;
    assert!(matches!(failed, Err(ReadError::Invalid(_))), "{failed:?}");
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_not_looked_up_are_asked_for_again() {
    let one = json!({ "pk": { "S": "p" }, "sk": { "S": "1" } });
    let two = json!({ "pk": { "S": "p" }, "sk": { "S": "2" } });
    let left = json!({ "weir-inbox": { "Keys": [two], "ConsistentRead": true } });
    let (db, script) = scripted([
        ok(json!({ "Responses": { "weir-inbox": [one] }, "UnprocessedKeys": left })),
        ok(json!({ "Responses": {}, "UnprocessedKeys": left })),
        ok(json!({ "Responses": { "weir-inbox": [two] }, "UnprocessedKeys": {} })),
    ]);
    let keys = vec![key("p", "1"), key("p", "2")];
    let found = db.get_many(Table::Inbox, keys, soon()).await.unwrap();
    assert_eq!(sort_keys(&found), ["1", "2"]);
    let calls = script.calls();
    let body: Value = serde_json::from_slice(&calls[2].body).unwrap();
    assert_eq!(body["RequestItems"]["weir-inbox"]["Keys"], json!([two]));
    assert_eq!(
        body["RequestItems"]["weir-inbox"]["ConsistentRead"],
        json!(true)
    );
    assert_eq!(calls.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn deletions_that_were_not_done_are_asked_for_again() {
    let two = json!({ "pk": { "S": "p" }, "sk": { "S": "2" } });
    let left = json!({ "weir-inbox": [{ "DeleteRequest": { "Key": two } }] });
    let (db, script) = scripted([
        ok(json!({ "UnprocessedItems": left })),
        error(500, "InternalServerError"),
        ok(json!({ "UnprocessedItems": left })),
        ok(json!({ "UnprocessedItems": {} })),
    ]);
    let keys = vec![key("p", "1"), key("p", "2")];
    db.delete_many(Table::Inbox, keys, soon()).await.unwrap();
    let calls = script.calls();
    let body: Value = serde_json::from_slice(&calls[3].body).unwrap();
    assert_eq!(body["RequestItems"], left);
    assert_eq!(calls.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_repeatable_put_that_was_once_in_doubt_ends_in_doubt() {
    let throttled = || error(400, "ThrottlingException");
    let (db, _) = scripted([throttled(), error(500, "InternalServerError"), throttled()]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");

    let (db, _) = scripted([throttled()]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(failed, Err(CallError::Throttled));

    let (db, _) = scripted([throttled(), ok(json!({}))]);
    let done = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(done, Ok(()));

    let (db, script) = scripted([error(400, "ConditionalCheckFailedException")]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(failed, Err(CallError::Refused));
    assert_eq!(script.calls().len(), 1);
}
