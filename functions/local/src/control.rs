//! What only the owner of the data may do: the routes under `/control`, and the socket that they
//! are served on.
//!
//! The socket is a file that only its owner can open, and whoever can open it is let in as the
//! local administrator. So these routes are on no other listener, and in no description.

mod data_sets;
mod keys;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Path as PathSegment, Query, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use weir_model::Series;
use weir_service::auth::Scopes;
use weir_service::clients::Registration;
use weir_service::{Problem, Service};
use weir_store::Deadline;
use weir_store::registry::{Client, ClientId};

use crate::failure::Failure;
use crate::verify::{Verified, VerifyRequest};
pub(crate) use data_sets::{
    ChangedDataSet, CreatedDataSet, DataSetList, ListedDataSet, NewDataSet, NewToken, ShownDataSet,
};
pub(crate) use keys::{CreatedKey, KeyList, ListedKey, NewKeyRequest};

/// Clients of a page.
const PAGE: usize = 100;

/// How long raising shards may take.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// A client without anything secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListedClient {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) scopes: Vec<String>,
    /// Requests a second.
    pub(crate) rate: Option<u32>,
    pub(crate) created: String,
    pub(crate) revoked: Option<String>,
}

/// A new client with its secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CreatedClient {
    #[serde(flatten)]
    pub(crate) client: ListedClient,
    pub(crate) secret: String,
}

/// A page of clients.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientPage {
    pub(crate) clients: Vec<ListedClient>,
    /// Whether there are more after the last of these.
    pub(crate) more: bool,
}

impl From<Client> for ListedClient {
    fn from(client: Client) -> ListedClient {
        ListedClient {
            id: client.id.to_string(),
            label: client.label,
            scopes: client.scopes,
            rate: client.rate,
            created: client.created.to_string(),
            revoked: client.revoked.map(|time| time.to_string()),
        }
    }
}

/// The routes. Whoever serves them has seen to who may reach them.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/control/clients", get(list_clients).post(create_client))
        .route("/control/clients/{id}", delete(revoke_client))
        .route("/control/shards", post(raise_shards))
        .route("/control/verify", post(verify))
        .route("/control/keys", get(keys::list).post(keys::create))
        .route("/control/keys/{id}", delete(keys::revoke))
        .route(
            "/control/data-sets",
            get(data_sets::list).post(data_sets::create),
        )
        .route(
            "/control/data-sets/{group}/{type}",
            get(data_sets::show)
                .post(data_sets::change)
                .delete(data_sets::delete),
        )
        .route(
            "/control/data-sets/{group}/{type}/token",
            post(data_sets::rotate),
        )
        .with_state(service)
}

#[derive(Deserialize)]
struct ListQuery {
    after: Option<String>,
}

async fn list_clients(
    State(service): State<Arc<Service>>,
    Query(ListQuery { after }): Query<ListQuery>,
) -> Result<Json<ClientPage>, Problem> {
    let after = after.as_deref().map(parse_id).transpose()?;
    let deadline = service.registry_deadline();
    let page = service
        .store
        .clients(after.as_ref(), PAGE, deadline)
        .await?;
    let clients = page.clients.into_iter().map(ListedClient::from).collect();
    Ok(Json(ClientPage {
        clients,
        more: page.more,
    }))
}

#[derive(Deserialize)]
struct NewClient {
    #[serde(default)]
    label: String,
    /// None: all.
    #[serde(default)]
    scopes: Vec<String>,
    rate: Option<u32>,
}

async fn create_client(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<NewClient>,
) -> Result<(StatusCode, Json<CreatedClient>), Problem> {
    let scopes = match wanted.scopes.as_slice() {
        [] => Scopes::ALL,
        words => Scopes::parse(&words.join(" "))
            .map_err(|error| Problem::parameter("scopes", error.to_string()))?,
    };
    let NewClient { label, rate, .. } = wanted;
    let registration = Registration {
        label,
        scopes,
        rate,
        id: None,
        secret: None,
    };
    let registered = service.register(registration).await?;
    let secret = registered.secret.expose().to_owned();
    let created = CreatedClient {
        client: registered.client.into(),
        secret,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

async fn revoke_client(
    State(service): State<Arc<Service>>,
    PathSegment(id): PathSegment<String>,
) -> Result<Json<ListedClient>, Problem> {
    let id = parse_id(&id)?;
    let revoked = service.revoke_client(&id).await?;
    let client = revoked.ok_or_else(|| Problem::not_found(format!("there is no client {id}")))?;
    Ok(Json(client.into()))
}

fn parse_id(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).map_err(|error| Problem::parameter("id", error.to_string()))
}

#[derive(Serialize, Deserialize)]
struct Shards {
    namespace: String,
    name: String,
    shards: u8,
}

async fn raise_shards(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Shards>,
) -> Result<Json<Shards>, Problem> {
    let series = Series::parse(&wanted.namespace, &wanted.name)
        .map_err(|error| Problem::bad_request("invalid-series", error.to_string()))?;
    let store = &service.store;
    let deadline = Deadline::at(service.now().saturating_add(WRITE_TIME));
    store.raise_shards(&series, wanted.shards, deadline).await?;
    let shards = store.extent(&series, deadline).await?.shards;
    Ok(Json(Shards { shards, ..wanted }))
}

async fn verify(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<VerifyRequest>,
) -> Result<Json<Verified>, Problem> {
    Ok(Json(wanted.carry_out(&service.store).await?))
}

/// Listens on a socket that only its owner can open. The directory it is in must be closed to
/// others, since the file is made first and closed then. Whoever calls this holds the data, so a
/// socket that is there is a dead process's.
pub(crate) fn listen(path: &Path) -> Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|error| refuse(path, &error))?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .with_context(|| format!("cannot close {} to others", path.display()))?;
    Ok(listener)
}

fn refuse(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("cannot listen on {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::InvalidInput => failure
            .hint("the path of a socket has about 100 characters at most: use a shorter --data"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http::{Request, StatusCode};
    use tower::ServiceExt as _;
    use weir_store::SystemClock;

    use crate::serve::{self, Config, Storage};

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_control_socket_lets_its_owner_in() {
        let config = Config::quiet(Storage::Memory, Arc::new(SystemClock));
        let running = serve::start(config).await.unwrap();
        let public = weir_service::layer::edge(serve::functions(running.service()));
        let owner = serve::owner(running.service(), None);
        let status = async |router: &axum::Router, path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(
            status(&public, "/control/clients").await,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            status(&public, "/api/namespaces").await,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(status(&owner, "/control/clients").await, StatusCode::OK);
        assert_eq!(status(&owner, "/api/namespaces").await, StatusCode::OK);
        drop((public, owner));
        running.stop().await.unwrap();
    }
}
