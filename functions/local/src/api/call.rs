//! A request, its answer, and the paths that lead from one to the other.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::LINK;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

/// A request in doubt is settled after 20 s and a query ends after 30, so whoever says nothing
/// for this long is gone.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(90);

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
    pub(super) key: Option<String>,
    pub(super) time: Option<Duration>,
}

/// An answer with a status of success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    /// Asks for something.
    pub(crate) fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path)
    }

    /// Sends JSON.
    pub(crate) fn post(path: impl Into<String>, body: &serde_json::Value) -> Call {
        Call {
            body: body.to_string().into(),
            ..Call::new(Method::POST, path)
        }
    }

    /// Sends events, a line each, under a key.
    pub(crate) fn track(lines: Bytes, key: String) -> Call {
        let media_type = "application/x-ndjson";
        Call {
            media_type,
            body: lines,
            ..Call::new(Method::POST, "/api/track/")
        }
        .under(key)
    }

    /// Takes something away.
    pub(crate) fn delete(path: impl Into<String>) -> Call {
        Call::new(Method::DELETE, path)
    }

    fn new(method: Method, path: impl Into<String>) -> Call {
        Call {
            method,
            path: path.into(),
            media_type: "application/json",
            body: Bytes::new(),
            key: None,
            time: Some(ANSWER_TIME),
        }
    }

    /// Names the request, so that the server counts it once however often it comes.
    pub(crate) fn under(self, key: String) -> Call {
        Call {
            key: Some(key),
            ..self
        }
    }

    /// Waits for the answer as long as it takes.
    pub(crate) fn however_long(self) -> Call {
        Call { time: None, ..self }
    }
}

impl Answer {
    /// The body.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the body says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the answer is not what a Weir answers")
    }

    /// The request for the page after this one, if there is one.
    pub(super) fn next(&self) -> Option<&str> {
        let links = self
            .headers
            .get_all(LINK)
            .iter()
            .filter_map(|link| link.to_str().ok());
        links.flat_map(|link| link.split(", ")).find_map(|link| {
            let (target, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
            relation.contains("rel=\"next\"").then_some(target)
        })
    }
}

/// A path with a query of the parameters that are given.
pub(crate) fn path(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    let query = serde_urlencoded::to_string(given.collect::<Vec<_>>())
        .expect("pairs of texts can be encoded");
    match query.is_empty() {
        true => path.into(),
        false => format!("{path}?{query}"),
    }
}

/// Any text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Resolves a link that may be relative to the request it came with. A path is taken from the
/// base address, because a server behind a gateway does not know what the gateway put before it.
pub(super) fn follow(path: &str, link: &str) -> String {
    match link.starts_with('?') {
        true => format!("{}{link}", path.split('?').next().unwrap_or_default()),
        false => link.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(link: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([(LINK, link.parse().unwrap())]);
        Answer {
            headers,
            body: Bytes::new(),
        }
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        assert_eq!(
            answer("</a?cursor=x>; rel=\"next\"").next(),
            Some("/a?cursor=x")
        );
        assert_eq!(
            answer("</z>; rel=\"prev\", </a>; rel=\"next\"").next(),
            Some("/a")
        );
        assert_eq!(answer("</z>; rel=\"prev\"").next(), None);
    }

    #[test]
    fn a_link_is_relative_to_its_request() {
        assert_eq!(
            follow("/api/raw/a/b?limit=5", "?cursor=x"),
            "/api/raw/a/b?cursor=x"
        );
        assert_eq!(
            follow("/api/raw/a/b?limit=5", "/api/raw/a/b?cursor=x"),
            "/api/raw/a/b?cursor=x"
        );
    }

    #[test]
    fn a_path_carries_what_is_given() {
        assert_eq!(path("/a", &[("x", None)]), "/a");
        assert_eq!(
            path("/a", &[("x", Some("1&2")), ("y", None), ("z", Some("?"))]),
            "/a?x=1%262&z=%3F"
        );
        assert_eq!(segment("a/b?.."), "a%2Fb%3F%2E%2E");
    }
}
