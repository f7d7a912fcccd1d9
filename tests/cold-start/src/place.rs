//! Where functions are started: tables in memory, a secret, a client's token.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::clients::Registration;
use weir_service::{Scopes, Service, ServiceConfig};
use weir_store::db::{Deadline, Table};
use weir_store::embedded::Engine;
use weir_store::{Clock as _, Db, Store, SystemClock};
use weir_tests::aws::Front;
use weir_tests::chaos::Chaos;
use weir_tests::lambda::{Instance, Outcome, Setup, event};

const SECRET: &str = "weir/signing-key";

const KEY: &str = "a key that signs nothing but the tokens of a measurement";

/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function to be measured.
pub(crate) struct Subject {
    pub(crate) name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Subject {
    pub(crate) fn program(name: &str, program: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: Vec::new(),
        }
    }

    pub(crate) fn script(name: &str, interpreter: &Path, script: &Path) -> Self {
        let arguments = [script.display().to_string(), "weir-receipts".to_owned()];
        Self {
            arguments: arguments.to_vec(),
            ..Self::program(name, interpreter)
        }
    }

    /// How large the program is. An interpreter's own size says nothing.
    pub(crate) fn size_bytes(&self) -> Option<u64> {
        let metadata = std::fs::metadata(&self.program).ok()?;
        self.arguments.is_empty().then_some(metadata.len())
    }
}

/// What one start took.
pub(crate) struct Taken {
    /// Until it asked for its first event.
    pub(crate) ready: Duration,
    /// Until it had answered it.
    pub(crate) first: Duration,
    /// The second event alone, in the same process.
    pub(crate) second: Duration,
}

/// One installation.
pub(crate) struct Place {
    store: Store,
    bearer: String,
    environment: Vec<(String, String)>,
    logs: TempDir,
    _front: Front,
}

impl Place {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let chaos = Chaos::new(Arc::new(Engine::memory(Arc::new(SystemClock))?));
        let front = Front::start(chaos.clone()).await;
        front.put_secret(SECRET, &json!({ "signs": KEY }).to_string());
        let store = Store::new(Db::embedded(Arc::new(chaos), Arc::new(SystemClock)));
        store.db().create_tables().await?;
        let environment = [
            ("AWS_ENDPOINT_URL", front.url()),
            ("WEIR_STACK", "weir".to_owned()),
            ("WEIR_SIGNING_SECRET", SECRET.to_owned()),
        ];
        Ok(Self {
            bearer: log_in(&store).await?,
            store,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            logs: tempfile::tempdir()?,
            _front: front,
        })
    }

    /// Starts the function, has it answer two events, and ends it.
    pub(crate) async fn run(&self, subject: &Subject, round: usize) -> anyhow::Result<Taken> {
        let name = format!("{}-{round}", subject.name.replace(' ', "-"));
        let instance = Instance::start(&name, &self.setup(subject)).await;
        let answered = async {
            self.answer(&instance, subject).await?;
            anyhow::Ok(instance.spawned().elapsed())
        };
        let ready = async {
            instance.ready().await;
            instance.spawned().elapsed()
        };
        let (first, ready) = tokio::join!(answered, ready);
        let first = first?;
        let before = Instant::now();
        self.answer(&instance, subject).await?;
        let second = before.elapsed();
        instance.kill();
        instance.ended().await;
        Ok(Taken {
            ready,
            first,
            second,
        })
    }

    async fn answer(&self, instance: &Instance, subject: &Subject) -> anyhow::Result<()> {
        let name = &subject.name;
        let body = json!({"namespace": "cold start", "name": name, "value": 1});
        let request = Request::post("/api/track/")
            .header("authorization", &self.bearer)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))?;
        let event = event(&request).to_string();
        let outcome = instance.invoke(event, PATIENCE).await;
        let Outcome::Answered(answer) = outcome else {
            bail!("{name}: {outcome:?}: {}", instance.log());
        };
        let answer: Value = serde_json::from_slice(&answer)?;
        let status = answer["statusCode"].as_u64();
        ensure!(
            status == Some(200) || status == Some(201),
            "{name}: {answer}"
        );
        Ok(())
    }

    fn setup(&self, subject: &Subject) -> Setup {
        Setup {
            name: subject.name.replace(' ', "-"),
            program: subject.program.clone(),
            arguments: subject.arguments.clone(),
            environment: self.environment.clone(),
            memory_mb: 512,
            timeout: PATIENCE,
            logs: self.logs.path().to_owned(),
        }
    }

    /// Sees to it that everything that was answered was stored: two events a start.
    pub(crate) async fn check(&self, starts: usize) -> anyhow::Result<()> {
        for table in [Table::Inbox, Table::Receipts] {
            let deadline = Deadline::at(SystemClock.now().saturating_add(PATIENCE));
            let page = self.store.db().scan_page(table, None, None, None, deadline);
            let stored = page.await?.items.len();
            ensure!(stored == 2 * starts, "{stored} items in {table:?}");
        }
        Ok(())
    }
}

/// A token as the token function would issue it.
async fn log_in(store: &Store) -> anyhow::Result<String> {
    let keys = SigningKeys::new(SigningKey::new(KEY.as_bytes())?);
    let service = Service::new(store.clone(), ServiceConfig::new(keys));
    let registration = Registration {
        label: "a measurement".into(),
        scopes: Scopes::parse("write").context("a known scope")?,
        rate: None,
        id: None,
        secret: None,
    };
    let client = service.register(registration).await?;
    let (id, secret) = (&client.client.id, client.secret.expose());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let request = Request::post("/o/token/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))?;
    let answer = weir_token::router(service).oneshot(request).await?;
    let answer = answer.into_body().collect().await?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer)?;
    let token = answer["access_token"].as_str().context("a token")?;
    Ok(format!("Bearer {token}"))
}
