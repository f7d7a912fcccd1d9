//! The items of a JSON list, borrowed, up to as many as one body may bring.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Reads a list; none if it has more items than so many.
pub(crate) fn items(text: &str, most: usize) -> serde_json::Result<Option<Vec<&str>>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let items = deserializer.deserialize_seq(ItemsVisitor { most })?;
    deserializer.end().map(|()| items)
}

struct ItemsVisitor {
    most: usize,
}

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Option<Vec<&'de str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<&RawValue>()? {
            if items.len() == self.most {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            items.push(item.get());
        }
        Ok(Some(items))
    }
}

/// Whether a byte of JSON stands in a string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quoted {
    No,
    Yes,
    /// Behind a backslash.
    Escaped,
}

impl Quoted {
    pub(crate) fn after(self, byte: u8) -> Quoted {
        match (self, byte) {
            (Quoted::No, b'"') | (Quoted::Escaped, _) => Quoted::Yes,
            (Quoted::Yes, b'"') => Quoted::No,
            (Quoted::Yes, b'\\') => Quoted::Escaped,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_up_to_so_many_items() {
        let check = |text: &str, expected: Option<Option<&[&str]>>| {
            let read = items(text, 2).ok();
            assert_eq!(read.as_ref().map(Option::as_deref), expected, "{text}");
        };
        check("[]", Some(Some(&[])));
        check("[ {\"a\": 1} , 2 ]", Some(Some(&["{\"a\": 1}", "2"])));
        check("[1,2,3]", Some(None));
        for broken in ["", "{}", "[1,2,3", "[1,2,x]", "[1] 2", "[1,2,3] 4"] {
            check(broken, None);
        }
    }
}
