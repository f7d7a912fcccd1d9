//! A deployed stack's tables as the place where commands work.
//!
//! The functions' routers run in this process, on the tables themselves, behind a socket that only
//! this process's user can reach: as on a data directory that no server holds. What the stack
//! does by itself, above all compaction, is left to it, and no table is ever made here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::{Body, to_bytes};
use axum::middleware::map_response;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weir_aws::{AccessError, SdkConfig, region_with_access};
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::problem::Cause;
use weir_service::{Service, ServiceConfig};
use weir_store::db::{Db, Deadline, Described, ReadError, Table, TableNames};
use weir_store::{Store, SystemClock};

use crate::api::DEFECT;
use crate::failure::Failure;
use crate::{control, listen, serve};

/// How long to look for the tables.
const FIND_TIME: Duration = Duration::from_secs(10);

/// A problem document is far smaller.
const PROBLEM_BYTES: usize = 1024 * 1024;

/// A deployed stack whose tables are there.
#[derive(Debug)]
pub(crate) struct Stack {
    config: SdkConfig,
    db: Db,
    registry: Described,
}

/// Its routers at work.
#[derive(Debug)]
pub(crate) struct Hosted {
    directory: tempfile::TempDir,
    stop: watch::Sender<()>,
    listener: JoinHandle<()>,
}

/// The account and the region that a stack is in.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) config: SdkConfig,
    region: String,
}

/// Reaches the account of a stack, with the region and the credentials that any AWS tool finds.
pub(crate) async fn reach(stack: &str) -> Result<Account, Failure> {
    check_name(stack)?;
    let config = weir_aws::of_user().await;
    let region = region_with_access(&config).await.map_err(refuse_access)?;
    Ok(Account { config, region })
}

impl Stack {
    /// Finds a stack by its name.
    pub(crate) async fn find(name: &str) -> Result<Stack> {
        let Account { config, region } = reach(name).await?;
        let names = TableNames::with_prefix(&format!("{name}-"));
        let db = Db::on_aws(&config, names, Arc::new(SystemClock));
        let deadline = Deadline::at(db.clock().now().saturating_add(FIND_TIME));
        match db.describe(Table::Registry, deadline).await {
            Ok(Some(registry)) => Ok(Stack {
                config,
                db,
                registry,
            }),
            Ok(None) => Err(no_tables(name, &region).into()),
            Err(error) => Err(refuse_read(error, &region).into()),
        }
    }

    /// How its account is reached.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The Amazon resource name of one of its tables.
    pub(crate) fn registry_arn(&self) -> &str {
        &self.registry.arn
    }

    /// Tells these tables from all others: region, account and name, and which of those that
    /// have been called so.
    pub(crate) fn identity(&self) -> String {
        format!("{}\n{}", self.registry.arn, self.registry.id)
    }

    /// Puts its routers up in this process.
    pub(crate) fn host(self) -> Result<Hosted> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let socket = control::listen(&socket_in(&directory))?;
        // Whoever can open the socket needs no token, so the stack's own key is not asked for.
        let keys = SigningKeys::new(SigningKey::random());
        let service = Service::new(Store::new(self.db), ServiceConfig::new(keys));
        let router = serve::owner(&service, None).layer(map_response(explain));
        let (stop, stopped) = watch::channel(());
        let connections = serve::OWN_CONNECTIONS;
        let listener = tokio::spawn(listen::serve(socket, router, connections, stopped));
        Ok(Hosted {
            directory,
            stop,
            listener,
        })
    }
}

impl Hosted {
    /// Where the commands go.
    pub(crate) fn control_socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// Takes the routers down.
    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.stop);
        self.listener.await.context("the listener has failed")
    }
}

fn socket_in(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("control.sock")
}

/// CloudFormation user guide, "Specify stack details": letters, digits and hyphens, a letter first,
/// 128 characters.
fn check_name(name: &str) -> Result<(), Failure> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && name.len() <= 128;
    if fits {
        return Ok(());
    }
    let message = format!("--stack {name:?} is not the name of a stack");
    let hint = "a stack's name has letters, digits and hyphens, and begins with a letter";
    Err(Failure::usage(message).hint(hint))
}

fn refuse_access(error: AccessError) -> Failure {
    let hint = match &error {
        AccessError::NoRegion => "set AWS_REGION, or choose a profile that has one: AWS_PROFILE",
        AccessError::NoCredentials(_) => {
            "sign in as for any AWS tool: aws sso login, AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
        }
    };
    Failure::new(error.to_string()).hint(hint)
}

fn no_tables(name: &str, region: &str) -> Failure {
    let hint = "deploy infra/template.yaml, or name the stack with --stack and its region with \
                AWS_REGION";
    Failure::new(format!("there are no tables called {name}-… in {region}")).hint(hint)
}

/// AWS's own words name the action and the table.
fn refuse_read(error: ReadError, region: &str) -> Failure {
    match error {
        ReadError::Invalid(why) => Failure::new(format!("AWS refused: {why}"))
            .hint("are these the right account and role? AWS_PROFILE chooses others"),
        ReadError::Unavailable(why) => {
            let message = format!("DynamoDB in {region} did not answer: {why}");
            Failure::new(message).hint("is there a network, and does the session still last?")
        }
    }
}

/// What no repeat mends, by AWS's own codes (DynamoDB developer guide, "Error handling").
const FINAL: [&str; 2] = ["AccessDeniedException", "ResourceNotFoundException"];

/// Puts the cause of a failure into the answer, which goes no further than this process.
async fn explain(response: Response) -> Response {
    let Some(Cause(cause)) = response.extensions().get::<Cause>().cloned() else {
        return response;
    };
    let (parts, body) = response.into_parts();
    let read = to_bytes(body, PROBLEM_BYTES).await.unwrap_or_default();
    let mut document: Value = serde_json::from_slice(&read).unwrap_or_default();
    if FINAL.iter().any(|code| cause.contains(code)) {
        document["code"] = DEFECT.into();
    }
    document["detail"] = cause.into();
    Response::from_parts(parts, Body::from(document.to_string()))
}
