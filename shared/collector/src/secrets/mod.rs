//! Secrets by name: files of a directory on one machine, Secrets Manager on AWS.
//!
//! What was read is kept for some minutes, so that a job that runs often asks seldom; who was
//! refused with what it had asks [`again`](Secrets::again). Names are short and flat, so that no
//! job's file can name anything outside of its place.

mod directory;
mod error;
mod json;
mod text;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_aws::SecretError;

use directory::Exposure;
pub use error::SecretsError;
pub use json::SecretJson;
pub use text::SecretText;

/// How long what was read is used.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// The longest name.
const LONGEST_NAME: usize = 128;

/// Where secrets are. It may be shared by all jobs of a process.
#[derive(Debug)]
pub struct Secrets {
    place: Place,
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug)]
enum Place {
    Directory(PathBuf),
    Manager {
        service: weir_aws::Secrets,
        prefix: String,
    },
}

#[derive(Debug)]
struct Kept {
    secret: Arc<SecretJson>,
    read: Instant,
}

impl Secrets {
    /// Secrets that are files `NAME` or `NAME.json` of a directory.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::of(Place::Directory(path.into()))
    }

    /// Secrets of Secrets Manager, named `{prefix}{name}`: a stack's prefix is `STACK/collect/`.
    pub fn manager(service: weir_aws::Secrets, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self::of(Place::Manager { service, prefix })
    }

    fn of(place: Place) -> Self {
        let kept = Mutex::default();
        Self { place, kept }
    }

    /// A secret, perhaps as it was some minutes ago.
    ///
    /// # Errors
    /// When the name is none, or there is no such secret, or it is no JSON object, or it cannot be
    /// read.
    pub async fn json(&self, name: &str) -> Result<Arc<SecretJson>, SecretsError> {
        match self.recent(name) {
            Some(secret) => Ok(secret),
            None => self.again(name).await,
        }
    }

    /// A secret as it is now, for who was refused with what it was before.
    ///
    /// # Errors
    /// As [`json`](Secrets::json).
    pub async fn again(&self, name: &str) -> Result<Arc<SecretJson>, SecretsError> {
        let secret = Arc::new(self.read(name).await?);
        let read = Instant::now();
        let kept = Kept {
            secret: Arc::clone(&secret),
            read,
        };
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), kept);
        Ok(secret)
    }

    fn recent(&self, name: &str) -> Option<Arc<SecretJson>> {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(name)?;
        (kept.read.elapsed() < KEPT_FOR).then(|| Arc::clone(&kept.secret))
    }

    async fn read(&self, name: &str) -> Result<SecretJson, SecretsError> {
        if !is_name(name) {
            return Err(SecretsError::Name(name.to_owned()));
        }
        match &self.place {
            Place::Directory(directory) => of_directory(directory, name),
            Place::Manager { service, prefix } => {
                of_manager(service, &format!("{prefix}{name}")).await
            }
        }
    }
}

fn of_directory(directory: &Path, name: &str) -> Result<SecretJson, SecretsError> {
    let path = directory::file(directory, name);
    let secret = SecretJson::from_file(&path)?;
    match directory::exposure(&path) {
        Exposure::None => {}
        Exposure::Readable => tracing::warn!(
            file = %path.display(),
            "a secret's file can be read or changed by other users of this machine: chmod 600 it"
        ),
        Exposure::Writable => {
            return Err(
                secret.invalid("may be changed by every user of this machine: chmod 600 it")
            );
        }
    }
    Ok(secret)
}

async fn of_manager(service: &weir_aws::Secrets, name: &str) -> Result<SecretJson, SecretsError> {
    let place = format!("secret {name}");
    match service.read(name).await {
        Ok(text) => SecretJson::parse(place, &text),
        Err(SecretError::Missing { .. }) => Err(SecretsError::Missing { place }),
        Err(SecretError::NoText { .. }) => Err(SecretsError::Invalid {
            place,
            problem: "holds no text".to_owned(),
        }),
        Err(SecretError::Failed {
            cause,
            is_denied: true,
            ..
        }) => Err(SecretsError::Denied {
            place,
            cause,
            hint: "allow the role to read it (secretsmanager:GetSecretValue, kms:Decrypt)",
        }),
        Err(SecretError::Failed { cause, .. }) => Err(SecretsError::Unavailable { place, cause }),
    }
}

/// No separators and no dot first, so that a name stays where it is looked for.
fn is_name(name: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    fn place(mode: u32) -> (tempfile::TempDir, Secrets) {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), "pingdom.json", "planted-1", mode);
        let secrets = Secrets::directory(directory.path());
        (directory, secrets)
    }

    fn put(directory: &Path, file: &str, token: &str, mode: u32) {
        let path = directory.join(file);
        write(&path, format!("{{\"token\": \"{token}\"}}")).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    async fn token(secrets: &Secrets, name: &str) -> String {
        let secret = secrets.json(name).await.unwrap();
        secret.text("token").unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn a_file_is_found_with_and_without_its_ending() {
        let (directory, secrets) = place(0o600);
        put(directory.path(), "plain", "planted-2", 0o600);
        assert_eq!(token(&secrets, "pingdom").await, "planted-1");
        assert_eq!(token(&secrets, "pingdom.json").await, "planted-1");
        assert_eq!(token(&secrets, "plain").await, "planted-2");
    }

    #[tokio::test]
    async fn a_name_with_a_separator_is_refused() {
        let (_directory, secrets) = place(0o600);
        for bad in [
            "../pingdom",
            "a/b",
            "..",
            ".hidden",
            "",
            "a b",
            "a\\b",
            "arn:aws:x",
        ] {
            let error = secrets.json(bad).await.unwrap_err();
            assert_eq!(error, SecretsError::Name(bad.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_missing_secret_is_named_by_its_file() {
        let (directory, secrets) = place(0o600);
        let error = secrets.json("other").await.unwrap_err().to_string();
        let path = directory.path().join("other.json");
        assert_eq!(error, format!("{} does not exist", path.display()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_again_after_some_minutes_or_when_asked() {
        let (directory, secrets) = place(0o600);
        assert_eq!(token(&secrets, "pingdom").await, "planted-1");
        put(directory.path(), "pingdom.json", "planted-2", 0o600);
        assert_eq!(token(&secrets, "pingdom").await, "planted-1");
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(token(&secrets, "pingdom").await, "planted-2");
        put(directory.path(), "pingdom.json", "planted-3", 0o600);
        secrets.again("pingdom").await.unwrap();
        assert_eq!(token(&secrets, "pingdom").await, "planted-3");
    }

    #[tokio::test]
    async fn a_file_that_everyone_may_change_is_refused() {
        let (_directory, secrets) = place(0o666);
        let error = secrets.json("pingdom").await.unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        let (_directory, secrets) = place(0o644);
        assert_eq!(token(&secrets, "pingdom").await, "planted-1");
    }

    #[tokio::test]
    async fn a_debug_shows_no_secret() {
        let (_directory, secrets) = place(0o600);
        token(&secrets, "pingdom").await;
        let shown = format!("{secrets:?}");
        assert!(shown.contains("pingdom"), "{shown}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}
