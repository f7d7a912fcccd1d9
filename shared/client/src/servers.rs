//! The servers there are, and the one in use. They are doors of one Weir: a batch that goes to
//! another one after a failure is known there by its key.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Url;
use thiserror::Error;

use crate::pauses::random_share;

/// Why a text is not the address of a server; it says no more of it than scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not the address of a server: write http://127.0.0.1:8080 or https://weir.example.org"
)]
pub struct AddressError(String);

/// Addresses, one of them in use.
#[derive(Debug)]
pub(crate) struct Servers {
    bases: Vec<String>,
    current: AtomicUsize,
}

impl Servers {
    /// Begins with any of them. Those without a port get each of `ports`.
    pub(crate) fn parse(servers: &[String], ports: &[u16]) -> Result<Self, AddressError> {
        let mut bases = Vec::new();
        for server in servers {
            bases.extend(expand(server, ports)?);
        }
        let current = AtomicUsize::new(pick(bases.len()));
        Ok(Self { bases, current })
    }

    /// Whether any of them speaks HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        self.bases.iter().any(|base| base.starts_with("https:"))
    }

    pub(crate) fn len(&self) -> usize {
        self.bases.len()
    }

    /// The one in use: its place and its address, without a final slash.
    pub(crate) fn current(&self) -> (usize, &str) {
        let place = self.current.load(Ordering::Relaxed) % self.bases.len();
        (place, &self.bases[place])
    }

    /// Goes over to any other one, unless someone has done so since `failed` was in use.
    pub(crate) fn leave(&self, failed: usize) {
        let servers = self.bases.len();
        if servers > 1 {
            let other = (failed + 1 + pick(servers - 1)) % servers;
            let _ =
                self.current
                    .compare_exchange(failed, other, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn pick(among: usize) -> usize {
    let place = (random_share() * among as f64) as usize;
    place.min(among.saturating_sub(1))
}

fn expand(server: &str, ports: &[u16]) -> Result<Vec<String>, AddressError> {
    let refuse = || AddressError(shown(server));
    let url = match server.contains("://") {
        true => Url::parse(server),
        false => Url::parse(&format!("https://{server}")),
    };
    let url = url.map_err(|_| refuse())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_plain = !has_user && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(refuse());
    }
    if url.port().is_some() || ports.is_empty() {
        return Ok(vec![base(&url)]);
    }
    let with_port = |&port: &u16| {
        let mut url = url.clone();
        url.set_port(Some(port)).map_err(|()| refuse())?;
        Ok(base(&url))
    };
    ports.iter().map(with_port).collect()
}

/// Scheme, host and port: what comes before and behind may be a secret.
pub(crate) fn shown(address: &str) -> String {
    let scheme = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(scheme);
    let behind_user = rest.rsplit('@').next().unwrap_or_default();
    let host = behind_user.split(['/', '\\', '?', '#']).next();
    format!("{scheme}{}", host.unwrap_or_default())
}

fn base(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(server: &str, ports: &[u16], expected: &[&str]) {
        let bases = Servers::parse(&[server.to_owned()], ports).map(|servers| servers.bases);
        assert_eq!(bases.unwrap(), expected, "{server}");
    }

    #[test]
    fn a_server_without_a_port_has_all_of_them() {
        check(
            "http://127.0.0.1:8080/",
            &[1, 2],
            &["http://127.0.0.1:8080"],
        );
        check("weir.example.org", &[], &["https://weir.example.org"]);
        check("a:1", &[2], &["https://a:1"]);
        check("http://a", &[1, 2], &["http://a:1", "http://a:2"]);
        check("https://a/prod/", &[], &["https://a/prod"]);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for bad in [
            "",
            "ftp://a",
            "http://",
            "http://u:p@a",
            "http://:p@a",
            "http://a/?b",
            "a b",
        ] {
            assert!(Servers::parse(&[bad.to_owned()], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_password_is_seen() {
        for (bad, expected) in [
            ("https://user:hidden@a:1/b", "https://a:1"),
            ("https://:hidden@a", "https://a"),
            ("user:hid/den?#@a b", "a b"),
            ("http://a:1/hidden?hidden#hidden", "http://a:1"),
        ] {
            let error = Servers::parse(&[bad.to_owned()], &[]).unwrap_err();
            assert_eq!(error, AddressError(expected.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_failure_leads_to_another_server_once() {
        let servers = Servers::parse(&["a".into(), "b".into(), "c".into()], &[]).unwrap();
        for _ in 0..50 {
            let (failed, _) = servers.current();
            servers.leave(failed);
            let (now, _) = servers.current();
            assert_ne!(now, failed);
            servers.leave(failed);
            assert_eq!(
                servers.current().0,
                now,
                "somebody else has gone over already"
            );
        }
    }
}
