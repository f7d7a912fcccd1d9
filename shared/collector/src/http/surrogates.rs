//! Halves of characters in JSON.
//!
//! JSON writes characters beyond the first 65,536 as two escapes, a pair of surrogates. A program that
//! cuts a text between them (JavaScript does, in the middle of an emoji) leaves one without the
//! other, which is no character, and for which a parser refuses the whole text. Such a half becomes
//! the escape of U+FFFD, which is as long, so everything else stays where it is.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::memchr;

/// An escape by number: a backslash, `u` and four digits.
const ESCAPE_BYTES: usize = 6;

const REPLACEMENT: &[u8; ESCAPE_BYTES] = br"\ufffd";

/// The JSON text without halves; the same text, if it has none.
pub(super) fn paired(text: &[u8]) -> Cow<'_, [u8]> {
    let first = memchr(b'\\', text);
    match first.and_then(|first| next_half(text, first)) {
        None | Some(Found::Undecided(_)) => Cow::Borrowed(text),
        Some(Found::Half(_)) => {
            let mut text = text.to_vec();
            pair(&mut text);
            Cow::Owned(text)
        }
    }
}

/// Reads a JSON text without halves. An escape that the end of a read cuts waits for the next read,
/// and so does the first half of a pair: less than two escapes.
#[derive(Debug)]
pub(super) struct Paired<R> {
    from: R,
    buffer: Box<[u8]>,
    /// Where that begins which is not read yet.
    begin: usize,
    /// Where that begins which is not decided yet.
    decided: usize,
    end: usize,
}

impl<R: Read> Paired<R> {
    /// Reads at most so much at once, which must be more than two escapes.
    pub(super) fn new(from: R, buffer_bytes: usize) -> Self {
        Self {
            from,
            buffer: vec![0; buffer_bytes].into(),
            begin: 0,
            decided: 0,
            end: 0,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.decided..self.end, 0);
        self.end -= self.decided;
        (self.begin, self.decided) = (0, 0);
        let read = self.from.read(&mut self.buffer[self.end..])?;
        self.end += read;
        let decided = pair(&mut self.buffer[..self.end]);
        // Of a text that has ended, nothing is left open.
        self.decided = if read == 0 { self.end } else { decided };
        Ok(())
    }
}

impl<R: Read> Read for Paired<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.begin == self.decided {
            self.fill()?;
            if self.end == 0 {
                return Ok(0);
            }
        }
        let taken = into.len().min(self.decided - self.begin);
        into[..taken].copy_from_slice(&self.buffer[self.begin..][..taken]);
        self.begin += taken;
        Ok(taken)
    }
}

/// What is found on the way through a text, and where.
enum Found {
    Half(usize),
    /// What comes next decides.
    Undecided(usize),
}

/// Replaces halves, and says up to where that is decided.
fn pair(text: &mut [u8]) -> usize {
    let mut at = 0;
    loop {
        match next_half(text, at) {
            None => return text.len(),
            Some(Found::Undecided(at)) => return at,
            Some(Found::Half(half)) => {
                at = half + ESCAPE_BYTES;
                text[half..at].copy_from_slice(REPLACEMENT);
            }
        }
    }
}

/// The next half of a pair; `at` is not within an escape.
fn next_half(text: &[u8], mut at: usize) -> Option<Found> {
    while let Some(found) = memchr(b'\\', &text[at..]) {
        at += found;
        at += match Escape::read(&text[at..]) {
            Escape::Whole { bytes } => bytes,
            Escape::Half => return Some(Found::Half(at)),
            Escape::Open => return Some(Found::Undecided(at)),
        };
    }
    None
}

/// An escape, or two that are a pair.
enum Escape {
    Whole { bytes: usize },
    Half,
    Open,
}

impl Escape {
    /// What the text begins with, of which the first byte is a backslash.
    fn read(text: &[u8]) -> Self {
        match (text.get(1), text.get(2..ESCAPE_BYTES)) {
            (None, _) | (Some(b'u'), None) => Self::Open,
            (Some(b'u'), Some(digits)) => Self::numbered(unit(digits), &text[ESCAPE_BYTES..]),
            _ => Self::Whole { bytes: 2 },
        }
    }

    fn numbered(unit: Option<u16>, rest: &[u8]) -> Self {
        match unit {
            // What is no escape is left to the parser.
            None => Self::Whole { bytes: 2 },
            Some(0xd800..=0xdbff) => Self::first(rest),
            Some(0xdc00..=0xdfff) => Self::Half,
            Some(_) => Self::Whole {
                bytes: ESCAPE_BYTES,
            },
        }
    }

    /// What the first half of a pair is, with what follows it.
    fn first(rest: &[u8]) -> Self {
        if rest.len() < ESCAPE_BYTES && br"\u".starts_with(&rest[..rest.len().min(2)]) {
            return Self::Open;
        }
        let second = rest.strip_prefix(br"\u").and_then(|rest| rest.get(..4));
        match second.and_then(unit) {
            Some(0xdc00..=0xdfff) => Self::Whole {
                bytes: 2 * ESCAPE_BYTES,
            },
            _ => Self::Half,
        }
    }
}

fn unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests;
