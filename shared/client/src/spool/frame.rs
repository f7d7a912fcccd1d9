//! Records of a spool file: length, checksum, kind, content. A record counts only as a whole, so
//! whatever a crash leaves at the end of a file is told from what was written.

/// Length and checksum, four bytes each, and the kind.
const HEAD_BYTES: usize = 9;

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

/// Appends a record.
pub(super) fn write(out: &mut Vec<u8>, kind: Kind, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("a record is smaller than a request");
    let kind = kind as u8;
    out.extend(length.to_le_bytes());
    out.extend(checksum(kind, content).to_le_bytes());
    out.push(kind);
    out.extend(content);
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
        let kind = head[8];
        if number(4)? != checksum(kind, content) {
            return None;
        }
        let known = [Kind::Head, Kind::Lines, Kind::Plan];
        let kind = known.into_iter().find(|known| *known as u8 == kind)?;
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
            write(&mut file, kind, content.as_bytes());
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
        write(&mut file, Kind::Lines, b"some events\n");
        for bit in 0..file.len() * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Records::of(&bad).count(), 0, "bit {bit}");
        }
    }
}
