//! Addresses that people configure, checked, and shown without what may be secret in them.

use reqwest::Url;

use crate::fault::Fault;

/// Reads an http or https address. Credentials have their own places, so it may hold none.
///
/// # Errors
/// When it is none, or names a user or a password. What is wrong is said after the name of the key
/// or variable that `key` gives.
pub fn address(key: &str, text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| {
        let found = shown_address(text);
        Fault::new(format!("{key}: {found:?} is no address"))
            .hint("it begins with http:// or https://")
    })?;
    without_user(key, &url)?;
    Ok(url)
}

/// Refuses an address that names a user or a password.
pub(crate) fn without_user(key: &str, url: &Url) -> Result<(), Fault> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    let fault = Fault::new(format!("{key}: an address must hold no user and password"));
    Err(fault.hint("take away what is before the @"))
}

/// A text that should be an address, without user, password, query and fragment, whether it is an
/// address or not.
pub fn shown_address(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (head, tail) = text.split_at(end);
    let (scheme, rest) = match head.find("://") {
        Some(at) => head.split_at(at + 3),
        None => ("", head),
    };
    match rest.rsplit_once('@') {
        // A password may hold what ends an address.
        _ if tail.contains('@') => format!("{scheme}***"),
        Some((_, place)) => format!("{scheme}{place}"),
        None => format!("{scheme}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_http_without_a_user() {
        for bad in ["", "backdrop.example/data", "ftp://backdrop.example/"] {
            let fault = address("sink.url", bad).unwrap_err().to_string();
            let begins = format!("sink.url: {bad:?} is no address");
            assert!(fault.starts_with(&begins), "{fault}");
        }
        for bad in ["https://planted@b/", "https://user:planted@b/data?x"] {
            let fault = address("sink.url", bad).unwrap_err().to_string();
            assert!(fault.contains("no user and password"), "{fault}");
            assert!(!fault.contains("planted"), "{fault}");
        }
        address("sink.url", "https://b.example/data").unwrap();
    }

    #[test]
    fn what_may_be_secret_is_not_shown_of_an_address() {
        for (text, shown) in [
            ("https://b/data", "https://b/data"),
            ("https://user:planted@b/data?planted", "https://b/data"),
            ("user:planted@b", "b"),
            ("s3://planted@b/x#planted", "s3://b/x"),
            ("https://user:pl?anted@b/data", "https://***"),
            ("ftp//x?key=planted", "ftp//x"),
        ] {
            assert_eq!(shown_address(text), shown);
        }
    }
}
