//! Reading pages of many items.
//!
//! The SDK reads an answer into its own tree, which takes most of the time of a long page. A page
//! that is in memory is read here instead, by serde, before the SDK looks at it. Whatever is not
//! understood here is left to the SDK.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::Blob;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::call::Item;
use crate::db::AttributeValue;

/// Takes a page out of an answer. One for each call; its clones share the page.
#[derive(Debug)]
pub(super) struct PageReader<P> {
    page: Arc<Mutex<Option<P>>>,
    off: bool,
}

/// A page as it stands in an answer.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rows<T = Row> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
    #[serde(default, deserialize_with = "read_key")]
    pub(super) last_evaluated_key: Option<Item>,
}

/// The items of a batch as they stand in an answer, if none was left out.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    pub(super) responses: HashMap<String, Vec<Row>>,
    #[serde(default, rename = "UnprocessedKeys")]
    _unprocessed: Nothing,
}

/// An object without anything in it.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What is read of an item.
pub(crate) trait OfItem: DeserializeOwned + fmt::Debug + Send + Sync + 'static {
    /// The same of an item that the SDK has read; nothing if it lacks something.
    fn of_item(item: Item) -> Option<Self>;
}

impl<P> PageReader<P> {
    /// A reader, or one that leaves everything to the SDK, because more than items is wanted.
    pub(super) fn unless(off: bool) -> Self {
        let page = Arc::default();
        Self { page, off }
    }

    /// The page, if the answer was understood.
    pub(super) fn take(&self) -> Option<P> {
        self.page
            .lock()
            .expect("keeping a page does not panic")
            .take()
    }
}

impl<P> Clone for PageReader<P> {
    fn clone(&self) -> Self {
        Self {
            page: Arc::clone(&self.page),
            off: self.off,
        }
    }
}

impl<P> Intercept for PageReader<P>
where
    P: DeserializeOwned + fmt::Debug + Send + Sync,
{
    fn name(&self) -> &'static str {
        "PageReader"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if self.off || !response.status().is_success() {
            return Ok(());
        }
        let page = response
            .body()
            .bytes()
            .and_then(|body| serde_json::from_slice(body).ok());
        if let Some(page) = page {
            *self.page.lock().expect("taking a page does not panic") = Some(page);
            *response.body_mut() = SdkBody::from("{}");
        }
        Ok(())
    }
}

/// An item with all that it has.
#[derive(Debug, PartialEq)]
pub(super) struct Row(pub(super) Item);

impl OfItem for Row {
    fn of_item(item: Item) -> Option<Self> {
        Some(Self(item))
    }
}

struct Attribute(AttributeValue);

fn read_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Item>, D::Error> {
    let key: Option<Row> = Option::deserialize(deserializer)?;
    Ok(key.map(|Row(item)| item))
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an item")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut item = Item::new();
                while let Some((name, Attribute(value))) = map.next_entry::<String, _>()? {
                    item.insert(name, value);
                }
                Ok(Row(item))
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed;
        impl<'de> Visitor<'de> for Typed {
            type Value = Attribute;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number or bytes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attribute, A::Error> {
                let kind: Kind = map
                    .next_key()?
                    .ok_or_else(|| A::Error::custom("a value without a type"))?;
                let value = match kind {
                    Kind::S => AttributeValue::S(map.next_value()?),
                    Kind::N => AttributeValue::N(map.next_value()?),
                    Kind::B => AttributeValue::B(map.next_value::<Base64>()?.0),
                };
                Ok(Attribute(value))
            }
        }
        deserializer.deserialize_map(Typed)
    }
}

/// The types of attributes that the store writes.
#[derive(Deserialize)]
enum Kind {
    S,
    N,
    B,
}

struct Base64(Blob);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64, E> {
                let bytes = STANDARD.decode(text).map_err(E::custom)?;
                Ok(Base64(Blob::new(bytes)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_the_sdk_would() {
        let body =
            br#"{"Count":2,"Items":[{"sk":{"S":"a\"b"},"n":{"N":"-7"}},{"block":{"B":"AQID"}}],
            "LastEvaluatedKey":{"pk":{"S":"p"},"sk":{"S":"s"}},"ScannedCount":2}"#;
        let rows: Rows = serde_json::from_slice(body).expect("a page");
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let first = Item::from([
            ("sk".to_owned(), text("a\"b")),
            ("n".to_owned(), AttributeValue::N("-7".to_owned())),
        ]);
        let block = AttributeValue::B(Blob::new([1, 2, 3]));
        let second = Item::from([("block".to_owned(), block)]);
        let key = Item::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text("s"))]);
        assert_eq!(
            rows,
            Rows {
                items: vec![Row(first), Row(second)],
                last_evaluated_key: Some(key)
            }
        );
        let empty: Rows = serde_json::from_slice(b"{}").expect("an empty page");
        assert_eq!((empty.items, empty.last_evaluated_key), (vec![], None));
    }

    #[test]
    fn a_batch_is_read_if_it_is_whole() {
        let read = |left: &str| {
            let items = r#"{"t":[{"pk":{"S":"a"}},{"pk":{"S":"b"}}],"u":[]}"#;
            let body = format!(r#"{{"Responses":{items}{left}}}"#);
            serde_json::from_str::<Batch>(&body).ok()
        };
        for left in ["", r#","UnprocessedKeys":{}"#] {
            let batch = read(left).expect("a batch");
            let mut counts: Vec<_> = batch
                .responses
                .iter()
                .map(|(t, r)| (&**t, r.len()))
                .collect();
            counts.sort();
            assert_eq!(counts, [("t", 2), ("u", 0)]);
        }
        assert_eq!(read(r#","UnprocessedKeys":{"t":{"Keys":[]}}"#), None);
    }

    #[test]
    fn what_the_store_does_not_write_is_not_understood() {
        for value in [
            r#"{"BOOL":true}"#,
            r#"{"M":{}}"#,
            r#"{"S":1}"#,
            r#"{"B":"?"}"#,
            r#"{"S":"a","N":"1"}"#,
            "{}",
        ] {
            let body = format!(r#"{{"Items":[{{"a":{value}}}]}}"#);
            assert!(serde_json::from_str::<Rows>(&body).is_err(), "{value}");
        }
    }
}
