//! Lines of JSON as bytes of a file.

use std::io::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::fault::Fault;
use crate::sink::files::columns::Columns;

/// Three times as fast as the usual level, and a tenth larger.
const GZIP_LEVEL: u32 = 3;

/// How many rows the columns are built of at once.
const ROWS_AT_ONCE: usize = 8192;

/// How records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Lines of JSON, compressed with gzip.
    #[default]
    JsonLines,
    /// Parquet, with columns from the stream's schema.
    Parquet,
}

impl FileFormat {
    /// How names of such files end.
    pub(super) fn ending(self) -> &'static str {
        match self {
            FileFormat::JsonLines => "jsonl.gz",
            FileFormat::Parquet => "parquet",
        }
    }

    /// How many bytes of lines are encoded at once: a member of a gzip file, or a row group.
    pub(super) fn step_bytes(self) -> usize {
        match self {
            FileFormat::JsonLines => 1 << 20,
            FileFormat::Parquet => 8 << 20,
        }
    }
}

impl FromStr for FileFormat {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "jsonl.gz" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Fault::new(format!(
                "{text:?} is no format of files: use \"jsonl.gz\" or \"parquet\""
            ))),
        }
    }
}

/// Encodes the lines of one file, step by step.
pub(super) enum Encoder {
    /// Each step is a member of its own: a gzip file may have many.
    JsonLines,
    Parquet(Box<ArrowWriter<Vec<u8>>>, Arc<Columns>),
}

impl Encoder {
    /// Lines with columns are Parquet, others JSON lines.
    pub(super) fn new(columns: Option<&Arc<Columns>>) -> Result<Self, Fault> {
        let Some(columns) = columns else {
            return Ok(Self::JsonLines);
        };
        let level = ZstdLevel::try_new(1).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Codec::ZSTD(level))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties));
        let writer = Box::new(writer.map_err(failed)?);
        Ok(Self::Parquet(writer, Arc::clone(columns)))
    }

    /// Encodes some lines, and gives what there is to be written of them.
    pub(super) fn step(&mut self, lines: &[u8]) -> Result<Vec<u8>, Fault> {
        match self {
            Self::JsonLines => Ok(gzip(lines)),
            Self::Parquet(writer, columns) => {
                row_group(writer, columns, lines)?;
                Ok(std::mem::take(writer.inner_mut()))
            }
        }
    }

    /// Gives the end of the file.
    pub(super) fn finish(self) -> Result<Vec<u8>, Fault> {
        match self {
            Self::JsonLines => Ok(Vec::new()),
            Self::Parquet(writer, _) => writer.into_inner().map_err(failed),
        }
    }
}

fn gzip(lines: &[u8]) -> Vec<u8> {
    let out = Vec::with_capacity(lines.len() / 4);
    let mut gzip = GzEncoder::new(out, Compression::new(GZIP_LEVEL));
    let written = gzip.write_all(lines).and_then(|()| gzip.finish());
    written.expect("memory takes it")
}

fn row_group(
    writer: &mut ArrowWriter<Vec<u8>>,
    columns: &Columns,
    mut lines: &[u8],
) -> Result<(), Fault> {
    let reader = ReaderBuilder::new(columns.schema()).with_batch_size(ROWS_AT_ONCE);
    let mut decoder = reader.build_decoder().map_err(failed)?;
    loop {
        let read = decoder.decode(lines).map_err(failed)?;
        lines = &lines[read..];
        match decoder.flush().map_err(failed)? {
            Some(rows) => writer.write(&rows).map_err(failed)?,
            None => break,
        }
    }
    writer.flush().map_err(failed)
}

fn failed(error: impl Into<ParquetError>) -> Fault {
    Fault::new(format!("cannot write Parquet: {}", error.into()))
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}
