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

use super::call::{Item, Put};
use crate::db::AttributeValue;
use crate::tables::TableNames;

/// Puts a body of our own into a request.
#[derive(Debug, Clone)]
pub(super) struct Body(Bytes);

impl Body {
    /// The transaction of these puts. An error is an attribute of a type that the store does not
    /// write.
    pub(super) fn of_transaction(
        puts: impl IntoIterator<Item: Borrow<Put>>,
        tables: &TableNames,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<Self, serde_json::Error> {
        let mut text = br#"{"TransactItems":["#.to_vec();
        for (at, put) in puts.into_iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            let put = PutAction::of(put.borrow(), tables);
            serde_json::to_writer(&mut text, &Action { put })?;
        }
        text.push(b']');
        if let Some(capacity) = capacity {
            text.extend_from_slice(br#","ReturnConsumedCapacity":"#);
            serde_json::to_writer(&mut text, capacity.as_str())?;
        }
        text.push(b'}');
        Ok(Self(text.into()))
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
#[serde(rename_all = "PascalCase")]
struct Action<'a> {
    put: PutAction<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutAction<'a> {
    table_name: &'a str,
    #[serde(serialize_with = "write_item")]
    item: &'a Item,
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

impl<'a> PutAction<'a> {
    fn of(put: &'a Put, tables: &'a TableNames) -> Self {
        let condition = put.condition.as_ref();
        Self {
            table_name: tables.of(put.table),
            item: &put.item,
            condition_expression: condition.map(|condition| &*condition.expression),
            expression_attribute_names: condition.map_or(&[], |condition| &condition.names),
            expression_attribute_values: condition.map_or(&[], |condition| &condition.values),
        }
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
    use crate::db::Condition;
    use crate::tables::Table;
    use serde_json::{Value, json};
    use weir_model::Timestamp;

    fn written(puts: Vec<Put>, capacity: Option<ReturnConsumedCapacity>) -> Value {
        let body = Body::of_transaction(puts, &TableNames::with_prefix("t-"), capacity);
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
    fn a_type_that_the_store_does_not_write_is_an_error() {
        let put = Put {
            table: Table::Inbox,
            item: Item::from([("a".to_owned(), AttributeValue::Bool(true))]),
            condition: None,
        };
        assert!(Body::of_transaction([put], &TableNames::default(), None).is_err());
    }
}
