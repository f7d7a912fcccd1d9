//! What an event keeps of an old client's: its own object, and beside it, under `_metadata`, what
//! the client says about it.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_model::JsonLimits;
use weir_model::json;
use weir_model::limits::{NESTING, PROPERTIES_BYTES};

use super::fault::Fault;
use super::fields::shown;
use super::members::Members;

/// Where clients find what their SDK said beside their own message.
pub(crate) const METADATA: &str = "_metadata";

/// Most events' properties are no longer.
const USUAL_BYTES: usize = 256;

/// What is said about an event. Where the event's own object has a member `_metadata`, the two are
/// merged, and its own members win; if that is no object, it is kept as the member `_metadata`
/// of this one. What is `null` or an empty object says nothing and is left out.
#[derive(Debug, Default)]
pub(crate) struct Metadata<'a>(Vec<(Cow<'a, str>, Said<'a>)>);

/// Something that is said.
#[derive(Debug)]
enum Said<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    /// The members of two objects; those of the first win.
    Merged(Members<'a>, Members<'a>),
}

impl<'a> Metadata<'a> {
    pub(crate) fn text(&mut self, key: &'a str, text: &'a str) {
        self.0.push((key.into(), Said::Text(text)));
    }

    pub(crate) fn json(&mut self, key: Cow<'a, str>, value: &'a RawValue) {
        self.0.push((key, Said::Json(value)));
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// Says what two objects say; where they differ, the first is right.
    pub(crate) fn merged(&mut self, key: &'a str, first: Members<'a>, second: Members<'a>) {
        self.0.push((key.into(), Said::Merged(first, second)));
    }

    /// Says all members of an object.
    pub(crate) fn members(&mut self, members: &Members<'a>) {
        let members = members.iter();
        self.0
            .extend(members.map(|(key, value)| (key.clone(), Said::Json(value))));
    }
}

/// Joins an event's own object and what is said about it; none if both are empty.
pub(crate) fn join(own: &Members<'_>, metadata: &Metadata<'_>) -> Result<Option<Box<str>>, Fault> {
    let mut object = Object::at(1);
    let mut theirs = None;
    for (key, value) in own.iter() {
        match key == METADATA {
            true => theirs = Some(value),
            false => object.json(key, value)?,
        }
    }
    let about = join_metadata(theirs, metadata, object.level + 1)?;
    object.object(METADATA, &about)?;
    Ok(object.finish())
}

/// What is said about an event, as an object at a level: `theirs` is the event's own word.
pub(crate) fn join_metadata(
    theirs: Option<&RawValue>,
    metadata: &Metadata<'_>,
    level: usize,
) -> Result<Object, Fault> {
    let members = match theirs {
        Some(theirs) if theirs.get().starts_with('{') => Members::read(theirs.get())?,
        Some(theirs) => Members::one(METADATA, theirs),
        None => Members::default(),
    };
    let mut about = Object::at(level);
    for (key, said) in metadata.0.iter().filter(|(key, _)| !members.has(key)) {
        about.said(key, said)?;
    }
    for (key, value) in members.iter() {
        about.json(key, value)?;
    }
    Ok(about)
}

/// An object that is being written as compact JSON, within the bounds of properties.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
    /// How deep it stands, the properties themselves being 1.
    level: usize,
}

impl Object {
    pub(crate) fn at(level: usize) -> Object {
        let mut text = String::with_capacity(USUAL_BYTES);
        text.push('{');
        Object { text, level }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.len() == 1
    }

    /// Appends a member whose value is checked: no key twice, not too deep.
    pub(crate) fn json(&mut self, key: &str, value: &RawValue) -> Result<(), Fault> {
        self.key(key);
        let room = PROPERTIES_BYTES.saturating_sub(self.text.len());
        if is_longer(value.get(), room) {
            return Err(over_size());
        }
        push_checked(&mut self.text, value, NESTING - self.level)?;
        self.bounded()
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) -> Result<(), Fault> {
        self.key(key);
        json::push_text(&mut self.text, text);
        self.bounded()
    }

    /// Appends an object unless it is empty.
    pub(crate) fn object(&mut self, key: &str, object: &Object) -> Result<(), Fault> {
        if !object.is_empty() {
            self.key(key);
            self.text.push_str(&object.text);
            self.text.push('}');
        }
        self.bounded()
    }

    /// The object's text; none if it is empty.
    pub(crate) fn finish(mut self) -> Option<Box<str>> {
        if self.is_empty() {
            return None;
        }
        self.text.push('}');
        Some(self.text.into())
    }

    fn said(&mut self, key: &str, said: &Said<'_>) -> Result<(), Fault> {
        match said {
            Said::Json(value) if says_nothing(value) => Ok(()),
            Said::Json(value) => self.json(key, value),
            Said::Text(text) => self.text(key, text),
            Said::Merged(first, second) => {
                let mut merged = Object::at(self.level + 1);
                let more = second.iter().filter(|(key, _)| !first.has(key));
                for (key, value) in first.iter().chain(more) {
                    merged.json(key, value)?;
                }
                self.object(key, &merged)
            }
        }
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty() {
            self.text.push(',');
        }
        json::push_text(&mut self.text, key);
        self.text.push(':');
    }

    /// The bound is that of the whole, and what is longer on its way there is not written on.
    fn bounded(&self) -> Result<(), Fault> {
        if self.text.len() < PROPERTIES_BYTES {
            return Ok(());
        }
        Err(over_size())
    }
}

fn over_size() -> Fault {
    let detail = format!(
        "the properties, with what is said about the event, are larger than the \
         {PROPERTIES_BYTES} bytes allowed as compact JSON"
    );
    Fault::too_large(detail)
}

/// Whether JSON has more than so many bytes, white space between its tokens not counted. What has
/// is neither checked nor copied, which would take many times its size.
fn is_longer(json: &str, bytes: usize) -> bool {
    if json.len() <= bytes {
        return false;
    }
    let (mut quoted, mut escaped) = (false, false);
    let counted = json.bytes().filter(|byte| {
        let is_quote = *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        quoted ^= is_quote;
        quoted || !byte.is_ascii_whitespace()
    });
    counted.take(bytes + 1).count() > bytes
}

fn says_nothing(value: &RawValue) -> bool {
    let json = value.get();
    json == "null" || (json.starts_with('{') && json[1..].trim_start() == "}")
}

/// Only what can hold something bad is looked through.
fn push_checked(out: &mut String, value: &RawValue, depth: usize) -> Result<(), Fault> {
    let json = value.get();
    let has_parts = json.starts_with(['{', '[']);
    if has_parts || json.contains('\\') {
        json::check(json, JsonLimits { depth }).map_err(|error| {
            Fault::new("invalid-properties", format!("{}: {error}", shown(json)))
        })?;
    }
    match has_parts {
        true => out.push_str(&json::compact(value)),
        false => out.push_str(json),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(own: &str, said: &str) -> Result<Option<Box<str>>, &'static str> {
        let mut metadata = Metadata::default();
        metadata.members(&Members::read(said).unwrap());
        join(&Members::read(own).unwrap(), &metadata).map_err(|fault| fault.reason)
    }

    fn check(own: &str, said: &str, expected: Option<&str>) {
        assert_eq!(
            joined(own, said),
            Ok(expected.map(Box::from)),
            "{own} {said}"
        );
    }

    #[test]
    fn an_object_and_what_is_said_about_it_are_joined() {
        check("{}", "{}", None);
        check(r#"{ "a" : 1.10 }"#, "{}", Some(r#"{"a":1.10}"#));
        check("{}", r#"{"t":"x"}"#, Some(r#"{"_metadata":{"t":"x"}}"#));
        check(
            r#"{"a":null}"#,
            r#"{"n":null,"e":{ }}"#,
            Some(r#"{"a":null}"#),
        );
        check(
            "{}",
            r#"{"n":null,"e":{},"l":[ 1, "\n" ]}"#,
            Some(r#"{"_metadata":{"l":[1,"\n"]}}"#),
        );
    }

    #[test]
    fn metadata_of_an_objects_own_wins() {
        check(
            r#"{"_metadata":{"t":"mine"},"a":1}"#,
            r#"{"t":"x","u":"y"}"#,
            Some(r#"{"a":1,"_metadata":{"u":"y","t":"mine"}}"#),
        );
        check(
            r#"{"\u005fmetadata":7}"#,
            r#"{"u":"y"}"#,
            Some(r#"{"_metadata":{"u":"y","_metadata":7}}"#),
        );
        check(
            r#"{"_metadata":7}"#,
            r#"{"_metadata":8}"#,
            Some(r#"{"_metadata":{"_metadata":7}}"#),
        );
        check(
            r#"{"_metadata":null}"#,
            "{}",
            Some(r#"{"_metadata":{"_metadata":null}}"#),
        );
    }

    #[test]
    fn what_two_objects_say_is_merged() {
        let (first, second) = (r#"{"a":1,"b":{"x":1}}"#, r#"{"b":{"y":2},"c":3}"#);
        let second = Members::read(second).unwrap();
        let mut metadata = Metadata::default();
        metadata.merged("context", Members::read(first).unwrap(), second);
        metadata.text("q", "\"");
        assert_eq!(
            join(&Members::default(), &metadata).unwrap().as_deref(),
            Some(r#"{"_metadata":{"context":{"a":1,"b":{"x":1},"c":3},"q":"\""}}"#)
        );
    }

    #[test]
    fn white_space_between_tokens_is_not_counted() {
        let check = |json: &str| {
            let value: &RawValue = serde_json::from_str(json).unwrap();
            let compact = json::compact(value).len();
            for bytes in 0..json.len() + 2 {
                assert_eq!(is_longer(json, bytes), compact > bytes, "{bytes} of {json}");
            }
        };
        check(r#"{ "a b" : [ 1 , "\\" , " \" \\\" x " ] ,"c":"" }"#);
        check(r#""  é  ""#);
        check("17");
        let spread = format!(r#"{{"a":[{}1]}}"#, " ".repeat(PROPERTIES_BYTES));
        assert_eq!(joined(&spread, "{}"), Ok(Some(r#"{"a":[1]}"#.into())));
    }

    #[test]
    fn what_is_too_large_is_not_looked_through() {
        // It has a key twice, which nobody finds out.
        let twice = format!(
            r#"{{"a":{{"b":"{}","b":1}}}}"#,
            "x".repeat(PROPERTIES_BYTES)
        );
        assert_eq!(joined(&twice, "{}"), Err("too-large"));
    }

    #[test]
    fn properties_are_bounded_in_size_and_depth() {
        let of_size = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        check(
            &of_size(PROPERTIES_BYTES),
            "{}",
            Some(&of_size(PROPERTIES_BYTES)),
        );
        assert_eq!(
            joined(&of_size(PROPERTIES_BYTES + 1), "{}"),
            Err("too-large")
        );
        assert_eq!(
            joined(&of_size(PROPERTIES_BYTES), r#"{"t":1}"#),
            Err("too-large")
        );
        let of_depth = |depth: usize| {
            format!(
                r#"{{"a":{}{}}}"#,
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        assert!(joined(&of_depth(NESTING), "{}").is_ok());
        assert_eq!(
            joined(&of_depth(NESTING + 1), "{}"),
            Err("invalid-properties")
        );
        assert!(joined("{}", &of_depth(NESTING - 1)).is_ok());
        assert_eq!(joined("{}", &of_depth(NESTING)), Err("invalid-properties"));
        assert_eq!(
            joined(r#"{"a":{"b":1,"b":1}}"#, "{}"),
            Err("invalid-properties")
        );
        assert_eq!(joined(r#"{"a":"\udc00"}"#, "{}"), Err("invalid-properties"));
    }
}
