//! Stores the messages of a body, once its text is there.

use std::time::Duration;

use http::StatusCode;
use weir_model::Timestamp;
use weir_service::auth::KeyHolder;
use weir_service::secret::WriteKey;
use weir_service::{Problem, Service};

use super::batch::{Outline, Unusable};
use super::call::Bodies;
use super::message::{self, Around};
use super::python::without_odd_numbers;
use crate::door::fault::Fault;
use crate::door::visit::{Mapped, Taken, Visit};

const DOOR: &str = "segment";

/// After how long a batch that found no memory should come again.
const MEMORY_RETRY: Duration = Duration::from_secs(1);

/// Who sends, and the key that says so.
#[derive(Debug)]
pub(super) struct Sender {
    key: WriteKey,
    holder: KeyHolder,
}

impl Sender {
    /// Looks a key up.
    pub(super) async fn of(service: &Service, key: WriteKey) -> Result<Sender, Problem> {
        let holder = service.holder(key.expose()).await?;
        Ok(Sender { key, holder })
    }

    pub(super) fn visit<'a>(&'a self, service: &'a Service, received: Timestamp) -> Visit<'a> {
        Visit {
            service,
            holder: &self.holder,
            door: DOOR,
            received,
        }
    }

    /// A body of which nothing can be used. Its senders read the answer, so it is the same if it
    /// could not be written down.
    async fn refuse(&self, visit: &Visit<'_>, fault: Fault, payload: &str) -> Problem {
        visit.service.tally().refused(1);
        let rejection = fault.rejection(payload, self.key.expose());
        let problem = unusable(rejection.reason, &rejection.detail);
        let _ = visit.refuse(rejection.into()).await;
        problem
    }
}

/// Refuses a body of which nothing can be used. It is written down if it is known whose it is, and
/// counted in any case.
pub(super) async fn refuse(
    service: &Service,
    sender: Option<Sender>,
    fault: Fault,
    payload: &str,
    received: Timestamp,
) -> Problem {
    match sender {
        Some(sender) => {
            let visit = sender.visit(service, received);
            sender.refuse(&visit, fault, payload).await
        }
        None => {
            service.tally().refused(1);
            service.tally().rejected(fault.reason, 1);
            unusable(fault.reason, &fault.detail)
        }
    }
}

/// 400, too large bodies included: to these clients it is the one status that is final.
fn unusable(reason: &'static str, detail: &str) -> Problem {
    Problem::bad_request(reason, detail)
}

/// Stores the messages of a body. Without a sender, the body has to say who sends it.
///
/// # Errors
/// 400 for a body that holds no messages, 401 without a good key, and what the store says.
pub(super) async fn store(
    service: &Service,
    text: &str,
    bodies: Bodies,
    sender: Option<Sender>,
    received: Timestamp,
) -> Result<Taken, Problem> {
    let mut memory = service.budget().open();
    let copy;
    let mut outline = Outline::read(text, bodies);
    if outline.is_err() && bodies == Bodies::Batch {
        memory.grow(text.len()).map_err(|_| over_capacity())?;
        copy = without_odd_numbers(text);
        if let Some(copy) = &copy {
            outline = Outline::read_odd(text, copy);
        }
    }
    let key = match &outline {
        Ok(Outline { key, .. }) | Err(Unusable { key, .. }) => key.clone(),
    };
    let sender = match (sender, key) {
        (None, Some(key)) => Some(Sender::of(service, key).await?),
        (sender, _) => sender,
    };
    let outline = match outline {
        Ok(outline) => outline,
        Err(Unusable { fault, .. }) => {
            return Err(refuse(service, sender, fault, text, received).await);
        }
    };
    let sender = sender.ok_or_else(without_key)?;
    memory
        .grow(outline.repeated_bytes())
        .map_err(|_| over_capacity())?;
    let mapped = map(&outline, bodies, &sender, received);
    drop(outline);
    sender.visit(service, received).take(mapped).await
}

fn without_key() -> Problem {
    let detail = "no write key came by HTTP Basic or as writeKey";
    Problem::new(StatusCode::UNAUTHORIZED, "unknown-key", detail)
}

fn over_capacity() -> Problem {
    let detail = "the requests in flight hold all the memory that is set aside for them";
    Problem::unavailable("over-capacity", detail, MEMORY_RETRY)
}

fn map(outline: &Outline<'_>, bodies: Bodies, sender: &Sender, received: Timestamp) -> Mapped {
    let call = match bodies {
        Bodies::One(call) => Some(call),
        Bodies::Batch => None,
    };
    let around = Around {
        namespace: sender.holder.namespace_or_label(),
        received,
        batch: &outline.beside,
    };
    let messages = outline.messages.iter().map(|text| {
        let read = message::read(text, call, &around);
        read.map_err(|fault| fault.of(text, sender.key.expose()))
    });
    messages.collect()
}
