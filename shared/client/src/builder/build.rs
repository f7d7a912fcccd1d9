//! From what was said of a client to the client: checks it, and puts its parts together.

use std::io;
use std::sync::{Arc, mpsc};

use thiserror::Error;
use tokio::runtime::{Builder as RuntimeBuilder, Handle};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use weir_model::Name;

use super::{Builder, NameSource};
use crate::auth::{Auth, Credentials};
use crate::buffer::Buffer;
use crate::client::{Client, Shared};
use crate::clock::Clock;
use crate::courier::Courier;
use crate::encode::Encoder;
use crate::entry::EventType;
use crate::http::Http;
use crate::https::HttpsError;
use crate::notice::{Notices, codes};
use crate::sender::{Guard, Intake, Sender};
use crate::servers::{AddressError, Servers};
use crate::spool::{Place, Spool, SpoolError, Spooled};
use crate::statistics::Counters;
use crate::{blocking, weigh};

/// The label that the old service's SDK would have here.
const LABEL: &str = "Rust SDK";

/// Why there is no client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No server was named.
    #[error("no server: name one by `server`")]
    NoServer,
    /// A text is not the address of a server.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There are no credentials, or not any that can be sent.
    #[error("credentials: {0}")]
    Credentials(&'static str),
    /// An option has a value that is not possible.
    #[error("{option} {reason}")]
    Option {
        /// Which.
        option: String,
        /// Why.
        reason: String,
    },
    /// The spool cannot be used.
    #[error("the spool: {0}")]
    Spool(#[from] SpoolError),
    /// HTTPS cannot be set up.
    #[error("cannot set up HTTPS: {0}")]
    Https(#[from] HttpsError),
    /// The system gives no thread.
    #[error("cannot start the sender's thread: {0}")]
    Thread(io::Error),
}

impl Builder {
    /// Builds a client whose sender has a thread of its own.
    pub fn build(self) -> Result<Client, BuildError> {
        self.start()
    }

    /// Builds a client whose sender is a task of a runtime with time and network. It encodes
    /// batches there. If the runtime ends before the client is closed, what is in memory is lost
    /// and counted, and nothing more is taken in.
    pub fn build_on(self, runtime: &Handle) -> Result<Client, BuildError> {
        let (client, sender) = self.assemble()?;
        runtime.spawn(sender);
        Ok(client)
    }
}

impl Builder<blocking::Client> {
    /// Builds a client for programs without a runtime.
    pub fn build(self) -> Result<blocking::Client, BuildError> {
        self.build_blocking()
    }
}

impl<C> Builder<C> {
    /// Builds a client for programs without a runtime.
    pub fn build_blocking(self) -> Result<blocking::Client, BuildError> {
        self.start().map(blocking::Client::new)
    }

    /// The sender's runtime begins and ends on the sender's thread: the caller may have one of its
    /// own, in which no other may end.
    fn start(self) -> Result<Client, BuildError> {
        let (client, sender) = self.assemble()?;
        let (report, started) = mpsc::channel();
        let run = move || {
            let runtime = RuntimeBuilder::new_current_thread().enable_all().build();
            let (runtime, outcome) = match runtime {
                Ok(runtime) => (Some(runtime), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // Whoever builds the client waits for this.
            let _ = report.send(outcome);
            if let Some(runtime) = runtime {
                runtime.block_on(sender);
            }
        };
        let thread = std::thread::Builder::new().name("weir-client".to_owned());
        thread.spawn(run).map_err(BuildError::Thread)?;
        let outcome = started.recv().map_err(io::Error::other).flatten();
        outcome.map(|()| client).map_err(BuildError::Thread)
    }

    fn assemble(self) -> Result<(Client, impl Future<Output = ()> + Send + 'static), BuildError> {
        let checked = self.options.check();
        checked.map_err(|(name, reason)| impossible(name, reason))?;
        weigh::member(&self.metadata).map_err(|error| impossible("metadata", error))?;
        let label = name("label", self.label.as_deref().unwrap_or(LABEL))?;
        let event_type = event_type(self.event_type)?;
        let credentials = credentials(self.credentials)?;
        let servers = servers(&self.servers, &self.ports)?;
        let http = Http::new(self.options.timeout, servers.is_https(), &self.roots)?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let counters = Arc::new(Counters::new(self.hook));
        let notices = self.notices;
        let (spool, found) = spool(self.spool, &notices, &counters)?;

        let courier = Courier {
            http,
            servers,
            identity: credentials.fingerprint(),
            auth: Auth::new(credentials),
            clock: clock.clone(),
            pauses: self.options.pauses(),
            compression: self.options.compression,
            notices: notices.clone(),
            counters: Arc::clone(&counters),
            hurry: Notify::new(),
        };
        let (commands, orders) = unbounded_channel();
        let buffer = Arc::new(Buffer::new(self.options.bounds()));
        let rules = self.options.rules();
        let ends = (Arc::clone(&counters), notices.clone());
        let encoder = Encoder::new(label, self.metadata);
        let intake = Intake::new(Arc::clone(&buffer), encoder, rules, ends, spool);
        let sender = Sender::new(rules, orders, Arc::new(courier), intake, found);
        let guard = Guard::new(&buffer, &counters, &notices);
        let guarded = guard.watch(sender);
        let client = Client::new(Shared {
            buffer,
            counters,
            notices,
            clock,
            event_type,
            commands,
        });
        Ok((client, guarded))
    }
}

fn credentials(credentials: Option<Credentials>) -> Result<Credentials, BuildError> {
    let credentials = credentials.ok_or(BuildError::Credentials(
        "there are none: give them by `oauth` or `write_key`",
    ))?;
    // A colon in the user's name would move the border to the password (RFC 7617 section 2).
    let (user, rest) = match &credentials {
        Credentials::Client { id, secret } => (id.as_str(), secret.expose()),
        Credentials::WriteKey(key) => (key.expose(), "-"),
    };
    match !user.is_empty() && !user.contains(':') && !rest.is_empty() {
        true => Ok(credentials),
        false => Err(BuildError::Credentials(
            "an id or a key is empty or contains a colon, or the secret is empty",
        )),
    }
}

fn impossible(option: &str, reason: impl ToString) -> BuildError {
    BuildError::Option {
        option: option.to_owned(),
        reason: reason.to_string(),
    }
}

fn name(option: &str, text: &str) -> Result<Name, BuildError> {
    Name::parse(text).map_err(|reason| impossible(option, reason))
}

fn event_type(source: Option<NameSource>) -> Result<EventType, BuildError> {
    match source {
        None => Ok(EventType::Label),
        Some(NameSource::Text(text)) => name("event_type", &text).map(EventType::Text),
        Some(NameSource::Of(function)) => Ok(EventType::Of(function)),
    }
}

fn servers(servers: &[String], ports: &[u16]) -> Result<Servers, BuildError> {
    match servers.is_empty() {
        true => Err(BuildError::NoServer),
        false => Ok(Servers::parse(servers, ports)?),
    }
}

fn spool(
    place: Option<Place>,
    notices: &Notices,
    counters: &Counters,
) -> Result<(Option<Spool>, Vec<Spooled>), BuildError> {
    let Some(place) = place else {
        return Ok((None, Vec::new()));
    };
    if place.directory.as_os_str().is_empty() {
        let reason = "is not named: name it by `spool`";
        return Err(impossible("the spool's directory", reason));
    }
    let (spool, found) = Spool::open(place, notices, counters)?;
    if !found.is_empty() {
        let text = format!("{} events of an earlier run will be sent", spool.events());
        notices.info(codes::SPOOL_FOUND, text);
    }
    Ok((Some(spool), found))
}
