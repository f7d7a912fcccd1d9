//! A server and what a client needs to report to it. Time is the runtime's, which tests pause.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;
use weir_client::{Builder, Client, Notice};
use weir_model::Timestamp;

use crate::server::{Fault, Server, Shared};

/// 2024-05-15T10:20:30Z.
pub(crate) const START_MS: i64 = 1_715_768_430_000;

pub(crate) struct World {
    pub(crate) shared: Arc<Mutex<Shared>>,
    pub(crate) server: Server,
    pub(crate) notices: Arc<Mutex<Vec<Notice>>>,
    started: Instant,
}

impl World {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        Self {
            server: Server::start(&shared, 0).await,
            shared,
            notices: Arc::default(),
            started: Instant::now(),
        }
    }

    /// What each request meets, by its number.
    pub(crate) fn faults(&self, faults: impl FnMut(usize) -> Fault + Send + 'static) {
        self.shared().faults = Box::new(faults);
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// A client of this server, to be built on the test's runtime.
    pub(crate) fn builder(&self) -> Builder {
        let (started, notices) = (self.started, Arc::clone(&self.notices));
        Client::builder()
            .server(self.server.url())
            .write_key("a-write-key")
            .clock(move || {
                let now = i64::try_from(started.elapsed().as_millis()).unwrap();
                Timestamp::from_millis(START_MS + now).unwrap()
            })
            .on_notice(move |notice| notices.lock().unwrap().push(notice.clone()))
    }

    pub(crate) fn client(&self, change: impl FnOnce(Builder) -> Builder) -> Client {
        change(self.builder()).build_on(&Handle::current()).unwrap()
    }

    /// The codes of all notices so far.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let notices = self.notices.lock().unwrap();
        notices.iter().map(|notice| notice.code).collect()
    }

    /// Whether exactly these numbers are stored, each once.
    pub(crate) fn has_each_once(&self, numbers: impl IntoIterator<Item = u64>) {
        let counts = self.shared().counts();
        let repeated: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
        assert!(repeated.is_empty(), "counted more than once: {repeated:?}");
        let stored: Vec<_> = counts.into_keys().collect();
        let mut expected: Vec<_> = numbers.into_iter().collect();
        expected.sort_unstable();
        assert_eq!(stored, expected);
    }
}

/// An event with a number.
pub(crate) fn event(number: u64) -> Value {
    json!({"n": number})
}

/// Reports events with numbers.
pub(crate) fn report(client: &Client, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        client.report(event(number)).unwrap();
    }
}

/// Closes a client that can send all it has.
pub(crate) async fn close(client: Client) {
    let left = client.close(Duration::from_secs(86_400)).await;
    assert_eq!(left, weir_client::Left::default());
    let statistics = client.statistics();
    assert_eq!(statistics.buffered_events, 0);
    assert_eq!(statistics.buffered_bytes, 0);
}
