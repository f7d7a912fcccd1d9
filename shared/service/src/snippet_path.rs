//! Where the browser snippet is served: configured, because lists of trackers name paths.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where it is served unless configured otherwise.
const DEFAULT: &str = "/weir.js";

/// Longer paths belong to nobody's page.
const MAX_CHARS: usize = 120;

/// A path that ends in `.js`, which no other route does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnippetPath(String);

/// A path at which it cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a path such as /weir.js or /js/app.js: letters, digits, hyphens and underscores, \
     up to {MAX_CHARS} characters"
)]
pub struct SnippetPathError(String);

impl SnippetPath {
    /// The path, from its first slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How a page that has the snippet from here gets back to the root: empty, or `../` for each
    /// folder.
    pub fn to_root(&self) -> String {
        "../".repeat(self.0.matches('/').count() - 1)
    }
}

impl Default for SnippetPath {
    fn default() -> SnippetPath {
        SnippetPath(DEFAULT.to_owned())
    }
}

impl FromStr for SnippetPath {
    type Err = SnippetPathError;

    fn from_str(text: &str) -> Result<SnippetPath, SnippetPathError> {
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let path = text.strip_prefix('/').and_then(|p| p.strip_suffix(".js"));
        let is_good = text.len() <= MAX_CHARS && path.is_some_and(|p| p.split('/').all(is_word));
        match is_good {
            true => Ok(SnippetPath(text.to_owned())),
            false => Err(SnippetPathError(text.to_owned())),
        }
    }
}

impl fmt::Display for SnippetPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_in_js_and_knows_its_way_to_the_root() {
        let check = |text: &str, expected: Option<&str>| {
            let path: Option<SnippetPath> = text.parse().ok();
            assert_eq!(path.map(|p| p.to_root()).as_deref(), expected, "{text}");
        };
        check("/weir.js", Some(""));
        check("/assets/app-2/x_1.js", Some("../../"));
        for bad in [
            "",
            "weir.js",
            "/weir",
            "/.js",
            "//a.js",
            "/a/../b.js",
            "/{a}.js",
            "/a b.js",
            "/a.js?b.js",
            "/ä.js",
        ] {
            check(bad, None);
        }
        check(&format!("/{}.js", "a".repeat(MAX_CHARS)), None);
        assert_eq!(SnippetPath::default(), DEFAULT.parse().unwrap());
    }
}
