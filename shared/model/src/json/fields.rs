//! The fields of an event, before and while they are checked.

use std::borrow::Cow;

use super::number;
use super::properties::Extras;
use super::{EventDefaults, FieldError};
use crate::event::Event;
use crate::limits::{ACTOR_CHARS, ID_CHARS};
use crate::series::{Name, Series};
use crate::text::ShownJson;
use crate::timestamp::Timestamp;

/// A field as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// JSON text.
    Json(&'a str),
    /// A form's text. Where a field may be left out, the empty one is as good as none.
    Form(&'a str),
}

/// All fields of an event, as they were sent.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    namespace: Option<Input<'a>>,
    name: Option<Input<'a>>,
    timestamp: Option<Input<'a>>,
    value: Option<Input<'a>>,
    id: Option<Input<'a>>,
    actor: Option<Input<'a>>,
    properties: Option<Input<'a>>,
    expires: Option<Input<'a>>,
    unknown: Extras<'a>,
    repeated: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn insert(&mut self, key: Cow<'a, str>, input: Input<'a>) {
        let (field, slot) = match &*key {
            "namespace" => ("namespace", &mut self.namespace),
            "name" => ("name", &mut self.name),
            "timestamp" => ("timestamp", &mut self.timestamp),
            "value" => ("value", &mut self.value),
            "id" => ("id", &mut self.id),
            "actor" => ("actor", &mut self.actor),
            "properties" => ("properties", &mut self.properties),
            "expires" => ("expires", &mut self.expires),
            _ => return self.unknown.push(key, input),
        };
        if slot.replace(input).is_some() && !self.repeated.contains(&field) {
            self.repeated.push(field);
        }
    }

    /// Checks all of them; every bad one is named.
    pub(super) fn check(self, defaults: &EventDefaults) -> Result<Event, Vec<FieldError>> {
        let mut errors = Errors::default();
        for field in &self.repeated {
            errors.push(field, "comes twice".to_owned());
        }
        let namespace = errors.note("namespace", name(self.namespace, &defaults.namespace));
        let name = errors.note("name", name(self.name, &defaults.name));
        let timestamp = errors.note("timestamp", time(self.timestamp));
        let value = errors.note("value", value(self.value));
        let id = errors.note("id", text(self.id, ID_CHARS));
        let actor = errors.note("actor", text(self.actor, ACTOR_CHARS));
        let properties = self.unknown.join(self.properties, &mut errors);
        let expires = errors.note("expires", time(self.expires));
        match (namespace, name, value) {
            (Some(namespace), Some(name), Some(value)) if errors.0.is_empty() => Ok(Event {
                series: Series { namespace, name },
                timestamp: timestamp.flatten(),
                value,
                id: id.flatten(),
                actor: actor.flatten(),
                properties,
                expires: expires.flatten(),
            }),
            _ => Err(errors.0),
        }
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<FieldError>);

impl Errors {
    pub(super) fn push(&mut self, field: &str, reason: String) {
        // An unknown field's name may be as long as the body.
        let field = ShownJson(field).to_string();
        self.0.push(FieldError { field, reason });
    }

    fn note<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.push(field, reason)).ok()
    }
}

/// What a field holds, once it is known which kind it is.
enum Held<'a> {
    Nothing,
    Text(Cow<'a, str>),
    /// A number's literal.
    Number(&'a str),
    /// `true`, `false`, an array or an object.
    Other(&'a str),
}

fn hold(input: Option<Input<'_>>) -> Result<Held<'_>, String> {
    let json = match input {
        None => return Ok(Held::Nothing),
        Some(Input::Form(text)) => return Ok(Held::Text(Cow::Borrowed(text))),
        Some(Input::Json(json)) => json,
    };
    match json.as_bytes() {
        b"null" => Ok(Held::Nothing),
        [b'"', ..] => Ok(Held::Text(unquote(json)?)),
        [b'-' | b'0'..=b'9', ..] => Ok(Held::Number(json)),
        _ => Ok(Held::Other(json)),
    }
}

/// Like [`hold`], for fields that may be left out.
fn hold_optional(input: Option<Input<'_>>) -> Result<Held<'_>, String> {
    hold(input.filter(|input| !matches!(input, Input::Form(""))))
}

/// Most strings have no escapes and are borrowed as they stand.
fn unquote(json: &str) -> Result<Cow<'_, str>, String> {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|_| format!("{} has an escape that is not legal", ShownJson(json))),
    }
}

fn missing<T>() -> Result<T, String> {
    Err("is missing".to_owned())
}

fn not_a<T>(json: &str, what: &str) -> Result<T, String> {
    Err(format!("{} is not {what}", ShownJson(json)))
}

fn name(input: Option<Input<'_>>, default: &Option<Name>) -> Result<Name, String> {
    match (hold(input)?, default) {
        (Held::Text(text), _) => Name::parse(&text).map_err(|error| error.to_string()),
        (Held::Nothing, Some(default)) => Ok(default.clone()),
        (Held::Nothing, None) => missing(),
        (Held::Number(json) | Held::Other(json), _) => not_a(json, "a text"),
    }
}

fn value(input: Option<Input<'_>>) -> Result<f64, String> {
    match hold(input)? {
        Held::Number(literal) => number::parse(literal),
        Held::Text(text) => number::parse(text.trim()),
        Held::Nothing => missing(),
        Held::Other(json) => not_a(json, "a number"),
    }
}

fn time(input: Option<Input<'_>>) -> Result<Option<Timestamp>, String> {
    let parsed = match hold_optional(input)? {
        Held::Nothing => return Ok(None),
        Held::Number(literal) => Timestamp::from_number(literal),
        Held::Text(text) => Timestamp::parse(&text),
        Held::Other(json) => return not_a(json, "a time: send a text or a number"),
    };
    parsed.map(Some).map_err(|error| error.to_string())
}

/// Ids and actors; integers are taken as their digits, because many databases name things so.
fn text(input: Option<Input<'_>>, chars_max: usize) -> Result<Option<Box<str>>, String> {
    let text = match hold_optional(input)? {
        Held::Nothing => return Ok(None),
        Held::Text(text) => text,
        Held::Number(literal) if !literal.contains(['.', 'e', 'E']) => Cow::Borrowed(literal),
        Held::Number(json) | Held::Other(json) => return not_a(json, "a text or an integer"),
    };
    // A character has at least one byte, so short texts need no counting.
    let chars = if text.len() <= chars_max {
        text.len()
    } else {
        text.chars().count()
    };
    match chars {
        0 => Err(format!("is empty: 1 to {chars_max} characters are allowed")),
        _ if chars > chars_max => Err(format!(
            "has {chars} characters: 1 to {chars_max} are allowed"
        )),
        _ => Ok(Some(text.into())),
    }
}
