//! Write keys: made, listed, revoked.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use weir_model::Name;
use weir_service::secret::WriteKey;
use weir_service::write_keys::NewKey;
use weir_service::{Problem, Service};
use weir_store::registry::KeyRecord;

use super::parse_id;

/// A write key without the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListedKey {
    pub(crate) id: String,
    pub(crate) label: String,
    /// If it is not the label.
    pub(crate) namespace: Option<String>,
    /// Requests a second.
    pub(crate) rate: Option<u32>,
    pub(crate) created: String,
    pub(crate) revoked: Option<String>,
}

/// All write keys, the oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyList {
    pub(crate) keys: Vec<ListedKey>,
}

/// A new write key.
#[derive(Serialize, Deserialize)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    pub(crate) listed: ListedKey,
    pub(crate) key: String,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CreatedKey({}, ***)", self.listed.id)
    }
}

/// The write key that is wanted.
#[derive(Serialize, Deserialize)]
pub(crate) struct NewKeyRequest {
    pub(crate) label: String,
    pub(crate) namespace: Option<String>,
    pub(crate) rate: Option<u32>,
    /// One that clients have already.
    pub(crate) existing: Option<String>,
}

impl From<KeyRecord> for ListedKey {
    fn from(record: KeyRecord) -> ListedKey {
        ListedKey {
            id: record.id.to_string(),
            label: record.label.to_string(),
            namespace: record.namespace.map(|name| name.to_string()),
            rate: record.rate,
            created: record.created.to_string(),
            revoked: record.revoked.map(|time| time.to_string()),
        }
    }
}

pub(super) async fn list(State(service): State<Arc<Service>>) -> Result<Json<KeyList>, Problem> {
    let records = service.store.keys(service.registry_deadline()).await?;
    let keys = records.into_iter().map(ListedKey::from).collect();
    Ok(Json(KeyList { keys }))
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<NewKeyRequest>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let namespace = wanted.namespace.as_deref();
    let existing = wanted.existing.as_deref().map(WriteKey::parse);
    let new = NewKey {
        label: name("label", &wanted.label)?,
        namespace: namespace.map(|text| name("namespace", text)).transpose()?,
        rate: wanted.rate,
        existing: existing
            .transpose()
            .map_err(|error| Problem::parameter("existing", error.to_string()))?,
    };
    let made = service.make_key(new).await?;
    let created = CreatedKey {
        listed: made.record.into(),
        key: made.key.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn revoke(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<ListedKey>, Problem> {
    // What is wrong may be the key itself, so it is not repeated.
    let id = parse_id(&id)?;
    let revoked = service.revoke_key(&id).await?;
    let record = revoked.ok_or_else(|| {
        Problem::not_found("there is no write key with this id: `weir key list` shows the ids")
    })?;
    Ok(Json(record.into()))
}

fn name(field: &'static str, text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|error| Problem::parameter(field, error.to_string()))
}
