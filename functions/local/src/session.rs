//! Where a command works: at a server far away, at the one that keeps the data, or, when none is
//! running or the data is a deployed stack's, at one of its own for as long as it takes. It is the
//! same interface each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use weir_service::secret::hex;
use weir_store::SystemClock;

use crate::api::{Api, Call, Credentials};
use crate::args::{Global, Secret, Target};
use crate::data::{DataDirectory, DataError};
use crate::failure::Failure;
use crate::jobs::Setup;
use crate::serve::{self, Config, Running, Storage};
use crate::stack::{Hosted, Stack};

/// How often the data is tried while another process that holds it comes or goes.
const TRIES: u32 = 50;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What a command needs of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// It must be there.
    Data,
    /// It may be made.
    Place,
}

/// A way to a Weir.
pub(crate) struct Session {
    /// The interface.
    pub(crate) api: Api,
    /// Where imports into this Weir are remembered.
    pub(crate) imports: PathBuf,
    behind: Behind,
}

/// What was put up for a command.
enum Behind {
    Nothing,
    Server(Box<Running>),
    Stack(Hosted),
}

impl Session {
    /// Finds the Weir that the command line means.
    pub(crate) async fn open(global: &Global, needs: Needs) -> Result<Session> {
        match global.target() {
            Target::Server(server) => remote(global, server),
            Target::Data(data) => local(data, needs, None).await,
            Target::Stack(name) => deployed(global, name).await,
        }
    }

    /// Finds the Weir that keeps the jobs. One that is opened for the command keeps these.
    pub(crate) async fn open_with_jobs(
        global: &Global,
        needs: Needs,
        jobs: Option<Setup>,
    ) -> Result<Session> {
        match global.target() {
            Target::Data(data) => local(data, needs, jobs).await,
            _ => Session::open_local(global, needs, "jobs").await,
        }
    }

    /// Finds the Weir whose data the command line names, for what only its owner may do.
    pub(crate) async fn open_local(global: &Global, needs: Needs, what: &str) -> Result<Session> {
        if let Target::Server(_) = global.target() {
            let message = format!("{what} works where the data is, not over --server");
            return Err(Failure::usage(message)
                .hint("run it there, with --data, or with --aws on a deployed stack")
                .into());
        }
        Session::open(global, needs).await
    }

    /// Does the work of a command and closes what was opened for it, also when it failed.
    pub(crate) async fn close(self) -> Result<()> {
        drop(self.api);
        match self.behind {
            Behind::Nothing => Ok(()),
            Behind::Server(running) => running.stop().await,
            Behind::Stack(hosted) => hosted.stop().await,
        }
    }
}

fn remote(global: &Global, server: &str) -> Result<Session> {
    let api = Api::remote(server, credentials(global)?)?;
    // Keys are a client's own, so what was stored under them is remembered for each.
    let id = global.client_id.as_deref().unwrap_or_default();
    let imports = imports_into(global, &format!("{}\n{id}", server.trim_end_matches('/')))?;
    Ok(Session {
        api,
        imports,
        behind: Behind::Nothing,
    })
}

async fn deployed(global: &Global, name: &str) -> Result<Session> {
    let stack = Stack::find(name).await?;
    let imports = imports_into(global, &format!("aws\n{}", stack.identity()))?;
    let hosted = stack.host()?;
    Ok(Session {
        api: Api::local(&hosted.control_socket())?,
        imports,
        behind: Behind::Stack(hosted),
    })
}

/// Where imports into a Weir that is not on this machine are remembered.
fn imports_into(global: &Global, target: &str) -> Result<PathBuf> {
    let state = state_directory(global)?;
    let target = hex(&Sha256::digest(target));
    Ok(state.join("weir").join("imports").join(&target[..16]))
}

/// The credentials that the command line gives.
fn credentials(global: &Global) -> Result<Credentials> {
    let hint = "make a client with `weir client create` where the data is";
    match (&global.client_id, given_secret(global)?) {
        (Some(id), Some(secret)) => Ok(Credentials {
            id: id.clone(),
            secret,
        }),
        (None, _) => Err(Failure::usage("--server needs --client-id")
            .hint(hint)
            .into()),
        (_, None) => Err(Failure::usage("--server needs --client-secret-file")
            .hint(hint)
            .into()),
    }
}

/// The secret that the command line gives, if it gives one.
pub(crate) fn given_secret(global: &Global) -> Result<Option<Secret>> {
    let Some(path) = &global.client_secret_file else {
        return Ok(global.client_secret.clone());
    };
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(Secret::new(text.trim())))
}

/// Where programs keep what they remember from run to run (XDG base directory specification 0.8).
fn state_directory(global: &Global) -> Result<PathBuf> {
    if let Some(state) = global.state_home.clone().filter(|path| path.is_absolute()) {
        return Ok(state);
    }
    let home = std::env::home_dir().context("there is no home directory")?;
    Ok(home.join(".local").join("state"))
}

async fn local(data: &Path, needs: Needs, jobs: Option<Setup>) -> Result<Session> {
    if needs == Needs::Data && !DataDirectory::exists(data) {
        let message = format!("there is no data of Weir in {}", data.display());
        let hint = "start `weir serve` first, or say where the data is: --data DIR or --server URL";
        return Err(Failure::new(message).hint(hint).into());
    }
    let imports = DataDirectory::imports_of(data);
    for _ in 1..TRIES {
        match try_local(data, jobs.as_ref()).await? {
            Some((api, behind)) => {
                return Ok(Session {
                    api,
                    imports,
                    behind,
                });
            }
            None => sleep(PAUSE).await,
        }
    }
    let message = format!("the process that holds {} does not answer", data.display());
    let hint = "is it starting, or stopping? try again, or stop it";
    Err(Failure::new(message).hint(hint).into())
}

/// Opens the data, or talks to whoever has it open. None: they do not listen yet, or no longer.
async fn try_local(data: &Path, jobs: Option<&Setup>) -> Result<Option<(Api, Behind)>> {
    match DataDirectory::open(data) {
        Ok(directory) => {
            let config = Config {
                jobs: jobs.cloned(),
                ..Config::quiet(Storage::Held(directory), Arc::new(SystemClock))
            };
            let running = Box::new(serve::start(config).await?);
            let api = Api::local(&running.control_socket())?;
            Ok(Some((api, Behind::Server(running))))
        }
        Err(DataError::InUse { .. }) => {
            let api = Api::local(&DataDirectory::control_socket_of(data))?;
            let answers = api.once(&Call::get("/healthz")).await.is_ok();
            Ok(answers.then_some((api, Behind::Nothing)))
        }
        Err(error) => Err(error.into()),
    }
}
