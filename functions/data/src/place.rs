//! Which data set a request is about, and whether it may.
//!
//! Writing takes the data set's own token, or an OAuth2 token with the scope `write`. Reading is
//! open, as it is in Backdrop; the own token, or one with the scope `read`, also opens what the
//! settings close to everybody: a set that is not queryable, and raw queries. Write keys open
//! nothing here: whoever could write could empty a set, and keys are known to every page.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use weir_model::DataSetName;
use weir_service::auth::LocalAdmin;
use weir_service::{Scope, Service};
use weir_store::DataSet;

use crate::refusal::Refusal;

/// The data set that a path names, with what came before the body.
pub(crate) struct Asked {
    pub(crate) set: DataSet,
    /// The record that the path names; empty if it names none.
    pub(crate) id: String,
    pub(crate) parts: Parts,
}

impl FromRequestParts<Arc<Service>> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Asked, Refusal> {
        let names = Path::<Vec<(String, String)>>::from_request_parts(parts, service).await;
        let Path(names) = names.map_err(|_| unknown())?;
        let part = |wanted: &str| {
            let found = names.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value)
        };
        let name = DataSetName::new(part("group"), part("type")).map_err(|_| unknown())?;
        let id = part("id").to_owned();
        let deadline = service.registry_deadline();
        let set = service.store.data_set(&name, deadline).await?;
        Ok(Asked {
            set: set.ok_or_else(unknown)?,
            id,
            parts: parts.clone(),
        })
    }
}

/// Backdrop's words.
pub(crate) fn unknown() -> Refusal {
    Refusal::not_found("data_set not found")
}

impl Asked {
    /// Whether the request comes with something that may let it in.
    pub(crate) fn has_credential(&self) -> bool {
        self.is_local() || self.bearer().is_some()
    }

    /// Lets the request do what takes the set's own token or a scope.
    ///
    /// # Errors
    /// 401 without a good token, 403 without the scope, 429 over a client's rate, 503 when it
    /// cannot be known.
    pub(crate) async fn authorize(&self, service: &Service, scope: Scope) -> Result<(), Refusal> {
        if self.is_local() {
            return Ok(());
        }
        let Some(token) = self.bearer() else {
            let message = "Expected header of form: Authorization: Bearer <token>";
            return Err(Refusal::unauthorized(message));
        };
        if self.set.token.matches(token) {
            return Ok(());
        }
        match service.authorize(&self.parts, scope).await {
            Ok(_) => Ok(()),
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                let why = &problem.document().detail;
                let name = &self.set.name;
                let message = format!("Unauthorized: Invalid bearer token for '{name}': {why}");
                Err(Refusal::unauthorized(message))
            }
            Err(problem) => Err(problem.into()),
        }
    }

    fn is_local(&self) -> bool {
        self.parts.extensions.get::<LocalAdmin>().is_some()
    }

    /// The token of the one `Authorization` header, whose scheme is compared without regard to
    /// case.
    fn bearer(&self) -> Option<&str> {
        let mut values = self.parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| token.trim_start())
    }
}
