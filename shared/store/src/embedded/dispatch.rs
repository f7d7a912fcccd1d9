//! From the JSON of a call to the engine's typed requests, and back.

use bytes::Bytes;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::transact_write_items::{
    TransactWriteItemsRequest as Transaction, TransactWriteItemsResponse as Transacted,
};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kept::{Change, Kept, Wanted};
use super::pages;
use super::transport::Answer;

/// A call that has been read, and what it does to the engine and to what is kept.
pub(super) type Work = Box<dyn FnOnce(&Database, &Kept) -> Answer + Send>;

/// Reads a call. That takes a good part of a large one's time and needs no engine, so whoever calls
/// does it, and not the thread that everybody waits for.
pub(super) fn read(operation: &str, body: Bytes) -> Work {
    match operation {
        "PutItem" => work(&body, |db, kept, request: PutItemRequest| {
            let change = kept.put(&request.table_name, &request.item);
            note(kept, change.into_iter().collect(), || db.put_item(request))
        }),
        "GetItem" => work(&body, |db, _, request| db.get_item(request)),
        "DeleteItem" => work(&body, |db, kept, request: DeleteItemRequest| {
            let change = kept.delete(&request.table_name, &request.key);
            note(kept, change.into_iter().collect(), || {
                db.delete_item(request)
            })
        }),
        "Query" => Box::new(move |db, kept| query(db, kept, &body)),
        "Scan" => work(&body, |db, _, request| pages::scan(db, request)),
        "BatchGetItem" => work(&body, |db, _, request| db.batch_get_item(request)),
        "BatchWriteItem" => work(&body, |db, kept, request| {
            let changes = batch_changes(kept, &request);
            note(kept, changes, || db.batch_write_item(request))
        }),
        "TransactWriteItems" => work(&body, |db, kept, request| {
            let changes = transaction_changes(kept, &request);
            note(kept, changes, || transact(db, request))
        }),
        "DescribeTable" => work(&body, |db, _, request| db.describe_table(request)),
        "CreateTable" => work(&body, |db, _, request| db.create_table(request)),
        _ => refusal(Answer::error(400, "UnknownOperationException", operation)),
    }
}

fn refusal(answer: Answer) -> Work {
    Box::new(|_, _| answer)
}

/// Makes the changes to what is kept once the engine has carried out their write. What it refuses
/// changes nothing; whatever else goes wrong may have.
fn note<A>(
    kept: &Kept,
    changes: Vec<Change>,
    call: impl FnOnce() -> Result<A, DynoxideError>,
) -> Result<A, DynoxideError> {
    let done = call();
    match &done {
        Ok(_) => kept.apply(changes),
        Err(error) if error.status_code() < 500 => {}
        Err(_) => kept.forget(&changes),
    }
    done
}

fn batch_changes(kept: &Kept, request: &BatchWriteItemRequest) -> Vec<Change> {
    let tables = request.request_items.iter();
    let writes = tables.flat_map(|(table, writes)| writes.iter().map(move |write| (table, write)));
    let changes = writes.filter_map(|(table, write)| {
        let put = write.put_request.as_ref();
        let delete = write.delete_request.as_ref();
        put.and_then(|put| kept.put(table, &put.item))
            .or_else(|| kept.delete(table, &delete?.key))
    });
    changes.collect()
}

/// Updates are not among them: the store sends none, and this engine takes none.
fn transaction_changes(kept: &Kept, request: &Transaction) -> Vec<Change> {
    let items = request.transact_items.iter();
    let changes = items.filter_map(|item| {
        let put = item.put.as_ref();
        let delete = item.delete.as_ref();
        put.and_then(|put| kept.put(&put.table_name, &put.item))
            .or_else(|| delete.and_then(|delete| kept.delete(&delete.table_name, &delete.key)))
    });
    changes.collect()
}

fn query(db: &Database, kept: &Kept, body: &[u8]) -> Answer {
    if let Some(wanted) = Wanted::read(body) {
        if let Some(answer) = kept.answer(&wanted) {
            return answer;
        }
        if kept.admits(&wanted)
            && let Ok(partition) = pages::read_partition(db, &wanted)
        {
            kept.keep(&wanted, partition);
            if let Some(answer) = kept.answer(&wanted) {
                return answer;
            }
        }
    }
    match parse(body) {
        Ok(request) => written(pages::query(db, request)),
        Err(answer) => answer,
    }
}

/// Without the token that the SDK draws for every transaction: a transaction that is repeated
/// must meet its own conditions again, and nothing is to be remembered of it but its items.
fn transact(db: &Database, mut request: Transaction) -> Result<Transacted, DynoxideError> {
    request.client_request_token = None;
    db.transact_write_items(request)
}

fn work<Q, A>(
    body: &[u8],
    carry_out: impl FnOnce(&Database, &Kept, Q) -> Result<A, DynoxideError> + Send + 'static,
) -> Work
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize,
{
    match parse(body) {
        Ok(request) => Box::new(|db, kept| written(carry_out(db, kept, request))),
        Err(answer) => refusal(answer),
    }
}

fn parse<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, Answer> {
    serde_json::from_slice(body)
        .map_err(|error| Answer::error(400, "SerializationException", &error.to_string()))
}

fn written<A: Serialize>(done: Result<A, DynoxideError>) -> Answer {
    match done {
        Ok(output) => match serde_json::to_vec(&output) {
            Ok(body) => Answer {
                status: 200,
                body: body.into(),
            },
            Err(error) => Answer::error(500, "InternalServerError", &error.to_string()),
        },
        Err(error) => Answer {
            status: error.status_code(),
            body: error.to_json().into(),
        },
    }
}
