//! Cursors: where a listing goes on, as a text that means nothing to a client.
//!
//! A cursor carries a version, a fingerprint of the parameters it belongs to, and a place. Other
//! parameters would make its place meaningless, so the two are compared. It is no secret and
//! grants nothing: it names a place among what its bearer may read anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Another layout of any place needs another version.
const VERSION: u8 = 1;

const FINGERPRINT_BYTES: usize = 8;

/// Cursors of ours are shorter: the longest holds an id of 128 characters.
const TEXT_MAX: usize = 2048;

/// What a cursor belongs to: a route and all parameters that decide what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    /// Of some texts, in this order.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // The length in front keeps neighbours apart.
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut short = [0; FINGERPRINT_BYTES];
        short.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
        Self(short)
    }

    /// Writes a cursor.
    pub(crate) fn seal(self, place: &[u8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.0);
        bytes.extend(place);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the place from a cursor, or says why it is not one that goes with these parameters.
    pub(crate) fn open(self, text: &str) -> Result<Vec<u8>, &'static str> {
        if text.len() > TEXT_MAX {
            return Err(NO_CURSOR);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NO_CURSOR)?;
        let (version, rest) = bytes.split_first().ok_or(NO_CURSOR)?;
        if *version != VERSION {
            return Err("is of another version: begin again without it");
        }
        let (fingerprint, place) = rest.split_at_checked(FINGERPRINT_BYTES).ok_or(NO_CURSOR)?;
        if *fingerprint != self.0 {
            return Err("belongs to other parameters: only limit and format may change");
        }
        Ok(place.to_vec())
    }
}

/// What is said of a text that is no cursor.
pub(crate) const NO_CURSOR: &str =
    "is not a cursor: take the one from the Link header of the page before";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_under_the_same_parameters_only() {
        let one = Fingerprint::of(&["events", "a", "bc"]);
        let text = one.seal(b"place");
        assert_eq!(one.open(&text), Ok(b"place".to_vec()));
        let other = Fingerprint::of(&["events", "ab", "c"]);
        assert!(
            other
                .open(&text)
                .is_err_and(|reason| reason.contains("other parameters"))
        );
    }

    #[test]
    fn texts_that_are_no_cursors_are_told_apart() {
        let fingerprint = Fingerprint::of(&[]);
        for text in ["", "x", "AQ", "a+b/", "é", &"A".repeat(5000)] {
            assert!(fingerprint.open(text).is_err(), "{text}");
        }
        let later = URL_SAFE_NO_PAD.encode([VERSION + 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(
            fingerprint
                .open(&later)
                .is_err_and(|reason| reason.contains("version"))
        );
    }
}
