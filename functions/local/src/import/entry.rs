//! What a reader finds in the input: an event, something else, or nothing that can be used.

use std::io;

use weir_model::{Event, EventDefaults};

/// The longest entry that is read. An event has at most 32 KB of properties; the rest allows for
/// white space and `\u` escapes.
pub(crate) const ENTRY_BYTES: usize = 1024 * 1024;

/// Entries of an input in its order.
pub(crate) type Entries = Box<dyn Iterator<Item = io::Result<Entry>> + Send>;

/// A piece of the input: a line, a row, an element of a list.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// The line it begins on, from 1.
    pub(crate) line: u64,
    /// Where it ends, in bytes from the beginning of the input.
    pub(crate) to: u64,
    /// What it is.
    pub(crate) found: Found,
}

/// What an entry is.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// An event, as JSON on one line.
    Event(String),
    /// Something of another kind, which the input names.
    Foreign(String),
    /// Nothing that can be stored.
    Bad(Vec<Fault>),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// The field; empty when it is the whole entry.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl Found {
    /// An entry that cannot be read at all.
    pub(crate) fn unreadable(reason: impl Into<String>) -> Found {
        Found::Bad(vec![Fault {
            field: String::new(),
            reason: reason.into(),
        }])
    }

    /// An entry that is longer than any event.
    pub(crate) fn too_long() -> Found {
        Found::unreadable(format!("it is longer than {ENTRY_BYTES} bytes"))
    }

    /// Takes text for an event, by the rules that the server goes by.
    pub(crate) fn event(text: String) -> Found {
        match Event::from_json(&text, &EventDefaults::default()) {
            Ok(_) => Found::Event(text),
            Err(errors) => Found::Bad(
                errors
                    .into_iter()
                    .map(|error| Fault {
                        field: error.field,
                        reason: error.reason,
                    })
                    .collect(),
            ),
        }
    }
}

/// Joins what is wrong with an entry into a sentence.
pub(crate) fn describe(faults: &[Fault]) -> String {
    let one = |fault: &Fault| match fault.field.is_empty() {
        true => fault.reason.clone(),
        false => format!("{}: {}", fault.field, fault.reason),
    };
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}
