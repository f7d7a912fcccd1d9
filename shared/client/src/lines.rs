//! The body of a batch: events, a line each.

use bytes::Bytes;

/// How many there are.
pub(crate) fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}

/// Those at some places, which ascend.
pub(crate) fn pick(lines: &[u8], places: &[usize]) -> Bytes {
    let mut picked = Vec::new();
    let mut places = places.iter().peekable();
    for (at, line) in lines.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if places.next_if(|&&place| place == at).is_some() {
            picked.extend_from_slice(line);
        }
    }
    picked.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_picked() {
        let lines = b"a\nbb\nccc\n";
        assert_eq!(count(lines), 3);
        assert_eq!(pick(lines, &[0, 2]), &b"a\nccc\n"[..]);
        assert_eq!(pick(lines, &[]), &b""[..]);
        assert_eq!(count(b""), 0);
    }
}
