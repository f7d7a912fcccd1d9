//! One part of an address's path.

use std::fmt::Write as _;

use crate::fault::Fault;

/// Writes a text as one part of a path: what is not unreserved (RFC 3986, 2.3) is percent-encoded,
/// `/ # ? %` included.
///
/// # Errors
/// When it is `.` or `..`, which mean this part and the one before it, encoded or not (WHATWG URL,
/// "double-dot URL path segment"): a request with it would be one for something else.
pub fn segment(text: &str) -> Result<String, Fault> {
    if matches!(text, "." | "..") {
        let fault = Fault::new(format!("{text:?} cannot be a part of an address"));
        return Err(fault.hint("an address cannot tell it from a step within its path"));
    }
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("memory takes it"),
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Url;

    use super::*;

    #[test]
    fn what_ends_a_part_of_a_path_is_encoded() {
        for (text, encoded) in [
            ("a-b.c_d~9", "a-b.c_d~9"),
            ("a/b?c#d%41", "a%2Fb%3Fc%23d%2541"),
            ("a b+c&d=e;f:@\\", "a%20b%2Bc%26d%3De%3Bf%3A%40%5C"),
            ("ä\t", "%C3%A4%09"),
            ("...", "..."),
            ("", ""),
        ] {
            assert_eq!(segment(text).unwrap(), encoded);
        }
    }

    #[test]
    fn a_step_within_the_path_is_no_part_of_one() {
        for text in [".", ".."] {
            let fault = segment(text).unwrap_err().to_string();
            assert!(fault.contains("cannot be a part of an address"), "{fault}");
            // Encoding would not help.
            let encoded = text.replace('.', "%2E");
            let url = Url::parse(&format!("http://h/v/{encoded}/history")).unwrap();
            assert!(!url.path().contains("%2E"), "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_part_stays_one_part_and_is_read_back(text in "[./%?#\\PC]{0,8}|\\PC*") {
            prop_assume!(text != "." && text != "..");
            let encoded = segment(&text).unwrap();
            let url = Url::parse(&format!("http://h/v/{encoded}/history")).unwrap();
            let parts: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(&parts, &["v", encoded.as_str(), "history"]);
            // A form's encoding differs in spaces alone, of which there is none left.
            let pairs = format!("x={encoded}");
            let query = Url::parse(&format!("http://h/?{pairs}")).unwrap();
            prop_assert_eq!(&query.query_pairs().next().unwrap().1, &text);
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
        }
    }
}
