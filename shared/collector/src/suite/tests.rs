//! The suite itself: a good source passes, and each kind of bad one fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Map, json};

use super::*;
use crate::fault::Fault;
use crate::message::{Schema, State};
use crate::output::Output;
use crate::source::SourceError;

/// Pages of the third party.
const PAGES: usize = 4;

/// What is wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    SchemaLate,
    NewKeysEachTime,
    StateBeforeRecords,
    StateAfterFailure,
    SkipsAPageWhenResumed,
    NoRetry,
    FailsWithoutQuota,
    GoesOnAfterRefusal,
}

/// A third party in memory: pages of three numbers.
#[derive(Debug)]
struct Pages {
    flaw: Flaw,
    requests: AtomicUsize,
    failure: Mutex<Option<(usize, Failure)>>,
}

impl Pages {
    fn with(flaw: Flaw) -> Self {
        Self {
            flaw,
            requests: AtomicUsize::new(0),
            failure: Mutex::new(None),
        }
    }

    fn request(&self) -> Result<(), Failure> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut failure = self.failure.lock().unwrap();
        match failure.take() {
            Some((0, failure)) => Err(failure),
            Some((after, kind)) => {
                *failure = Some((after - 1, kind));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl World for Arc<Pages> {
    type Source = Reader;

    fn source(&self) -> Reader {
        Reader(Arc::clone(self))
    }

    fn fail(&self, after: usize, failure: Failure) {
        *self.failure.lock().unwrap() = Some((after, failure));
    }

    fn recover(&self) {
        *self.failure.lock().unwrap() = None;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads pages, well or badly.
struct Reader(Arc<Pages>);

impl Source for Reader {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let stream: Arc<str> = "numbers".into();
        let mut first = state
            .and_then(|state| state.bookmark(&stream, "page"))
            .map_or(0, |page| page.parse().unwrap());
        if first > 0 && self.flaw() == Flaw::SkipsAPageWhenResumed {
            first += 1;
        }
        if self.flaw() != Flaw::SchemaLate {
            output.schema(schema(&stream)).await?;
        }
        for page in first..PAGES {
            let after = State::of(&stream, "page", (page + 1).to_string());
            if self.flaw() == Flaw::StateBeforeRecords {
                output.state(after.clone()).await?;
            }
            if let Err(error) = self.page(page) {
                if self.flaw() == Flaw::StateAfterFailure {
                    output.state(after).await?;
                }
                return Err(error);
            }
            for number in page * 3..page * 3 + 3 {
                output.record(&stream, self.record(number)).await?;
            }
            if self.flaw() == Flaw::SchemaLate {
                output.schema(schema(&stream)).await?;
            }
            output.state(after).await?;
        }
        output
            .state(State::of(&stream, "page", PAGES.to_string()))
            .await?;
        Ok(())
    }
}

impl Reader {
    fn flaw(&self) -> Flaw {
        self.0.flaw
    }

    fn page(&self, page: usize) -> Result<(), SourceError> {
        let Err(failure) = self.0.request() else {
            return Ok(());
        };
        let fault = Fault::new(format!("page {page}: {failure:?}"));
        match (failure, self.flaw()) {
            (Failure::Refused, Flaw::GoesOnAfterRefusal) => Ok(()),
            (Failure::Refused | Failure::Malformed, _)
            | (Failure::Exhausted, Flaw::FailsWithoutQuota) => Err(SourceError::Final(fault)),
            (Failure::Exhausted, _) | (_, Flaw::NoRetry) => {
                Err(SourceError::Later { fault, after: None })
            }
            (Failure::Throttled | Failure::Unavailable | Failure::CutOff, _) => self.page(page),
        }
    }

    fn record(&self, number: usize) -> Map<String, serde_json::Value> {
        let nonce = match self.flaw() {
            Flaw::NewKeysEachTime => self.0.requests(),
            _ => 0,
        };
        let id = format!("{nonce}.{number}");
        Map::from_iter([
            ("_id".to_owned(), json!(id)),
            ("n".to_owned(), json!(number)),
        ])
    }
}

fn schema(stream: &Arc<str>) -> Schema {
    Schema {
        stream: Arc::clone(stream),
        schema: json!({"type": "object"}),
        key_properties: vec!["_id".to_owned()],
        bookmark_properties: Vec::new(),
    }
}

fn world(flaw: Flaw) -> Arc<Pages> {
    Arc::new(Pages::with(flaw))
}

#[tokio::test(start_paused = true)]
async fn a_good_source_passes() {
    every_source_must(&world(Flaw::None)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "comes before the schema")]
async fn a_late_schema_is_found() {
    every_source_must(&world(Flaw::SchemaLate)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "reading again changes what is there")]
async fn keys_that_change_are_found() {
    every_source_must(&world(Flaw::NewKeysEachTime)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "gives something else")]
async fn a_state_before_its_records_is_found() {
    every_source_must(&world(Flaw::StateBeforeRecords)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "did not mend it")]
async fn a_state_after_a_failure_is_found() {
    every_source_must(&world(Flaw::StateAfterFailure)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "gives something else")]
async fn a_gap_after_resuming_is_found() {
    every_source_must(&world(Flaw::SkipsAPageWhenResumed)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a run that was throttled once is not complete")]
async fn giving_up_at_a_429_is_found() {
    every_source_must(&world(Flaw::NoRetry)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the run must end for later")]
async fn failing_without_quota_is_found() {
    every_source_must(&world(Flaw::FailsWithoutQuota)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the run must fail")]
async fn going_on_after_a_refusal_is_found() {
    every_source_must(&world(Flaw::GoesOnAfterRefusal)).await;
}
