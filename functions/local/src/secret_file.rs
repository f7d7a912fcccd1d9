//! A secret in a file, or on standard input. Nothing of it is ever shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::Failure;

/// What was read, and from where.
pub(crate) struct SecretFile {
    /// What messages call the place.
    pub(crate) place: String,
    pub(crate) text: String,
}

impl SecretFile {
    /// Reads a file, or standard input for `-`. `what` is in it, for messages.
    ///
    /// # Errors
    /// When it cannot be read, is no text, or has more bytes.
    pub(crate) fn read(file: &Path, what: &str, most_bytes: u64) -> Result<SecretFile> {
        let is_input = file == Path::new("-");
        let place = match is_input {
            true => "standard input".to_owned(),
            false => file.display().to_string(),
        };
        let read = match is_input {
            true => up_to(most_bytes, io::stdin()),
            false => File::open(file).and_then(|file| up_to(most_bytes, file)),
        };
        let text = read.with_context(|| format!("cannot read {what} from {place}"))?;
        if text.len() as u64 > most_bytes {
            let message =
                format!("{place}: {what} has up to {most_bytes} bytes, and this has more");
            return Err(Failure::usage(message).into());
        }
        Ok(SecretFile { place, text })
    }
}

/// One byte more than that, so that too many can be told.
fn up_to(most_bytes: u64, from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(most_bytes + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_a_bound_and_named_in_errors() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("planted");
        std::fs::write(&file, "planted-secret").unwrap();
        let read = SecretFile::read(&file, "a key", 14).unwrap();
        assert_eq!(read.text, "planted-secret");
        assert_eq!(read.place, file.display().to_string());

        let refuse = |file: &Path, most| {
            let error = SecretFile::read(file, "a key", most).err().unwrap();
            let told = format!("{error:#}");
            assert!(
                told.contains("a key") && told.contains(&read.place),
                "{told}"
            );
            assert!(!told.contains("planted-secret"), "{told}");
            told
        };
        assert!(refuse(&file, 13).contains("up to 13 bytes"));
        std::fs::remove_file(&file).unwrap();
        assert!(refuse(&file, 13).contains("No such file"));
    }
}
