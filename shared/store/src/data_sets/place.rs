//! How records are spelled in keys.

use sha2::{Digest as _, Sha256};
use weir_model::{DataSetName, Timestamp};

use super::set::Generation;
use crate::db::{Key, SkRange};

/// In the place of an instant. `-` comes before every digit.
const TIMELESS: &str = "t-";

/// Partitions of a set: as many as a small query reads side by side without being noticed, and
/// enough to write 2,000 records a second.
pub(super) const SHARDS: u8 = 4;

/// `group/type#generation#shard`
pub(super) fn partition(name: &DataSetName, generation: &Generation, shard: u8) -> String {
    format!("{name}#{}#{shard}", generation.as_str())
}

/// Where a record of this id lies, in every version of the program.
pub(super) fn shard_of(id: &str) -> u8 {
    Sha256::digest(id.as_bytes())[0] % SHARDS
}

/// The pointer of a record.
pub(super) fn pointer(name: &DataSetName, generation: &Generation, id: &str) -> Key {
    let partition = partition(name, generation, shard_of(id));
    Key::new(partition, format!("i{id}"))
}

/// The sort key of a document, `t001362960000000|<id>`: its time in milliseconds, as wide for
/// every instant. Records without a time come before all others.
pub(super) fn document(timestamp: Option<Timestamp>, id: &str) -> String {
    match timestamp {
        Some(timestamp) => format!("{}|{id}", instant(timestamp)),
        None => format!("{TIMELESS}|{id}"),
    }
}

/// Reads what [`document`] wrote, and makes of the key the id that is its end.
pub(super) fn parse_document(mut sk: String) -> Option<(Option<Timestamp>, String)> {
    let end = sk.find('|')?;
    let timestamp = match &sk[..end] {
        TIMELESS => None,
        time => {
            let millis = time.strip_prefix('t')?.parse().ok()?;
            Some(Timestamp::from_millis(millis).ok()?)
        }
    };
    sk.drain(..=end);
    Some((timestamp, sk))
}

fn instant(timestamp: Timestamp) -> String {
    format!("t{:015}", timestamp.as_millis())
}

/// An instant as Backdrop writes it, with its milliseconds.
pub(super) fn with_millis(timestamp: Timestamp) -> String {
    let text = timestamp.to_string();
    let bare = &text[..text.len() - 1];
    match timestamp.as_millis() % 1_000 {
        0 => format!("{bare}.000+00:00"),
        _ => format!("{bare}+00:00"),
    }
}

/// The sort keys of the documents from one instant, included, to another, which is not. With
/// either, records without a time are out of it.
pub(super) fn span(start: Option<Timestamp>, end: Option<Timestamp>) -> SkRange {
    if start.is_none() && end.is_none() {
        return SkRange::Between("t".to_owned(), "u".to_owned());
    }
    // `:` comes after every digit.
    let from = start.map_or_else(|| "t0".to_owned(), instant);
    // The instant alone comes before it with an id behind it.
    let to = end.map_or_else(|| "t:".to_owned(), instant);
    SkRange::Between(from, to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn times() -> impl Strategy<Value = Option<Timestamp>> {
        let last = Timestamp::MAX.as_millis();
        let millis = prop_oneof![0..4_i64, 0..=last, last - 3..=last];
        prop::option::of(millis.prop_map(at))
    }

    #[test]
    fn the_longest_id_fits_the_limits_of_keys() {
        let id = "x".repeat(weir_model::record::RECORD_ID_BYTES);
        // 2,048 bytes a partition key, 1,024 a sort key (DynamoDB developer guide, "Quotas").
        assert!(document(Some(Timestamp::MAX), &id).len() <= 1024);
        let part = "y".repeat(DataSetName::PART_CHARS);
        let name = DataSetName::new(&part, &part).expect("a name");
        let generation = Generation::parse(&"f".repeat(16));
        assert!(partition(&name, &generation, 3).len() <= 2048);
    }

    proptest! {
        #[test]
        fn a_key_can_be_taken_apart_again(time in times(), id in "[^ ]{1,9}") {
            let read = parse_document(document(time, &id));
            prop_assert_eq!(read, Some((time, id)));
        }

        #[test]
        fn keys_come_in_the_order_of_times_and_ids(
            a in (times(), "[!-~é]{1,3}"), b in (times(), "[!-~é]{1,3}"),
        ) {
            let keys = (document(a.0, &a.1), document(b.0, &b.1));
            prop_assert_eq!(keys.0.cmp(&keys.1), a.cmp(&b));
        }

        #[test]
        fn a_span_has_the_times_from_its_start_to_before_its_end(
            start in times(), end in times(), time in times(), id in "[!-~é]{1,3}",
        ) {
            let SkRange::Between(from, to) = span(start, end) else {
                panic!("a span is between two keys");
            };
            let key = document(time, &id);
            let is_in = start.is_none_or(|start| time >= Some(start))
                && end.is_none_or(|end| time.is_some_and(|time| time < end))
                && (time.is_some() || (start, end) == (None, None));
            prop_assert_eq!(from <= key && key <= to, is_in, "{} {} {}", from, key, to);
        }
    }
}
