//! Data sets: made, listed, shown, changed, deleted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use weir_model::{DataSetName, DataSetSettings, Timestamp};
use weir_service::secret::DataSetToken;
use weir_service::{Problem, Service};
use weir_store::db::Order;
use weir_store::{DataSet, DataSetChange, Deadline, RecordSpan, StoreError};

/// Data sets that are asked when they were last written to, side by side.
const AT_ONCE: usize = 8;

/// How long counting may take.
const COUNT_TIME: Duration = Duration::from_secs(60);

/// A data set without its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListedDataSet {
    pub(crate) name: DataSetName,
    #[serde(flatten)]
    pub(crate) settings: DataSetSettings,
    pub(crate) created: String,
    /// When records were last stored, to within seconds.
    pub(crate) last_updated: Option<String>,
}

/// All data sets, by name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DataSetList {
    pub(crate) data_sets: Vec<ListedDataSet>,
}

/// A data set and what is in it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShownDataSet {
    #[serde(flatten)]
    pub(crate) listed: ListedDataSet,
    pub(crate) records: u64,
    /// The earliest and the latest time of its records.
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

/// A data set with a token that is new.
#[derive(Serialize, Deserialize)]
pub(crate) struct CreatedDataSet {
    #[serde(flatten)]
    pub(crate) listed: ListedDataSet,
    pub(crate) token: String,
}

impl fmt::Debug for CreatedDataSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CreatedDataSet({}, ***)", self.listed.name)
    }
}

/// The data set that is wanted.
#[derive(Serialize, Deserialize)]
pub(crate) struct NewDataSet {
    pub(crate) name: DataSetName,
    pub(crate) settings: DataSetSettings,
    /// One that collectors have.
    pub(crate) token: Option<String>,
}

/// What is to be changed.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct ChangedDataSet {
    pub(crate) settings: Option<DataSetSettings>,
}

/// Which token it shall have; none: one is drawn.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct NewToken {
    pub(crate) token: Option<String>,
}

/// The two parts of a name in a path.
type Named = Path<(String, String)>;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
) -> Result<Json<DataSetList>, Problem> {
    let sets = service.store.data_sets(service.registry_deadline()).await?;
    let asked = stream::iter(sets).map(|set| listed(&service, set));
    let data_sets = asked.buffered(AT_ONCE).try_collect().await?;
    Ok(Json(DataSetList { data_sets }))
}

async fn listed(service: &Service, set: DataSet) -> Result<ListedDataSet, StoreError> {
    let last = service
        .store
        .last_written(&set, service.registry_deadline())
        .await?;
    Ok(described(set, last))
}

fn described(set: DataSet, last: Option<Timestamp>) -> ListedDataSet {
    ListedDataSet {
        name: set.name,
        settings: set.settings,
        created: set.created.to_string(),
        last_updated: last.map(|last| last.to_string()),
    }
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<NewDataSet>,
) -> Result<(StatusCode, Json<CreatedDataSet>), Problem> {
    let NewDataSet {
        name,
        settings,
        token,
    } = wanted;
    let token = chosen(token.as_deref())?;
    let deadline = service.registry_deadline();
    let created = service
        .store
        .create_data_set(&name, token.hash(), settings, deadline);
    let set = created.await?.ok_or_else(|| {
        Problem::conflict(
            "data-set-exists",
            format!("there is a data set {name} already: `weir dataset set` changes it"),
        )
    })?;
    let created = with_token(&service, set, &token).await;
    Ok((StatusCode::CREATED, Json(created)))
}

/// A token that was chosen, or a new one. Nothing of a bad one is repeated.
fn chosen(token: Option<&str>) -> Result<DataSetToken, Problem> {
    match token.map(DataSetToken::parse) {
        None => Ok(DataSetToken::random()),
        Some(Ok(token)) => Ok(token),
        Some(Err(error)) => Err(Problem::parameter("token", error.to_string())),
    }
}

/// The token counts already and is shown only now, so that nothing that fails may keep it back.
async fn with_token(service: &Service, set: DataSet, token: &DataSetToken) -> CreatedDataSet {
    let deadline = service.registry_deadline();
    let last = service.store.last_written(&set, deadline).await;
    CreatedDataSet {
        listed: described(set, last.unwrap_or_default()),
        token: token.expose().to_owned(),
    }
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path(name): Named,
) -> Result<Json<ShownDataSet>, Problem> {
    let name = parse(&name)?;
    let found = service.store.data_set(&name, service.registry_deadline());
    let set = found.await?.ok_or_else(|| unknown(&name))?;
    let deadline = Deadline::at(service.now().saturating_add(COUNT_TIME));
    let mut reader =
        service
            .store
            .read_records(&set, RecordSpan::default(), Order::Ascending, deadline);
    let (mut records, mut first, mut last) = (0, None, None);
    while let Some(page) = reader.next_page().await? {
        records += page.len() as u64;
        for time in page.iter().filter_map(|record| record.timestamp) {
            first = first.or(Some(time));
            last = Some(time);
        }
    }
    Ok(Json(ShownDataSet {
        listed: listed(&service, set).await?,
        records,
        first: first.map(|time| time.to_string()),
        last: last.map(|time| time.to_string()),
    }))
}

pub(super) async fn change(
    State(service): State<Arc<Service>>,
    Path(name): Named,
    Json(ChangedDataSet { settings }): Json<ChangedDataSet>,
) -> Result<Json<ListedDataSet>, Problem> {
    let name = parse(&name)?;
    let change = DataSetChange {
        token: None,
        settings,
    };
    let set = changed(&service, &name, change).await?;
    Ok(Json(listed(&service, set).await?))
}

pub(super) async fn rotate(
    State(service): State<Arc<Service>>,
    Path(name): Named,
    Json(NewToken { token }): Json<NewToken>,
) -> Result<Json<CreatedDataSet>, Problem> {
    let name = parse(&name)?;
    let token = chosen(token.as_deref())?;
    let change = DataSetChange {
        token: Some(token.hash()),
        settings: None,
    };
    let set = changed(&service, &name, change).await?;
    Ok(Json(with_token(&service, set, &token).await))
}

async fn changed(
    service: &Service,
    name: &DataSetName,
    change: DataSetChange,
) -> Result<DataSet, Problem> {
    let deadline = service.registry_deadline();
    let changed = service.store.change_data_set(name, change, deadline);
    changed.await?.ok_or_else(|| unknown(name))
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    Path(name): Named,
) -> Result<StatusCode, Problem> {
    let name = parse(&name)?;
    let deadline = service.registry_deadline();
    match service.store.delete_data_set(&name, deadline).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown(&name)),
    }
}

fn parse((group, data_type): &(String, String)) -> Result<DataSetName, Problem> {
    DataSetName::new(group, data_type)
        .map_err(|error| Problem::parameter("name", error.to_string()))
}

fn unknown(name: &DataSetName) -> Problem {
    Problem::not_found(format!(
        "there is no data set {name}: `weir dataset list` shows those that there are"
    ))
}
