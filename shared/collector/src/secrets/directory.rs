//! Secrets that are files of a directory.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::secrets::SecretsError;

/// More than any credentials have.
const LARGEST_BYTES: u64 = 256 * 1024;

/// Finds the file of a name: `NAME`, or `NAME.json`.
pub(super) fn file(directory: &Path, name: &str) -> PathBuf {
    let plain = directory.join(name);
    match plain.is_file() {
        true => plain,
        false => directory.join(format!("{name}.json")),
    }
}

/// Reads a file of bounded size.
pub(super) fn read(path: &Path) -> Result<String, SecretsError> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(LARGEST_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > LARGEST_BYTES => Err(SecretsError::Invalid {
            place: path.display().to_string(),
            problem: format!("must not be larger than {LARGEST_BYTES} bytes"),
        }),
        Ok(_) => Ok(text),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> SecretsError {
    let place = path.display().to_string();
    match error.kind() {
        ErrorKind::NotFound => SecretsError::Missing { place },
        ErrorKind::InvalidData => SecretsError::Invalid {
            place,
            problem: "is not text in UTF-8".to_owned(),
        },
        ErrorKind::PermissionDenied => SecretsError::Denied {
            place,
            cause: error.to_string(),
            hint: "make the user that runs this its owner: chown, and chmod 600",
        },
        _ => SecretsError::Unavailable {
            place,
            cause: error.to_string(),
        },
    }
}

/// What is wrong with who may reach a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Its owner, and perhaps its group, reads it.
    None,
    /// Every user of the machine may read it, or its group write it.
    Readable,
    /// Every user of the machine may replace what is in it.
    Writable,
}

/// Looks at who may reach a file.
#[cfg(unix)]
pub(super) fn exposure(path: &Path) -> Exposure {
    use std::os::unix::fs::PermissionsExt as _;

    // Whether it is there is asked when it is read.
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    match mode {
        mode if mode & 0o002 != 0 => Exposure::Writable,
        mode if mode & 0o024 != 0 => Exposure::Readable,
        _ => Exposure::None,
    }
}

/// Elsewhere than on Unix the system is not asked.
#[cfg(not(unix))]
pub(super) fn exposure(_path: &Path) -> Exposure {
    Exposure::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_told_from_one_that_may_be_later() {
        let denied = failed(Path::new("a.json"), &ErrorKind::PermissionDenied.into());
        assert!(matches!(denied, SecretsError::Denied { .. }), "{denied}");
        assert!(denied.to_string().starts_with("a.json: "), "{denied}");
        let busy = failed(Path::new("a.json"), &ErrorKind::Interrupted.into());
        assert!(matches!(busy, SecretsError::Unavailable { .. }), "{busy}");
    }
}
