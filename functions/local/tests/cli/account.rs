//! An AWS account for the program to work in: DynamoDB, Secrets Manager, EventBridge Scheduler and
//! Lambda over HTTP, on a port of this machine. DynamoDB is the embedded engine; a function only
//! keeps its events.

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
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
    /// By name.
    schedules: Mutex<BTreeMap<String, Value>>,
    /// Functions that were invoked, with their events.
    invoked: Mutex<Vec<(String, Value)>>,
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
            schedules: Mutex::default(),
            invoked: Mutex::default(),
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

    /// What EventBridge Scheduler has, by name.
    pub(crate) fn schedules(&self) -> BTreeMap<String, Value> {
        self.shared.schedules.lock().unwrap().clone()
    }

    /// Somebody changes a schedule by hand.
    pub(crate) fn put_schedule(&self, name: &str, schedule: Value) {
        let mut schedules = self.shared.schedules.lock().unwrap();
        schedules.insert(name.into(), schedule);
    }

    /// Functions that were invoked, with their events.
    pub(crate) fn invoked(&self) -> Vec<(String, Value)> {
        self.shared.invoked.lock().unwrap().clone()
    }

    pub(crate) fn put_secret(&self, name: &str, text: &str) {
        let mut secrets = self.shared.secrets.lock().unwrap();
        secrets.insert(name.into(), text.into());
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(target) = headers.get("x-amz-target") else {
        return shared.rest(&method, uri.path(), &body);
    };
    let target = target.to_str().unwrap();
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

    /// EventBridge Scheduler and Lambda, which are asked by paths.
    fn rest(&self, method: &Method, path: &str, body: &Bytes) -> Response {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let mut schedules = self.schedules.lock().unwrap();
        let answer = match (method.as_str(), &segments[..]) {
            ("GET", ["schedules"]) => {
                let names = schedules.keys().map(|name| json!({ "Name": name }));
                Some(json!({ "Schedules": names.collect::<Vec<_>>() }))
            }
            ("GET", ["schedules", name]) => schedules.get(*name).cloned(),
            ("POST" | "PUT", ["schedules", name]) => {
                schedules.insert((*name).to_owned(), body);
                Some(json!({ "ScheduleArn": format!("arn:aws:scheduler:::{name}") }))
            }
            ("DELETE", ["schedules", name]) => schedules.remove(*name).map(|_| json!({})),
            ("POST", [_, "functions", name, "invocations"]) => {
                let mut invoked = self.invoked.lock().unwrap();
                invoked.push(((*name).to_owned(), body));
                return StatusCode::ACCEPTED.into_response();
            }
            _ => None,
        };
        match answer {
            Some(answer) => answer.to_string().into_response(),
            None => {
                let kind = [("x-amzn-errortype", "ResourceNotFoundException")];
                let why = json!({ "Message": "it does not exist" });
                (StatusCode::NOT_FOUND, kind, why.to_string()).into_response()
            }
        }
    }

    fn secret(&self, operation: &str, request: &Value) -> Answer {
        if operation == "CreateSecret" {
            let part = |key: &str| request[key].as_str().unwrap().to_owned();
            let mut secrets = self.secrets.lock().unwrap();
            secrets.insert(part("Name"), part("SecretString"));
            return Answer {
                status: 200,
                body: json!({ "Name": part("Name") }).to_string().into(),
            };
        }
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
