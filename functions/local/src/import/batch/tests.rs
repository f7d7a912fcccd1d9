use super::*;
use crate::import::journal::{Journal, Journals, Stored};
use crate::import::ndjson::Lines;
use crate::import::source::Source;
use std::io;
use weir_model::Timestamp;

fn line(value: usize) -> String {
    format!("{{\"namespace\":\"a\",\"name\":\"b\",\"value\":{value}}}\n")
}

fn lines(count: usize) -> String {
    (0..count).map(line).collect()
}

fn cutter(text: &str, sent: BTreeMap<u64, Sent>, on_bad: OnBad) -> Cutter {
    let entries = Lines::new(io::Cursor::new(text.to_owned()));
    Cutter::new(Box::new(entries), "identity", sent, on_bad)
}

fn cut(text: &str, sent: BTreeMap<u64, Sent>) -> Result<Vec<Piece>> {
    let mut cutter = cutter(text, sent, OnBad::Stop);
    std::iter::from_fn(|| cutter.next_piece().transpose()).collect()
}

fn batches(text: &str) -> Vec<Batch> {
    let pieces = cut(text, BTreeMap::new()).unwrap();
    let batch = |piece| match piece {
        Piece::Batch(batch) => batch,
        Piece::Stored { .. } => panic!("nothing was stored before"),
    };
    pieces.into_iter().map(batch).collect()
}

/// A journal in which these batches were sent, and some of them stored.
fn journal(directory: &tempfile::TempDir, sent: &[Batch], stored: &[usize]) -> Journal {
    let journals = Journals::new(directory.path().to_owned());
    let first = Source::new("test", &b""[..]).head().beginning(0);
    let mut journal = journals
        .create("identity", "test", first, Timestamp::MIN)
        .unwrap();
    for batch in sent {
        journal.sending(batch, Timestamp::MIN).unwrap();
    }
    for index in stored {
        journal
            .stored_batch(sent[*index].from, Stored::default())
            .unwrap();
    }
    journal
}

#[test]
fn batches_follow_each_other_and_each_has_its_own_key() {
    let text = lines(1201);
    let cut = batches(&text);
    assert_eq!(
        cut.iter()
            .map(|batch| batch.lines.len())
            .collect::<Vec<_>>(),
        [500, 500, 201]
    );
    assert_eq!(cut.concat_bodies(), text.as_bytes());
    assert_eq!(
        (cut[0].from, cut[1].from, cut[2].to),
        (0, cut[0].to, text.len() as u64)
    );
    assert_eq!((cut[1].lines[0], cut[2].lines[200]), (501, 1201));
    assert_eq!(cut[0].key, batches(&text)[0].key);
    // The same lines elsewhere are other events.
    let twice = batches(&lines(500).repeat(2));
    assert_eq!(twice[0].body, twice[1].body);
    assert_ne!(twice[0].key, twice[1].key);
}

trait ConcatBodies {
    fn concat_bodies(&self) -> Vec<u8>;
}

impl ConcatBodies for Vec<Batch> {
    fn concat_bodies(&self) -> Vec<u8> {
        self.iter().flat_map(|batch| batch.body.to_vec()).collect()
    }
}

#[test]
fn what_is_stored_is_passed_by_and_what_is_in_doubt_is_sent_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let text = lines(1700);
    let before = batches(&text);
    // The third was sent and perhaps stored; the second was refused, or never sent.
    let sent = [before[0].key.clone(), before[2].key.clone()];
    let two = [batches(&text).swap_remove(0), batches(&text).swap_remove(2)];
    let journal = journal(&directory, &two, &[0]);
    let pieces = cut(&text, journal.batches().clone()).unwrap();
    let keys: Vec<_> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Stored { to } => to.to_string(),
            Piece::Batch(batch) => batch.key.clone(),
        })
        .collect();
    let expected = [
        before[0].to.to_string(),
        before[1].key.clone(),
        sent[1].clone(),
        before[3].key.clone(),
    ];
    assert_eq!(keys, expected);
}

#[test]
fn an_input_that_has_grown_is_cut_where_it_was_cut_before() {
    let directory = tempfile::tempdir().unwrap();
    let before = batches(&lines(700));
    let journal = journal(&directory, &before, &[0]);
    let pieces = cut(&lines(1300), journal.batches().clone()).unwrap();
    assert_eq!(pieces.len(), 4);
    let Piece::Batch(in_doubt) = &pieces[1] else {
        panic!("{:?}", pieces[1])
    };
    assert_eq!(in_doubt, &before[1]);
    let Piece::Batch(new) = &pieces[2] else {
        panic!("{:?}", pieces[2])
    };
    assert_eq!((new.from, new.lines.len()), (before[1].to, 500));
}

#[test]
fn an_input_that_differs_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text = lines(700);
    let journal = journal(&directory, &batches(&text), &[0, 1]);
    let sent = || journal.batches().clone();
    let mended = text.replace("\"value\":600}", "\"value\":60}");
    let longer = text.replace("\"value\":600}", "\"value\":6000}");
    for other in [&mended, &longer, &lines(650)] {
        let error = cut(other, sent()).unwrap_err();
        assert!(error.to_string().contains("differs after byte"), "{error}");
    }
    assert_eq!(cut(&text, sent()).unwrap().len(), 2);
}

#[test]
fn a_bad_line_stops_before_its_batch() {
    let text = format!("{}oops\n{}", lines(600), lines(10));
    let mut cutter = cutter(&text, BTreeMap::new(), OnBad::Stop);
    assert!(matches!(cutter.next_piece(), Ok(Some(Piece::Batch(_)))));
    let error = cutter.next_piece().unwrap_err();
    assert!(error.to_string().starts_with("line 601: "), "{error}");
}

#[test]
fn bad_lines_that_are_skipped_are_counted_and_stay_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("{}oops\n{}bah\n", lines(600), lines(10));
    let mut skipping = cutter(&text, BTreeMap::new(), OnBad::Skip);
    let mut sent = Vec::new();
    while let Some(Piece::Batch(batch)) = skipping.next_piece().unwrap() {
        sent.push(batch);
    }
    assert_eq!(skipping.passed().bad, 2);
    assert_eq!(sent[1].lines.len(), 110);
    assert_eq!(sent[1].to, text.len() as u64);
    // They are part of a batch that is stored, so they are no longer in the way.
    let journal = journal(&directory, &sent, &[0, 1]);
    assert_eq!(cut(&text, journal.batches().clone()).unwrap().len(), 2);
}

#[test]
fn a_batch_fits_a_request() {
    let long = format!(
        "{{\"namespace\":\"a\",\"name\":\"b\",\"value\":1,\"properties\":{{\"x\":\"{}\"}}}}\n",
        "x".repeat(30_000)
    );
    let cut = batches(&long.repeat(200));
    assert!(cut.len() > 1);
    assert!(cut.iter().all(|batch| batch.body.len() < 4 * 1024 * 1024));
    assert_eq!(
        cut.iter().map(|batch| batch.lines.len()).sum::<usize>(),
        200
    );
}
