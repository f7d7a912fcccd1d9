//! What the API's description says of query parameters and problems.
//!
//! A parameter is written down once, as a [`Known`]: [`params`](crate::params) refuses all others
//! by the same list that describes it here.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};
use weir_service::ProblemDocument;
use weir_service::problem::PROBLEM_JSON;

/// A query parameter that an endpoint knows.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// Its name; one that ends with `.KEY` stands for every name that begins as it does.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
}

/// What a parameter's value is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    RequiredText,
    Limit {
        most: usize,
        default: Option<usize>,
    },
    Choice {
        all: fn() -> Vec<&'static str>,
        default: &'static str,
    },
}

impl Known {
    /// Whether a name that was sent is this parameter's.
    pub(crate) fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix("KEY") {
            Some(prefix) => name.strip_prefix(prefix).is_some_and(|key| !key.is_empty()),
            None => name == self.name,
        }
    }

    fn parameter(&self) -> Parameter {
        let object = ObjectBuilder::new();
        let (required, schema) = match self.kind {
            Kind::Text => (Required::False, object.schema_type(Type::String)),
            Kind::RequiredText => (Required::True, object.schema_type(Type::String)),
            Kind::Limit { most, default } => {
                let object = object.schema_type(Type::Integer).minimum(Some(1_usize));
                (
                    Required::False,
                    object.maximum(Some(most)).default(default.map(Into::into)),
                )
            }
            Kind::Choice { all, default } => {
                let object = object.schema_type(Type::String).enum_values(Some(all()));
                (Required::False, object.default(Some(default.into())))
            }
        };
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .description(Some(self.about))
            .schema(Some(schema.build()))
            .build()
    }
}

/// Describes parameters.
pub(crate) fn parameters(known: &[&[Known]]) -> Vec<Parameter> {
    known
        .iter()
        .copied()
        .flatten()
        .map(Known::parameter)
        .collect()
}

/// The problems that every endpoint here may answer with.
pub(crate) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problems = [
            ("401", "No token, or one that is not good."),
            ("403", "The token lacks the scope."),
            ("406", "`Accept` admits none of the forms."),
            (
                "429",
                "The client is over its rate; `Retry-After` says for how long.",
            ),
            (
                "503",
                "The store did not answer, or reading took too long (`too-slow`: ask for less).",
            ),
        ];
        let described = problems.map(|(status, about)| (status.to_owned(), problem(about).into()));
        BTreeMap::from(described)
    }
}

fn problem(about: &str) -> Response {
    let schema = Ref::from_schema_name(ProblemDocument::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(about)
        .content(PROBLEM_JSON, content)
        .build()
}
