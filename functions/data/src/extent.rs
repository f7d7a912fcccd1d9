//! How much there is in a JSON text, told by one pass over its bytes before parsing takes memory.

/// How much there is in a JSON text. Of what is no JSON it may say anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its values and the keys of its objects, those of inner ones included.
    pub(crate) values: usize,
    /// The values of the list that it is, if it is one.
    pub(crate) listed: usize,
}

impl Extent {
    pub(crate) fn of(json: &[u8]) -> Extent {
        let is_list = json.trim_ascii_start().starts_with(b"[");
        let (mut values, mut listed, mut depth) = (1, usize::from(is_list), 0_usize);
        let mut bytes = json.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => pass_text(&mut bytes),
                b'[' | b'{' => {
                    depth += 1;
                    values += 1;
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' | b':' => {
                    values += 1;
                    listed += usize::from(is_list && depth == 1 && *byte == b',');
                }
                _ => {}
            }
        }
        Extent { values, listed }
    }
}

fn pass_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn extent(json: &str) -> (usize, usize) {
        let Extent { values, listed } = Extent::of(json.as_bytes());
        (values, listed)
    }

    #[test]
    fn values_and_records_are_counted_outside_of_texts() {
        assert_eq!(extent("[0,0,0]"), (4, 3));
        assert_eq!(extent(" [[1,2],[3]]"), (6, 2));
        assert_eq!(extent("{\"a,[\":\"\\\",{\",\"b\":1}"), (5, 0));
        assert_eq!(extent("\"a,b"), (1, 0));
    }

    /// The values and keys of a document.
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(list) => list.iter().map(count).sum(),
            Value::Object(map) => map.values().map(|value| 1 + count(value)).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn no_fewer_are_counted_than_there_are(
            texts in proptest::collection::vec(".{0,6}", 0..5),
            numbers in proptest::collection::vec(any::<i32>(), 1..5),
        ) {
            let map = texts.iter().map(|text| (text.clone(), Value::from(text.clone())));
            let map = Value::Object(map.collect());
            let list = serde_json::json!([map, numbers, [], {}, texts]);
            let extent = Extent::of(list.to_string().as_bytes());
            prop_assert!(extent.values >= count(&list));
            prop_assert_eq!(extent.listed, 5);
        }
    }
}
