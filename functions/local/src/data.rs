//! The data directory: one Weir's own, held by a lock, closed to everybody but its owner.
//!
//! It holds the database, the lock with the number of the process that has it, the keys that
//! sign tokens, the control socket, and the journals of imports.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use thiserror::Error;
use weir_service::auth::{DocumentError, KeyDocument, KeySource, KeysUnavailable, SigningKeys};

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
        cause: DocumentError,
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

    /// The file with the keys that sign tokens. The first time, one is drawn and kept.
    ///
    /// # Errors
    /// When the file cannot be read, written or understood.
    pub fn signing_keys(&self) -> Result<KeyFile, DataError> {
        let file = KeyFile::of(&self.path);
        match file.document() {
            Err(DataError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                file.keep(&KeyDocument::draw())?;
            }
            other => drop(other?),
        }
        Ok(file)
    }
}

/// The file with the keys that sign tokens. A server reads it again while it runs, so the keys
/// can be rotated beside it.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The one of a data directory.
    pub fn of(directory: &Path) -> KeyFile {
        KeyFile {
            path: directory.join(SIGNING_KEYS),
        }
    }

    /// The keys that are there.
    ///
    /// # Errors
    /// When the file is missing, or cannot be read or understood.
    pub fn document(&self) -> Result<KeyDocument, DataError> {
        let path = &self.path;
        let text = fs::read_to_string(path).map_err(failed("read", path))?;
        KeyDocument::parse(&text).map_err(|cause| DataError::Keys {
            path: path.clone(),
            cause,
        })
    }

    /// Puts other keys in the place of those that are there, and gives them. One change waits for
    /// another; a running server notices within minutes.
    ///
    /// # Errors
    /// When the change is refused, or the file is missing, or cannot be read, understood or
    /// written.
    pub fn change<E: From<DataError>>(
        &self,
        change: impl FnOnce(&KeyDocument) -> Result<KeyDocument, E>,
    ) -> Result<KeyDocument, E> {
        let path = self.path.with_extension("lock");
        let lock = private().open(&path).map_err(failed("open", &path))?;
        lock.lock().map_err(failed("lock", &path))?;
        let document = change(&self.document()?)?;
        self.keep(&document)?;
        Ok(document)
    }

    fn keep(&self, document: &KeyDocument) -> Result<(), DataError> {
        let text = document.expose();
        write_private(&self.path, text.as_bytes()).map_err(failed("write", &self.path))
    }
}

impl KeySource for KeyFile {
    fn read(&self) -> BoxFuture<'_, Result<SigningKeys, KeysUnavailable>> {
        Box::pin(async {
            let file = self.clone();
            let unavailable = |cause: &dyn std::fmt::Display| KeysUnavailable(cause.to_string());
            let document = tokio::task::spawn_blocking(move || file.document())
                .await
                .map_err(|error| unavailable(&error))?
                .map_err(|error| unavailable(&error))?;
            document.keys().map_err(|error| unavailable(&error))
        })
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

    fn kept(path: &Path) -> String {
        fs::read_to_string(path.join(SIGNING_KEYS)).unwrap()
    }

    #[test]
    fn signing_keys_are_kept() {
        let path = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(path.path()).unwrap();
        data.signing_keys().unwrap();
        let first = kept(path.path());
        data.signing_keys().unwrap();
        assert_eq!(kept(path.path()), first);
    }

    #[test]
    fn a_rotation_replaces_the_file_and_keeps_it_closed() {
        let path = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(path.path()).unwrap();
        let rotate = || {
            let rotated = |document: &KeyDocument| Ok::<_, DataError>(document.rotated());
            KeyFile::of(path.path()).change(rotated)
        };
        assert!(rotate().is_err(), "there is none");
        data.signing_keys().unwrap();
        let first: serde_json::Value = serde_json::from_str(&kept(path.path())).unwrap();
        rotate().unwrap();
        let second: serde_json::Value = serde_json::from_str(&kept(path.path())).unwrap();
        assert_eq!(second["accepts"], first["signs"]);
        assert_ne!(second["signs"], first["signs"]);
        assert_eq!(mode(&path.path().join(SIGNING_KEYS)), 0o600);
    }

    #[test]
    fn a_file_that_holds_no_keys_is_named_and_left_alone() {
        let path = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(path.path()).unwrap();
        fs::write(path.path().join(SIGNING_KEYS), "hush").unwrap();
        let error = data.signing_keys().unwrap_err().to_string();
        assert!(error.contains(SIGNING_KEYS), "{error}");
        assert!(!error.contains("hush"), "{error}");
        assert!(KeyFile::of(path.path()).document().is_err());
        assert_eq!(kept(path.path()), "hush");
    }
}
