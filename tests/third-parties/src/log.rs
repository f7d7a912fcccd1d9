//! What was asked, when it came and went, and how much of it was under way at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::front::locked;
use crate::recorded::Recorded;

/// The requests so far.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    /// How many of the newest are kept.
    kept: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    requests: VecDeque<Recorded>,
    /// How many came before the first that is kept.
    dropped: usize,
    asked: usize,
    under_way: usize,
    most: usize,
}

impl Log {
    pub(crate) fn new(kept: usize) -> Arc<Log> {
        Arc::new(Log {
            began: Instant::now(),
            kept,
            entries: Mutex::default(),
        })
    }

    /// Writes down that a request came.
    pub(crate) fn enter(self: &Arc<Self>, mut request: Recorded) -> Visit {
        request.came_ms = self.elapsed_ms();
        let mut entries = locked(&self.entries);
        let number = entries.dropped + entries.requests.len();
        entries.requests.push_back(request);
        if entries.requests.len() > self.kept {
            entries.requests.pop_front();
            entries.dropped += 1;
        }
        entries.asked += 1;
        entries.under_way += 1;
        entries.most = entries.most.max(entries.under_way);
        let log = Arc::clone(self);
        Visit { log, number }
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        locked(&self.entries).requests.iter().cloned().collect()
    }

    pub(crate) fn asked(&self) -> usize {
        locked(&self.entries).asked
    }

    pub(crate) fn most_at_once(&self) -> usize {
        locked(&self.entries).most
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        let mut entries = locked(&self.entries);
        entries.dropped += entries.requests.len();
        entries.requests.clear();
        entries.asked = 0;
        entries.most = entries.under_way;
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("no test lasts so long")
    }
}

impl Entries {
    fn get(&mut self, number: usize) -> Option<&mut Recorded> {
        self.requests.get_mut(number.checked_sub(self.dropped)?)
    }
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    log: Arc<Log>,
    number: usize,
}

impl Visit {
    /// Writes down what is answered, and stays with it to its end.
    pub(crate) fn see_off(self, status: u16, body: Body) -> Body {
        if let Some(request) = locked(&self.log.entries).get(self.number) {
            request.status = Some(status);
        }
        Body::new(Watched { body, _visit: self })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let now = self.log.elapsed_ms();
        let mut entries = locked(&self.log.entries);
        entries.under_way -= 1;
        if let Some(request) = entries.get(self.number) {
            request.went_ms = Some(now);
        }
    }
}

/// A body that knows whose answer it is.
struct Watched {
    body: Body,
    _visit: Visit,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_under_way_until_their_answers_have_gone() {
        let log = Log::new(2);
        let first = log.enter(Recorded::default());
        let second = log.enter(Recorded::default());
        let body = first.see_off(204, Body::empty());
        assert_eq!((log.asked(), log.most_at_once()), (2, 2));
        assert_eq!(log.requests()[0].status, Some(204));
        assert_eq!(log.requests()[0].went_ms, None);
        drop((body, second));
        assert!(log.requests().iter().all(|it| it.went_ms.is_some()));
        let third = log.enter(Recorded::default());
        assert_eq!((log.requests().len(), log.asked()), (2, 3));
        log.forget();
        drop(third);
        assert_eq!((log.requests().len(), log.asked()), (0, 0));
        assert_eq!(log.most_at_once(), 1);
    }
}
