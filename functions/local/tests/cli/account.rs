//! An AWS account for the program to work in: DynamoDB and Secrets Manager over HTTP, on a port of
//! this machine. DynamoDB is the embedded engine.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use weir_store::embedded::{Answer, Call, Engine, Transport as _};
use weir_store::{Clock as _, Db, SystemClock};

/// An account with the tables of one stack, `weir`.
pub(crate) struct Account {
    url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    engine: Arc<Engine>,
    secrets: Mutex<HashMap<String, String>>,
    /// What nobody may do: an operation.
    forbidden: Mutex<Option<&'static str>>,
}

impl Account {
    pub(crate) fn start() -> Account {
        let runtime = Runtime::new().unwrap();
        let engine = Arc::new(Engine::memory(Arc::new(SystemClock)).unwrap());
        let shared = Arc::new(Shared {
            engine: Arc::clone(&engine),
            secrets: Mutex::default(),
            forbidden: Mutex::default(),
        });
        let url = runtime.block_on(async {
            let db = Db::embedded(engine, Arc::new(SystemClock));
            db.create_tables().await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new()
                .fallback(answer)
                .layer(DefaultBodyLimit::disable())
                .with_state(Arc::clone(&shared));
            tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
            format!("http://{address}")
        });
        Account {
            url,
            shared,
            _runtime: runtime,
        }
    }

    /// Signs a command in.
    pub(crate) fn sign_in<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "an-access-key")
            .env("AWS_SECRET_ACCESS_KEY", "its-secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// From now on nobody may do this.
    pub(crate) fn forbid(&self, operation: &'static str) {
        *self.shared.forbidden.lock().unwrap() = Some(operation);
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        self.shared.secrets.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn put_secret(&self, name: &str, text: &str) {
        let mut secrets = self.shared.secrets.lock().unwrap();
        secrets.insert(name.into(), text.into());
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let (service, operation) = target.split_once('.').unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let answer = match service {
        _ if *shared.forbidden.lock().unwrap() == Some(operation) => denied(operation, &request),
        "secretsmanager" => shared.secret(operation, &request),
        _ => shared.table(operation, body).await,
    };
    let status = StatusCode::from_u16(answer.status).unwrap();
    (status, answer.body).into_response()
}

/// In AWS's words (IAM user guide, "Troubleshoot access denied error messages").
fn denied(operation: &str, request: &Value) -> Answer {
    let table = request["TableName"].as_str().unwrap_or("?");
    let message = format!(
        "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: \
         dynamodb:{operation} on resource: \
         arn:aws:dynamodb:eu-central-1:111122223333:table/{table} because no identity-based \
         policy allows the dynamodb:{operation} action"
    );
    Answer::error(400, "AccessDeniedException", &message)
}

impl Shared {
    async fn table(&self, operation: &str, body: Bytes) -> Answer {
        let call = Call {
            operation: operation.to_owned(),
            body,
            signed_at: SystemClock.now(),
        };
        self.engine.call(call).await.unwrap()
    }

    fn secret(&self, operation: &str, request: &Value) -> Answer {
        let name = request["SecretId"].as_str().unwrap();
        let mut secrets = self.secrets.lock().unwrap();
        let Some(text) = secrets.get_mut(name) else {
            return Answer::error(400, "ResourceNotFoundException", "no such secret");
        };
        if operation == "PutSecretValue" {
            *text = request["SecretString"].as_str().unwrap().to_owned();
        }
        let answer = json!({ "Name": name, "SecretString": text });
        Answer {
            status: 200,
            body: answer.to_string().into(),
        }
    }
}
