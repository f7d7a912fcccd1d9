//! An event on its way through the buffer, checked as far as that costs little.

use serde_json::{Map, Value};
use weir_model::{Event, Name, Timestamp};

use crate::notice::guarded;
use crate::refused::Refused;
use crate::report::{Message, Report};
use crate::trigger::Trigger;
use crate::weigh;

/// An event as it was reported.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    /// When it was reported.
    pub(crate) time: Timestamp,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
}

/// What was reported.
#[derive(Debug)]
pub(crate) enum Content {
    Message {
        message: Message,
        /// The client's label, if none.
        namespace: Option<Name>,
        name: Option<Name>,
        metadata: Option<Box<Map<String, Value>>>,
    },
    Trigger {
        trigger: Box<Trigger>,
        namespace: Name,
        name: Name,
    },
    Event(Box<Event>),
}

/// What gives events their names.
pub(crate) enum EventType {
    /// The client's label.
    Label,
    /// A text.
    Text(Name),
    /// A function of the program's.
    Of(Box<dyn Fn(&Message) -> String + Send + Sync>),
}

impl EventType {
    fn of(&self, message: &Message) -> Result<Option<Name>, Refused> {
        match self {
            EventType::Label => Ok(None),
            EventType::Text(name) => Ok(Some(name.clone())),
            EventType::Of(function) => {
                let text = guarded("the function for event types", || function(message));
                parse("event_type", &text.ok_or(Refused::Panicked)?).map(Some)
            }
        }
    }
}

impl Entry {
    /// Takes in a message.
    pub(crate) fn report(
        report: Report,
        event_type: &EventType,
        time: Timestamp,
    ) -> Result<Self, Refused> {
        let message = report.message.map_err(Refused::Kind)?;
        let namespace = report
            .label
            .map(|label| parse("label", &label))
            .transpose()?;
        let name = match report.event_type {
            Some(name) => Some(parse("event_type", &name)?),
            None => event_type.of(&message)?,
        };
        let metadata = report.metadata;
        let own = match &message {
            Message::Object(object) => weigh::object(object)?,
            Message::Text(text) => text.capacity(),
        };
        let beside = metadata.as_deref().map_or(Ok(0), weigh::member)?;
        let content = Content::Message {
            message,
            namespace,
            name,
            metadata,
        };
        Ok(Self::of(content, time, own + beside))
    }

    /// Takes in a trigger.
    pub(crate) fn trigger(trigger: Trigger, time: Timestamp) -> Result<Self, Refused> {
        let (namespace, name) = trigger.check()?;
        let groups = trigger.groups.iter().map(|(_, group)| weigh::member(group));
        let bytes = trigger.actor.capacity() + groups.sum::<Result<usize, _>>()?;
        let content = Content::Trigger {
            trigger: Box::new(trigger),
            namespace,
            name,
        };
        Ok(Self::of(content, time, bytes + size_of::<Trigger>()))
    }

    /// Takes in an event of Weir's own; without a time, this is its time.
    pub(crate) fn event(mut event: Event, time: Timestamp) -> Self {
        event.timestamp.get_or_insert(time);
        let texts = [&event.id, &event.actor, &event.properties];
        let texts = texts
            .iter()
            .map(|text| text.as_ref().map_or(0, |t| t.len()));
        let bytes = texts.sum::<usize>() + size_of::<Event>();
        Self::of(Content::Event(Box::new(event)), time, bytes)
    }

    fn of(content: Content, time: Timestamp, beside: usize) -> Self {
        Self {
            content,
            time,
            bytes: size_of::<Self>() + beside,
        }
    }
}

/// Checks a name that the program gave.
fn parse(field: &str, text: &str) -> Result<Name, Refused> {
    Name::parse(text).map_err(|reason| Refused::field(field, reason))
}
