//! What every HTTP function shares: the store, the tokens, and the bounds on what comes in.

use std::sync::Arc;
use std::time::Duration;

use weir_model::Timestamp;
use weir_store::db::Deadline;
use weir_store::{Clock, Store};

use crate::auth::{CurrentKeys, KeySource, KnownKeys, Rates, RevokedCopy, Tokens};
use crate::body::BodyLimits;
use crate::budget::Budget;
use crate::cors::Origins;
use crate::gate::{Bounds, Gate};
use crate::rejected::Standings;
use crate::snippet_path::SnippetPath;
use crate::tally::Tally;

/// How long a token lives unless configured otherwise.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// How much memory requests in flight may hold together unless configured otherwise: a quarter of
/// the gigabyte that the smallest sensible machine has.
pub const IN_FLIGHT_BYTES: usize = 256 * 1024 * 1024;

/// How many requests with a body may be carried out unless configured otherwise, large ones
/// counting as several: enough for commits of many requests each, and few enough that a machine
/// which does five hundred in a second is done with them in half of one.
pub const IN_FLIGHT_REQUESTS: Bounds = Bounds {
    at_once: 256,
    waiting: 768,
    patience: Duration::from_millis(500),
};

/// How long reads and writes of the registry may take.
const REGISTRY_TIME: Duration = Duration::from_secs(10);

/// How a [`Service`] is set up.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Where the keys are that sign tokens.
    pub keys: Arc<dyn KeySource>,
    /// How long a token lives.
    pub token_lifetime: Duration,
    /// How much memory the bodies of all requests in flight may hold.
    pub in_flight_bytes: usize,
    /// How many requests with a body may be carried out at once.
    pub in_flight_requests: Bounds,
    /// The bounds of one body.
    pub body: BodyLimits,
    /// The base address under which clients reach this Weir, without a final slash; it becomes
    /// the issuer of tokens. None: taken from each request's `Host`, and tokens name no issuer.
    pub issuer: Option<String>,
    /// Pages that may read the answers of Weir's own interface.
    pub allowed_origins: Origins,
    /// Where the browser snippet is served.
    pub snippet_path: SnippetPath,
}

impl ServiceConfig {
    /// The defaults with these keys.
    pub fn new(keys: impl KeySource + 'static) -> ServiceConfig {
        ServiceConfig::from_source(Arc::new(keys))
    }

    /// The defaults with the keys of this source.
    pub fn from_source(keys: Arc<dyn KeySource>) -> ServiceConfig {
        ServiceConfig {
            keys,
            token_lifetime: TOKEN_LIFETIME,
            in_flight_bytes: IN_FLIGHT_BYTES,
            in_flight_requests: IN_FLIGHT_REQUESTS,
            body: BodyLimits::default(),
            issuer: None,
            allowed_origins: Origins::Nowhere,
            snippet_path: SnippetPath::default(),
        }
    }
}

/// The state that all routers of a process share.
#[derive(Debug)]
pub struct Service {
    /// The store.
    pub store: Store,
    keys: CurrentKeys,
    tokens: Tokens,
    issuer: Option<String>,
    allowed_origins: Origins,
    snippet_path: SnippetPath,
    revoked: RevokedCopy,
    known_keys: KnownKeys,
    rates: Rates,
    standings: Standings,
    budget: Arc<Budget>,
    gate: Arc<Gate>,
    body: BodyLimits,
    tally: Tally,
}

impl Service {
    /// Sets a service up on a store.
    pub fn new(store: Store, config: ServiceConfig) -> Arc<Service> {
        let issuer = config
            .issuer
            .map(|issuer| issuer.trim_end_matches('/').to_owned());
        Arc::new(Service {
            store,
            keys: CurrentKeys::of(config.keys),
            tokens: Tokens::new(config.token_lifetime, issuer.clone()),
            issuer,
            allowed_origins: config.allowed_origins,
            snippet_path: config.snippet_path,
            revoked: RevokedCopy::default(),
            known_keys: KnownKeys::default(),
            rates: Rates::default(),
            standings: Standings::default(),
            budget: Budget::new(config.in_flight_bytes),
            gate: Gate::new("writes", config.in_flight_requests),
            body: config.body,
            tally: Tally::default(),
        })
    }

    /// The time by the store's clock.
    pub fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// How long a token lives.
    pub fn token_lifetime(&self) -> Duration {
        self.tokens.lifetime()
    }

    /// Reads ahead what the first request would have to wait for: the signing keys and what is
    /// revoked. A failure is logged, and the first request tries again.
    pub async fn warm_up(&self) {
        let keys = self.keys.current(self.clock());
        let revoked = self.revoked.read_ahead(&self.store);
        let _ = futures::join!(keys, revoked);
    }

    /// The configured base address, without a final slash.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Pages that may read the answers of Weir's own interface.
    pub fn allowed_origins(&self) -> &Origins {
        &self.allowed_origins
    }

    /// Where the browser snippet is served.
    pub fn snippet_path(&self) -> &SnippetPath {
        &self.snippet_path
    }

    /// The memory of all requests in flight.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The requests with a body that are carried out.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The bounds of one body.
    pub fn body_limits(&self) -> &BodyLimits {
        &self.body
    }

    /// Counts events for the metrics.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// When a read or write of the registry that begins now has to be done.
    pub fn registry_deadline(&self) -> Deadline {
        Deadline::at(self.now().saturating_add(REGISTRY_TIME))
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.store.db().clock().as_ref()
    }

    pub(crate) fn keys(&self) -> &CurrentKeys {
        &self.keys
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    pub(crate) fn revoked_copy(&self) -> &RevokedCopy {
        &self.revoked
    }

    pub(crate) fn known_keys(&self) -> &KnownKeys {
        &self.known_keys
    }

    pub(crate) fn standings(&self) -> &Standings {
        &self.standings
    }
}
