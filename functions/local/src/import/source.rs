//! What is imported, as bytes: a file or standard input, whose beginning can be looked at first.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::args::ImportFormat;

/// How much of the beginning is remembered: more than any first batch has.
const HEAD_BYTES: usize = 4 * 1024 * 1024;

/// How much of the beginning tells formats apart.
const PEEK_BYTES: usize = 1024;

/// Bytes with a name.
pub(crate) struct Source {
    /// What to call it.
    pub(crate) name: String,
    /// How many bytes there are, if that is known.
    pub(crate) bytes: Option<u64>,
    inner: Box<dyn Read + Send>,
    head: Head,
    replayed: usize,
}

/// The beginning of a source, as far as it was read. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Head(Arc<Mutex<Vec<u8>>>);

/// Names the beginning of a source: how long it is, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Beginning {
    /// How many bytes.
    pub(crate) bytes: usize,
    /// SHA-256 of them in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Source> {
        if path == Path::new("-") {
            return Ok(Source::new("standard input", io::stdin()));
        }
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let about = file
            .metadata()
            .with_context(|| format!("cannot read {name}"))?;
        let bytes = about.is_file().then_some(about.len());
        Ok(Source {
            bytes,
            ..Source::new(&name, file)
        })
    }

    pub(crate) fn new(name: &str, inner: impl Read + Send + 'static) -> Source {
        Source {
            name: name.into(),
            bytes: None,
            inner: Box::new(inner),
            head: Head::default(),
            replayed: 0,
        }
    }

    /// The beginning, as far as it has been read.
    pub(crate) fn head(&self) -> Head {
        self.head.clone()
    }

    /// Reads ahead until so many bytes of the beginning are known, or all there are. They are
    /// read again afterwards.
    pub(crate) fn look_ahead(&mut self, bytes: usize) -> io::Result<()> {
        let mut head = self.head.lock();
        let missing = bytes.min(HEAD_BYTES).saturating_sub(head.len());
        io::copy(&mut (&mut self.inner).take(missing as u64), &mut *head).map(|_| ())
    }

    /// Guesses the format from the name, else from the first character.
    pub(crate) fn guess_format(&mut self) -> io::Result<ImportFormat> {
        let extension = Path::new(&self.name)
            .extension()
            .and_then(|text| text.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("ndjson" | "jsonl") => return Ok(ImportFormat::Ndjson),
            Some("csv") => return Ok(ImportFormat::Csv),
            _ => self.look_ahead(PEEK_BYTES)?,
        }
        let head = self.head.lock();
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head);
        Ok(match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => ImportFormat::Django,
            Some(b'{') | None => ImportFormat::Ndjson,
            Some(_) => ImportFormat::Csv,
        })
    }
}

/// What some programs put before UTF-8 text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut head = self.head.lock();
        if let Some(rest @ [_, ..]) = head.get(self.replayed..) {
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            self.replayed += count;
            return Ok(count);
        }
        let count = self.inner.read(into)?;
        let room = HEAD_BYTES - head.len();
        head.extend_from_slice(&into[..count.min(room)]);
        self.replayed = head.len();
        Ok(count)
    }
}

impl Head {
    /// Names the first bytes, or the first that are remembered if these are fewer.
    pub(crate) fn beginning(&self, bytes: u64) -> Beginning {
        let head = self.lock();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(head.len());
        Beginning {
            bytes,
            sha256: weir_service::secret::hex(&Sha256::digest(&head[..bytes])),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("nobody panics while reading")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_read_again() {
        let text: Vec<u8> = (0..5_000_000_u32).map(|n| n as u8).collect();
        let mut source = Source::new("test", io::Cursor::new(text.clone()));
        source.look_ahead(1000).unwrap();
        source.look_ahead(10).unwrap();
        let mut all = Vec::new();
        source.read_to_end(&mut all).unwrap();
        assert!(all == text);
        assert_eq!(source.head().lock().len(), HEAD_BYTES);
        assert_eq!(source.head().beginning(u64::MAX).bytes, HEAD_BYTES);
    }

    #[test]
    fn a_beginning_is_named_by_its_bytes() {
        let mut source = Source::new("test", &b"abcdef"[..]);
        source.look_ahead(100).unwrap();
        let abc = source.head().beginning(3);
        assert_eq!(abc.bytes, 3);
        // FIPS 180-2, appendix B.1.
        assert!(abc.sha256.starts_with("ba7816bf8f01cfea"));
        assert_eq!(source.head().beginning(100).bytes, 6);
    }

    #[test]
    fn the_format_is_guessed_from_the_name_or_the_first_character() {
        let check = |name: &str, text: &'static str, expected: ImportFormat| {
            let mut source = Source::new(name, text.as_bytes());
            assert_eq!(source.guess_format().unwrap(), expected, "{name} {text}");
        };
        check("a.ndjson", "[", ImportFormat::Ndjson);
        check("a.JSONL", "x", ImportFormat::Ndjson);
        check("a.csv", "{", ImportFormat::Csv);
        check("a.json", " \n[{}]", ImportFormat::Django);
        check("a.json", "{}", ImportFormat::Ndjson);
        check("standard input", "\u{feff}[", ImportFormat::Django);
        check("standard input", "namespace,name", ImportFormat::Csv);
        check("standard input", "", ImportFormat::Ndjson);
    }
}
