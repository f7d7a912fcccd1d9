//! An answer on its way: a text, or a list whose rows are put together while it is sent, so that a
//! large one is nowhere whole.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;

use crate::answer::Answer;

/// Answers smaller than this are not worth packing.
const GZIP_FROM: usize = 512;

/// How much of a list goes out at once, about.
const CHUNK: usize = 32 * 1024;

/// What a vendor answers, before anything goes wrong with it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: Text,
    /// How long it is waited for.
    pub(crate) delay: Duration,
    /// Whether it is packed for who takes it packed.
    pub(crate) may_pack: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Text {
    Whole(String),
    List(List),
}

/// A list of rows in JSON, with what stands before and after them.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) head: String,
    pub(crate) rows: Vec<Arc<str>>,
    pub(crate) tail: String,
    /// How many bytes longer each row is made by a field `padding`.
    pub(crate) padding: usize,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Reply {
        Reply {
            status: answer.status,
            headers: answer.headers,
            text: Text::Whole(answer.body.to_string()),
            delay: Duration::ZERO,
            may_pack: true,
        }
    }
}

impl Text {
    /// All of it.
    pub(crate) fn whole(self) -> String {
        match self {
            Text::Whole(text) => text,
            Text::List(list) => {
                let bytes: Vec<u8> = list.chunks().flatten().collect();
                String::from_utf8(bytes).expect("rows are text")
            }
        }
    }

    /// What comes before the connection ends after so many rows; of a text that is no list, half.
    pub(crate) fn first_rows(self, count: usize) -> String {
        match self {
            Text::Whole(mut text) => {
                text.truncate(text.floor_char_boundary(text.len() / 2));
                text
            }
            Text::List(mut list) => {
                list.rows.truncate(count);
                list.tail.clear();
                Text::List(list).whole()
            }
        }
    }

    /// It as a body; says whether it is packed.
    pub(crate) fn into_body(self, packed_if_worth: bool) -> (Body, bool) {
        match self {
            Text::Whole(text) if packed_if_worth && text.len() >= GZIP_FROM => {
                let chunks = Packed::new([Bytes::from(text)].into_iter());
                let all: Vec<u8> = chunks.flatten().collect();
                (Body::from(all), true)
            }
            Text::Whole(text) => (Body::from(text), false),
            Text::List(list) if packed_if_worth => (streamed(Packed::new(list.chunks())), true),
            Text::List(list) => (streamed(list.chunks()), false),
        }
    }
}

fn streamed(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(stream::iter(chunks.map(Ok::<_, std::io::Error>)))
}

impl List {
    fn chunks(self) -> Chunks {
        Chunks {
            list: self,
            next: Some(0),
        }
    }
}

/// A list in pieces of about one size.
struct Chunks {
    list: List,
    /// The row that is next; none if all has been given.
    next: Option<usize>,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut at = self.next?;
        let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 4);
        if at == 0 {
            chunk.extend_from_slice(self.list.head.as_bytes());
        }
        while chunk.len() < CHUNK && at < self.list.rows.len() {
            self.list.push(at, &mut chunk);
            at += 1;
        }
        self.next = (at < self.list.rows.len()).then_some(at);
        if self.next.is_none() {
            chunk.extend_from_slice(self.list.tail.as_bytes());
        }
        Some(chunk.into())
    }
}

impl List {
    fn push(&self, at: usize, chunk: &mut Vec<u8>) {
        if at > 0 {
            chunk.push(b',');
        }
        let row = self.rows[at].as_bytes();
        match (self.padding, row.strip_suffix(b"}")) {
            (0, _) | (_, None | Some(b"{")) => chunk.extend_from_slice(row),
            (padding, Some(open)) => {
                chunk.extend_from_slice(open);
                chunk.extend_from_slice(b",\"padding\":\"");
                chunk.resize(chunk.len() + padding, b'x');
                chunk.extend_from_slice(b"\"}");
            }
        }
    }
}

/// Chunks, packed one after another.
struct Packed<I> {
    chunks: I,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Packed<I> {
    fn new(chunks: I) -> Packed<I> {
        let encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
        Packed { chunks, encoder }
    }
}

impl<I: Iterator<Item = Bytes>> Iterator for Packed<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while let Some(encoder) = &mut self.encoder {
            let Some(chunk) = self.chunks.next() else {
                break;
            };
            encoder.write_all(&chunk).expect("memory takes all");
            if !encoder.get_ref().is_empty() {
                return Some(std::mem::take(encoder.get_mut()).into());
            }
        }
        let packed = self.encoder.take()?.finish().expect("memory takes all");
        Some(packed.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn list(rows: usize, padding: usize) -> List {
        List {
            head: "[".to_owned(),
            rows: (0..rows)
                .map(|row| format!("{{\"n\":{row}}}").into())
                .collect(),
            tail: "]".to_owned(),
            padding,
        }
    }

    #[test]
    fn a_list_is_whole_json_in_chunks_packed_or_not() {
        for rows in [0, 1, 2, 7_000] {
            let whole = Text::List(list(rows, 0)).whole();
            let values: Vec<serde_json::Value> = serde_json::from_str(&whole).unwrap();
            assert_eq!(values.len(), rows);
            let packed: Vec<u8> = Packed::new(list(rows, 0).chunks()).flatten().collect();
            let mut text = String::new();
            GzDecoder::new(&packed[..])
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, whole);
        }
    }

    #[test]
    fn padded_rows_are_as_much_longer_and_no_chunk_holds_many() {
        let chunks: Vec<Bytes> = list(100, 10_000).chunks().collect();
        assert!(chunks.iter().all(|chunk| chunk.len() < CHUNK + 10_100));
        let text = chunks.concat();
        let values: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(values[99]["padding"].as_str().map(str::len), Some(10_000));
    }

    #[test]
    fn first_rows_end_before_the_next_one() {
        assert_eq!(Text::List(list(9, 0)).first_rows(2), "[{\"n\":0},{\"n\":1}");
        assert_eq!(Text::Whole("abcd".to_owned()).first_rows(2), "ab");
    }
}
