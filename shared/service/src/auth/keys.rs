//! The keys that sign tokens: one signs, up to one more is accepted while keys are rotated.
//!
//! How they are kept and rotated is [`KeyDocument`](super::KeyDocument)'s, and how a running
//! process learns of it [`KeySource`](super::KeySource)'s.

use std::fmt;

use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::secret::{hex, random_bytes};

/// RFC 7518 section 3.2: a key for HS256 is at least as long as its hash.
pub const MIN_KEY_BYTES: usize = 32;

/// A secret that signs tokens, with the name (`kid`) under which tokens refer to it.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The key is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a signing key has at least {MIN_KEY_BYTES} bytes, and this one has {0}")]
pub struct ShortKey(pub usize);

impl SigningKey {
    /// Takes a secret. The key's name derives from it, so there is nothing else to configure.
    ///
    /// # Errors
    /// When it has fewer than [`MIN_KEY_BYTES`].
    pub fn new(secret: &[u8]) -> Result<SigningKey, ShortKey> {
        if secret.len() < MIN_KEY_BYTES {
            return Err(ShortKey(secret.len()));
        }
        Ok(SigningKey {
            id: name_of(secret),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        })
    }

    /// Draws a key that ends with this process.
    pub fn random() -> SigningKey {
        SigningKey::new(&random_bytes::<MIN_KEY_BYTES>()).expect("it is long enough")
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// 64 bits of a hash tell two keys apart and give neither away.
pub(super) fn name_of(secret: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(b"weir signing key\0")
        .chain_update(secret)
        .finalize();
    hex(&hash[..8])
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// The key that signs, and the other one that is accepted.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    signing: SigningKey,
    accepted: Option<SigningKey>,
}

impl SigningKeys {
    /// One key for everything.
    pub fn new(signing: SigningKey) -> SigningKeys {
        SigningKeys {
            signing,
            accepted: None,
        }
    }

    /// Accepts tokens of another key as well: the next one, or the last.
    #[must_use]
    pub fn accepting(self, other: SigningKey) -> SigningKeys {
        SigningKeys {
            accepted: Some(other),
            ..self
        }
    }

    pub(super) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    #[cfg(test)]
    pub(super) fn accepted(&self) -> Option<&SigningKey> {
        self.accepted.as_ref()
    }

    pub(super) fn find(&self, id: &str) -> Option<&SigningKey> {
        let mut keys = [Some(&self.signing), self.accepted.as_ref()]
            .into_iter()
            .flatten();
        keys.find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(SigningKey::new(&[7; 31]).map(|_| ()), Err(ShortKey(31)));
        assert!(SigningKey::new(&[7; 32]).is_ok());
    }

    #[test]
    fn a_key_is_named_by_its_secret_and_shows_nothing_of_it() {
        let (one, same) = (
            SigningKey::new(&[7; 32]).unwrap(),
            SigningKey::new(&[7; 32]).unwrap(),
        );
        assert_eq!(one.id(), same.id());
        assert_ne!(one.id(), SigningKey::new(&[8; 32]).unwrap().id());
        let keys = SigningKeys::new(one).accepting(same);
        assert_eq!(
            format!("{keys:?}"),
            "SigningKeys { signing: ***, accepted: Some(***) }"
        );
    }
}
