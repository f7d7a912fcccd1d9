//! Records of a spool file: length, checksum, kind, content. A record counts only as a whole, so
//! whatever a crash leaves at the end of a file is told from what was written.

use std::io::{self, Write};

/// Length and checksum, four bytes each, and the kind.
const HEAD_BYTES: usize = 9;

/// The first record of a file is not longer.
pub(super) const FIRST_BYTES: usize = 128;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the file is, as JSON; the first record.
    Head = b'H' as isize,
    /// Events, a line each.
    Lines = b'E' as isize,
    /// Which batches the lines belong to, as JSON; the last one counts.
    Plan = b'P' as isize,
}

/// Appends a record; how long it is.
pub(super) fn write(out: &mut impl Write, kind: Kind, content: &[u8]) -> io::Result<u64> {
    let length = u32::try_from(content.len()).expect("a record is smaller than a request");
    let kind = kind as u8;
    let mut head = [kind; HEAD_BYTES];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&checksum(kind, content).to_le_bytes());
    out.write_all(&head)?;
    out.write_all(content)?;
    Ok((HEAD_BYTES + content.len()) as u64)
}

/// Where the first whole record begins.
pub(super) fn find_record(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&at| Records::of(&bytes[at..]).next().is_some())
}

/// Whether there is a whole record anywhere. In what a crash has left there is none: a record
/// begins with bytes that no line of JSON has.
pub(super) fn holds_a_record(bytes: &[u8]) -> bool {
    find_record(bytes).is_some()
}

/// The records of a file, up to the first that is not whole.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    /// Where the last whole record ends.
    pub(super) end: usize,
}

impl<'a> Records<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, end: 0 }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (Kind, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.bytes.get(self.end..)?.split_at_checked(HEAD_BYTES)?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let content = rest.get(..number(0)? as usize)?;
        let known = [Kind::Head, Kind::Lines, Kind::Plan];
        let kind = known.into_iter().find(|known| *known as u8 == head[8])?;
        if number(4)? != checksum(kind as u8, content) {
            return None;
        }
        self.end += HEAD_BYTES + content.len();
        Some((kind, content))
    }
}

fn checksum(kind: u8, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_a_file_is_cut_its_whole_records_are_read() {
        let mut file = Vec::new();
        let records = [
            (Kind::Head, "{}"),
            (Kind::Lines, "a\nb\n"),
            (Kind::Plan, ""),
        ];
        let mut ends = vec![0];
        for (kind, content) in records {
            write(&mut file, kind, content.as_bytes()).unwrap();
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            let mut read = Records::of(&file[..cut]);
            let whole = ends.iter().rposition(|&end| end <= cut).unwrap();
            let expected = &records[..whole];
            let found: Vec<_> = read.by_ref().collect();
            let found: Vec<_> = found
                .into_iter()
                .map(|(kind, content)| (kind, std::str::from_utf8(content).unwrap()))
                .collect();
            assert_eq!(found, expected);
            assert_eq!(read.end, ends[whole]);
        }
    }

    #[test]
    fn a_flipped_bit_is_seen() {
        let mut file = Vec::new();
        write(&mut file, Kind::Lines, b"some events\n").unwrap();
        for bit in 0..file.len() * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Records::of(&bad).count(), 0, "bit {bit}");
        }
    }
}
