//! The server that is measured: one of our own in a process of its own, on data of its own, or one
//! that runs already.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::doors::LABEL;
use crate::machine::Memory;
use crate::target::Target;

/// The client of our own servers. They listen on the loopback address and live for a measurement.
const CLIENT: (&str, &str) = ("load", "a-secret-for-measuring-alone");

/// The write key of our own servers.
const KEY: &str = "wk_for-measuring-alone";

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where servers come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Each case gets a new one.
    Own(Own),
    /// All cases share one, which runs already.
    Running {
        target: Target,
        pid: Option<u32>,
        write_key: Option<Arc<str>>,
    },
}

/// How our own servers are made.
#[derive(Debug)]
pub(crate) struct Own {
    /// The program.
    pub(crate) weir: PathBuf,
    /// Where their data goes.
    pub(crate) scratch: PathBuf,
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    pid: Option<u32>,
    process: Option<Child>,
    /// Removed when the server is gone.
    data: Option<TempDir>,
}

impl Source {
    /// A server that has no data yet, or the one that runs.
    pub(crate) async fn fresh(&self) -> Result<Server> {
        match self {
            Self::Own(own) => own.start(own.directory()?).await,
            Self::Running { target, pid, .. } => Ok(Server {
                target: target.clone(),
                pid: *pid,
                process: None,
                data: None,
            }),
        }
    }

    /// A write key of one of its servers.
    pub(crate) async fn write_key(&self, server: &Server) -> Result<Arc<str>> {
        match self {
            Self::Own(own) => own.write_key(server).await,
            Self::Running { write_key, .. } => write_key
                .clone()
                .context("a server that runs already has its doors measured with --write-key"),
        }
    }

    /// Makes a data set, which a server that runs already must have.
    pub(crate) async fn data_set(&self, server: &Server, name: &str) -> Result<()> {
        match self {
            Self::Own(own) => own.data_set(server, name).await,
            Self::Running { .. } => Ok(()),
        }
    }

    /// What makes our own servers, if we do.
    pub(crate) fn own(&self) -> Option<&Own> {
        match self {
            Self::Own(own) => Some(own),
            Self::Running { .. } => None,
        }
    }
}

impl Own {
    /// An empty directory, on the disk that is measured.
    pub(crate) fn directory(&self) -> Result<TempDir> {
        let made = tempfile::Builder::new()
            .prefix("weir-load-")
            .tempdir_in(&self.scratch);
        made.with_context(|| format!("cannot make a directory in {}", self.scratch.display()))
    }

    /// A server on this data.
    pub(crate) async fn start(&self, data: TempDir) -> Result<Server> {
        let mut process = self.spawn(data.path(), "127.0.0.1:0")?;
        let url = tokio::time::timeout(PATIENCE, greeting(&mut process))
            .await
            .context("the server does not start")??;
        let pid = process.id();
        let target = Target::connect(&url, CLIENT.0, CLIENT.1).await?;
        Ok(Server {
            target,
            pid,
            process: Some(process),
            data: Some(data),
        })
    }

    /// Makes a data set on a server of ours.
    async fn data_set(&self, server: &Server, name: &str) -> Result<()> {
        let create = self
            .command(server, &["dataset", "create", name])?
            .status()
            .await?;
        ensure!(create.success(), "no data set");
        Ok(())
    }

    /// Brings a write key to a server of ours.
    async fn write_key(&self, server: &Server) -> Result<Arc<str>> {
        let arguments = ["key", "create", "--label", LABEL, "--existing-file", "-"];
        let mut create = self
            .command(server, &arguments)?
            .stdin(Stdio::piped())
            .spawn()?;
        let mut input = create.stdin.take().context("its input is ours")?;
        input.write_all(KEY.as_bytes()).await?;
        drop(input);
        ensure!(create.wait().await?.success(), "no write key");
        Ok(KEY.into())
    }

    /// A command on the data of a server of ours.
    fn command(&self, server: &Server, arguments: &[&str]) -> Result<Command> {
        let data = server.data.as_ref().context("its data is ours")?;
        let mut command = Command::new(&self.weir);
        command
            .args(arguments)
            .arg("--data")
            .arg(data.path())
            .env_remove("WEIR_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    /// Starts a server and does not wait for it.
    pub(crate) fn spawn(&self, data: &Path, listen: &str) -> Result<Child> {
        Command::new(&self.weir)
            .args(["serve", "--listen", listen, "--log", "warn", "--data"])
            .arg(data)
            .env("WEIR_CLIENT_ID", CLIENT.0)
            .env("WEIR_CLIENT_SECRET", CLIENT.1)
            .env_remove("WEIR_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.weir.display()))
    }
}

impl Server {
    /// Its memory, if it is on this machine.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.pid.and_then(Memory::of)
    }

    /// Stops one of our own and removes its data; lets another run.
    pub(crate) async fn stop(self) -> Result<()> {
        match self.process {
            Some(process) => stop(process).await,
            None => Ok(()),
        }
    }
}

/// Asks a process to end, as a service manager does, and waits until it has.
pub(crate) async fn stop(mut process: Child) -> Result<()> {
    let pid = process.id().context("the server has ended by itself")?;
    // A shell has `kill` built in; sending a signal from here would be unsafe code.
    let kill = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -TERM {pid}"))
        .status();
    ensure!(kill.await?.success(), "the server could not be told to end");
    let ended = tokio::time::timeout(PATIENCE, process.wait())
        .await
        .context("the server does not end")??;
    ensure!(ended.success(), "the server ended with {ended}");
    Ok(())
}

/// The address that a server prints when it listens.
async fn greeting(process: &mut Child) -> Result<String> {
    let out = process.stdout.take().context("its output is ours")?;
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(at) = line.find("http://") {
            // What else it prints is read, so that it never waits for us.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(line[at..].trim().to_owned());
        }
    }
    bail!("the server ended without listening")
}
