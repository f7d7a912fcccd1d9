//! Attributes of items: writing and reading the three kinds that the store uses.

use std::str::FromStr;

use aws_smithy_types::Blob;

use crate::db::{AttributeValue, Item};

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(crate) fn read_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn read_number<T: FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn read_bytes<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    as_bytes(item.get(name)?)
}

pub(crate) fn as_bytes(value: &AttributeValue) -> Option<&[u8]> {
    value.as_b().ok().map(Blob::as_ref)
}
