//! When a data set was last written to, roughly.
//!
//! It says whether data still come, which is asked in hours or days. So a process notes it every
//! few seconds at most, beside the records and not with them: a note that is lost is made by the
//! next write.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tracing::warn;
use weir_model::Timestamp;

use super::set::{DataSet, Generation};
use crate::attribute;
use crate::db::{Attempt, CallError, Condition, Deadline, Key, Put, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The registry's partition of these notes.
const WRITTEN: &str = "data-sets-written";

/// How often a process notes it of one set.
const EVERY: Duration = Duration::from_secs(10);

/// Sets that are remembered as noted.
const REMEMBERED: usize = 10_000;

/// How long one attempt is waited for.
const ATTEMPT: Duration = Duration::from_secs(2);

/// When this process noted what.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<HashMap<Generation, Timestamp>>);

impl Notes {
    /// Whether it is time to note again.
    fn is_due(&self, generation: &Generation, now: Timestamp) -> bool {
        let notes = self.0.lock().expect("no holder panics");
        let noted = notes.get(generation);
        noted.is_none_or(|noted| noted.saturating_add(EVERY) <= now)
    }

    fn remember(&self, generation: &Generation, now: Timestamp) {
        let mut notes = self.0.lock().expect("no holder panics");
        if notes.len() >= REMEMBERED {
            notes.clear();
        }
        notes.insert(generation.clone(), now);
    }
}

impl Store {
    /// When records were last stored in a set, to within ten seconds and a few, whether it was
    /// emptied since or not; nothing if never.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last_written(
        &self,
        set: &DataSet,
        deadline: Deadline,
    ) -> Result<Option<Timestamp>, StoreError> {
        let item = self.db().get(Table::Registry, key(set), deadline).await?;
        let item = item.unwrap_or_default();
        let is_of_now = attribute::read_text(&item, "generation") == Some(set.generation.as_str());
        let at = attribute::read_number(&item, "at");
        let at = at.and_then(|millis| Timestamp::from_millis(millis).ok());
        // An older note is of what was emptied, or of another set of the same name.
        Ok(at.filter(|at| is_of_now || *at >= set.created))
    }

    /// Notes that records were stored. The records are, so that a failure here is none of theirs.
    pub(super) async fn note_written(&self, set: &DataSet, now: Timestamp, deadline: Deadline) {
        if !self.notes().is_due(&set.generation, now) {
            return;
        }
        let signed_at = self.now();
        let left = deadline.left(signed_at).unwrap_or_default();
        let timeout = left.min(ATTEMPT);
        let attempt = Attempt { signed_at, timeout };
        match self.db().put(note(set, now), attempt).await {
            // Refused, because another process has noted a later time.
            Ok(()) | Err(CallError::Refused) => self.notes().remember(&set.generation, now),
            Err(cause) => {
                warn!(data_set = %set.name, %cause, "when {} was written to was not noted: {cause}", set.name);
            }
        }
    }
}

fn key(set: &DataSet) -> Key {
    Key::new(WRITTEN, set.name.as_str())
}

fn note(set: &DataSet, now: Timestamp) -> Put {
    let (generation, at) = (set.generation.as_str(), now.as_millis());
    let mut item = key(set).into_item();
    item.insert("generation".into(), attribute::text(generation));
    item.insert("at".into(), attribute::number(at));
    Put {
        table: Table::Registry,
        item,
        condition: Some(Condition {
            expression: "attribute_not_exists(pk) OR #generation <> :generation OR #at < :at"
                .into(),
            names: vec![
                ("#generation".into(), "generation".into()),
                ("#at".into(), "at".into()),
            ],
            values: vec![
                (":generation".into(), attribute::text(generation)),
                (":at".into(), attribute::number(at)),
            ],
        }),
    }
}
