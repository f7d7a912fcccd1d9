//! `GET /healthz`: whether this process can answer, which it can when it reaches the store.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_store::db::{Deadline, Key, Table};

use crate::Service;
use crate::problem::{Problem, ProblemDocument};

/// Whoever asks wants to know soon.
const READ_TIME: Duration = Duration::from_secs(2);

/// A process that answers.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Says whether this Weir reaches its store.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    security(()),
    responses(
        (status = 200, description = "It does.", body = Health),
        (status = 503, description = "It does not.", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
async fn healthz(State(service): State<Arc<Service>>) -> Result<Json<Health>, Problem> {
    let deadline = Deadline::at(service.now().saturating_add(READ_TIME));
    // Nothing is stored under this key, so it is the cheapest read there is.
    let key = Key {
        pk: "healthz".into(),
        sk: Some("healthz".into()),
    };
    service
        .store
        .db()
        .get(Table::Registry, key, deadline)
        .await
        .map_err(Problem::from)?;
    Ok(Json(Health { status: "ok" }))
}

fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default().routes(routes!(healthz))
}

/// The routes of this module.
pub fn router(service: Arc<Service>) -> Router {
    routes().with_state(service).into()
}

/// Their description.
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    #[tokio::test(start_paused = true)]
    async fn health_is_whether_the_store_answers() {
        let world = World::start().await;
        let router = router(world.process());
        let status = async || {
            let request = Request::get("/healthz").body(Body::empty()).unwrap();
            router
                .clone()
                .oneshot(request)
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        assert_eq!(status().await, 200);
        world.line.cut(true);
        assert_eq!(status().await, 503);
    }
}
