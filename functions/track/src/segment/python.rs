//! Numbers as Python's `json.dumps` spells them when they are none: `NaN`, `Infinity` and
//! `-Infinity`, which no JSON has. One of them would spoil all messages of a batch.

use crate::door::list::Quoted;

/// Each with a number as long.
const ODD: [(&str, &str); 3] = [
    ("NaN", "0.0"),
    ("Infinity", "0.000000"),
    ("-Infinity", "-0.000000"),
];

/// A text in which each odd number is a zero as long, so that every byte else is where it was; none
/// if it has no odd number.
pub(super) fn without_odd_numbers(text: &str) -> Option<String> {
    if !ODD.iter().any(|(odd, _)| text.contains(odd)) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut place, mut quoted) = (0, 0, Quoted::No);
    while let Some(byte) = text.as_bytes().get(place) {
        match odd_at(text, place).filter(|_| quoted == Quoted::No) {
            Some((odd, zero)) => {
                out.push_str(&text[copied..place]);
                out.push_str(zero);
                place += odd.len();
                copied = place;
            }
            None => {
                quoted = quoted.after(*byte);
                place += 1;
            }
        }
    }
    out.push_str(&text[copied..]);
    (copied > 0).then_some(out)
}

fn odd_at(text: &str, place: usize) -> Option<(&'static str, &'static str)> {
    let rest = &text.as_bytes()[place..];
    ODD.into_iter()
        .find(|(odd, _)| rest.starts_with(odd.as_bytes()))
}

/// The same parts of the text that parts of its copy without odd numbers were taken from, if the
/// two differ in these parts alone. The parts come in their order.
pub(super) fn as_sent<'a>(text: &'a str, copy: &str, parts: &[&str]) -> Option<Vec<&'a str>> {
    let mut sent = Vec::with_capacity(parts.len());
    let mut end = 0;
    for part in parts {
        let start = (part.as_ptr() as usize).checked_sub(copy.as_ptr() as usize)?;
        if text.get(end..start)? != copy.get(end..start)? {
            return None;
        }
        end = start + part.len();
        sent.push(text.get(start..end)?);
    }
    (text.get(end..)? == copy.get(end..)?).then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::list::items;

    #[test]
    fn odd_numbers_become_zeros_where_they_are_no_text() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(without_odd_numbers(text).as_deref(), expected, "{text}");
        };
        check(r#"{"a":1}"#, None);
        check(r#"{"NaN":"\"NaN Infinity"}"#, None);
        check(
            r#"{"\é NaN":NaN,"b":[-Infinity, Infinity]}"#,
            Some(r#"{"\é NaN":0.0,"b":[-0.000000, 0.000000]}"#),
        );
    }

    #[test]
    fn parts_are_found_where_they_were_sent() {
        let text = r#"[{"é":NaN}, NaN]"#;
        let copy = without_odd_numbers(text).unwrap();
        let parts = items(&copy, 9).unwrap().unwrap();
        assert_eq!(parts[0], r#"{"é":0.0}"#);
        assert_eq!(
            as_sent(text, &copy, &parts),
            Some(vec![r#"{"é":NaN}"#, "NaN"])
        );
        // The first part is not among them.
        assert_eq!(as_sent(text, &copy, &parts[1..]), None);
    }
}
