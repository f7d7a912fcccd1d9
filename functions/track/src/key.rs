//! The `Idempotency-Key` header.

use http::HeaderMap;
use weir_service::Problem;
use weir_store::IdempotencyKey;

const HEADER: &str = "idempotency-key";

/// Longer than any generator's keys, and short enough to hash without thought.
const CHARS_MAX: usize = 255;

/// Reads the key, if there is one: 1 to 255 visible ASCII characters, once.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refuse("it was sent more than once"));
    }
    let text = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_graphic()));
    match text {
        Some(text) if (1..=CHARS_MAX).contains(&text.len()) => {
            Ok(Some(IdempotencyKey(text.to_owned())))
        }
        _ => Err(refuse("it must be 1 to 255 visible ASCII characters")),
    }
}

fn refuse(reason: &str) -> Problem {
    let detail = format!("Idempotency-Key: {reason}");
    Problem::bad_request("invalid-idempotency-key", detail).with_field("Idempotency-Key", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&'static str], expected: Result<Option<&str>, ()>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().expect("a header value"));
        }
        let read = read(&headers)
            .map(|key| key.map(|key| key.0))
            .map_err(|_| ());
        assert_eq!(
            read,
            expected.map(|key| key.map(str::to_owned)),
            "{values:?}"
        );
    }

    #[test]
    fn a_key_is_visible_ascii_once() {
        check(&[], Ok(None));
        check(
            &["8e03978e-40d5-43dd-bc93-6894a57f9324"],
            Ok(Some("8e03978e-40d5-43dd-bc93-6894a57f9324")),
        );
        check(&["a", "a"], Err(()));
        check(&[""], Err(()));
        check(&["a b"], Err(()));
        let long: &'static str = "k".repeat(256).leak();
        check(&[long], Err(()));
        check(&[&long[..255]], Ok(Some(&long[..255])));
    }
}
