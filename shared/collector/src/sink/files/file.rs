//! One file, on its way to its place.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use tokio::task::spawn_blocking;

use crate::fault::Fault;
use crate::sink::SinkError;
use crate::sink::files::encode::Encoder;
use crate::sink::files::place::Place;

/// One file, of which a part may be uploaded. It is there when it is completed.
#[derive(Debug)]
pub(super) struct File {
    path: Path,
    encoder: Option<Encoder>,
    encoded: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl File {
    pub(super) fn new(path: Path, encoder: Encoder) -> Self {
        Self {
            path,
            encoder: Some(encoder),
            encoded: Vec::new(),
            upload: None,
        }
    }

    /// How many bytes it holds in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.encoded.len()
    }

    /// Takes lines.
    pub(super) async fn add(&mut self, lines: Vec<u8>) -> Result<(), Fault> {
        let mut encoder = self
            .encoder
            .take()
            .expect("a file that is sealed takes no more");
        let work = spawn_blocking(move || {
            let encoded = encoder.step(&lines);
            (encoder, encoded)
        });
        let (encoder, encoded) = work.await.expect("encoding does not panic");
        self.encoder = Some(encoder);
        self.encoded.extend_from_slice(&encoded?);
        Ok(())
    }

    /// Uploads what it holds, as one part.
    pub(super) async fn upload(&mut self, place: &Place) -> Result<(), SinkError> {
        let part = Bytes::from(std::mem::take(&mut self.encoded));
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let begun = place.store().put_multipart(&self.path).await;
                none.insert(begun.map_err(|error| place.failed(&error))?)
            }
        };
        let done = upload.put_part(part.into()).await;
        done.map_err(|error| place.failed(&error))
    }

    /// Uploads the rest, so that nothing is held and nothing is missing but the completion.
    pub(super) async fn seal(&mut self, place: &Place) -> Result<(), SinkError> {
        self.finish()?;
        match self.encoded.is_empty() && self.upload.is_some() {
            true => Ok(()),
            false => self.upload(place).await,
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        if let Some(encoder) = self.encoder.take() {
            let end = encoder.finish().map_err(SinkError::Final)?;
            self.encoded.extend_from_slice(&end);
        }
        Ok(())
    }

    /// Brings it into being, or leaves nothing of it.
    pub(super) async fn complete(mut self, place: &Place) -> Result<(), SinkError> {
        let done = self.bring(place).await;
        if done.is_err() {
            self.abandon().await;
        }
        done
    }

    async fn bring(&mut self, place: &Place) -> Result<(), SinkError> {
        self.finish()?;
        if self.upload.is_none() {
            let whole = Bytes::from(std::mem::take(&mut self.encoded));
            let done = place.store().put(&self.path, whole.into()).await;
            return done.map(drop).map_err(|error| place.failed(&error));
        }
        if !self.encoded.is_empty() {
            self.upload(place).await?;
        }
        let upload = self.upload.as_mut().expect("it was there above");
        let done = upload.complete().await;
        done.map(drop).map_err(|error| place.failed(&error))
    }

    /// Removes what was uploaded. What stays nevertheless is nobody's file, and the store's
    /// lifecycle removes it.
    pub(super) async fn abandon(mut self) {
        if let Some(upload) = &mut self.upload
            && let Err(error) = upload.abort().await
        {
            let path = &self.path;
            tracing::warn!(%path, "cannot take back the parts of {path}: {error}");
        }
    }
}
