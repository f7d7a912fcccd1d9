//! What the API's description says of refusals.

use std::collections::BTreeMap;

use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};

use crate::refusal::ErrorDocument;

/// What every writing request may be refused with.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&[
            ("401", "No token, or one that is not good here."),
            ("403", "An OAuth2 token without the scope."),
            ("404", "There is no such data set, or no such record."),
            ("413", "The body is too large, as sent or decompressed."),
            (
                "429",
                "The client is over its rate; `Retry-After` says for how long.",
            ),
            ("503", "The store did not answer; send the same again."),
        ])
    }
}

/// What every reading request may be refused with.
pub(crate) struct ReadRefusals;

impl IntoResponses for ReadRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&[
            (
                "400",
                "A bad parameter, one that the data set does not allow, or an answer that would be \
                 too large.",
            ),
            (
                "404",
                "There is no such data set, or it is not to be queried.",
            ),
            (
                "503",
                "The store did not answer, or reading took too long: ask for less.",
            ),
        ])
    }
}

fn described(refusals: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let described = refusals
        .iter()
        .map(|(status, about)| ((*status).to_owned(), refusal(about).into()));
    described.collect()
}

fn refusal(about: &str) -> Response {
    let schema = Ref::from_schema_name(ErrorDocument::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(about)
        .content("application/json", content)
        .build()
}
