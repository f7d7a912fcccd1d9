//! One message as Segment's SDKs send it.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_model::{Event, Name, Series, Timestamp};

use super::call::Call;
use super::time::{self, Sent};
use crate::door::fault::Fault;
use crate::door::fields;
use crate::door::members::Members;
use crate::door::properties::{Metadata, join};

/// What is the same for all messages of a body.
#[derive(Debug)]
pub(super) struct Around<'a> {
    /// Where the key puts events.
    pub(super) namespace: &'a Name,
    /// When the body came.
    pub(super) received: Timestamp,
    /// What stands beside the messages of a batch.
    pub(super) batch: &'a Members<'a>,
}

/// Reads a message; its `type` is asked for where the path does not say it.
///
/// Its own object, `properties` or, when it tells who someone is, `traits`, becomes the properties;
/// all else that is sent is kept under `_metadata`, what stands beside a batch included.
pub(super) fn read(text: &str, call: Option<Call>, around: &Around<'_>) -> Result<Event, Fault> {
    let mut message = Members::read(text)?;
    message.take("writeKey");
    let sent_type = message.take("type");
    let call = call.map_or_else(|| call_of(sent_type), Ok)?;
    let id = fields::id("messageId", message.take("messageId"))?;
    let actor = actor(&message)?;
    let (timestamp, is_sent) = time::of(times(&message, around.batch), around.received)?;
    if is_sent {
        message.take("timestamp");
    }
    let name = name(call, &mut message)?;
    let own = own(call, &mut message)?;
    Ok(Event {
        series: Series {
            namespace: around.namespace.clone(),
            name,
        },
        timestamp: Some(timestamp),
        value: value(call, &own)?,
        id,
        actor,
        properties: join(&own, &metadata(call, message, around.batch)?)?,
        expires: None,
    })
}

fn call_of(sent: Option<&RawValue>) -> Result<Call, Fault> {
    let word = sent.map(fields::string).transpose()?.flatten();
    word.and_then(|word| Call::parse(&word)).ok_or_else(|| {
        let sent = sent.map_or("nothing".into(), |sent| fields::shown(sent.get()));
        let detail = format!("type: {sent} is not track, identify, page, screen, group or alias");
        Fault::new("unknown-type", detail)
    })
}

fn actor(message: &Members<'_>) -> Result<Option<Box<str>>, Fault> {
    match fields::actor("userId", message.get("userId"))? {
        Some(user) => Ok(Some(user)),
        None => fields::actor("anonymousId", message.get("anonymousId")),
    }
}

/// A message's own times; a batch is sent as a whole.
fn times<'a>(message: &Members<'a>, batch: &Members<'a>) -> Sent<'a> {
    Sent {
        timestamp: message.get("timestamp"),
        original: message.get("originalTimestamp"),
        sent: message.get("sentAt").or_else(|| batch.get("sentAt")),
    }
}

/// The event's name, or the word for the kind, of pages and screens with their own name. One
/// that is too long for that stays in the metadata.
fn name(call: Call, message: &mut Members<'_>) -> Result<Name, Fault> {
    let word = Name::parse(call.word()).expect("the words are legal names");
    match call {
        Call::Track => {
            let event = message.take("event").map(fields::string).transpose()?;
            fields::name("event", &event.flatten().unwrap_or_default())
        }
        Call::Page | Call::Screen => {
            let Some(own) = own_name(message)? else {
                return Ok(word);
            };
            let Ok(name) = Name::parse(&format!("{word}: {own}")) else {
                return Ok(word);
            };
            message.take("name");
            Ok(name)
        }
        Call::Identify | Call::Group | Call::Alias => Ok(word),
    }
}

fn own_name<'a>(message: &Members<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let name = message.get("name").map(fields::string).transpose()?;
    Ok(name.flatten().filter(|name| !name.is_empty()))
}

/// The object that the message is about. RudderStack's SDKs send the traits of an identify call
/// in the context.
fn own<'a>(call: Call, message: &mut Members<'a>) -> Result<Members<'a>, Fault> {
    let key = match call {
        Call::Identify | Call::Group => "traits",
        Call::Track | Call::Page | Call::Screen | Call::Alias => "properties",
    };
    if let Some(sent) = message.take(key) {
        return object(key, sent);
    }
    match (call, message.get("context")) {
        (Call::Identify, Some(context)) if context.get().starts_with('{') => {
            let traits = Members::read(context.get())?.get("traits");
            let traits = traits.filter(|traits| traits.get().starts_with('{'));
            traits.map_or(Ok(Members::default()), |traits| object("traits", traits))
        }
        _ => Ok(Members::default()),
    }
}

fn object<'a>(key: &str, sent: &'a RawValue) -> Result<Members<'a>, Fault> {
    if !sent.get().starts_with('{') {
        let detail = format!("{key}: {} is not an object", fields::shown(sent.get()));
        return Err(Fault::new("invalid-properties", detail));
    }
    Members::read(sent.get())
}

fn value(call: Call, own: &Members<'_>) -> Result<f64, Fault> {
    if !matches!(call, Call::Track | Call::Page | Call::Screen) {
        return Ok(1.0);
    }
    for key in ["value", "revenue"] {
        if let Some(number) = fields::number(key, own.get(key))? {
            return Ok(number);
        }
    }
    Ok(1.0)
}

/// The rest of a message and what stands beside the batch; the message is right where they differ,
/// and of their contexts, member by member.
fn metadata<'a>(
    call: Call,
    mut message: Members<'a>,
    batch: &Members<'a>,
) -> Result<Metadata<'a>, Fault> {
    let mut metadata = Metadata::default();
    metadata.text("type", call.word());
    for key in ["context", "integrations"] {
        if let (Some(own), Some(all)) = (message.get(key), batch.get(key))
            && own.get().starts_with('{')
            && all.get().starts_with('{')
        {
            message.take(key);
            let (own, all) = (Members::read(own.get())?, Members::read(all.get())?);
            metadata.merged(key, own, all);
        }
    }
    for (key, value) in batch.iter() {
        if message.get(key).is_none() && !metadata.has(key) {
            metadata.json(key.clone(), value);
        }
    }
    metadata.members(&message);
    Ok(metadata)
}

#[cfg(test)]
mod tests;
