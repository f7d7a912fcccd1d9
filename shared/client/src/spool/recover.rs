//! Reads what an earlier run has left.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;

use super::disk::private;
use super::file::BatchFile;
use super::frame::{self, Kind, Records};
use super::plan::{self, Head, Part, Plan, from_json, invalid};
use crate::lines;

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// Events that are to be sent.
    Batch(BatchFile),
    /// No event; the program may have died before it had written the first.
    Nothing,
    /// Something before its end cannot be read. As that may have been an attempt, what can be
    /// read is not sent either: so many events, in a file that has been taken aside.
    Damaged(usize, PathBuf),
}

/// What the whole records before the first that is not say.
#[derive(Default)]
struct Content {
    head: Option<Head>,
    events: usize,
    lines_bytes: usize,
    plan: Option<Vec<Part>>,
    end: usize,
}

/// Reads a file, and cuts off what a crash has left half written: how many bytes.
pub(super) fn recover(path: PathBuf) -> io::Result<(Found, usize)> {
    let mut file = private().read(true).append(true).open(&path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let content = read(&bytes)?;
    let torn = &bytes[content.end..];
    if frame::holds_a_record(torn) {
        let events = content.events() + events_behind(torn);
        return Ok((Found::Damaged(events, take_aside(path)?), 0));
    }
    let cut = torn.len();
    match content.head {
        Some(ref head) if content.events() > 0 => {
            if cut > 0 {
                file.set_len(content.end as u64)?;
            }
            let key = head.key.clone();
            let size = (content.events, content.lines_bytes);
            let found = BatchFile::found(path, content.end as u64, key, size, content.plan);
            Ok((Found::Batch(found), cut))
        }
        Some(_) => Ok((Found::Nothing, cut)),
        None if cut <= frame::FIRST_BYTES => Ok((Found::Nothing, 0)),
        None => Err(invalid("its head is damaged")),
    }
}

fn read(bytes: &[u8]) -> io::Result<Content> {
    let mut content = Content::default();
    let mut records = Records::of(bytes);
    for (kind, record) in records.by_ref() {
        match kind {
            Kind::Head => content.head = Some(Head::read(record)?),
            Kind::Lines => {
                content.events += lines::count(record);
                content.lines_bytes += record.len();
            }
            Kind::Plan => content.plan = Some(from_json::<Plan>(record)?.parts),
        }
    }
    content.end = records.end;
    Ok(content)
}

impl Content {
    fn events(&self) -> usize {
        self.plan.as_deref().map_or(self.events, plan::events)
    }
}

/// Events of the records that can be read behind damage.
fn events_behind(mut torn: &[u8]) -> usize {
    let mut events = 0;
    while let Some(at) = frame::find_record(torn) {
        let mut records = Records::of(&torn[at..]);
        for (kind, record) in records.by_ref() {
            if kind == Kind::Lines {
                events += lines::count(record);
            }
        }
        torn = &torn[at + records.end..];
    }
    events
}

fn take_aside(path: PathBuf) -> io::Result<PathBuf> {
    let mut aside = path.with_extension("spool.stale");
    for number in 1.. {
        if !aside.try_exists()? {
            break;
        }
        aside = path.with_extension(format!("{number}.spool.stale"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}
