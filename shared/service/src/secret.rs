//! Secrets as types: what may be shown once and never stored, and where randomness comes from.
//!
//! `Debug` of a secret prints `***`, and there is no `Display`: writing one out takes `expose`.

use std::fmt;

use thiserror::Error;
use weir_store::registry::{KeyHash, SecretHash};

/// What a secret that someone chose must have at least. A drawn one has 256 random bits.
pub const MIN_SECRET_CHARS: usize = 16;

/// Longer ones are refused: a secret is read from a form and hashed for every token.
pub const MAX_SECRET_CHARS: usize = 256;

/// A client's secret in plain text: shown once to whoever registers the client, and sent by it
/// for a token.
#[derive(Clone)]
pub struct ClientSecret(String);

/// Why a text is not taken as a client's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Too short or too long.
    #[error(
        "a secret has {MIN_SECRET_CHARS} to {MAX_SECRET_CHARS} characters, and this one has {0}"
    )]
    Length(usize),
    /// A character that a form or a header does not carry unchanged.
    #[error("a secret consists of visible ASCII characters")]
    Character,
}

impl ClientSecret {
    /// Draws a new secret: 256 random bits in hexadecimal digits, which survive every shell,
    /// form and header.
    pub fn random() -> ClientSecret {
        ClientSecret(hex(&random_bytes::<32>()))
    }

    /// Takes a secret that someone chose.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_SECRET_CHARS`] or longer than [`MAX_SECRET_CHARS`], or has
    /// anything but visible ASCII characters.
    pub fn parse(text: &str) -> Result<ClientSecret, SecretError> {
        let chars = text.chars().count();
        if !(MIN_SECRET_CHARS..=MAX_SECRET_CHARS).contains(&chars) {
            return Err(SecretError::Length(chars));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretError::Character);
        }
        Ok(ClientSecret(text.into()))
    }

    /// Hands out the text, to be shown or sent.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What a write key must have at least, which the keys of old services have. A drawn one has 128
/// random bits.
pub const MIN_KEY_CHARS: usize = 8;

/// Longer ones are refused: a key is hashed for every request.
pub const MAX_KEY_CHARS: usize = 256;

/// A write key in plain text: shown once to whoever makes it, and sent with every request.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteKey(String);

/// Why a text is not taken as a write key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WriteKeyError {
    /// Too short or too long.
    #[error("a write key has {MIN_KEY_CHARS} to {MAX_KEY_CHARS} characters, and this one has {0}")]
    Length(usize),
    /// A character that a path or a header does not carry unchanged.
    #[error("a write key consists of visible ASCII characters")]
    Character,
}

impl WriteKey {
    /// Draws a new key: 128 random bits in hexadecimal digits, which survive every path, query
    /// and header.
    pub fn random() -> WriteKey {
        WriteKey(format!("wk_{}", hex(&random_bytes::<16>())))
    }

    /// Takes a key that someone has, or one that was sent.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_KEY_CHARS`] or longer than [`MAX_KEY_CHARS`], or has
    /// anything but visible ASCII characters.
    pub fn parse(text: &str) -> Result<WriteKey, WriteKeyError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WriteKeyError::Character);
        }
        match (MIN_KEY_CHARS..=MAX_KEY_CHARS).contains(&text.len()) {
            true => Ok(WriteKey(text.into())),
            false => Err(WriteKeyError::Length(text.len())),
        }
    }

    /// Hands out the text, to be shown or compared.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

impl fmt::Debug for WriteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What lets write to one data set, in plain text: shown once to whoever makes the data set.
#[derive(Clone, PartialEq, Eq)]
pub struct DataSetToken(String);

/// Why a text is not taken as a data set's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DataSetTokenError {
    /// Too short or too long.
    #[error("a token has {MIN_KEY_CHARS} to {MAX_KEY_CHARS} characters, and this one has {0}")]
    Length(usize),
    /// A character that a header does not carry unchanged.
    #[error("a token consists of visible ASCII characters")]
    Character,
}

impl DataSetToken {
    /// Draws a new token: 256 random bits in hexadecimal digits, as long as Backdrop's are.
    pub fn random() -> DataSetToken {
        DataSetToken(hex(&random_bytes::<32>()))
    }

    /// Takes a token that collectors have already.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_KEY_CHARS`] or longer than [`MAX_KEY_CHARS`], or has
    /// anything but visible ASCII characters.
    pub fn parse(text: &str) -> Result<DataSetToken, DataSetTokenError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DataSetTokenError::Character);
        }
        match (MIN_KEY_CHARS..=MAX_KEY_CHARS).contains(&text.len()) {
            true => Ok(DataSetToken(text.into())),
            false => Err(DataSetTokenError::Length(text.len())),
        }
    }

    /// Hands out the text, to be shown.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for DataSetToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Draws random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// Spells bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_secret_is_long_and_never_the_same() {
        let (one, other) = (ClientSecret::random(), ClientSecret::random());
        assert_eq!(one.expose().len(), 64);
        assert_ne!(one.expose(), other.expose());
        assert!(ClientSecret::parse(one.expose()).is_ok());
    }

    #[test]
    fn debug_of_a_secret_shows_nothing_of_it() {
        let secret = ClientSecret::parse("correct-horse-battery").unwrap();
        assert_eq!(format!("{secret:?}"), "***");
    }

    #[test]
    fn a_chosen_secret_has_sixteen_visible_characters_or_more() {
        let error = |text: &str| ClientSecret::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error("fifteen-letters"), SecretError::Length(15));
        assert_eq!(error(&"x".repeat(257)), SecretError::Length(257));
        assert_eq!(error("sixteen letters!"), SecretError::Character);
        assert!(ClientSecret::parse("sixteen-letters!").is_ok());
    }

    #[test]
    fn a_drawn_key_is_a_legal_one_and_never_the_same() {
        let (one, other) = (WriteKey::random(), WriteKey::random());
        assert_eq!(one.expose().len(), 35);
        assert!(one != other && one.hash() != other.hash());
        assert_eq!(WriteKey::parse(one.expose()).unwrap(), one);
        assert_eq!(format!("{one:?} {:?}", one.hash()), "*** ***");
    }

    #[test]
    fn a_key_of_another_service_has_eight_visible_characters_or_more() {
        let error = |text: &str| WriteKey::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error("sevench"), WriteKeyError::Length(7));
        assert_eq!(error(&"x".repeat(257)), WriteKeyError::Length(257));
        for bad in ["eight ch", "eight\tch", "eightéch", "eightch\0"] {
            assert_eq!(error(bad), WriteKeyError::Character, "{bad:?}");
        }
        for good in ["eightchr", "a:b/c?d=e&f+g%h", &"x".repeat(256)] {
            assert_eq!(WriteKey::parse(good).unwrap().expose(), good);
        }
    }

    #[test]
    fn a_data_sets_token_is_drawn_or_one_that_collectors_have() {
        let (one, other) = (DataSetToken::random(), DataSetToken::random());
        assert!(one != other && one.expose().len() == 64);
        assert_eq!(DataSetToken::parse(one.expose()), Ok(one.clone()));
        assert!(one.hash().matches(one.expose()));
        assert_eq!(format!("{one:?}"), "***");
        let error = |text: &str| DataSetToken::parse(text).unwrap_err();
        assert_eq!(error("sevench"), DataSetTokenError::Length(7));
        assert_eq!(error("eight ch"), DataSetTokenError::Character);
    }

    #[test]
    fn the_hash_matches_its_own_secret_only() {
        let secret = ClientSecret::random();
        assert!(secret.hash().matches(secret.expose()));
        assert!(!secret.hash().matches(ClientSecret::random().expose()));
    }
}
