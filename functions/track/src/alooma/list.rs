//! Cuts the body that Alooma's SDKs send, an array, into the texts of its events.
//!
//! The SDK writes events by Python's `json.dumps`, which spells some numbers `NaN` and `Infinity`,
//! and that is no JSON. Strictly, such a body is broken as a whole, and it may hold thousands of
//! events. So one that no JSON reader takes is cut at the commas of its outermost array, and each
//! piece is judged alone.

use crate::door::list::{Quoted, items};

/// What a body was cut into.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut<'a> {
    /// The texts of events, which need not be JSON.
    Events(Vec<&'a str>),
    /// It holds more events than so many.
    TooMany,
    /// It is no array.
    NoArray,
}

/// Cuts a body into up to so many events.
pub(super) fn cut(body: &str, most: usize) -> Cut<'_> {
    match items(body, most) {
        Ok(Some(events)) => Cut::Events(events),
        Ok(None) => Cut::TooMany,
        Err(_) => cut_at_commas(body.trim_ascii(), most),
    }
}

/// Cuts at commas that are in no string and in no inner array or object. Where brackets or quotes
/// do not match, nobody knows where an event ends.
fn cut_at_commas(body: &str, most: usize) -> Cut<'_> {
    let Some(inner) = body.strip_prefix('[').and_then(|b| b.strip_suffix(']')) else {
        return Cut::NoArray;
    };
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut open, mut quoted) = (Vec::new(), Quoted::No);
    for (place, byte) in inner.bytes().enumerate() {
        quoted = quoted.after(byte);
        if quoted != Quoted::No {
            continue;
        }
        match byte {
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b']' | b'}' if open.pop() != Some(byte) => return Cut::NoArray,
            b',' if open.is_empty() && pieces.len() == most => return Cut::TooMany,
            b',' if open.is_empty() => {
                pieces.push(inner[start..place].trim_ascii());
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(inner[start..].trim_ascii());
    match (open.is_empty(), quoted) {
        (true, Quoted::No) if pieces.len() <= most => Cut::Events(pieces),
        (true, Quoted::No) => Cut::TooMany,
        _ => Cut::NoArray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const MOST: usize = 4;

    fn check(body: &str, expected: &[&str]) {
        assert_eq!(cut(body, MOST), Cut::Events(expected.to_vec()), "{body}");
    }

    #[test]
    fn an_array_is_cut_into_its_events() {
        check("[]", &[]);
        check(
            r#" [ {"a":[1,2]} , "x,y" ] "#,
            &[r#"{"a":[1,2]}"#, r#""x,y""#],
        );
    }

    #[test]
    fn one_event_that_is_no_json_does_not_spoil_the_others() {
        check(
            r#"[{"a":NaN,"b":"],\"["}, {"c":[{},-Infinity]} ,{"d":1}]"#,
            &[
                r#"{"a":NaN,"b":"],\"["}"#,
                r#"{"c":[{},-Infinity]}"#,
                r#"{"d":1}"#,
            ],
        );
    }

    #[test]
    fn what_is_no_array_is_not_cut() {
        for body in [
            "",
            "{}",
            "null",
            "[",
            "[{]}",
            "[{\"a\":1}",
            "[\"a]",
            "[NaN] x",
            "[}NaN{]",
        ] {
            assert_eq!(cut(body, MOST), Cut::NoArray, "{body}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_cut() {
        assert!(matches!(cut("[1,2,3,NaN]", MOST), Cut::Events(_)));
        for body in ["[1,2,3,4,5]", "[1,2,3,4,NaN]", "[NaN,2,3,4,5,6]"] {
            assert_eq!(cut(body, MOST), Cut::TooMany, "{body}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_of_cutting_agree_on_json(
            events in prop::collection::vec(
                prop::collection::btree_map(".{0,4}", r#"[\[\]{},"\\a]{0,6}"#, 0..3), 1..5),
        ) {
            let events: Vec<Value> = events.into_iter()
                .map(|event| event.into_iter().map(|(k, v)| (k, Value::from(v))).collect())
                .collect();
            let body = serde_json::to_string_pretty(&events).unwrap();
            prop_assert_eq!(cut_at_commas(&body, 9), cut(&body, 9));
            let Cut::Events(pieces) = cut(&body, 9) else { panic!("it is an array") };
            let read = pieces.iter().map(|piece| serde_json::from_str::<Value>(piece).unwrap());
            prop_assert_eq!(read.collect::<Vec<_>>(), events);
        }
    }
}
