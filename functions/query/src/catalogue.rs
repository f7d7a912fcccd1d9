//! `GET /api/namespaces`: which namespaces and names there are, and how much they hold.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use weir_model::{Name, Timestamp, Totals};
use weir_service::auth::{Authorized, need};
use weir_service::{Problem, ProblemDocument, Service};
use weir_store::{Deadline, Listed, Listing, Store, StoreError, View};

use crate::answer::document;
use crate::cursor::Fingerprint;
use crate::document::{Kind, Known, Problems, parameters};
use crate::events::bad_path;
use crate::params::{CURSOR, Parameters};
use crate::reading::explain;

/// Entries of a page unless asked for otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// Names of a namespace that are added up for the list of namespaces.
const NAMES_ADDED_UP: usize = 1_000;

/// A page of namespaces ends when their names together are so many.
const NAMES_A_PAGE: usize = 1_000;

/// Series whose inboxes are read side by side.
const READS: usize = 16;

const KNOWN: [Known; 2] = [
    Known {
        name: "limit",
        about: "Entries of a page. A page may have fewer, and still a `Link` to the next.",
        kind: Kind::Limit {
            most: LIMIT_MAX,
            default: Some(LIMIT),
        },
    },
    CURSOR,
];

const NAMESPACE: [Known; 1] = [Known {
    name: "namespace",
    about: "Lists the names of this namespace instead, as `/api/namespaces/{namespace}` does, for \
            namespaces that a path cannot carry.",
    kind: Kind::Text,
}];

pub(crate) struct NamesParameters;

impl IntoParams for NamesParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters(&[&KNOWN])
    }
}

pub(crate) struct NamespacesParameters;

impl IntoParams for NamespacesParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters(&[&NAMESPACE, &KNOWN])
    }
}

/// A page of namespaces.
#[derive(Serialize, ToSchema)]
pub(crate) struct Namespaces {
    namespaces: Vec<NamespaceEntry>,
}

/// A namespace, its names added up.
#[derive(Serialize, ToSchema)]
struct NamespaceEntry {
    #[schema(value_type = String)]
    namespace: Name,
    /// How many names it has, up to 1,000.
    names: usize,
    /// Whether it has more names; the figures are those of the first 1,000, then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    more: bool,
    #[serde(flatten)]
    figures: Figures,
}

/// A page of the names of a namespace.
#[derive(Serialize, ToSchema)]
pub(crate) struct Names {
    #[schema(value_type = String)]
    namespace: Name,
    names: Vec<NameEntry>,
}

/// A name within a namespace.
#[derive(Serialize, ToSchema)]
struct NameEntry {
    #[schema(value_type = String)]
    name: Name,
    #[serde(flatten)]
    figures: Figures,
}

/// How much there is, expired events included.
#[derive(Serialize, ToSchema)]
struct Figures {
    /// How many events.
    count: u64,
    /// When the earliest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Timestamp>,
    /// When the latest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Timestamp>,
}

impl From<&Totals> for Figures {
    fn from(totals: &Totals) -> Self {
        let time = |end: Option<(Timestamp, f64)>| end.map(|(time, _)| time);
        Self {
            count: totals.count(),
            first: time(totals.first()),
            last: time(totals.last()),
        }
    }
}

/// Lists namespaces, by name.
///
/// The figures are those of the catalogue, which compaction keeps, and of the events that wait for
/// it. They are exact while no compaction of the series is under way, and may be off for moments
/// while one is.
#[utoipa::path(
    get,
    path = "/api/namespaces",
    operation_id = "namespaces",
    tag = "query",
    security(("oauth2" = ["read"])),
    params(NamespacesParameters),
    responses(
        (status = 200, description = "The namespaces, or with `namespace` its names; `Link` with `rel=\"next\"` names the next page, a reference relative to this one.",
            body = Namespaces, headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn namespaces(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Read>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(query.as_deref(), &[&NAMESPACE, &KNOWN]);
    if let Some(namespace) = parameters.text("namespace").map(str::to_owned) {
        return list_names(&service.store, parameters, namespace).await;
    }
    let limit = parameters.limit(LIMIT_MAX).unwrap_or(LIMIT);
    parameters.check()?;
    let fingerprint = Fingerprint::of(&["namespaces"]);
    let after = parameters.place(fingerprint, read_place)?;
    let store = &service.store;
    let view = store.begin_view();
    let found = find_namespaces(store, after, limit, view).await;
    let (namespaces, more) = found.map_err(|error| explain(error, store, view))?;
    let next = namespaces
        .last()
        .filter(|_| more)
        .map(|last| parameters.next_link(&fingerprint.seal(last.namespace.as_str().as_bytes())));
    Ok(document(&Namespaces { namespaces }, next.as_deref()))
}

/// Lists the names of a namespace, by name.
///
/// Empty for a namespace that is not known. The figures are as those of `/api/namespaces`.
#[utoipa::path(
    get,
    path = "/api/namespaces/{namespace}",
    operation_id = "names",
    tag = "query",
    security(("oauth2" = ["read"])),
    params(
        ("namespace" = String, Path, description = "The namespace, 1 to 120 characters."),
        NamesParameters,
    ),
    responses(
        (status = 200, description = "The names; `Link` with `rel=\"next\"` names the next page, a reference relative to this one.",
            body = Names, headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn names(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Read>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Path(namespace) = path.map_err(bad_path)?;
    let parameters = Parameters::read(query.as_deref(), &[&KNOWN]);
    list_names(&service.store, parameters, namespace).await
}

async fn list_names(
    store: &Store,
    mut parameters: Parameters,
    namespace: String,
) -> Result<Response, Problem> {
    let namespace = parameters.name("namespace", Some(namespace));
    let limit = parameters.limit(LIMIT_MAX).unwrap_or(LIMIT);
    parameters.check()?;
    let Some(namespace) = namespace else {
        return Err(Problem::internal());
    };
    let fingerprint = Fingerprint::of(&["names", namespace.as_str()]);
    let after = parameters.place(fingerprint, read_place)?;
    let view = store.begin_view();
    let listing = find_names(store, &namespace, after.as_ref(), limit, view).await;
    let listing = listing.map_err(|error| explain(error, store, view))?;
    let next = listing
        .entries
        .last()
        .filter(|_| listing.more)
        .map(|(last, _)| parameters.next_link(&fingerprint.seal(last.as_str().as_bytes())));
    let names = listing.entries.into_iter();
    let names = names.map(|(name, totals)| NameEntry {
        name,
        figures: Figures::from(&totals),
    });
    Ok(document(
        &Names {
            namespace,
            names: names.collect(),
        },
        next.as_deref(),
    ))
}

fn read_place(place: &[u8]) -> Option<Name> {
    Name::parse(std::str::from_utf8(place).ok()?).ok()
}

async fn find_namespaces(
    store: &Store,
    after: Option<Name>,
    limit: usize,
    view: View,
) -> Result<(Vec<NamespaceEntry>, bool), StoreError> {
    let deadline = Deadline::at(view.ends());
    let listing = store.namespaces(after.as_ref(), limit, deadline).await?;
    let mut entries = Vec::new();
    let mut added_up = 0;
    for namespace in listing.entries {
        if added_up >= NAMES_A_PAGE {
            return Ok((entries, true));
        }
        let names = find_names(store, &namespace, None, NAMES_ADDED_UP, view).await?;
        added_up += names.entries.len();
        entries.push(add_up(namespace, &names));
    }
    Ok((entries, listing.more))
}

fn add_up(namespace: Name, names: &Listing<(Name, Totals)>) -> NamespaceEntry {
    let mut all = Totals::default();
    for (_, totals) in &names.entries {
        all.merge(totals);
    }
    let figures = Figures::from(&all);
    NamespaceEntry {
        namespace,
        names: names.entries.len(),
        more: names.more,
        figures,
    }
}

/// The names of a namespace, each with the totals of all its events.
async fn find_names(
    store: &Store,
    namespace: &Name,
    after: Option<&Name>,
    limit: usize,
    view: View,
) -> Result<Listing<(Name, Totals)>, StoreError> {
    let deadline = Deadline::at(view.ends());
    let Listing { entries, more } = store.names(namespace, after, limit, deadline).await?;
    let reads = entries.into_iter().map(async |listed: Listed| {
        let mut totals = store.waiting_totals(namespace, &listed, view).await?;
        totals.merge(&listed.totals);
        Ok::<_, StoreError>((listed.name, totals))
    });
    let entries = stream::iter(reads).buffered(READS).try_collect().await?;
    Ok(Listing { entries, more })
}
