//! A process that runs a function's program.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::Setup;
use super::runtime::{Outcome, RuntimeApi};

/// A running instance. It is killed when the last handle on it is dropped.
#[derive(Debug)]
pub struct Instance {
    name: Arc<str>,
    api: RuntimeApi,
    invocations: AtomicUsize,
    killed: watch::Sender<bool>,
    has_ended: watch::Receiver<bool>,
    log: PathBuf,
    spawned: Instant,
}

impl Instance {
    /// Starts a process; it gets no variable of this one's environment. Its access key is named
    /// like the instance, which is how its calls are told from others'.
    pub async fn start(name: &str, setup: &Setup) -> Self {
        let api = RuntimeApi::start(&setup.name).await;
        let log = setup.logs.join(format!("{name}.log"));
        let spawned = Instant::now();
        let child = spawn(name, setup, &api, &log);
        let (killed, has_ended) = watch_over(child);
        Self {
            name: name.into(),
            api,
            invocations: AtomicUsize::new(0),
            killed,
            has_ended,
            log,
            spawned,
        }
    }

    /// Its name, which no other instance has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When its process was started.
    pub fn spawned(&self) -> Instant {
        self.spawned
    }

    /// Waits until it has asked for its first event, or has ended.
    pub async fn ready(&self) {
        tokio::select! {
            () = self.api.ready() => {}
            () = self.ended() => {}
        }
    }

    /// Gives it an event. One at a time: that is the caller's business.
    pub async fn invoke(&self, event: impl Into<Bytes>, time: Duration) -> Outcome {
        let number = self.invocations.fetch_add(1, Ordering::SeqCst);
        let id = format!("{}-{number}", self.name);
        let outcome = self.api.offer(id, event.into(), time);
        tokio::select! {
            // An answer that has come counts, even if the process has ended since.
            biased;
            outcome = outcome => outcome.unwrap_or(Outcome::Died),
            () = self.ended() => Outcome::Died,
            () = tokio::time::sleep(time) => {
                self.kill();
                Outcome::TimedOut
            }
        }
    }

    /// Kills the process at once, by a signal that it cannot see coming.
    pub fn kill(&self) {
        self.killed.send_replace(true);
    }

    /// Waits until the process has ended.
    pub async fn ended(&self) {
        let mut ended = self.has_ended.clone();
        // The task that watches over the process may be gone with its runtime.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Whether the process still runs, as far as is known.
    pub fn is_alive(&self) -> bool {
        !*self.has_ended.borrow() && !*self.killed.borrow()
    }

    /// What it has written to its outputs so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(name: &str, setup: &Setup, api: &RuntimeApi, log: &PathBuf) -> Child {
    let out = File::create(log).expect("a log file");
    let err = out.try_clone().expect("the same file");
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", api.address().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", setup.name.clone()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            setup.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", setup.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", name.to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", name.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "of-no-use-to-anybody".to_owned()),
        ("AWS_SESSION_TOKEN", "of-no-use-either".to_owned()),
    ];
    let child = Command::new(&setup.program)
        .args(&setup.arguments)
        .env_clear()
        .envs(lambda)
        .envs(setup.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .kill_on_drop(true)
        .spawn();
    child.unwrap_or_else(|error| panic!("{}: {error}", setup.program.display()))
}

/// Waits for the process to end, and ends it when told to.
fn watch_over(mut child: Child) -> (watch::Sender<bool>, watch::Receiver<bool>) {
    let (killed, mut kill) = watch::channel(false);
    let (ended, has_ended) = watch::channel(false);
    tokio::spawn(async move {
        let told = tokio::select! {
            _ = child.wait() => false,
            _ = kill.wait_for(|kill| *kill) => true,
        };
        if told {
            child.kill().await.expect("a process of ours can be killed");
        }
        ended.send_replace(true);
    });
    (killed, has_ended)
}
