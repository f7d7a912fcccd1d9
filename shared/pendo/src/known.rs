//! The parents whose past was read, in few bytes.
//!
//! A parent that appears later has a past that no bookmark covers, so a state has to say which ones
//! were there. Two hundred thousand ids would make it a state of many megabytes. It holds sorted
//! hashes of 40 bits as Golomb and Rice code them: 3 bytes an id. Of a million new parents one at
//! most is taken for one of 200,000 known ones. A job's state has 8 MB at most, so a stream may have
//! about 2.3 million parents there; a state that is a file may have more.
//!
//! In memory a parent takes 8 bytes: they are one sorted list, into which new ones go from a small
//! table, some thousands at a time.
//!
//! A pass does not simply add to what was known: a parent that is hidden for a while and comes back
//! has missed passes, and must not count as known then. So each parent is marked: known when the
//! pass began, read in this pass, or both; with the pass's end those that were not read are dropped.

mod bits;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use bits::{Reader, Writer};

/// Bits of a hash.
const HASH_BITS: u32 = 40;

/// What a text of this form begins with.
const VERSION: &str = "1:";

/// The parent was known when the pass began.
const BEFORE: u64 = 1;
/// It was read in this pass.
const READ: u64 = 2;
/// Where the marks are in an entry: below the hash.
const MARKS: u64 = BEFORE | READ;
const MARK_BITS: u32 = 2;

/// New ones are at least so many before they go into the list, ...
const RECENT: usize = 4096;
/// ... and at least such a part of it.
const RECENT_PART: usize = 16;

/// So many bytes become text at once; three become four letters.
const BLOCK_BYTES: usize = 3 * 1024;

/// The parents whose past was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Whether all parents count as known: what a state says that has no list of them.
    all: bool,
    /// Hashes with their marks, sorted.
    entries: Vec<u64>,
    /// Hashes that are not among them, with their marks.
    recent: HashMap<u64, u64>,
}

/// A text that is none of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Known {
    /// All parents: the state is one of a tap that keeps no list.
    pub(crate) fn all() -> Known {
        Known {
            all: true,
            ..Known::default()
        }
    }

    /// Whether the parent's past was read before this pass.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.all || self.mark(id) & BEFORE != 0
    }

    /// Whether the parent was read in this pass.
    pub(crate) fn was_read(&self, id: &str) -> bool {
        self.mark(id) & READ != 0
    }

    /// The parent was read in this pass.
    pub(crate) fn read(&mut self, id: &str) {
        let hash = hash(id);
        match self.place(hash) {
            Ok(place) => self.entries[place] |= READ,
            Err(_) => *self.recent.entry(hash).or_default() |= READ,
        }
        if self.recent.len() >= RECENT.max(self.entries.len() / RECENT_PART) {
            self.merge();
        }
    }

    /// The pass is over: who was not read in it is not known.
    pub(crate) fn end_pass(&mut self) {
        self.all = false;
        self.merge();
        self.keep(|mark| if mark & READ != 0 { BEFORE } else { 0 });
    }

    /// Forgets what was read in this pass: it begins again.
    pub(crate) fn restart_pass(&mut self) {
        self.merge();
        self.keep(|mark| mark & BEFORE);
    }

    /// Writes it as text.
    pub(crate) fn write(&self) -> String {
        let count = self.entries.len() + self.recent.len();
        let is_mixed = self.sorted().any(|entry| entry & MARKS != BEFORE);
        let low = low_bits(count);
        let (mut text, mut bits) = (VERSION.to_owned(), Writer::default());
        bits.put(u64::from(self.all), 1);
        bits.put(u64::from(is_mixed), 1);
        bits.put(count as u64, HASH_BITS);
        let mut last = 0;
        for entry in self.sorted() {
            let (hash, mark) = (entry >> MARK_BITS, entry & MARKS);
            bits.put_rice(hash - last, low);
            last = hash;
            if is_mixed {
                bits.put(mark, MARK_BITS);
            }
            if let Some(block) = bits.take_block(BLOCK_BYTES) {
                STANDARD.encode_string(block, &mut text);
            }
        }
        STANDARD.encode_string(bits.into_bytes(), &mut text);
        text
    }

    /// Reads what [`Known::write`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Known, Unreadable> {
        let coded = text.strip_prefix(VERSION).ok_or(Unreadable)?;
        let bytes = STANDARD.decode(coded).map_err(|_| Unreadable)?;
        let bits = bytes.len() as u64 * 8;
        Known::decode(Reader::new(&bytes), bits).ok_or(Unreadable)
    }

    fn decode(mut bits: Reader<'_>, size: u64) -> Option<Known> {
        let all = bits.take(1)? == 1;
        let is_mixed = bits.take(1)? == 1;
        // Each takes a bit at least: what says that it has more is no set.
        let count = bits.take(HASH_BITS).filter(|count| *count <= size)?;
        let count = usize::try_from(count).ok()?;
        let low = low_bits(count);
        let mut entries = Vec::with_capacity(count);
        let mut last = 0_u64;
        for number in 0..count {
            let more = bits.take_rice(low)?;
            let is_sorted = more > 0 || number == 0;
            last = last.checked_add(more).filter(|_| is_sorted)?;
            let mark = match is_mixed {
                true => bits.take(MARK_BITS)?,
                false => BEFORE,
            };
            (last >> HASH_BITS == 0).then(|| entries.push(last << MARK_BITS | mark))?;
        }
        Some(Known {
            all,
            entries,
            recent: HashMap::new(),
        })
    }

    fn mark(&self, id: &str) -> u64 {
        if self.entries.is_empty() && self.recent.is_empty() {
            return 0;
        }
        let hash = hash(id);
        match self.place(hash) {
            Ok(place) => self.entries[place] & MARKS,
            Err(_) => self.recent.get(&hash).copied().unwrap_or(0),
        }
    }

    fn place(&self, hash: u64) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&hash, |entry| entry >> MARK_BITS)
    }

    /// Those that are not in the list yet, sorted.
    fn latest(&self) -> Vec<u64> {
        let recent = self.recent.iter();
        let mut latest: Vec<u64> = recent
            .map(|(hash, mark)| hash << MARK_BITS | mark)
            .collect();
        latest.sort_unstable();
        latest
    }

    /// All of them.
    fn sorted(&self) -> impl Iterator<Item = u64> {
        let mut entries = self.entries.iter().copied().peekable();
        let mut latest = self.latest().into_iter().peekable();
        std::iter::from_fn(move || match (entries.peek(), latest.peek()) {
            (Some(one), Some(other)) if one < other => entries.next(),
            (Some(_), None) => entries.next(),
            _ => latest.next(),
        })
    }

    /// Puts new ones into the list, from its end, so that no second one is needed.
    fn merge(&mut self) {
        let mut latest = self.latest();
        self.recent = HashMap::new();
        let (mut left, mut to) = (self.entries.len(), self.entries.len() + latest.len());
        self.entries.reserve_exact(latest.len());
        self.entries.resize(to, 0);
        while let Some(last) = latest.last().copied() {
            to -= 1;
            let is_from_list = left > 0 && self.entries[left - 1] > last;
            self.entries[to] = match is_from_list {
                true => {
                    left -= 1;
                    self.entries[left]
                }
                false => {
                    latest.pop();
                    last
                }
            };
        }
    }

    /// Changes marks, and drops those that have none then.
    fn keep(&mut self, change: impl Fn(u64) -> u64) {
        self.entries.retain_mut(|entry| {
            *entry = *entry & !MARKS | change(*entry & MARKS);
            *entry & MARKS != 0
        });
    }
}

/// Whether they say the same, however they are held.
impl PartialEq for Known {
    fn eq(&self, other: &Known) -> bool {
        self.all == other.all && self.sorted().eq(other.sorted())
    }
}

impl Eq for Known {}

/// The bits of a difference that are written as they are: about as many as the mean one has.
fn low_bits(count: usize) -> u32 {
    let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
    HASH_BITS.saturating_sub(count.ilog2() + 1)
}

fn hash(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    let first = digest.iter().take(5);
    first.fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(ids: impl IntoIterator<Item = String>) -> Known {
        let mut known = Known::default();
        ids.into_iter().for_each(|id| known.read(&id));
        known.end_pass();
        known
    }

    proptest! {
        #[test]
        fn members_are_found_after_any_round_trip(
            before in prop::collection::btree_set(".{0,8}", 0..200),
            read in prop::collection::btree_set(".{0,8}", 0..200),
        ) {
            let mut known = of(before.iter().cloned());
            read.iter().for_each(|id| known.read(id));
            let again = Known::parse(&known.write()).unwrap();
            prop_assert_eq!(&again, &known);
            prop_assert!(before.iter().all(|id| again.has(id)));
            prop_assert!(read.iter().all(|id| again.was_read(id)));
            prop_assert!(read.difference(&before).all(|id| !again.has(id)));
            let mut ended = again;
            ended.end_pass();
            prop_assert!(read.iter().all(|id| ended.has(id) && !ended.was_read(id)));
            prop_assert!(before.difference(&read).all(|id| !ended.has(id)));
        }

        #[test]
        fn a_text_that_is_no_set_is_none(text in "(1:)?[A-Za-z0-9+/]{0,40}={0,2}") {
            if let Ok(known) = Known::parse(&text) {
                prop_assert!(known.entries.len() <= text.len() * 8);
                prop_assert!(known.entries.is_sorted());
            }
        }
    }

    #[test]
    fn two_hundred_thousand_ids_are_less_than_a_megabyte_of_text() {
        let id = |number: u32| format!("visitor-{number}@example.com");
        let mut known = of((0..200_000).map(id));
        assert!(known.write().len() < 850_000, "{}", known.write().len());
        (0..100_000).for_each(|number| known.read(&id(number)));
        assert!(known.write().len() < 900_000, "{}", known.write().len());
        let strangers = (200_000..400_000).filter(|number| known.has(&id(*number)));
        assert!(strangers.count() <= 1);
    }

    #[test]
    fn an_id_takes_eight_bytes_and_a_bit() {
        let id = |number: usize| format!("visitor-{number}@example.com");
        let mut known = Known::default();
        for number in 0..200_000 {
            known.read(&id(number));
            let bytes = known.entries.capacity() * 8 + known.recent.capacity() * 17;
            // The table grows by doubling.
            let most = 8 * number + 17 * 4 * RECENT.max(number / RECENT_PART);
            assert!(bytes <= most, "{bytes} bytes for {number}");
        }
        assert!((0..200_000).all(|number| known.was_read(&id(number))));
        known.end_pass();
        known.read(&id(300_000));
        let again = Known::parse(&known.write()).unwrap();
        assert_eq!(again, known);
        assert_eq!(again.entries.len(), 200_001);
        assert!((0..200_000).all(|number| again.has(&id(number)) && !again.was_read(&id(number))));
    }

    #[test]
    fn all_are_known_where_no_list_is_kept_until_a_pass_has_ended() {
        let mut known = Known::all();
        known.read("a");
        let mut known = Known::parse(&known.write()).unwrap();
        assert!(known.has("b") && known.was_read("a") && !known.was_read("b"));
        known.end_pass();
        assert!(known.has("a") && !known.has("b"));
    }

    #[test]
    fn a_pass_that_begins_again_knows_what_was_known() {
        let mut known = of(["a".to_owned()]);
        known.read("a");
        known.read("b");
        known.restart_pass();
        assert!(known.has("a") && !known.was_read("a") && !known.was_read("b"));
    }
}
