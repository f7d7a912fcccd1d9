//! A third party in memory whose newest page is still being filled, and a source that reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};
use weir_collector::{Fault, Output, Schema, Source, SourceError, State};

/// Records of a full page.
pub(crate) const PAGE: u64 = 7;

/// Pages `0..=newest`, of which the newest has half of its records, and in those other values than
/// it will have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages(Arc<AtomicU64>);

impl Pages {
    pub(crate) fn grow(&self, pages: u64) {
        self.0.fetch_add(pages, Ordering::SeqCst);
    }

    pub(crate) fn newest(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// The records of a page as they are now.
    pub(crate) fn records(&self, page: u64) -> Vec<Map<String, Value>> {
        let newest = self.newest();
        let (count, value) = match page < newest {
            true => (PAGE, "final".to_owned()),
            false => (PAGE / 2, format!("at {newest}")),
        };
        (0..count)
            .map(|place| record(page * PAGE + place, &value))
            .collect()
    }
}

fn record(number: u64, value: &str) -> Map<String, Value> {
    let Value::Object(record) = json!({
        "_id": format!("r{number}"),
        "_timestamp": "2026-01-01T00:00:00Z",
        "value": value,
    }) else {
        unreachable!("it is an object")
    };
    record
}

/// Reads pages; its state is the page that is read again next time.
pub(crate) struct Reader {
    pub(crate) pages: Pages,
    /// The record at which it fails, counted from where it began.
    pub(crate) fails_at: Option<u64>,
    /// Whether the newest page counts as settled as well, for sinks that keep all they get.
    pub(crate) whole_pages_only: bool,
    /// Whether it replaces all there is each time.
    pub(crate) replaces: bool,
}

impl Source for Reader {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let stream: Arc<str> = "numbers".into();
        output
            .schema(Schema {
                stream: Arc::clone(&stream),
                schema: json!({"type": "object"}),
                key_properties: vec!["_id".to_owned()],
                bookmark_properties: Vec::new(),
            })
            .await?;
        let newest = self.pages.newest();
        let end = if self.whole_pages_only {
            newest
        } else {
            newest + 1
        };
        let mut told = 0;
        let first = if self.replaces { 0 } else { page_of(state) };
        if self.replaces {
            output.empty(&stream).await?;
        }
        for page in first..end {
            for record in self.pages.records(page) {
                if self.fails_at == Some(told) {
                    let fault = Fault::new("the connection was cut");
                    return Err(SourceError::Later { fault, after: None });
                }
                told += 1;
                output.record(&stream, record).await?;
            }
            if !self.replaces {
                // The newest page is read again next time.
                output.state(state_of((page + 1).min(newest))).await?;
            }
        }
        Ok(output.state(state_of(newest)).await?)
    }
}

pub(crate) fn state_of(page: u64) -> State {
    State::of("numbers", "page", page.to_string())
}

pub(crate) fn page_of(state: Option<&State>) -> u64 {
    state
        .and_then(|state| state.bookmark("numbers", "page"))
        .map_or(0, |page| page.parse().expect("a page"))
}
