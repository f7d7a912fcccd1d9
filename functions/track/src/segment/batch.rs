//! The messages of a body, and what stands beside them.

use serde_json::value::RawValue;
use weir_model::limits::{DECOMPRESSED_BYTES, EVENTS_PER_REQUEST};
use weir_service::secret::WriteKey;

use super::call::Bodies;
use super::python;
use crate::door::fault::Fault;
use crate::door::fields;
use crate::door::list::items;
use crate::door::members::Members;

/// A body that has been looked at only as far as to find its messages.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    /// The texts of the messages.
    pub(super) messages: Vec<&'a str>,
    /// What stands beside those of a batch.
    pub(super) beside: Members<'a>,
    /// The key, if the body holds one that can be one.
    pub(super) key: Option<WriteKey>,
}

/// A body of which nothing can be used.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) fault: Fault,
    /// The key, if the body could be read as far as that.
    pub(super) key: Option<WriteKey>,
}

impl Unusable {
    fn unsigned(fault: Fault) -> Unusable {
        Unusable { fault, key: None }
    }
}

impl<'a> Outline<'a> {
    /// Reads a body; what is wrong with a single message is found later.
    pub(super) fn read(text: &'a str, bodies: Bodies) -> Result<Outline<'a>, Unusable> {
        let mut members = Members::read(text).map_err(Unusable::unsigned)?;
        let key = key(members.take("writeKey"));
        let messages = match bodies {
            Bodies::One(_) => {
                members = Members::default();
                Ok(vec![text])
            }
            Bodies::Batch => list(members.take("batch")),
        };
        let outline = messages.and_then(|messages| {
            let outline = Outline {
                messages,
                beside: members,
                key: key.clone(),
            };
            outline.bounded()
        });
        outline.map_err(|fault| Unusable { fault, key })
    }

    /// Reads a batch that is no JSON for the odd numbers in its messages, by a copy without them:
    /// only the messages that have some are no JSON then.
    pub(super) fn read_odd(text: &'a str, copy: &'a str) -> Result<Outline<'a>, Unusable> {
        let outline = Outline::read(copy, Bodies::Batch)?;
        match python::as_sent(text, copy, &outline.messages) {
            Some(messages) => Ok(Outline {
                messages,
                ..outline
            }),
            None => {
                let detail = "not JSON: NaN or Infinity beside the messages";
                let fault = Fault::new("invalid-json", detail);
                let key = outline.key;
                Err(Unusable { fault, key })
            }
        }
    }

    /// What stands beside a batch once is kept with each of its messages.
    pub(super) fn repeated_bytes(&self) -> usize {
        self.beside.bytes().saturating_mul(self.messages.len())
    }

    fn bounded(self) -> Result<Outline<'a>, Fault> {
        match self.repeated_bytes() <= DECOMPRESSED_BYTES {
            true => Ok(self),
            false => Err(Fault::too_large(
                "what stands beside the batch is too large to be kept with each of its messages",
            )),
        }
    }
}

/// A key that can be one.
fn key(sent: Option<&RawValue>) -> Option<WriteKey> {
    let text = fields::text(sent?).ok().flatten()?;
    WriteKey::parse(&text).ok()
}

fn list(sent: Option<&RawValue>) -> Result<Vec<&str>, Fault> {
    let no_list = || Fault::new("invalid-json", "batch: is not a list of messages");
    let sent = sent.ok_or_else(no_list)?;
    let messages = items(sent.get(), EVENTS_PER_REQUEST).map_err(|_| no_list())?;
    messages.ok_or_else(|| {
        let detail = format!("batch: has more than the {EVENTS_PER_REQUEST} messages allowed");
        Fault::too_large(detail)
    })
}
