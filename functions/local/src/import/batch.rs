//! Cuts entries into batches, each with a key that derives from where it stands and what is in
//! it. Where an earlier run has cut, the cut is the same.

use std::collections::BTreeMap;

use anyhow::Result;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weir_service::secret::hex;

use super::entry::{Entries, Entry, Fault, Found, describe};
use super::journal::Sent;
use crate::failure::Failure;

/// Events of a batch.
const BATCH_EVENTS: usize = 500;

/// Bytes of a batch: under the 4 MiB that a request may have, with an entry to spare.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// How many of the lines left out are shown one by one.
const SHOWN_BAD: u64 = 20;

/// Events that are sent together.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    /// Where it begins in the input, in bytes.
    pub(crate) from: u64,
    /// Where it ends.
    pub(crate) to: u64,
    /// The line of each event.
    pub(crate) lines: Vec<u64>,
    /// The events, a line each.
    pub(crate) body: Bytes,
    /// What the server knows it by.
    pub(crate) key: String,
}

/// What to do with entries that are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBad {
    /// The import ends there.
    Stop,
    /// They are left out.
    Skip,
}

/// What was passed over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Entries that are no events.
    pub(crate) bad: u64,
    /// Entries of other kinds, by kind.
    pub(crate) foreign: BTreeMap<String, u64>,
}

/// Cuts an input into batches.
pub(crate) struct Cutter {
    entries: Entries,
    identity: String,
    sent: BTreeMap<u64, Sent>,
    on_bad: OnBad,
    /// Where the next batch begins.
    at: u64,
    passed: Passed,
}

/// A piece of the input.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// One that an earlier run has stored, up to there.
    Stored {
        /// Where it ends.
        to: u64,
    },
    /// One to send.
    Batch(Batch),
}

#[derive(Default)]
struct Growing {
    to: u64,
    lines: Vec<u64>,
    body: Vec<u8>,
}

impl Growing {
    fn add(&mut self, line: u64, event: &str) {
        self.lines.push(line);
        self.body.extend_from_slice(event.as_bytes());
        self.body.push(b'\n');
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_EVENTS || self.body.len() >= BATCH_BYTES
    }
}

impl Cutter {
    /// Cuts an import that knows what it has sent.
    pub(crate) fn new(
        entries: Entries,
        identity: &str,
        sent: BTreeMap<u64, Sent>,
        on_bad: OnBad,
    ) -> Cutter {
        let identity = identity.into();
        Cutter {
            entries,
            identity,
            sent,
            on_bad,
            at: 0,
            passed: Passed::default(),
        }
    }

    /// What was passed over so far.
    pub(crate) fn passed(&self) -> &Passed {
        &self.passed
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the input cannot be read, an entry is no event and shall not be skipped, or the
    /// input is not what an earlier run has sent.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(sent) = self.sent.remove(&self.at) {
                return self.repeat(&sent).map(Some);
            }
            let growing = self.grow()?;
            let moved = growing.to > self.at;
            if !growing.lines.is_empty() {
                return Ok(Some(Piece::Batch(self.seal(growing))));
            }
            // Nothing but what is passed over: at the end of the input, or up to what an
            // earlier run has sent.
            match self.sent.contains_key(&growing.to) && moved {
                true => self.at = growing.to,
                false => return Ok(None),
            }
        }
    }

    /// Cuts where an earlier run has cut.
    fn repeat(&mut self, sent: &Sent) -> Result<Piece> {
        let mut growing = Growing::default();
        while growing.to < sent.to {
            let Some(entry) = self.next_entry()? else {
                return Err(self.differs());
            };
            growing.to = entry.to;
            // What was left out then is left out now.
            if let Found::Event(event) = entry.found {
                growing.add(entry.line, &event);
            }
        }
        let before = self.at;
        let batch = self.seal(growing);
        if (batch.to, &batch.key) != (sent.to, &sent.key) {
            self.at = before;
            return Err(self.differs());
        }
        Ok(if sent.is_stored() {
            Piece::Stored { to: batch.to }
        } else {
            Piece::Batch(batch)
        })
    }

    /// Collects entries until a batch is full, the input ends, or something begins that an
    /// earlier run has sent.
    fn grow(&mut self) -> Result<Growing> {
        let end = self.sent.keys().next().copied().unwrap_or(u64::MAX);
        let mut growing = Growing::default();
        while !growing.is_full() && growing.to < end {
            let Some(entry) = self.next_entry()? else {
                break;
            };
            if entry.to > end {
                return Err(self.differs());
            }
            growing.to = entry.to;
            match entry.found {
                Found::Event(event) => growing.add(entry.line, &event),
                Found::Foreign(kind) => *self.passed.foreign.entry(kind).or_default() += 1,
                Found::Bad(faults) => self.pass_bad(entry.line, &faults)?,
            }
        }
        Ok(growing)
    }

    fn next_entry(&mut self) -> Result<Option<Entry>> {
        Ok(self.entries.next().transpose()?)
    }

    fn pass_bad(&mut self, line: u64, faults: &[Fault]) -> Result<()> {
        let told = describe(faults);
        if self.on_bad == OnBad::Stop {
            return Err(bad_line(line, &told).into());
        }
        self.passed.bad += 1;
        match self.passed.bad {
            ..=SHOWN_BAD => tracing::warn!("line {line} is left out: {told}"),
            _ => tracing::debug!("line {line} is left out: {told}"),
        }
        Ok(())
    }

    fn seal(&mut self, growing: Growing) -> Batch {
        let Growing { to, lines, body } = growing;
        let from = std::mem::replace(&mut self.at, to);
        let hash = Sha256::new()
            .chain_update(self.identity.as_bytes())
            .chain_update(from.to_be_bytes())
            .chain_update(&body);
        Batch {
            from,
            to,
            lines,
            key: hex(&hash.finalize()),
            body: body.into(),
        }
    }

    fn differs(&self) -> anyhow::Error {
        let message = format!(
            "the input begins like one that was imported before, but differs after byte {}",
            self.at
        );
        let hint = "nothing was sent now; --again imports all of it as a new one";
        Failure::new(message).hint(hint).into()
    }
}

/// The failure that a bad line is.
pub(crate) fn bad_line(line: u64, told: &str) -> Failure {
    Failure::new(format!("line {line}: {told}")).hint(
        "what stands before its batch is stored; mend the line and import again, or use --skip-bad",
    )
}

#[cfg(test)]
mod tests;
