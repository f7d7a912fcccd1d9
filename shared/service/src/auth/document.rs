//! The signing keys as they are kept, in a secret or in a file: a JSON document, and what a
//! rotation makes of it.
//!
//! `{"signs": TEXT, "accepts": TEXT}`: a key's bytes are its text's. `accepts` is missing until
//! the first rotation, so that whoever can draw one random text can make the first document.
//! `{"keys": [BASE64URL, BASE64URL]}`, the one that signs first, is read as well, and stays in
//! this form: its keys are bytes that no text has.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::keys::{MIN_KEY_BYTES, ShortKey, SigningKey, SigningKeys, name_of};
use crate::secret::{hex, random_bytes};

/// One or two signing keys, as they are kept.
#[derive(Clone)]
pub struct KeyDocument {
    form: Form,
    signs: Vec<u8>,
    accepts: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Texts,
    Encoded,
}

/// Why a text is no document of signing keys. Never shows what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// Not the JSON that is wanted.
    #[error("it is not {{\"signs\": TEXT}}, with \"accepts\": TEXT beside it after a rotation")]
    Form,
    /// Another number of keys than one or two.
    #[error("it has {0} keys, and one or two are wanted")]
    Count(usize),
    /// A key that should be in base64url and is not.
    #[error("a key is not base64url")]
    Encoding,
    /// A short key.
    #[error(transparent)]
    Short(#[from] ShortKey),
}

/// What the keys of a document are called: the `kid` of the tokens they sign. Nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyNames {
    /// The one that signs.
    pub signs: String,
    /// The other one that is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepts: Option<String>,
}

/// Every member that either form has.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    signs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
}

impl KeyDocument {
    /// Draws the first key.
    pub fn draw() -> KeyDocument {
        KeyDocument {
            form: Form::Texts,
            signs: draw(Form::Texts),
            accepts: None,
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When it is none, or a key is too short.
    pub fn parse(text: &str) -> Result<KeyDocument, DocumentError> {
        let members: Members = serde_json::from_str(text).map_err(|_| DocumentError::Form)?;
        let document = match members {
            Members {
                signs: Some(signs),
                accepts,
                keys: None,
            } => KeyDocument {
                form: Form::Texts,
                signs: signs.into_bytes(),
                accepts: accepts.map(String::into_bytes),
            },
            Members {
                signs: None,
                accepts: None,
                keys: Some(keys),
            } => encoded(&keys)?,
            _ => return Err(DocumentError::Form),
        };
        document.keys().map(|_| document)
    }

    /// Draws the next key: it signs from now on, the one that has signed is still accepted, and
    /// the one that was accepted is dropped.
    ///
    /// Whoever reads the document every few minutes can go on all the while: what the old key has
    /// signed is good until the next rotation. So the next one should not come before the last
    /// token of the old key has ended.
    #[must_use]
    pub fn rotated(&self) -> KeyDocument {
        KeyDocument {
            form: self.form,
            signs: draw(self.form),
            accepts: Some(self.signs.clone()),
        }
    }

    /// The same without the key that no longer signs: its tokens end with it.
    #[must_use]
    pub fn dropped(&self) -> KeyDocument {
        KeyDocument {
            accepts: None,
            ..self.clone()
        }
    }

    /// What the keys are called.
    pub fn names(&self) -> KeyNames {
        KeyNames {
            signs: name_of(&self.signs),
            accepts: self.accepts.as_deref().map(name_of),
        }
    }

    /// The keys.
    ///
    /// # Errors
    /// When one is too short, which those of a parsed or drawn document are not.
    pub fn keys(&self) -> Result<SigningKeys, DocumentError> {
        let keys = SigningKeys::new(SigningKey::new(&self.signs)?);
        Ok(match &self.accepts {
            Some(other) => keys.accepting(SigningKey::new(other)?),
            None => keys,
        })
    }

    /// The document, to be kept where only Weir reads it.
    pub fn expose(&self) -> String {
        let text = |key: &Vec<u8>| String::from_utf8_lossy(key).into_owned();
        let members = match self.form {
            Form::Texts => Members {
                signs: Some(text(&self.signs)),
                accepts: self.accepts.as_ref().map(text),
                keys: None,
            },
            Form::Encoded => {
                let keys = std::iter::once(&self.signs).chain(&self.accepts);
                Members {
                    signs: None,
                    accepts: None,
                    keys: Some(keys.map(|key| URL_SAFE_NO_PAD.encode(key)).collect()),
                }
            }
        };
        serde_json::to_string(&members).expect("texts are JSON")
    }
}

/// Digits survive every editor, shell and template.
fn draw(form: Form) -> Vec<u8> {
    let bytes = random_bytes::<MIN_KEY_BYTES>();
    match form {
        Form::Texts => hex(&bytes).into_bytes(),
        Form::Encoded => bytes.to_vec(),
    }
}

fn encoded(keys: &[String]) -> Result<KeyDocument, DocumentError> {
    let decode = |text: &String| {
        let key = URL_SAFE_NO_PAD.decode(text);
        key.map_err(|_| DocumentError::Encoding)
    };
    let (signs, accepts) = match keys {
        [signs] => (signs, None),
        [signs, accepts] => (signs, Some(accepts)),
        _ => return Err(DocumentError::Count(keys.len())),
    };
    Ok(KeyDocument {
        form: Form::Encoded,
        signs: decode(signs)?,
        accepts: accepts.map(decode).transpose()?,
    })
}

impl fmt::Debug for KeyDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the keys of a document: the one that signs, the one that is accepted.
    fn names(document: &KeyDocument) -> (String, Option<String>) {
        let keys = document.keys().unwrap();
        let other = keys.accepted().map(|key| key.id().to_owned());
        (keys.signing().id().to_owned(), other)
    }

    fn parse(text: &str) -> KeyDocument {
        KeyDocument::parse(text).unwrap()
    }

    fn name(secret: &[u8]) -> String {
        SigningKey::new(secret).unwrap().id().to_owned()
    }

    const ONE: &str = "abcdefghijklmnopqrstuvwxyz-12345";
    const OTHER: &str = "zyxwvutsrqponmlkjihgfedcba-12345";

    #[test]
    fn a_key_is_the_bytes_of_its_text() {
        let first = parse(&format!("{{\"signs\":\"{ONE}\"}}"));
        assert_eq!(names(&first), (name(ONE.as_bytes()), None));
        let both = parse(&format!(
            "{{\"signs\":\"{ONE}\",\"accepts\":\"{OTHER}\",\"x\":1}}"
        ));
        let expected = (name(ONE.as_bytes()), Some(name(OTHER.as_bytes())));
        assert_eq!(names(&both), expected);
    }

    #[test]
    fn keys_in_base64url_are_read_in_their_order() {
        let text = |key: u8| URL_SAFE_NO_PAD.encode([key; 32]);
        let one = parse(&format!("{{\"keys\":[\"{}\"]}}", text(7)));
        assert_eq!(names(&one), (name(&[7; 32]), None));
        let two = parse(&format!("{{\"keys\":[\"{}\",\"{}\"]}}", text(7), text(8)));
        assert_eq!(names(&two), (name(&[7; 32]), Some(name(&[8; 32]))));
    }

    fn check_rotation(first: &KeyDocument) {
        let (signs, _) = names(first);
        let second = parse(&first.rotated().expose());
        let (next, accepted) = names(&second);
        assert_ne!(next, signs);
        assert_eq!(accepted.as_ref(), Some(&signs));
        let (last, accepted) = names(&parse(&second.rotated().expose()));
        assert_eq!(accepted, Some(next));
        assert_ne!(last, signs, "the first key is gone");
    }

    #[test]
    fn a_rotation_keeps_the_key_that_signed_and_drops_the_one_before() {
        check_rotation(&KeyDocument::draw());
        check_rotation(&parse(&format!("{{\"signs\":\"{ONE}\"}}")));
        let encoded = URL_SAFE_NO_PAD.encode([7; 32]);
        check_rotation(&parse(&format!("{{\"keys\":[\"{encoded}\"]}}")));
    }

    #[test]
    fn a_key_that_is_dropped_is_gone_and_the_other_signs_on() {
        let both = KeyDocument::draw().rotated();
        let one = parse(&both.dropped().expose());
        assert_eq!(names(&one), (names(&both).0, None));
        let name = |document: &KeyDocument| document.names();
        assert_eq!((name(&both).signs, name(&both).accepts), names(&both));
        assert_eq!(name(&one).accepts, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_what_is_there() {
        let check = |text: &str, expected: DocumentError| {
            let error = KeyDocument::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hush"), "{error}");
        };
        for text in [
            "hush",
            "{}",
            "[\"hush\"]",
            "{\"accepts\":\"hush\"}",
            "{\"signs\":7}",
            "{\"signs\":\"hush\",\"keys\":[\"hush\"]}",
        ] {
            check(text, DocumentError::Form);
        }
        check("{\"signs\":\"hush\"}", ShortKey(4).into());
        let short = format!("{{\"signs\":\"{ONE}\",\"accepts\":\"hush\"}}");
        check(&short, ShortKey(4).into());
        check("{\"keys\":[]}", DocumentError::Count(0));
        check("{\"keys\":[\"a\",\"b\",\"hush\"]}", DocumentError::Count(3));
        check("{\"keys\":[\"hush!\"]}", DocumentError::Encoding);
        check("{\"keys\":[\"aHVzaA\"]}", ShortKey(4).into());
    }

    #[test]
    fn debug_of_a_document_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", KeyDocument::draw()), "***");
    }
}
