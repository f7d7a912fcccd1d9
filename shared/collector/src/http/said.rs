//! What a server said when it refused, fit to be shown.

use serde_json::Value;

use crate::secrets::SecretText;

/// Beyond this, it is no message.
const LONGEST_CHARS: usize = 300;

/// Where vendors put their message: Google, Pingdom, OAuth2, Backdrop, problem documents, others.
const PLACES: [&str; 8] = [
    "/error/message",
    "/error/errormessage",
    "/error_description",
    "/message",
    "/messages/0",
    "/detail",
    "/errors/0/message",
    "/error",
];

/// The message of a body, in one line, without the secrets that were sent; nothing if there is
/// none.
pub(super) fn said(body: &[u8], secrets: &[SecretText]) -> Option<String> {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(text)) => text,
        Ok(value) => message(&value)?,
        Err(_) => plain(body)?,
    };
    let text = redact(text, secrets);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(LONGEST_CHARS).collect();
    (!line.is_empty()).then_some(line)
}

fn message(value: &Value) -> Option<String> {
    let mut found = PLACES.iter().filter_map(|place| value.pointer(place));
    found.find_map(Value::as_str).map(str::to_owned)
}

/// Pages for people are no messages.
fn plain(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    (!text.trim_start().starts_with('<')).then(|| text.into_owned())
}

/// Some servers repeat the key that they refuse.
pub(crate) fn redact(text: String, secrets: &[SecretText]) -> String {
    let sent = secrets.iter().map(SecretText::expose);
    let sent = sent.filter(|secret| !secret.is_empty());
    sent.fold(text, |text, secret| text.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<String> {
        said(body.as_bytes(), &[SecretText::new("planted-key")])
    }

    #[test]
    fn a_message_is_found_where_vendors_put_it() {
        for body in [
            r#"{"error": {"code": 403, "message": "no access"}}"#,
            r#"{"error": {"statuscode": 403, "errormessage": "no access"}}"#,
            r#"{"error": "invalid_grant", "error_description": "no access"}"#,
            r#"{"messages": ["no access"]}"#,
            r#"{"error": "no access"}"#,
            "no\n  access\n",
        ] {
            assert_eq!(of(body).as_deref(), Some("no access"), "{body}");
        }
        assert_eq!(of("<html><body>no access"), None);
        assert_eq!(of("{\"other\": 1}"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_message_is_short_and_without_the_secret_that_it_repeats() {
        let message = of(&"bad key planted-key ".repeat(100)).unwrap();
        assert!(message.starts_with("bad key *** bad key ***"), "{message}");
        assert!(message.len() <= LONGEST_CHARS && !message.contains("planted"));
    }
}
