//! Builds clients: what can be said of one. How it is put together is in `build`.

mod build;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use weir_model::Timestamp;

use crate::auth::Credentials;
use crate::buffer::WhenFull;
use crate::clock::Clock;
use crate::notice::{Notice, Notices};
use crate::options::{Compression, Options};
use crate::report::Message;
use crate::secret::Secret;
use crate::servers::shown;
use crate::spool::{Durability, Place};
use crate::statistics::Measure;
pub use build::BuildError;

/// Everything that can be said about a client before it is built. `docs/CLIENT.md` lists all
/// options with their defaults. `C` is the client that [`build`](Builder::build) makes of it.
pub struct Builder<C = crate::Client> {
    servers: Vec<String>,
    ports: Vec<u16>,
    credentials: Option<Credentials>,
    label: Option<String>,
    event_type: Option<NameSource>,
    metadata: Map<String, Value>,
    options: Options,
    roots: Vec<Vec<u8>>,
    spool: Option<Place>,
    notices: Notices,
    hook: Option<Arc<dyn Fn(Measure) + Send + Sync>>,
    clock: Option<Clock>,
    client: PhantomData<fn() -> C>,
}

impl<C> Default for Builder<C> {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            ports: Vec::new(),
            credentials: None,
            label: None,
            event_type: None,
            metadata: Map::new(),
            options: Options::default(),
            roots: Vec::new(),
            spool: None,
            notices: Notices::default(),
            hook: None,
            clock: None,
            client: PhantomData,
        }
    }
}

enum NameSource {
    Text(String),
    Of(Box<dyn Fn(&Message) -> String + Send + Sync>),
}

impl<C> fmt::Debug for Builder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.servers.iter().map(|server| shown(server));
        f.debug_struct("Builder")
            .field("servers", &servers.collect::<Vec<_>>())
            .field("credentials", &self.credentials)
            .field("options", &self.options)
            .field("spool", &self.spool)
            .finish_non_exhaustive()
    }
}

/// Where to send, and as whom.
impl<C> Builder<C> {
    /// Adds a server: `http://127.0.0.1:8080`, or a host, which means HTTPS. With several, which
    /// must be doors of one Weir, one is used until it fails, then any other.
    #[must_use]
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Ports to try at servers that name none.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// Reports as an OAuth2 client with the scope `write`.
    #[must_use]
    pub fn oauth(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::Client {
            id: id.into(),
            secret: Secret::new(secret),
        });
        self
    }

    /// Reports with a write key.
    #[must_use]
    pub fn write_key(mut self, key: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::WriteKey(Secret::new(key)));
        self
    }

    /// Trusts another root certificate (PEM) than the system does, for HTTPS.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// How long an attempt may take in all: 60 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The ceiling of the first pause between attempts and that of the longest: 0.5 s and 30 s.
    #[must_use]
    pub fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        (self.options.first_pause, self.options.longest_pause) = (first, longest);
        self
    }

    /// The pause between attempts when someone must mend something first, such as a revoked key:
    /// 60 s.
    #[must_use]
    pub fn slow_pause(mut self, pause: Duration) -> Self {
        self.options.slow_pause = pause;
        self
    }

    /// Whether bodies are compressed: not.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }
}

/// What events are called.
impl<C> Builder<C> {
    /// The namespace of events that name none: "Rust SDK".
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The name of all events that name none: the label.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(NameSource::Text(event_type.into()));
        self
    }

    /// The names of events, by a function of theirs, which runs on the thread that reports.
    #[must_use]
    pub fn event_type_of(
        mut self,
        function: impl Fn(&Message) -> String + Send + Sync + 'static,
    ) -> Self {
        self.event_type = Some(NameSource::Of(Box::new(function)));
        self
    }

    /// Something that goes with every event, in the property `_metadata`.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

/// How much is held, and when it goes.
impl<C> Builder<C> {
    /// Events in memory, those under way included: 100,000.
    #[must_use]
    pub fn buffer_events(mut self, events: usize) -> Self {
        self.options.buffer_events = events;
        self
    }

    /// Bytes in memory, about: 64 MiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.options.buffer_bytes = bytes;
        self
    }

    /// What happens to an event when the buffer is full: it is refused.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// How long an event waits for others: 5 s.
    #[must_use]
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.options.batch_interval = interval;
        self
    }

    /// Events of a batch at most: 10,000, which is what a request may bring. A batch goes as soon
    /// as it has so many, or half of the buffer.
    #[must_use]
    pub fn batch_events(mut self, events: usize) -> Self {
        self.options.batch_events = events;
        self
    }

    /// Bytes of a batch at most, uncompressed: 4 MiB, which is what a request may bring.
    #[must_use]
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.options.batch_bytes = bytes;
        self
    }

    /// Batches under way at once: 2.
    #[must_use]
    pub fn batches_at_once(mut self, batches: usize) -> Self {
        self.options.batches_at_once = batches;
        self
    }

    /// Keeps unsent events in a directory, which only one client may have at a time, so that they
    /// survive the program: not done.
    #[must_use]
    pub fn spool(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place().directory = directory.into();
        self
    }

    /// Bytes of the spool at most: 256 MiB. When they are taken, events wait in memory.
    #[must_use]
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.place().bytes = bytes;
        self
    }

    /// When spooled events are forced onto the disk: before their batch is attempted.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.place().durability = durability;
        self
    }

    fn place(&mut self) -> &mut Place {
        self.spool.get_or_insert_with(|| Place {
            directory: PathBuf::new(),
            bytes: 256 << 20,
            durability: Durability::default(),
        })
    }
}

/// What the program hears.
impl<C> Builder<C> {
    /// Calls a function with every notice. It runs on the sender's thread or on one that reports,
    /// and should not take long: meanwhile nothing is sent. It must not flush or close the client,
    /// for which it would wait in vain.
    #[must_use]
    pub fn on_notice(mut self, callback: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.notices = Notices::to(callback);
        self
    }

    /// Calls a function with every step that a metrics system may count, on the same threads.
    #[must_use]
    pub fn on_measure(mut self, hook: impl Fn(Measure) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Takes the time of day from elsewhere, for tests of this crate.
    #[doc(hidden)]
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Clock::of(now));
        self
    }
}
