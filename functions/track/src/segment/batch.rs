//! The messages of a body, and what stands beside them.

use serde_json::value::RawValue;
use weir_model::limits::{DECOMPRESSED_BYTES, EVENTS_PER_REQUEST};
use weir_service::secret::WriteKey;

use super::call::Bodies;
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

impl<'a> Outline<'a> {
    /// Reads a body; what is wrong with a single message is found later.
    pub(super) fn read(text: &'a str, bodies: Bodies) -> Result<Outline<'a>, Fault> {
        let mut members = Members::read(text)?;
        let key = members.take("writeKey").map(fields::text).transpose()?;
        let key = key.flatten().and_then(|key| WriteKey::parse(&key).ok());
        match bodies {
            Bodies::One(_) => Ok(Outline {
                messages: vec![text],
                beside: Members::default(),
                key,
            }),
            Bodies::Batch => {
                let messages = list(members.take("batch"))?;
                let outline = Outline {
                    messages,
                    beside: members,
                    key,
                };
                outline.bounded()
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

fn list(sent: Option<&RawValue>) -> Result<Vec<&str>, Fault> {
    let no_list = || Fault::new("invalid-json", "batch: is not a list of messages");
    let sent = sent.ok_or_else(no_list)?;
    let messages = items(sent.get(), EVENTS_PER_REQUEST).map_err(|_| no_list())?;
    messages.ok_or_else(|| {
        let detail = format!("batch: has more than the {EVENTS_PER_REQUEST} messages allowed");
        Fault::too_large(detail)
    })
}
