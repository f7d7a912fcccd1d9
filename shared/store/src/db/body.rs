//! Writing transactions.
//!
//! The SDK writes a transaction from a tree of builders, to be made and taken apart for each item.
//! It is written here instead, by serde, from the puts as they are, and takes the place of the SDK's
//! own before the request is signed.
//!
//! It has no `ClientRequestToken`. The SDK draws one for each call, for retries that it never makes;
//! a transaction that is put again must meet its own conditions.

use std::borrow::Borrow;

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use aws_smithy_types::body::SdkBody;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};

use super::call::{Condition, Delete, Item, Key, Put, Write};
use crate::db::AttributeValue;
use crate::tables::TableNames;

/// Puts a body of our own into a request.
#[derive(Debug, Clone)]
pub(super) struct Body(Bytes);

impl Body {
    /// The transaction of these puts. An error is an attribute of a type that the store does not
    /// write.
    pub(super) fn of_puts(
        puts: impl IntoIterator<Item: Borrow<Put>>,
        tables: &TableNames,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<Self, serde_json::Error> {
        let mut body = Writer::begin();
        for put in puts {
            body.add(&Action::put(put.borrow(), tables))?;
        }
        body.finish(capacity)
    }

    /// The transaction of these writes.
    pub(super) fn of_writes(
        writes: &[Write],
        tables: &TableNames,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<Self, serde_json::Error> {
        let mut body = Writer::begin();
        for write in writes {
            body.add(&match write {
                Write::Put(put) => Action::put(put, tables),
                Write::Delete(delete) => Action::delete(delete, tables),
            })?;
        }
        body.finish(capacity)
    }
}

/// A body that is being written.
struct Writer {
    text: Vec<u8>,
    is_empty: bool,
}

impl Writer {
    fn begin() -> Self {
        Self {
            text: br#"{"TransactItems":["#.to_vec(),
            is_empty: true,
        }
    }

    fn add(&mut self, action: &Action<'_>) -> Result<(), serde_json::Error> {
        if !self.is_empty {
            self.text.push(b',');
        }
        self.is_empty = false;
        serde_json::to_writer(&mut self.text, action)
    }

    fn finish(
        mut self,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<Body, serde_json::Error> {
        self.text.push(b']');
        if let Some(capacity) = capacity {
            self.text
                .extend_from_slice(br#","ReturnConsumedCapacity":"#);
            serde_json::to_writer(&mut self.text, capacity.as_str())?;
        }
        self.text.push(b'}');
        Ok(Body(self.text.into()))
    }
}

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let length = self.0.len().to_string();
        request.headers_mut().try_insert("content-length", length)?;
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

#[derive(Serialize)]
enum Action<'a> {
    Put(Parts<'a>),
    Delete(Parts<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parts<'a> {
    table_name: &'a str,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_optional_item"
    )]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_key")]
    key: Option<&'a Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'a str>,
    #[serde(
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "write_names"
    )]
    expression_attribute_names: &'a [(String, String)],
    #[serde(
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "write_values"
    )]
    expression_attribute_values: &'a [(String, AttributeValue)],
}

impl<'a> Action<'a> {
    fn put(put: &'a Put, tables: &'a TableNames) -> Self {
        Self::Put(Parts {
            item: Some(&put.item),
            ..Parts::of(tables.of(put.table), put.condition.as_ref())
        })
    }

    fn delete(delete: &'a Delete, tables: &'a TableNames) -> Self {
        Self::Delete(Parts {
            key: Some(&delete.key),
            ..Parts::of(tables.of(delete.table), delete.condition.as_ref())
        })
    }
}

impl<'a> Parts<'a> {
    fn of(table_name: &'a str, condition: Option<&'a Condition>) -> Self {
        Self {
            table_name,
            item: None,
            key: None,
            condition_expression: condition.map(|condition| &*condition.expression),
            expression_attribute_names: condition.map_or(&[], |condition| &condition.names),
            expression_attribute_values: condition.map_or(&[], |condition| &condition.values),
        }
    }
}

fn write_optional_item<S: Serializer>(
    item: &Option<&Item>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match item {
        Some(item) => write_item(item, serializer),
        None => serializer.serialize_none(),
    }
}

fn write_key<S: Serializer>(key: &Option<&Key>, serializer: S) -> Result<S::Ok, S::Error> {
    match key {
        Some(key) => write_item(&(*key).clone().into_item(), serializer),
        None => serializer.serialize_none(),
    }
}

fn write_item<S: Serializer>(item: &Item, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(item.iter().map(|(name, value)| (name, Attribute(value))))
}

fn write_names<S: Serializer>(
    names: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(names.iter().map(|(name, meaning)| (name, meaning)))
}

fn write_values<S: Serializer>(
    values: &[(String, AttributeValue)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, Attribute(value))))
}

struct Attribute<'a>(&'a AttributeValue);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::S(text) => map.serialize_entry("S", text)?,
            AttributeValue::N(number) => map.serialize_entry("N", number)?,
            AttributeValue::B(bytes) => map.serialize_entry("B", &Base64(bytes.as_ref()))?,
            _ => return Err(S::Error::custom("an attribute of an unknown type")),
        }
        map.end()
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute;
    use crate::tables::Table;
    use serde_json::{Value, json};
    use weir_model::Timestamp;

    fn written(puts: Vec<Put>, capacity: Option<ReturnConsumedCapacity>) -> Value {
        let body = Body::of_puts(puts, &TableNames::with_prefix("t-"), capacity);
        serde_json::from_slice(&body.expect("types that are known").0).expect("JSON")
    }

    #[test]
    fn a_transaction_is_written_as_dynamodb_documents_it() {
        let block = Item::from([
            ("pk".to_owned(), attribute::text("a\"b\n")),
            ("size".to_owned(), attribute::number(-7)),
            ("block".to_owned(), attribute::bytes(vec![1, 2, 3, 255])),
        ]);
        let now = Timestamp::from_millis(1_900_000_000_000).expect("a legal time");
        let marker = Item::from([("pk".to_owned(), attribute::text("e"))]);
        let puts = vec![
            Put {
                table: Table::Inbox,
                item: block,
                condition: Some(Condition::equals("size", attribute::number(3))),
            },
            Put {
                table: Table::Receipts,
                item: marker.clone(),
                condition: Some(Condition::absent_or_expired(now)),
            },
            Put {
                table: Table::Receipts,
                item: marker,
                condition: None,
            },
        ];
        let expected = json!([
            {"Put": {
                "TableName": "t-inbox",
                "Item": {"pk": {"S": "a\"b\n"}, "size": {"N": "-7"}, "block": {"B": "AQID/w=="}},
                "ConditionExpression": "#attribute = :value",
                "ExpressionAttributeNames": {"#attribute": "size"},
                "ExpressionAttributeValues": {":value": {"N": "3"}},
            }},
            {"Put": {
                "TableName": "t-receipts",
                "Item": {"pk": {"S": "e"}},
                "ConditionExpression": "attribute_not_exists(pk) OR expires <= :now",
                "ExpressionAttributeValues": {":now": {"N": "1900000000"}},
            }},
            {"Put": {"TableName": "t-receipts", "Item": {"pk": {"S": "e"}}}},
        ]);
        assert_eq!(
            written(puts.clone(), None),
            json!({ "TransactItems": expected })
        );
        assert_eq!(
            written(puts, Some(ReturnConsumedCapacity::Total)),
            json!({ "TransactItems": expected, "ReturnConsumedCapacity": "TOTAL" })
        );
    }

    #[test]
    fn deletions_are_written_beside_puts() {
        let key = Key::new("p", "s");
        let delete = |condition| {
            Write::Delete(Delete {
                table: Table::Records,
                key: key.clone(),
                condition,
            })
        };
        let writes = [
            delete(None),
            Write::Put(Put {
                table: Table::Records,
                item: Key::new("p", "t").into_item(),
                condition: Some(Condition::absent()),
            }),
            delete(Some(Condition::equals("mark", attribute::text("m")))),
        ];
        let body = Body::of_writes(&writes, &TableNames::with_prefix("t-"), None);
        let body: Value = serde_json::from_slice(&body.expect("known types").0).expect("JSON");
        let key = json!({"pk": {"S": "p"}, "sk": {"S": "s"}});
        let expected = json!([
            {"Delete": {"TableName": "t-records", "Key": key}},
            {"Put": {
                "TableName": "t-records",
                "Item": {"pk": {"S": "p"}, "sk": {"S": "t"}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }},
            {"Delete": {
                "TableName": "t-records",
                "Key": key,
                "ConditionExpression": "#attribute = :value",
                "ExpressionAttributeNames": {"#attribute": "mark"},
                "ExpressionAttributeValues": {":value": {"S": "m"}},
            }},
        ]);
        assert_eq!(body, json!({ "TransactItems": expected }));
    }

    #[test]
    fn a_type_that_the_store_does_not_write_is_an_error() {
        let put = Put {
            table: Table::Inbox,
            item: Item::from([("a".to_owned(), AttributeValue::Bool(true))]),
            condition: None,
        };
        assert!(Body::of_puts([put], &TableNames::default(), None).is_err());
    }
}
