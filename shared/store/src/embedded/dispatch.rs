//! From the JSON of a call to the engine's typed requests, and back.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::transport::Answer;

/// Carries out a call.
pub(super) fn dispatch(db: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "PutItem" => run(body, |request| db.put_item(request)),
        "GetItem" => run(body, |request| db.get_item(request)),
        "DeleteItem" => run(body, |request| db.delete_item(request)),
        "Query" => run(body, |request| db.query(request)),
        "Scan" => run(body, |request| db.scan(request)),
        "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
        "TransactWriteItems" => run(body, |request| transact(db, request)),
        "DescribeTable" => run(body, |request| db.describe_table(request)),
        "CreateTable" => run(body, |request| db.create_table(request)),
        _ => Answer::error(400, "UnknownOperationException", operation),
    }
}

type Transaction = dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
type Transacted = dynoxide::actions::transact_write_items::TransactWriteItemsResponse;

/// Without the token that the SDK draws for every transaction: a transaction that is repeated
/// must meet its own conditions again, and nothing is to be remembered of it but its items.
fn transact(db: &Database, mut request: Transaction) -> Result<Transacted, DynoxideError> {
    request.client_request_token = None;
    db.transact_write_items(request)
}

fn run<Q, A>(body: &[u8], call: impl FnOnce(Q) -> Result<A, DynoxideError>) -> Answer
where
    Q: DeserializeOwned,
    A: Serialize,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Answer::error(400, "SerializationException", &error.to_string()),
    };
    match call(request) {
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
