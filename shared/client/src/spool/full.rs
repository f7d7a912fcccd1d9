//! A disk that is full: a program of its own that may write no more than so many bytes.

use std::process::Command;

use tempfile::TempDir;
use weir_model::Timestamp;

use super::*;

const DIRECTORY: &str = "WEIR_CLIENT_TEST_SPOOL";

fn open(directory: &Path) -> (Spool, Vec<Spooled>) {
    let place = Place {
        directory: directory.to_owned(),
        bytes: 1 << 20,
        durability: Durability::Program,
    };
    Spool::open(place, &Notices::default(), &Counters::new(None)).unwrap()
}

fn begin(spooled: &Spooled) -> io::Result<Opened> {
    let (key, now) = (&spooled.part.key, Timestamp::MIN);
    spooled.file.work(|file| file.begin(key, now, "me"))
}

/// Runs a test again where no file may have more than so many blocks of 512 bytes; whether this is
/// already that run, and its directory.
fn limited(test: &str, blocks: u32, directory: &Path) -> bool {
    if std::env::var_os(DIRECTORY).is_some() {
        return true;
    }
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact {test}");
    // What it says comes by a pipe: a log that is a file may be over the limit already.
    let done = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    false
}

fn directory(own: &TempDir) -> PathBuf {
    std::env::var_os(DIRECTORY).map_or_else(|| own.path().to_owned(), PathBuf::from)
}

fn spool_files(directory: &Path) -> usize {
    numbers(directory, PREFIX, SUFFIX).unwrap().len()
}

#[test]
fn an_attempt_that_cannot_be_noted_is_not_made() {
    let own = TempDir::new().unwrap();
    let directory = directory(&own);
    let name = "spool::full::an_attempt_that_cannot_be_noted_is_not_made";
    if limited(name, 1, &directory) {
        let (mut spool, _) = open(&directory);
        while spool.append(b"a\n", 1).is_ok() {}
        let sealed = spool.seal();
        for _ in 0..3 {
            let error = begin(&sealed[0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        }
        return;
    }
    let (_, found) = open(&directory);
    assert_eq!(found[0].part.attempted, None);
    let lines = b"a\n".repeat(found[0].part.events());
    assert_eq!(begin(&found[0]).unwrap().lines, lines);
}

#[test]
fn a_file_that_cannot_be_begun_is_not_left_behind() {
    let own = TempDir::new().unwrap();
    let directory = directory(&own);
    let name = "spool::full::a_file_that_cannot_be_begun_is_not_left_behind";
    if limited(name, 0, &directory) {
        let (mut spool, _) = open(&directory);
        for _ in 0..3 {
            assert!(matches!(spool.append(b"a\n", 1), Err(AppendError::Io(_))));
            assert_eq!(spool_files(&directory), 0);
        }
        return;
    }
    assert!(directory.join(LOCK).exists() && spool_files(&directory) == 0);
}
