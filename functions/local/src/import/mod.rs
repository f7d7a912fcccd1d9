//! `weir import`: stores a file of events, and goes on where it stopped.
//!
//! The way of the data: [`source`] (bytes) → [`ndjson`], [`csv`] or [`django`] (entries) →
//! [`batch`] (batches with keys) → [`send`] (the server) → [`journal`] (what is stored).

mod batch;
mod csv;
mod django;
mod entry;
mod journal;
mod ndjson;
mod send;
mod source;

use std::io::BufReader;
use std::time::{Duration, Instant};

use anyhow::Result;
use weir_model::Timestamp;
use weir_store::{Clock as _, SystemClock};

use crate::args::{ImportArgs, ImportFormat, Unconfirmed};
use crate::failure::Failure;
use crate::output::{self, counted};
use crate::session::Session;
use batch::{Cutter, OnBad, Passed};
use entry::Entries;
use journal::{Journal, Journals, Stored};
use send::{Import, Outcome};
use source::Source;

/// Imports a file.
pub(crate) async fn run(args: &ImportArgs, session: &Session) -> Result<()> {
    let began = Instant::now();
    let mut source = Source::open(&args.file)?;
    let journals = Journals::new(session.imports.clone());
    let journal = known_import(&mut source, &journals, args)?;
    if let Some(journal) = &journal {
        tell_what_is_known(journal, &source.name);
    }
    let before = journal.as_ref().map(Journal::stored).unwrap_or_default();
    let finished = journal.as_ref().and_then(Journal::finished);
    let name = source.name.clone();
    let outcome = import(source, args, journals, journal, session).await?;
    let summary = Summary {
        name: &name,
        before,
        finished,
        outcome: &outcome,
        took: began.elapsed(),
    };
    output::line(summary.text())?;
    Ok(())
}

async fn import(
    mut source: Source,
    args: &ImportArgs,
    journals: Journals,
    journal: Option<Journal>,
    session: &Session,
) -> Result<Outcome> {
    let identity = journal
        .as_ref()
        .map_or_else(journal::draw_identity, |j| j.identity().into());
    let sent = journal
        .as_ref()
        .map(|j| j.batches().clone())
        .unwrap_or_default();
    let on_bad = if args.skip_bad {
        OnBad::Skip
    } else {
        OnBad::Stop
    };
    let format = match args.format {
        Some(format) => format,
        None => source.guess_format()?,
    };
    let import = Import::new(&session.api, journals, journal, &identity, &source);
    let cutter = Cutter::new(open_entries(format, source)?, &identity, sent, on_bad);
    import.run(cutter).await
}

/// The journal of an earlier run with this input, made ready to go on from.
fn known_import(
    source: &mut Source,
    journals: &Journals,
    args: &ImportArgs,
) -> Result<Option<Journal>> {
    source.look_ahead(journals.first_bytes()?)?;
    if args.again {
        return Ok(None);
    }
    let Some(mut journal) = journals.find(&source.head())? else {
        return Ok(None);
    };
    settle_stale(&mut journal, args.unconfirmed, SystemClock.now())?;
    Ok(Some(journal))
}

/// Batches that can no longer be repeated safely are for a person to decide on.
fn settle_stale(
    journal: &mut Journal,
    decision: Option<Unconfirmed>,
    now: Timestamp,
) -> Result<()> {
    let stale = journal.stale(now);
    match decision {
        _ if stale.is_empty() => Ok(()),
        Some(Unconfirmed::Resend) => stale.into_iter().try_for_each(|from| journal.forget(from)),
        Some(Unconfirmed::Skip) => stale
            .into_iter()
            .try_for_each(|from| journal.assume_stored(from)),
        None => {
            let batches = counted(stale.len() as u64, "batch", "batches");
            let message = format!(
                "{batches} of this import went out more than 23 hours ago and were never confirmed: \
                 sent again, their events could count twice"
            );
            let hint = "query whether they are there, then import again with --unconfirmed skip \
                        or --unconfirmed resend";
            Err(Failure::new(message).hint(hint).into())
        }
    }
}

fn tell_what_is_known(journal: &Journal, name: &str) {
    let stored = journal.stored();
    let begun = journal.started();
    match journal.finished() {
        Some(_) => {}
        None => eprintln!(
            "going on with the import of {name} that began {begun}: {} stored",
            counted(stored.accepted, "event is", "events are")
        ),
    }
}

fn open_entries(format: ImportFormat, source: Source) -> Result<Entries> {
    let input = BufReader::with_capacity(64 * 1024, source);
    Ok(match format {
        ImportFormat::Ndjson => Box::new(ndjson::Lines::new(input)),
        ImportFormat::Csv => Box::new(csv::Rows::new(input)?),
        ImportFormat::Django => Box::new(django::Elements::new(input)),
    })
}

/// What is said at the end.
struct Summary<'a> {
    name: &'a str,
    before: Stored,
    finished: Option<Timestamp>,
    outcome: &'a Outcome,
    took: Duration,
}

impl Summary<'_> {
    fn text(&self) -> String {
        let Outcome { stored, passed, .. } = self.outcome;
        let mut text = self.beginning();
        if stored.duplicates > 0 {
            let duplicates = counted(stored.duplicates, "duplicate", "duplicates");
            text.push_str(&format!(", {duplicates} left out"));
        }
        let Passed { bad, foreign } = passed;
        if *bad > 0 {
            text.push_str(&format!(
                ", {} left out",
                counted(*bad, "bad line", "bad lines")
            ));
        }
        if !foreign.is_empty() {
            let kinds: Vec<_> = foreign
                .iter()
                .map(|(kind, n)| format!("{n} of {kind}"))
                .collect();
            text.push_str(&format!(
                "; passed over what is no event: {}",
                kinds.join(", ")
            ));
        }
        text
    }

    fn beginning(&self) -> String {
        let Outcome {
            stored, batches, ..
        } = self.outcome;
        let events = counted(stored.accepted, "event", "events");
        let name = self.name;
        match (self.finished, batches) {
            (Some(finished), 0) => format!(
                "{name} was imported before, {finished}: {}; --again imports it once more",
                counted(self.before.accepted, "event", "events")
            ),
            (Some(finished), _) => {
                format!("imported {events} that {name} has beyond what was imported {finished}")
            }
            (None, _) => {
                let seconds = self.took.as_secs_f64();
                let text = format!("imported {events} from {name} in {seconds:.1} s");
                match self.before.accepted {
                    0 => text,
                    n => format!("{text}, after {} before", counted(n, "event", "events")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + hours * HOUR).unwrap()
    }

    /// An import with a batch in doubt.
    fn journal(directory: &tempfile::TempDir) -> Journal {
        let mut source = Source::new("test", Cursor::new("abc"));
        source.look_ahead(3).unwrap();
        let journals = Journals::new(directory.path().to_owned());
        let first = source.head().beginning(3);
        let mut journal = journals.create("identity", "test", first, at(0)).unwrap();
        let batch = batch::Batch {
            from: 0,
            to: 3,
            lines: vec![1],
            body: "abc".into(),
            key: "key".into(),
        };
        journal.sending(&batch, at(0)).unwrap();
        journal
    }

    #[test]
    fn batches_that_cannot_be_repeated_safely_are_for_a_person_to_decide_on() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = journal(&directory);
        assert!(settle_stale(&mut journal, None, at(23)).is_ok());
        let error = settle_stale(&mut journal, None, at(24)).unwrap_err();
        assert!(
            error.to_string().starts_with("1 batch of this import"),
            "{error}"
        );
        settle_stale(&mut journal, Some(Unconfirmed::Skip), at(24)).unwrap();
        assert!(journal.has_stored());
    }

    #[test]
    fn a_batch_that_shall_be_sent_again_is_as_if_never_sent() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = journal(&directory);
        settle_stale(&mut journal, Some(Unconfirmed::Resend), at(24)).unwrap();
        assert!(journal.batches().is_empty());
    }
}
