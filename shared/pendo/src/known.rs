//! The parents whose past was read, in few bytes.
//!
//! A parent that appears later has a past that no bookmark covers, so a state has to say which ones
//! were there. Two hundred thousand ids would make it a state of many megabytes. It holds sorted
//! hashes of 40 bits as Golomb and Rice code them: 3 bytes an id. Of a million new parents one at
//! most is taken for one of 200,000 known ones.
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
const BEFORE: u8 = 1;
/// It was read in this pass.
const READ: u8 = 2;

/// The parents whose past was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whether all parents count as known: what a state says that has no list of them.
    all: bool,
    marks: HashMap<u64, u8>,
}

/// A text that is none of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Known {
    /// All parents: the state is one of a tap that keeps no list.
    pub(crate) fn all() -> Known {
        Known {
            all: true,
            marks: HashMap::new(),
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
        *self.marks.entry(hash(id)).or_default() |= READ;
    }

    /// The pass is over: who was not read in it is not known.
    pub(crate) fn end_pass(&mut self) {
        self.all = false;
        self.marks.retain(|_, mark| {
            let was_read = *mark & READ != 0;
            *mark = BEFORE;
            was_read
        });
    }

    /// Forgets what was read in this pass: it begins again.
    pub(crate) fn restart_pass(&mut self) {
        self.marks.retain(|_, mark| {
            *mark &= BEFORE;
            *mark != 0
        });
    }

    /// Writes it as text.
    pub(crate) fn write(&self) -> String {
        let mut marks: Vec<(u64, u8)> = self.marks.iter().map(|(h, m)| (*h, *m)).collect();
        marks.sort_unstable();
        let is_mixed = marks.iter().any(|(_, mark)| *mark != BEFORE);
        let low = low_bits(marks.len());
        let mut bits = Writer::default();
        bits.put(u64::from(self.all), 1);
        bits.put(u64::from(is_mixed), 1);
        bits.put(marks.len() as u64, HASH_BITS);
        let mut last = 0;
        for (hash, mark) in marks {
            bits.put_rice(hash - last, low);
            last = hash;
            if is_mixed {
                bits.put(u64::from(mark), 2);
            }
        }
        format!("{VERSION}{}", STANDARD.encode(bits.into_bytes()))
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
        let mut marks = HashMap::with_capacity(count);
        let mut last = 0_u64;
        for _ in 0..count {
            last = last.checked_add(bits.take_rice(low)?)?;
            let mark = match is_mixed {
                true => u8::try_from(bits.take(2)?).ok()?,
                false => BEFORE,
            };
            marks.insert(last, mark);
        }
        Some(Known { all, marks })
    }

    fn mark(&self, id: &str) -> u8 {
        match self.marks.is_empty() {
            true => 0,
            false => self.marks.get(&hash(id)).copied().unwrap_or(0),
        }
    }
}

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
                prop_assert!(known.marks.len() <= text.len() * 8);
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
