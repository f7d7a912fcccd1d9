//! Halves of characters, in texts that arrive in pieces.

use std::io::BufReader;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Reads pieces as they are, or as much of them as there is room for.
struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.retain(|piece| !piece.is_empty());
        let Some(piece) = self.0.first_mut() else {
            return Ok(0);
        };
        let taken = piece.len().min(into.len());
        into[..taken].copy_from_slice(&piece[..taken]);
        piece.drain(..taken);
        Ok(taken)
    }
}

/// The text in pieces that end there.
fn cut(text: &[u8], cuts: &[usize]) -> Pieces {
    let mut cuts: Vec<usize> = cuts.iter().map(|at| at % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|ends| text[ends[0]..ends[1]].to_vec());
    Pieces(pieces.collect())
}

fn read(pieces: Pieces, buffer_bytes: usize) -> Vec<u8> {
    let mut read = Vec::new();
    let mut paired = Paired::new(pieces, buffer_bytes);
    paired.read_to_end(&mut read).unwrap();
    read
}

/// A piece of what stands between quotes, and the units of UTF-16 that it means.
fn written() -> impl Strategy<Value = (String, Vec<u16>)> {
    let escape = (any::<u16>(), any::<bool>()).prop_map(|(unit, is_upper)| escaped(unit, is_upper));
    let half = (0xd800..=0xdfff_u16, any::<bool>()).prop_map(|(unit, upper)| escaped(unit, upper));
    let short = prop_oneof![
        Just(("\\\\".to_owned(), vec![u16::from(b'\\')])),
        Just(("\\\"".to_owned(), vec![u16::from(b'"')])),
        Just(("\\n".to_owned(), vec![u16::from(b'\n')])),
    ];
    let plain = "[a-fu0-9d é🦀]{0,6}".prop_map(|text| {
        let units = text.encode_utf16().collect();
        (text, units)
    });
    prop_oneof![2 => escape, 6 => half, 3 => short, 2 => plain]
}

fn escaped(unit: u16, is_upper: bool) -> (String, Vec<u16>) {
    let text = match is_upper {
        true => format!("\\u{unit:04X}"),
        false => format!("\\u{unit:04x}"),
    };
    (text, vec![unit])
}

proptest! {
    #[test]
    fn texts_mean_what_utf_16_says_wherever_they_are_cut(
        parts in vec(written(), 0..24),
        cuts in vec(any::<usize>(), 0..12),
        buffer_bytes in 13..40_usize,
    ) {
        let text: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        let text = format!("[\"{text}\", 1]");
        let arrived = read(cut(text.as_bytes(), &cuts), buffer_bytes);
        prop_assert_eq!(&arrived, &*paired(text.as_bytes()));
        let (parsed, _): (String, u8) = serde_json::from_slice(&arrived).unwrap();
        // The plain characters beside halves are characters, whose own pairs are whole.
        let units: Vec<u16> = parts.into_iter().flat_map(|(_, units)| units).collect();
        prop_assert_eq!(parsed, String::from_utf16_lossy(&units));
    }

    #[test]
    fn what_has_no_halves_stays_as_it_is(
        bytes in vec(prop_oneof![Just(b'\\'), Just(b'u'), Just(b'0'), Just(b'e'), any::<u8>()], 0..64),
        cuts in vec(any::<usize>(), 0..8),
    ) {
        // Without an escape that begins with a `d`, there are none.
        let text = String::from_utf8_lossy(&bytes).replace(['d', 'D'], "-").into_bytes();
        prop_assert_eq!(read(cut(&text, &cuts), 64), text);
    }
}

#[test]
fn a_half_is_replaced_and_a_pair_is_not() {
    for (text, told) in [
        (r"cut \ud83d", r"cut \ufffd"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
        (r"\uD83D\uDE00", r"\uD83D\uDE00"),
        (r"\ude00\ud83d", r"\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
        (r"\ud83d\\ude00", r"\ufffd\\ude00"),
        (r"\ud83d\u0041", r"\ufffd\u0041"),
        (r"\\ud83d", r"\\ud83d"),
        (r"\\\ud83d", r"\\\ufffd"),
        (r"\\\\ud83d", r"\\\\ud83d"),
        (r"\ud83d\", r"\ufffd\"),
        (r"\ud8zz", r"\ud8zz"),
    ] {
        let text = format!("\"{text}\"");
        let told = format!("\"{told}\"");
        for size in 1..=text.len() {
            let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec);
            let read = read(Pieces(pieces.collect()), 13);
            assert_eq!(String::from_utf8(read).unwrap(), told, "{size}");
        }
        assert_eq!(&*paired(text.as_bytes()), told.as_bytes());
    }
}

#[test]
fn the_usual_text_is_not_copied_before_it_is_parsed() {
    for text in [r#"{"a": "\n \\ud83d \ud83d\ude00"}"#, "[]", ""] {
        assert!(matches!(paired(text.as_bytes()), Cow::Borrowed(_)));
    }
}

#[test]
fn what_is_decided_does_not_wait() {
    let mut paired = Paired::new(&br#"["a", "\ud83d"#[..], 64);
    let mut buffer = [0; 64];
    assert_eq!(paired.read(&mut buffer).unwrap(), 7);
    assert_eq!(&buffer[..7], br#"["a", ""#);
}

#[test]
fn a_parser_reads_what_is_paired() {
    let text = br#"{"a": "cut \ud83d", "b": "\ud83e\udd80"}"#;
    serde_json::from_slice::<Value>(text).unwrap_err();
    let reader = BufReader::new(Paired::new(&text[..], 64));
    let value: Value = serde_json::from_reader(reader).unwrap();
    assert_eq!(value["a"], "cut \u{fffd}");
    assert_eq!(value["b"], "\u{1f980}");
}
