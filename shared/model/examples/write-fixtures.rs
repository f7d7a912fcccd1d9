//! Writes the fixtures of the current version of the stored forms; `tests/fixtures/README.md` says
//! when. Files that are there already stay as they are.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use weir_model::Chunk;

fn main() -> io::Result<()> {
    for kind in sample::BLOCKS {
        let block = sample::block(kind).expect("a sample of this name");
        write(kind, &block.encode())?;
    }
    write("chunk", &Chunk::encode(&sample::chunk()))?;
    let manifest = sample::manifest().encode();
    write("manifest-day", &manifest.day)?;
    write("manifest-quarters", &manifest.quarters)?;
    write("manifest-took", &manifest.took)?;
    write("manifest-runs", &manifest.runs)
}

fn write(kind: &str, bytes: &[u8]) -> io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = directory.join(format!("{kind}-v{}.bin", bytes[0]));
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(bytes),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
