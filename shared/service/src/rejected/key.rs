//! Takes a key out of what is kept, however JSON may have spelled it.

/// What stands where a key was.
const HIDDEN: &str = "***";

/// How messages end a value that they show in part.
const CUT: char = '…';

/// Less of a key than this says nothing of it.
const TELLING: usize = 8;

/// A text without a key.
pub(super) fn without(key: &str, text: &str) -> String {
    match key.is_empty() {
        true => text.to_owned(),
        false => without_escaped(key, text).replace(key, HIDDEN),
    }
}

/// The same for a message, which may show the beginning of a key alone.
pub(super) fn without_beginning(key: &str, text: &str) -> String {
    let text = without(key, text);
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(CUT) {
        let shown = part.strip_suffix(CUT).unwrap_or(part);
        let half = (TELLING..key.len())
            .rev()
            .find(|end| key.is_char_boundary(*end) && shown.ends_with(&key[..*end]));
        match half.filter(|_| part.len() > shown.len()) {
            Some(end) => {
                out.push_str(&shown[..shown.len() - end]);
                out.push_str(HIDDEN);
                out.push(CUT);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// Takes out what a JSON reader would read as the key.
fn without_escaped(key: &str, text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned(); // Nothing is escaped.
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        match spelled(key, rest) {
            Some(end) => {
                out.push_str(HIDDEN);
                rest = &rest[end..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// Where the key ends that a text begins with, each of its characters as JSON may spell it.
fn spelled(key: &str, text: &str) -> Option<usize> {
    let mut end = 0;
    for wanted in key.chars() {
        end += character(wanted, &text[end..])?;
    }
    Some(end)
}

fn character(wanted: char, text: &str) -> Option<usize> {
    let escaped = text.strip_prefix('\\');
    if let Some(hex) = escaped.and_then(|text| text.strip_prefix('u')) {
        let code = u32::from_str_radix(hex.get(..4)?, 16).ok();
        return (code == Some(u32::from(wanted))).then_some(6);
    }
    match escaped {
        Some(text) if text.starts_with(wanted) => Some(1 + wanted.len_utf8()),
        Some(_) => None,
        None => text.starts_with(wanted).then_some(wanted.len_utf8()),
    }
}
