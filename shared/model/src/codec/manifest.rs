//! Manifests, part by part.

use std::collections::BTreeMap;

use super::bytes::{Reader, put_varint, put_zigzag};
use super::optional::{put_expiry, read_expiry};
use super::totals::{put_columns, read_columns};
use super::{DecodeError, VERSION, pack};
use crate::manifest::{ChunkRef, DeadRun, EncodedManifest, Manifest, Run, RunId, Took};
use crate::names::Names;
use crate::origin::Writer;
use crate::quarters::Quarters;
use crate::timestamp::Timestamp;

/// The least that a run takes: hour, name, number of chunks and of events, expiry, count.
const RUN_BYTES_MIN: usize = 13;
/// The least that a dead run takes: hour, name, number of chunks, time.
const DEAD_RUN_BYTES_MIN: usize = 11;
/// The least that a chunk takes: start, size, number of events, expiry.
const CHUNK_BYTES_MIN: usize = 4;
/// The least that a publish takes: time, number of groups.
const TOOK_BYTES_MIN: usize = 2;
/// The least that a group of names takes: shard, writer, number of ranges.
const GROUP_BYTES_MIN: usize = 14;
/// The least that a range takes: where it begins, how long it is.
const RANGE_BYTES_MIN: usize = 2;

impl Manifest {
    /// Encodes each part by itself.
    pub fn encode(&self) -> EncodedManifest {
        EncodedManifest {
            day: self.total().encode(),
            quarters: self.quarters.encode(),
            took: versioned(|out| put_took(out, &self.took)),
            runs: versioned(|out| put_runs(out, &self.runs, &self.dead)),
        }
    }

    /// Decodes all parts. The totals of the day follow from the quarters.
    pub fn decode(parts: &EncodedManifest) -> Result<Manifest, DecodeError> {
        let quarters = Quarters::decode(&parts.quarters)?;
        let took = Self::decode_took(&parts.took)?;
        let (runs, dead) = Self::decode_runs(&parts.runs)?;
        Ok(Manifest {
            quarters,
            runs,
            dead,
            took,
        })
    }

    /// Decodes the part that names the blocks taken.
    pub fn decode_took(bytes: &[u8]) -> Result<Vec<Took>, DecodeError> {
        pack::unpack(
            Reader::versioned(bytes)?,
            pack::MANIFEST_BYTES_MAX,
            read_took,
        )
    }

    /// Decodes the part that names runs: the live ones, and the dead ones.
    pub fn decode_runs(bytes: &[u8]) -> Result<(Vec<Run>, Vec<DeadRun>), DecodeError> {
        pack::unpack(
            Reader::versioned(bytes)?,
            pack::MANIFEST_BYTES_MAX,
            |reader| Ok((read_runs(reader)?, read_dead(reader)?)),
        )
    }
}

fn versioned(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut payload = Vec::new();
    put(&mut payload);
    let mut out = vec![VERSION];
    pack::pack(&mut out, &payload, pack::MANIFEST_BYTES_MAX);
    out
}

fn put_took(out: &mut Vec<u8>, took: &[Took]) {
    put_varint(out, took.len() as u64);
    for Took { at, names } in took {
        put_zigzag(out, at.as_millis());
        put_varint(out, names.groups().len() as u64);
        for ((shard, writer), ranges) in names.groups() {
            out.push(*shard);
            out.extend_from_slice(writer.as_bytes());
            put_varint(out, ranges.len() as u64);
            let mut next = 0;
            for (from, to) in ranges {
                put_varint(out, from - next);
                put_varint(out, to - from);
                // Behind the last number there is no range.
                next = to.saturating_add(1);
            }
        }
    }
}

fn read_took(reader: &mut Reader<'_>) -> Result<Vec<Took>, DecodeError> {
    let count = reader.count(TOOK_BYTES_MIN)?;
    (0..count)
        .map(|_| {
            Ok(Took {
                at: reader.timestamp(0)?,
                names: read_names(reader)?,
            })
        })
        .collect()
}

fn read_names(reader: &mut Reader<'_>) -> Result<Names, DecodeError> {
    let mut groups = BTreeMap::new();
    for _ in 0..reader.count(GROUP_BYTES_MIN)? {
        let key = (reader.byte()?, Writer::from_bytes(reader.array()?));
        let ranges = read_ranges(reader)?;
        if ranges.is_empty() || groups.insert(key, ranges).is_some() {
            return Err(DecodeError::Corrupt("a writer's names are in disorder"));
        }
    }
    Ok(Names::from_groups(groups))
}

fn read_ranges(reader: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, DecodeError> {
    let disorder = DecodeError::Corrupt("ranges are in disorder");
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for _ in 0..reader.count(RANGE_BYTES_MIN)? {
        let next = match ranges.last() {
            Some((_, to)) => to.checked_add(1).ok_or(disorder)?,
            None => 0,
        };
        let gap = reader.varint()?;
        if gap == 0 && !ranges.is_empty() {
            return Err(disorder);
        }
        let from = next.checked_add(gap).ok_or(disorder)?;
        let to = from.checked_add(reader.varint()?).ok_or(disorder)?;
        ranges.push((from, to));
    }
    Ok(ranges)
}

fn put_runs(out: &mut Vec<u8>, runs: &[Run], dead: &[DeadRun]) {
    put_varint(out, runs.len() as u64);
    for run in runs {
        put_run_name(out, run.hour, run.id);
        put_chunks(out, &run.chunks);
        put_varint(out, run.events);
        put_expiry(out, run.expires);
    }
    put_columns(out, &runs.iter().map(|run| &run.totals).collect::<Vec<_>>());
    put_varint(out, dead.len() as u64);
    for run in dead {
        put_run_name(out, run.hour, run.id);
        put_varint(out, u64::from(run.chunks));
        put_zigzag(out, run.since.as_millis());
    }
}

fn put_run_name(out: &mut Vec<u8>, hour: u8, id: RunId) {
    out.push(hour);
    out.extend_from_slice(&id.bits().to_le_bytes());
}

fn put_chunks(out: &mut Vec<u8>, chunks: &[ChunkRef]) {
    put_varint(out, chunks.len() as u64);
    let mut before = 0;
    for chunk in chunks {
        let start = chunk.start.as_millis();
        put_zigzag(out, start - before);
        put_varint(out, u64::from(chunk.bytes));
        put_varint(out, u64::from(chunk.events));
        put_expiry(out, chunk.expires);
        before = start;
    }
}

fn read_runs(reader: &mut Reader<'_>) -> Result<Vec<Run>, DecodeError> {
    let count = reader.count(RUN_BYTES_MIN)?;
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        let (hour, id) = read_run_name(reader)?;
        let chunks = read_chunks(reader)?;
        let (events, expires) = (reader.varint()?, read_expiry(reader)?);
        runs.push(Run {
            hour,
            id,
            chunks,
            events,
            expires,
            totals: Default::default(),
        });
    }
    for (run, totals) in runs.iter_mut().zip(read_columns(reader, count)?) {
        run.totals = totals;
    }
    Ok(runs)
}

fn read_run_name(reader: &mut Reader<'_>) -> Result<(u8, RunId), DecodeError> {
    let hour = reader.byte()?;
    if hour > 23 {
        return Err(DecodeError::Corrupt("a run's hour is not of a day"));
    }
    Ok((hour, RunId::from_bits(u64::from_le_bytes(reader.array()?))))
}

fn read_chunks(reader: &mut Reader<'_>) -> Result<Vec<ChunkRef>, DecodeError> {
    let count = reader.count(CHUNK_BYTES_MIN)?;
    let mut before = Timestamp::MIN;
    let mut chunks = Vec::with_capacity(count);
    for _ in 0..count {
        let start = reader.timestamp(before.as_millis())?;
        let (bytes, events) = (reader.number()?, reader.number()?);
        chunks.push(ChunkRef {
            start,
            bytes,
            events,
            expires: read_expiry(reader)?,
        });
        before = start;
    }
    Ok(chunks)
}

fn read_dead(reader: &mut Reader<'_>) -> Result<Vec<DeadRun>, DecodeError> {
    let count = reader.count(DEAD_RUN_BYTES_MIN)?;
    let mut dead = Vec::with_capacity(count);
    for _ in 0..count {
        let (hour, id) = read_run_name(reader)?;
        let (chunks, since) = (reader.number()?, reader.timestamp(0)?);
        dead.push(DeadRun {
            hour,
            id,
            chunks,
            since,
        });
    }
    Ok(dead)
}

#[cfg(test)]
mod tests;
