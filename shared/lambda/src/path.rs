//! Puts right the path that API Gateway hands on.
//!
//! An HTTP API decodes the path before it writes it down as `rawPath`, and not only once: it
//! decodes, cuts at a `?`, and decodes again (seen behind a live one in July 2026:
//! github.com/hotsock/voker, `vokerhttp/testdata/ingress-paths.json`). So the text is encoded again
//! here, character by character, and a name with a space, a `#` or a letter of any script reaches
//! the router as it was meant. What was cut off, and a `/` that was part of a name, nobody can
//! bring back: docs/API.md says what to do then.
//!
//! Where a `%` begins an escape it is left alone. An HTTP API leaves none behind, but function
//! URLs and emulators do, and that way both are understood.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What cannot stand in a path (RFC 3986 section 3.3), but for the `%`.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What cannot stand in a query. API Gateway leaves that as it was sent.
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// The stage that stands in no path.
const DEFAULT_STAGE: &str = "$default";

/// The path and query of a request, from `rawPath`, `rawQueryString` and the stage.
pub(crate) fn repaired(raw_path: &str, raw_query: &str, stage: &str) -> String {
    let mut target = encoded(without_stage(raw_path, stage));
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if !raw_query.is_empty() {
        target.push('?');
        target.extend(utf8_percent_encode(raw_query, NOT_IN_A_QUERY));
    }
    target
}

/// The path of a named stage begins with it.
fn without_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    if stage.is_empty() || stage == DEFAULT_STAGE {
        return path;
    }
    let rest = path.strip_prefix('/').and_then(|p| p.strip_prefix(stage));
    rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path)
}

fn encoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = String::with_capacity(path.len() + 16);
    text.extend(encode(parts.next().unwrap_or_default()));
    for part in parts {
        text.push_str(if is_escape(part) { "%" } else { "%25" });
        text.extend(encode(part));
    }
    text
}

fn encode(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    utf8_percent_encode(text, NOT_IN_A_PATH).map(Cow::Borrowed)
}

fn is_escape(behind: &str) -> bool {
    let digits = behind.as_bytes().get(..2);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw_path: &str, expected: &str) {
        assert_eq!(repaired(raw_path, "", DEFAULT_STAGE), expected);
    }

    #[test]
    fn what_was_decoded_is_encoded_again() {
        check("/api/events/a/b", "/api/events/a/b");
        check("/a b/c\"d", "/a%20b/c%22d");
        check("/hash#value", "/hash%23value");
        check("/literal?value", "/literal%3Fvalue");
        check("/unicode-λ-世界", "/unicode-%CE%BB-%E4%B8%96%E7%95%8C");
        check("/line\nbreak\u{7f}", "/line%0Abreak%7F");
        check("/a&b=c;d:e@f+g", "/a&b=c;d:e@f+g");
        check("", "/");
        check("a", "/a");
        check("//a/", "//a/");
    }

    #[test]
    fn a_percent_sign_is_one_unless_it_begins_an_escape() {
        check("/50%", "/50%25");
        check("/50% off", "/50%25%20off");
        check("/5%2", "/5%252");
        check("/%zz%é", "/%25zz%25%C3%A9");
        check("/a%20b/50%25", "/a%20b/50%25");
    }

    #[test]
    fn a_query_stays_as_it_was_sent() {
        let check = |query: &str, expected: &str| {
            assert_eq!(repaired("/a", query, DEFAULT_STAGE), expected);
        };
        check("n=a%3Fb%25c%23d&n=x+y", "/a?n=a%3Fb%25c%23d&n=x+y");
        check("n=a b#c", "/a?n=a%20b%23c");
        check("n=é?", "/a?n=%C3%A9?");
    }

    #[test]
    fn a_named_stage_stands_before_the_path() {
        let check = |path: &str, stage: &str, expected: &str| {
            assert_eq!(repaired(path, "", stage), expected);
        };
        check("/prod/api/track/", "prod", "/api/track/");
        check("/prod", "prod", "/");
        check("/production/x", "prod", "/production/x");
        check("/api/track/", "prod", "/api/track/");
        check("/prod/x", "$default", "/prod/x");
        check("/prod/x", "", "/prod/x");
    }
}
