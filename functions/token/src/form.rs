//! Form-encoded requests: each parameter at most once, an empty one as good as none
//! (RFC 6749 section 3.2).

use std::collections::HashMap;
use std::fmt;

use axum::extract::Request;
use http::request::Parts;
use weir_service::Service;
use weir_service::negotiate::media_type;

use crate::error::OAuthError;

const FORM: &str = "application/x-www-form-urlencoded";

/// A request's parameters. Secrets are among them.
pub(crate) struct Form(HashMap<String, String>);

impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Form(***)")
    }
}

impl Form {
    /// Reads a request's body.
    ///
    /// # Errors
    /// `invalid_request` when it is not a form, or a parameter comes twice; what
    /// [`Service::read_body`] answers otherwise.
    pub(crate) async fn read(
        service: &Service,
        request: Request,
    ) -> Result<(Parts, Form), OAuthError> {
        let (parts, body) = request.into_parts();
        // Without the header it is taken for a form: nothing else comes here.
        if media_type(&parts.headers)?.is_some_and(|name| name != FORM) {
            return Err(OAuthError::invalid_request(format!(
                "Content-Type is {FORM} here"
            )));
        }
        let body = service.read_body(&parts.headers, body).await?;
        let form = Form::parse(body.text()?)?;
        Ok((parts, form))
    }

    fn parse(text: &str) -> Result<Form, OAuthError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text)
            .map_err(|_| OAuthError::invalid_request("the body is not form-encoded"))?;
        let mut form = HashMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            if form.insert(name.clone(), value).is_some() {
                let name: String = name.chars().take(40).collect();
                return Err(OAuthError::invalid_request(format!(
                    "{name} is given twice"
                )));
            }
        }
        Ok(Form(form))
    }

    /// A parameter, if it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_empty_ones_left_out() {
        let form = Form::parse("scope=read+write%20aggregation&token=").unwrap();
        assert_eq!(form.get("scope"), Some("read write aggregation"));
        assert_eq!(form.get("token"), None);
        assert_eq!(form.need("token").unwrap_err().code(), "invalid_request");
    }

    #[test]
    fn a_parameter_that_comes_twice_is_refused() {
        let error = Form::parse("scope=read&scope=read").unwrap_err();
        assert_eq!(error.code(), "invalid_request");
    }

    #[test]
    fn debug_of_a_form_shows_nothing_of_it() {
        let form = Form::parse("client_secret=planted").unwrap();
        assert_eq!(format!("{form:?}"), "Form(***)");
    }
}
