//! The server: all functions behind one listener, the owner's routes behind the control socket,
//! and compaction beside them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::middleware::{from_fn_with_state, map_response};
use axum::serve::ListenerExt as _;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use weir_service::auth::{KeySource, LocalAdmin, SigningKey, SigningKeys};
use weir_service::cors::Origins;
use weir_service::gate::{self, Bounds, Gate};
use weir_service::layer::{edge, edge_for};
use weir_service::{Service, ServiceConfig, SnippetPath, health};
use weir_store::Store;
use weir_store::clock::Clock;
use weir_store::db::Db;
use weir_store::embedded::Engine;

use crate::data::{DataDirectory, DataError};
use crate::failure::Failure;
use crate::jobs::{Jobs, Keeping, Setup};
use crate::{compaction, control, jobs, listen, openapi};

/// How long requests in flight may take when the server stops: a request in doubt is settled
/// after 20 s.
const LAST_REQUESTS: Duration = Duration::from_secs(25);

/// How long work may take that goes on after its request was dropped, and how often it is looked
/// at.
const LAST_TASKS: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Writes at once whose bodies are here: a bound on what stands in line for a processor, before
/// anything is made of it. What they do to the store has a bound of its own.
pub(crate) const WRITES: Bounds = Bounds {
    at_once: 512,
    waiting: 0,
    patience: Duration::ZERO,
};

/// Reads at once. The engine does one thing at a time, so more would only hold more in memory.
pub(crate) const READS: Bounds = Bounds {
    at_once: 16,
    waiting: 64,
    patience: Duration::from_secs(1),
};

/// Token requests at once.
const GRANTS: Bounds = Bounds {
    at_once: 16,
    waiting: 64,
    patience: Duration::from_secs(1),
};

/// Connections to the control socket, which only the owner's commands open.
pub(crate) const OWN_CONNECTIONS: usize = 256;

/// Where a server keeps its data.
#[derive(Debug)]
pub enum Storage {
    /// In a directory, which it takes hold of.
    Directory(PathBuf),
    /// In a directory that this process holds already.
    Held(DataDirectory),
    /// In memory.
    Memory,
}

/// How a server is set up.
#[derive(Debug)]
pub struct Config {
    /// Where it keeps its data.
    pub storage: Storage,
    /// Where it listens, beside the control socket; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// The address under which clients reach it, if that is another.
    pub public_url: Option<String>,
    /// Pages that may read the answers of its own interface.
    pub allowed_origins: Origins,
    /// Where it serves the browser snippet.
    pub snippet_path: SnippetPath,
    /// How many connections it may have at once, beside those to its control socket.
    pub connections: usize,
    /// The jobs that it keeps.
    pub jobs: Option<Setup>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Config {
    /// A server that listens on its control socket alone.
    pub fn quiet(storage: Storage, clock: Arc<dyn Clock>) -> Config {
        Config {
            storage,
            listen: None,
            public_url: None,
            allowed_origins: Origins::Nowhere,
            snippet_path: SnippetPath::default(),
            connections: listen::CONNECTIONS,
            jobs: None,
            clock,
        }
    }
}

/// A server at work.
#[derive(Debug)]
pub struct Running {
    service: Arc<Service>,
    engine: Arc<Engine>,
    home: Home,
    address: Option<SocketAddr>,
    stop: watch::Sender<()>,
    listeners: Vec<JoinHandle<()>>,
    compaction: JoinHandle<()>,
    jobs: Option<Keeping>,
}

/// What holds the files of a server. One in memory has a socket and a lock all the same.
#[derive(Debug)]
struct Home {
    data: DataDirectory,
    /// Removed when the server is gone.
    _temporary: Option<tempfile::TempDir>,
}

/// Starts a server. It serves until it is stopped.
///
/// # Errors
/// When the data cannot be had or read, or it cannot listen.
pub async fn start(config: Config) -> Result<Running> {
    let Config {
        storage,
        listen,
        public_url,
        allowed_origins,
        snippet_path,
        connections,
        jobs,
        clock,
    } = config;
    let (home, engine, keys) = open(storage, &clock).await?;
    let db = Db::embedded(Arc::clone(&engine) as _, Arc::clone(&clock));
    // A later version may have tables that an earlier one had not.
    db.create_tables()
        .await
        .map_err(|error| Failure::new(format!("cannot make the tables: {error}")))?;
    let store = Store::new(db);
    let settings = ServiceConfig {
        issuer: public_url,
        allowed_origins,
        snippet_path,
        ..ServiceConfig::from_source(keys)
    };
    let service = Service::new(store.clone(), settings);

    let jobs = jobs
        .map(|setup| Jobs::open(setup, &store, clock))
        .transpose()?;

    let socket = control::listen(&home.data.control_socket())?;
    let public = match listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let address = public.as_ref().map(TcpListener::local_addr).transpose()?;
    let (stop, stopped) = watch::channel(());
    let mut listeners = vec![tokio::spawn(listen::serve(
        socket,
        owner(&service, jobs.clone()),
        OWN_CONNECTIONS,
        stopped.clone(),
    ))];
    if let Some(listener) = public {
        // Answers are small and must not wait for more to come.
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        listeners.push(tokio::spawn(listen::serve(
            listener,
            edge_for(public_functions(&service), service.allowed_origins()),
            connections,
            stopped.clone(),
        )));
    }
    let jobs = jobs.map(|jobs| jobs.keep(stopped.clone()));
    let compaction = tokio::spawn(compaction::keep_up(store, Arc::clone(&engine), stopped));
    Ok(Running {
        service,
        engine,
        home,
        address,
        stop,
        listeners,
        compaction,
        jobs,
    })
}

/// What a server is made of: its files, its store, its signing keys.
type Parts = (Home, Arc<Engine>, Arc<dyn KeySource>);

async fn open(storage: Storage, clock: &Arc<dyn Clock>) -> Result<Parts> {
    let data = match storage {
        Storage::Held(data) => data,
        Storage::Directory(path) => DataDirectory::open(&path).map_err(refuse_data)?,
        Storage::Memory => return open_memory(clock),
    };
    let keys = data.signing_keys().map_err(refuse_data)?;
    let engine = Engine::open_with_tables(&data.database(), Arc::clone(clock)).await?;
    Ok((
        Home {
            data,
            _temporary: None,
        },
        Arc::new(engine),
        Arc::new(keys),
    ))
}

fn open_memory(clock: &Arc<dyn Clock>) -> Result<Parts> {
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let data = DataDirectory::open(temporary.path()).map_err(refuse_data)?;
    let engine = Engine::memory(Arc::clone(clock))?;
    let keys = SigningKeys::new(SigningKey::random());
    Ok((
        Home {
            data,
            _temporary: Some(temporary),
        },
        Arc::new(engine),
        Arc::new(keys),
    ))
}

fn refuse_data(error: DataError) -> Failure {
    let hint = match &error {
        DataError::InUse { .. } => "stop that one, or keep other data: --data DIR or --memory",
        DataError::Foreign { .. } => "choose a directory of its own: --data DIR",
        DataError::Keys { .. } => "restore the file, or remove it: all tokens end then",
        DataError::Io { .. } => "choose a directory that can be written: --data DIR",
    };
    Failure::new(error.to_string()).hint(hint)
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {address}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => failure
                .hint("another program listens there: choose another port, or 0, with --listen"),
            _ => failure.hint("choose another address with --listen"),
        }
        .into()
    })
}

/// The routers of all functions.
pub(crate) fn functions(service: &Arc<Service>) -> Router {
    weir_token::router(Arc::clone(service))
        .merge(weir_track::router(Arc::clone(service)))
        .merge(weir_query::router(Arc::clone(service)))
        .merge(weir_data::router(Arc::clone(service)))
        .merge(health::router(Arc::clone(service)))
        .merge(openapi::router())
}

/// The same for everybody: bounded, so that one more than can be answered in time is refused at
/// once.
pub(crate) fn public_functions(service: &Arc<Service>) -> Router {
    let grants = Gate::new("token requests", GRANTS);
    let writes = Gate::new("writes", WRITES);
    let reads = Gate::new("reads", READS);
    let token = weir_token::router(Arc::clone(service));
    let track = weir_track::router(Arc::clone(service));
    let query = weir_query::router(Arc::clone(service));
    let data_in = weir_data::writes(Arc::clone(service));
    let data_out = weir_data::reads(Arc::clone(service));
    // What a gate refuses, Backdrop's clients are told in the form that they know.
    let in_backdrops_form = map_response(weir_data::in_backdrops_form);
    token
        .route_layer(from_fn_with_state(grants, gate::through))
        .merge(track.route_layer(from_fn_with_state(
            Arc::clone(&writes),
            gate::through_unless_slow,
        )))
        .merge(query.route_layer(from_fn_with_state(Arc::clone(&reads), gate::through)))
        .merge(
            data_in
                .route_layer(from_fn_with_state(writes, gate::through_unless_slow))
                .route_layer(in_backdrops_form.clone()),
        )
        .merge(
            data_out
                .route_layer(from_fn_with_state(reads, gate::through))
                .route_layer(in_backdrops_form),
        )
        .merge(health::router(Arc::clone(service)))
        .merge(openapi::router())
}

/// The same and the control routes, for whoever can open the control socket.
pub(crate) fn owner(service: &Arc<Service>, kept: Option<Jobs>) -> Router {
    let own = control::router(Arc::clone(service)).merge(jobs::router(Arc::clone(service), kept));
    edge(functions(service).merge(own)).layer(Extension(LocalAdmin))
}

impl Running {
    /// Where it listens, if it does so beside its control socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The directory that its owner's commands name, also when everything is in memory.
    pub fn data(&self) -> &Path {
        self.home.data.path()
    }

    /// Where its owner's commands go.
    pub fn control_socket(&self) -> PathBuf {
        self.home.data.control_socket()
    }

    /// The state that its routers share.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Stops: accepts nothing more, finishes what is in flight, ends compaction, closes the
    /// store.
    ///
    /// # Errors
    /// When a part of it had failed.
    pub async fn stop(self) -> Result<()> {
        let Running {
            service,
            engine,
            home,
            stop,
            mut listeners,
            compaction,
            jobs,
            ..
        } = self;
        drop(stop);
        if let Some(jobs) = jobs {
            jobs.stop().await;
        }
        let end = Instant::now() + LAST_REQUESTS;
        for listener in &mut listeners {
            match timeout_at(end, &mut *listener).await {
                Ok(ended) => ended.context("a listener has failed")?,
                Err(_) => {
                    tracing::warn!("requests that take longer than {LAST_REQUESTS:?} are cut off");
                    listener.abort();
                    let _ = listener.await;
                }
            }
        }
        compaction.await.context("compaction has failed")?;
        // A dead socket would have the next command wait.
        let _ = std::fs::remove_file(home.data.control_socket());
        drop(service);
        close(engine).await?;
        drop(home);
        Ok(())
    }
}

/// Closes the engine's file, which waits for the disk. The lock is given back only after it. Whoever
/// asked last may be gone while what worked for it is not yet.
async fn close(engine: Arc<Engine>) -> Result<()> {
    let end = Instant::now() + LAST_TASKS;
    while Arc::strong_count(&engine) > 1 && Instant::now() < end {
        sleep(LOOK_EVERY).await;
    }
    match Arc::into_inner(engine) {
        Some(engine) => Ok(tokio::task::spawn_blocking(move || drop(engine)).await?),
        None => {
            tracing::warn!("the store is still in use and is left as after a crash");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
