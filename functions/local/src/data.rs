//! The data directory: one Weir's own, held by a lock, closed to everybody but its owner.
//!
//! It holds the database, the lock with the number of the process that has it, the keys that
//! sign tokens, the control socket, and the journals of imports.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_service::auth::{MIN_KEY_BYTES, SigningKey, SigningKeys};
use weir_service::secret::random_bytes;

/// Only the owner may look inside.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Only the owner may read and write.
const PRIVATE_FILE: u32 = 0o600;

const DATABASE: &str = "weir.db";
const LOCK: &str = "lock";
const SIGNING_KEYS: &str = "signing-key.json";
const CONTROL: &str = "control.sock";
const IMPORTS: &str = "imports";

/// A data directory that this process holds. Others may have it once this is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be had.
#[derive(Debug, Error)]
pub enum DataError {
    /// Another process holds it.
    #[error("{} is in use by {}", path.display(), process(*pid))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Which process, if it has said so.
        pid: Option<u32>,
    },
    /// It holds something else.
    #[error("{} is not empty and holds no data of Weir", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be made, read or written.
    #[error("cannot {what} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
    /// The signing keys cannot be understood.
    #[error("{} does not hold one or two signing keys: {cause}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    move |cause| DataError::Io {
        what,
        path: path.to_owned(),
        cause,
    }
}

impl DataDirectory {
    /// Takes hold of a directory, and makes it if it is missing.
    ///
    /// # Errors
    /// When another process holds it, it holds other things, or it cannot be written.
    pub fn open(path: &Path) -> Result<DataDirectory, DataError> {
        make_private(path)?;
        let lock = lock(path)?;
        Ok(DataDirectory {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Whether a directory was ever one of Weir's.
    pub fn exists(path: &Path) -> bool {
        path.join(LOCK).exists()
    }

    /// The control socket of whoever holds a directory.
    pub fn control_socket_of(path: &Path) -> PathBuf {
        path.join(CONTROL)
    }

    /// Where the imports into a directory's store are remembered.
    pub fn imports_of(path: &Path) -> PathBuf {
        path.join(IMPORTS)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded engine's file.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where to listen for the owner's commands.
    pub fn control_socket(&self) -> PathBuf {
        Self::control_socket_of(&self.path)
    }

    /// The keys that sign tokens: the first signs, a second one is accepted as well. Drawn and
    /// kept the first time.
    ///
    /// # Errors
    /// When the file cannot be read, written or understood.
    pub fn signing_keys(&self) -> Result<SigningKeys, DataError> {
        let path = self.path.join(SIGNING_KEYS);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = KeyFile::draw();
                write_private(&path, &text).map_err(failed("write", &path))?;
                text
            }
            Err(error) => return Err(failed("read", &path)(error)),
        };
        KeyFile::read(&text).map_err(|cause| DataError::Keys { path, cause })
    }
}

/// The signing keys as they are kept: secrets in base64url.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    keys: Vec<String>,
}

impl KeyFile {
    fn draw() -> Vec<u8> {
        let keys = vec![URL_SAFE_NO_PAD.encode(random_bytes::<MIN_KEY_BYTES>())];
        serde_json::to_vec_pretty(&KeyFile { keys }).expect("a list of texts is JSON")
    }

    /// Says what is wrong without showing what is there.
    fn read(text: &[u8]) -> Result<SigningKeys, String> {
        let unreadable = || "it is not {\"keys\": [\"…\"]}".to_owned();
        let file: KeyFile = serde_json::from_slice(text).map_err(|_| unreadable())?;
        let key = |text: &String| {
            let secret = URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| "a key is not base64url".to_owned())?;
            SigningKey::new(&secret).map_err(|error| error.to_string())
        };
        match file.keys.as_slice() {
            [only] => Ok(SigningKeys::new(key(only)?)),
            [signs, other] => Ok(SigningKeys::new(key(signs)?).accepting(key(other)?)),
            keys => Err(format!("it has {} keys", keys.len())),
        }
    }
}

/// Makes the directory, or sees to it that it is ours and closed.
fn make_private(path: &Path) -> Result<(), DataError> {
    if path.is_dir() {
        // Closing a directory of other things would lock their owners out.
        if !is_ours(path).map_err(failed("read", path))? {
            return Err(DataError::Foreign {
                path: path.to_owned(),
            });
        }
        let private = Permissions::from_mode(PRIVATE_DIRECTORY);
        return fs::set_permissions(path, private).map_err(failed("close to others", path));
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_DIRECTORY);
    builder.create(path).map_err(failed("make", path))
}

/// Weir's own directory has its lock in it; a new one may be empty.
fn is_ours(path: &Path) -> io::Result<bool> {
    Ok(path.join(LOCK).exists() || fs::read_dir(path)?.next().is_none())
}

fn lock(directory: &Path) -> Result<File, DataError> {
    let path = directory.join(LOCK);
    let mut file = private()
        .read(true)
        .open(&path)
        .map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&path)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            return Err(DataError::InUse {
                path: directory.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failed("write", &path))?;
    Ok(file)
}

fn private() -> OpenOptions {
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE);
    options
}

/// Puts a file in place whole: a crash leaves the old one or the new one.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut file = private().truncate(true).open(&next)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_and_its_secrets_are_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");
        let data = DataDirectory::open(&path).unwrap();
        data.signing_keys().unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(SIGNING_KEYS)), 0o600);
        assert_eq!(mode(&path.join(LOCK)), 0o600);
    }

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let path = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(path.path()).unwrap();
        let error = DataDirectory::open(path.path()).unwrap_err();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        drop(first);
        assert!(DataDirectory::open(path.path()).is_ok());
    }

    #[test]
    fn a_directory_of_other_things_is_left_alone() {
        let path = tempfile::tempdir().unwrap();
        fs::write(path.path().join("thesis.txt"), "important").unwrap();
        let before = mode(path.path());
        let error = DataDirectory::open(path.path()).unwrap_err();
        assert!(matches!(error, DataError::Foreign { .. }), "{error}");
        assert_eq!(mode(path.path()), before);
    }

    #[test]
    fn signing_keys_are_kept() {
        let path = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(path.path()).unwrap();
        data.signing_keys().unwrap();
        let kept = fs::read(path.path().join(SIGNING_KEYS)).unwrap();
        data.signing_keys().unwrap();
        assert_eq!(fs::read(path.path().join(SIGNING_KEYS)).unwrap(), kept);
    }

    #[test]
    fn a_key_file_has_one_or_two_long_keys() {
        let key = URL_SAFE_NO_PAD.encode([7; 32]);
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        let read = |keys: &[&str]| {
            let text = serde_json::to_vec(&serde_json::json!({ "keys": keys })).unwrap();
            KeyFile::read(&text).map(|_| ())
        };
        assert_eq!(read(&[&key]), Ok(()));
        assert_eq!(read(&[&key, &key]), Ok(()));
        assert_eq!(read(&[]), Err("it has 0 keys".into()));
        assert_eq!(read(&[&key, &key, &key]), Err("it has 3 keys".into()));
        assert!(read(&[&short]).is_err());
        let error = KeyFile::read(b"hush").map(|_| ()).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
}
