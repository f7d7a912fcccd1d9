//! Every version of every stored form that was ever written can be read.

mod sample;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use weir_model::{Block, Chunk, EncodedManifest, Manifest, Quarters, Totals};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn bytes(file: &str) -> Vec<u8> {
    fs::read(directory().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names of all fixtures: what they hold, and their version.
fn fixtures() -> BTreeSet<(String, u8)> {
    let files = fs::read_dir(directory()).expect("the directory of fixtures");
    files
        .filter_map(|file| file.expect("a file").file_name().into_string().ok())
        .filter_map(|name| {
            let (kind, version) = name.strip_suffix(".bin")?.rsplit_once("-v")?;
            Some((kind.to_owned(), version.parse().expect("a version")))
        })
        .collect()
}

fn check_block(kind: &str, version: u8) {
    let expected = sample::block(kind).expect("a sample of this name");
    let bytes = bytes(&format!("{kind}-v{version}.bin"));
    assert_eq!(bytes[0], version);
    assert_eq!(
        Block::decode(sample::day(), &bytes).as_ref(),
        Ok(&expected),
        "{kind}"
    );
    let quarters = Block::quarters_of(sample::day(), &bytes).expect("totals");
    assert!(
        quarters.agrees_with(&Quarters::from_events(&expected.events)),
        "{kind}"
    );
}

fn check_chunk(version: u8) {
    let bytes = bytes(&format!("chunk-v{version}.bin"));
    assert_eq!(bytes[0], version);
    assert_eq!(Chunk::decode(sample::day(), &bytes), Ok(sample::chunk()));
}

fn check_manifest(version: u8) {
    let part = |part: &str| bytes(&format!("manifest-{part}-v{version}.bin"));
    let parts = EncodedManifest {
        day: part("day"),
        quarters: part("quarters"),
        took: part("took"),
        runs: part("runs"),
    };
    let (expected, read) = (
        sample::manifest(),
        Manifest::decode(&parts).expect("a manifest"),
    );
    assert_eq!((&read.took, &read.dead), (&expected.took, &expected.dead));
    // The last bits of sums and spread depend on how doubles are added, which may be improved.
    assert!(read.quarters.agrees_with(&expected.quarters));
    assert!(
        Totals::decode(&parts.day)
            .expect("totals")
            .agrees_with(&expected.total())
    );
    for (read, expected) in read.runs.iter().zip(&expected.runs) {
        assert!(read.totals.agrees_with(&expected.totals));
        let read = weir_model::Run {
            totals: expected.totals.clone(),
            ..read.clone()
        };
        assert_eq!(&read, expected);
    }
    assert_eq!(read.runs.len(), expected.runs.len());
}

#[test]
fn every_version_that_was_ever_written_is_read() {
    for (kind, version) in fixtures() {
        match kind.as_str() {
            "chunk" => check_chunk(version),
            "manifest-day" => check_manifest(version),
            kind if kind.starts_with("block-") => check_block(kind, version),
            kind => assert!(kind.starts_with("manifest-"), "{kind} is checked by nobody"),
        }
    }
}

#[test]
fn the_version_that_is_written_has_its_fixtures() {
    let version = Chunk::encode(&[])[0];
    let found = fixtures();
    let parts = [
        "chunk",
        "manifest-day",
        "manifest-quarters",
        "manifest-took",
        "manifest-runs",
    ];
    for kind in sample::BLOCKS.into_iter().chain(parts) {
        assert!(
            found.contains(&(kind.to_owned(), version)),
            "{kind} of version {version}"
        );
    }
}
