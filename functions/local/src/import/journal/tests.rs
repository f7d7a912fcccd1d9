use super::*;
use crate::import::source::Source;

const NOW: i64 = 1_700_000_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW + hours * 3_600_000).unwrap()
}

fn head(text: &str) -> Head {
    let mut source = Source::new("test", io::Cursor::new(text.to_owned()));
    source.look_ahead(1000).unwrap();
    source.head()
}

fn batch(from: u64, to: u64) -> Batch {
    let key = format!("key of {from} to {to}");
    Batch {
        from,
        to,
        lines: vec![1],
        body: "{}".into(),
        key,
    }
}

struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn start() -> World {
        World {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn journals(&self) -> Journals {
        Journals::new(self.directory.path().join("imports"))
    }

    fn create(&self, identity: &str, first: &str, hours: i64) -> Journal {
        let beginning = head(first).beginning(u64::MAX);
        self.journals()
            .create(identity, "test", beginning, at(hours))
            .unwrap()
    }

    fn found(&self, text: &str) -> Option<String> {
        let found = self.journals().find(&head(text)).unwrap();
        found.map(|journal| journal.identity().to_owned())
    }
}

#[test]
fn an_input_is_recognised_by_its_beginning() {
    let world = World::start();
    assert_eq!(world.journals().first_bytes().unwrap(), 0);
    assert_eq!(world.found("abc"), None);
    drop(world.create("one", "abc", 0));
    assert_eq!(world.journals().first_bytes().unwrap(), 3);
    assert_eq!(world.found("abc and more"), Some("one".into()));
    assert_eq!(world.found("ab"), None);
    assert_eq!(world.found("abd"), None);
}

#[test]
fn the_latest_import_of_an_input_is_the_one_to_go_on_with() {
    let world = World::start();
    drop(world.create("first", "abc", 0));
    drop(world.create("third", "abc", 2));
    drop(world.create("second", "abcd", 1));
    assert_eq!(world.found("abcde"), Some("third".into()));
}

#[test]
fn what_was_written_down_is_read_again() {
    let world = World::start();
    let mut journal = world.create("one", "abc", 0);
    for (from, to) in [(0, 10), (10, 20), (20, 30)] {
        journal.sending(&batch(from, to), at(0)).unwrap();
    }
    let stored = Stored {
        accepted: 5,
        duplicates: 1,
    };
    journal.stored_batch(0, stored).unwrap();
    journal.refused(10).unwrap();
    drop(journal);

    let mut journal = world.journals().find(&head("abc")).unwrap().unwrap();
    assert_eq!(journal.batches().keys().collect::<Vec<_>>(), [&0, &20]);
    assert!(journal.batches()[&0].is_stored() && !journal.batches()[&20].is_stored());
    assert_eq!((journal.stored(), journal.finished()), (stored, None));
    journal.finish(at(3)).unwrap();
    drop(journal);
    let journal = world.journals().find(&head("abc")).unwrap().unwrap();
    assert_eq!(journal.finished(), Some(at(3)));
    assert_eq!(journal.started(), at(0));
}

#[test]
fn a_line_that_was_cut_off_is_as_if_never_written() {
    let world = World::start();
    let mut journal = world.create("one", "abc", 0);
    journal.sending(&batch(0, 10), at(0)).unwrap();
    let path = journal.path.clone();
    drop(journal);
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"stored\":{\"fr");
    fs::write(&path, text).unwrap();
    let mut journal = world.journals().find(&head("abc")).unwrap().unwrap();
    assert!(!journal.batches()[&0].is_stored());
    journal.stored_batch(0, Stored::default()).unwrap();
    drop(journal);
    let journal = world.journals().find(&head("abc")).unwrap().unwrap();
    assert!(journal.batches()[&0].is_stored());
}

#[test]
fn a_batch_without_an_answer_is_stale_when_its_key_is() {
    let world = World::start();
    let mut journal = world.create("one", "abc", 0);
    journal.sending(&batch(0, 10), at(0)).unwrap();
    journal.sending(&batch(10, 20), at(1)).unwrap();
    journal.stored_batch(10, Stored::default()).unwrap();
    // Sent again: its key is as old as before.
    journal.sending(&batch(0, 10), at(20)).unwrap();
    assert_eq!(journal.stale(at(23)), [0; 0]);
    assert_eq!(journal.stale(at(24)), [0]);
    journal.assume_stored(0).unwrap();
    assert_eq!(journal.stale(at(24)), [0; 0]);
}

#[test]
fn two_processes_do_not_import_the_same_input_at_once() {
    let world = World::start();
    let journal = world.create("one", "abc", 0);
    let error = world.journals().find(&head("abc")).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    drop(journal);
    assert!(world.journals().find(&head("abc")).unwrap().is_some());
}
