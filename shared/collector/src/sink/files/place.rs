//! Where files are: a bucket of S3, or a directory.

use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};
use reqwest::Url;
use weir_aws::SdkConfig;

use crate::fault::Fault;
use crate::http::{shown_address, without_user};
use crate::sink::SinkError;
use crate::sink::files::s3;
use crate::sink::files::stream::SNAPSHOT;

/// The longest error that is told: stores repeat whole documents.
const LONGEST_CHARS: usize = 500;

/// Codes of S3's errors that do not pass (Amazon S3 API Reference, "Error responses").
const MENDED_BY_PEOPLE: [&str; 4] = [
    "AccessDenied",
    "InvalidAccessKeyId",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
];

/// What the name of a file without records begins with.
const MARK: char = '_';

/// Where files are.
#[derive(Debug)]
pub(super) struct Place {
    shown: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    directory: Option<PathBuf>,
}

impl Place {
    /// Opens `s3://bucket/prefix` or `file:///directory`.
    pub(super) fn open(url: &str, access: Option<&SdkConfig>) -> Result<Self, Fault> {
        let parsed = Url::parse(url).map_err(|_| not_understood(url))?;
        let shown = shown_address(url);
        match (parsed.scheme(), parsed.host_str()) {
            ("file", None) => Self::directory(&shown, &parsed),
            ("s3", Some(bucket)) => {
                without_user(&shown, &parsed)?;
                Self::bucket(&shown, &parsed, bucket, access)
            }
            _ => Err(not_understood(url)),
        }
    }

    fn directory(shown: &str, url: &Url) -> Result<Self, Fault> {
        let directory = url.to_file_path().map_err(|()| not_understood(shown))?;
        let failed = |error: &dyn std::fmt::Display| {
            Fault::new(format!("cannot use the directory {shown}: {error}"))
        };
        std::fs::create_dir_all(&directory).map_err(|error| failed(&error))?;
        let store = LocalFileSystem::new_with_prefix(&directory).map_err(|error| failed(&error))?;
        Ok(Self {
            shown: shown.to_owned(),
            // What is flushed must be there after the machine has lost its power.
            store: Arc::new(store.with_fsync(true)),
            prefix: Path::default(),
            directory: Some(directory),
        })
    }

    fn bucket(
        shown: &str,
        url: &Url,
        bucket: &str,
        access: Option<&SdkConfig>,
    ) -> Result<Self, Fault> {
        let access = access.ok_or_else(|| {
            Fault::new(format!("{shown} needs access to AWS, and there is none"))
                .hint("give a region and credentials as for any AWS tool")
        })?;
        let prefix = Path::from_url_path(url.path()).map_err(|_| not_understood(shown))?;
        Ok(Self {
            shown: shown.to_owned(),
            store: Arc::new(s3::open(bucket, access)?),
            prefix,
            directory: None,
        })
    }

    pub(super) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// The path of what is named below this place.
    pub(super) fn path(&self, below: &str) -> Result<Path, Fault> {
        let whole = match self.prefix.as_ref() {
            "" => below.to_owned(),
            prefix => format!("{prefix}/{below}"),
        };
        Path::parse(whole).map_err(|error| {
            Fault::new(format!(
                "{}: {below:?} cannot be a file: {error}",
                self.shown
            ))
        })
    }

    /// The newest snapshot of a stream that holds anything.
    pub(super) async fn newest_snapshot(&self, stream: &str) -> Result<Option<String>, SinkError> {
        let below = self.path(stream)?;
        let found = self.store.list_with_delimiter(Some(&below)).await;
        let found = found.map_err(|error| self.failed(&error))?;
        let mut snapshots = found.common_prefixes;
        snapshots.sort_unstable();
        for snapshot in snapshots.iter().rev() {
            let name = snapshot
                .filename()
                .and_then(|name| name.strip_prefix(SNAPSHOT));
            if let Some(name) = name
                && is_batch(name)
                && self.holds_any(snapshot).await?
            {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    /// A directory stays when its files are removed.
    async fn holds_any(&self, below: &Path) -> Result<bool, SinkError> {
        let first = self.store.list(Some(below)).try_next().await;
        Ok(first.map_err(|error| self.failed(&error))?.is_some())
    }

    /// Says that a snapshot is there which holds no records yet. Readers of files pass over names
    /// that begin so.
    pub(super) async fn mark(&self, name: &str) -> Result<(), SinkError> {
        let (directory, batch) = name.rsplit_once('/').expect("it is below a stream");
        let path = self.path(&format!("{directory}/{MARK}{batch}-empty"))?;
        let put = self.store.put(&path, object_store::PutPayload::new()).await;
        put.map(drop).map_err(|error| self.failed(&error))
    }

    /// Removes the files of a batch, which is named with the directory that they are below.
    pub(super) async fn discard(&self, name: &str) -> Result<(), SinkError> {
        let (directory, batch) = name
            .rsplit_once('/')
            .filter(|(_, batch)| is_batch(batch))
            .ok_or_else(|| Fault::new(format!("{name:?} names no files of this job")))?;
        let below = self.path(directory)?;
        let all: Vec<_> = self
            .store
            .list(Some(&below))
            .try_filter(|found| {
                let file = found.location.filename().unwrap_or_default();
                std::future::ready(is_of(file, batch))
            })
            .map_ok(|found| found.location)
            .try_collect()
            .await
            .map_err(|error| self.failed(&error))?;
        for path in all {
            match self.store.delete(&path).await {
                Ok(()) | Err(Error::NotFound { .. }) => tracing::info!(%path, "removed {path}"),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.discard_staged(&below, batch).await
    }

    /// Removes what a process that died has left beside the places of its files.
    async fn discard_staged(&self, below: &Path, batch: &str) -> Result<(), SinkError> {
        let Some(root) = &self.directory else {
            return Ok(());
        };
        let directory = root.join(below.as_ref());
        let batch = batch.to_owned();
        let work = tokio::task::spawn_blocking(move || remove_staged(&directory, &batch));
        let done = work.await.expect("removing files does not panic");
        done.map_err(|error| {
            let fault = Fault::new(format!("{}: {error}", self.shown));
            SinkError::Later { fault, after: None }
        })
    }

    /// What an error of the store means to the run.
    pub(super) fn failed(&self, error: &Error) -> SinkError {
        let fault = Fault::new(format!("cannot write to {}: {}", self.shown, chain(error)));
        match error {
            _ if MENDED_BY_PEOPLE
                .iter()
                .any(|code| fault.message.contains(code)) =>
            {
                SinkError::Final(fault)
            }
            Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. } => SinkError::Final(fault),
            _ => SinkError::Later { fault, after: None },
        }
    }
}

fn not_understood(url: &str) -> Fault {
    Fault::new(format!(
        "{:?} is no place for files: use s3://BUCKET/PREFIX or file:///DIRECTORY",
        shown_address(url)
    ))
}

/// The names that `FilesSink::batch` makes, so that nothing else is ever removed.
fn is_batch(text: &str) -> bool {
    let Some((time, random)) = text.split_once("Z-") else {
        return false;
    };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    time.len() == 18
        && random.len() == 16
        && is_hex(random)
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'T')
}

fn is_of(file: &str, batch: &str) -> bool {
    let name = file.strip_prefix(MARK).unwrap_or(file);
    let rest = name.strip_prefix(batch);
    rest.is_some_and(|rest| rest.starts_with('-'))
}

/// Files that are not yet in their places have a `#` in their names.
fn remove_staged(directory: &std::path::Path, batch: &str) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            remove_staged(&entry.path(), batch)?;
        } else if is_of(&name, batch) && name.contains('#') {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// An error with its causes, each once, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [
            "",
            "/tmp/x",
            "s3://",
            "s3:bucket",
            "http://x/y",
            "file://host/x",
            "s4://a/b",
        ] {
            let error = Place::open(bad, None).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
            assert!(error.contains("s3://BUCKET/PREFIX"), "{error}");
        }
        let error = Place::open("s3://user:planted@bucket/a", None).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("no user and password"), "{error}");
        assert!(!error.contains("planted"), "{error}");
        let error = Place::open("s3://bucket/a", None).unwrap_err().to_string();
        assert!(error.contains("needs access to AWS"), "{error}");
    }

    #[test]
    fn only_names_that_a_batch_can_have_are_batches() {
        assert!(is_batch("20261121T175929500Z-0123456789abcdef"));
        for bad in [
            "",
            "Z-",
            "20261121T175929500Z-",
            "x",
            "20261121T175929500Z-0123456789abcdeg",
        ] {
            assert!(!is_batch(bad), "{bad}");
        }
        let batch = "20261121T175929500Z-0123456789abcdef";
        assert!(is_of(&format!("{batch}-1-0.jsonl.gz"), batch));
        assert!(!is_of(
            "20261121T175929500Z-0123456789abcdee-1-0.jsonl.gz",
            batch
        ));
    }
}
