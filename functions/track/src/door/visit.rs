//! One request at a door, from when it is known who sent it: what is bad is written down, then
//! what is good is stored.
//!
//! In this order, because a request that is answered by a 5xx comes again: being written down
//! twice does no harm, being stored twice might.

use std::time::Duration;

use weir_model::limits::EVENTS_PER_REQUEST;
use weir_model::{Event, Timestamp};
use weir_service::auth::KeyHolder;
use weir_service::{Problem, Rejections, Service};
use weir_store::Submission;

use super::fault::Refused;

/// A later submission of a body counts as having arrived no later than this after the request
/// came: it may take 20 s from then, and Lambda ends a request after 29 s. A body that was itself
/// on its way for longer came to a machine that has no such end.
const LAST_ARRIVAL: Duration = Duration::from_secs(8);

/// Who came to which door, and when.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) service: &'a Service,
    pub(crate) holder: &'a KeyHolder,
    pub(crate) door: &'static str,
    pub(crate) received: Timestamp,
}

/// The events of a request, each by itself good or bad.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    pub(crate) events: Vec<Event>,
    pub(crate) rejections: Rejections,
}

/// What became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

impl<'a> FromIterator<Result<Event, Refused<'a>>> for Mapped {
    fn from_iter<I: IntoIterator<Item = Result<Event, Refused<'a>>>>(results: I) -> Self {
        let mut mapped = Mapped::default();
        for result in results {
            match result {
                Ok(event) => mapped.events.push(event),
                Err(refused) => refused.add_to(&mut mapped.rejections),
            }
        }
        mapped
    }
}

impl Visit<'_> {
    /// Writes down and stores. More events than one submission may have go in several.
    ///
    /// # Errors
    /// What could not be kept or stored, as the store says it.
    pub(crate) async fn take(&self, mapped: Mapped) -> Result<Taken, Problem> {
        let Mapped {
            mut events,
            rejections,
        } = mapped;
        let mut taken = Taken {
            rejected: rejections.count(),
            ..Taken::default()
        };
        // From here on the events are in hand, however long their body took to come.
        let last_arrival = self.last_arrival();
        let tally = self.service.tally();
        let kept = self.refuse(rejections).await;
        kept.inspect_err(|_| tally.refused(events.len() as u64))?;
        while !events.is_empty() {
            let later = events.split_off(events.len().min(EVENTS_PER_REQUEST));
            let unanswered = (events.len() + later.len()) as u64;
            let accepted = self
                .service
                .store
                .accept(self.submission(events, last_arrival))
                .await;
            let accepted = accepted.inspect_err(|_| tally.refused(unanswered))?;
            tally.stored(accepted.accepted);
            taken.accepted += accepted.accepted;
            taken.duplicates += accepted.duplicates;
            events = later;
        }
        Ok(taken)
    }

    /// Writes down what is refused.
    ///
    /// # Errors
    /// 503 when it could not be kept.
    pub(crate) async fn refuse(&self, rejections: Rejections) -> Result<(), Problem> {
        let Visit {
            service,
            holder,
            door,
            ..
        } = self;
        service.reject(&(*holder).into(), door, rejections).await
    }

    fn last_arrival(&self) -> Timestamp {
        let now = self.service.now();
        now.max(self.received.saturating_add(LAST_ARRIVAL))
    }

    fn submission(&self, events: Vec<Event>, last_arrival: Timestamp) -> Submission {
        Submission {
            events,
            // The clients of these doors know nothing of keys for requests, so no body is ever
            // compared with an earlier one.
            key: None,
            body: Default::default(),
            received: self.received,
            arrived: self.service.now().min(last_arrival),
            client: self.holder.id.to_string(),
            door: self.door,
        }
    }
}
