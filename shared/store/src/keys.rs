//! How series, days and blocks are spelled in the tables' keys.
//!
//! A namespace and a name may hold any character but U+0000, so the two are joined with the
//! namespace's length in front: the join can be taken apart again, and nothing is escaped. Numbers
//! are padded, because DynamoDB orders sort keys by their bytes.

use weir_model::{BlockName, Day, Name, RunId, Series, Writer};

/// Separates a name from a year in the catalogue: the one character that no name has, and the
/// first of all, so a namespace's names come in their own order and the years of each together.
const YEAR_MARK: char = '\0';

/// `3:DTW/departure`
pub(crate) fn series(series: &Series) -> String {
    let namespace = series.namespace.as_str();
    format!("{}:{namespace}/{}", namespace.len(), series.name.as_str())
}

/// Reads what [`series`] wrote.
pub(crate) fn parse_series(key: &str) -> Option<Series> {
    let (length, rest) = key.split_once(':')?;
    let length: usize = length.parse().ok()?;
    let namespace = rest.get(..length)?;
    let name = rest.get(length..)?.strip_prefix('/')?;
    Some(Series {
        namespace: Name::parse(namespace).ok()?,
        name: Name::parse(name).ok()?,
    })
}

pub(crate) fn inbox_partition(of: &Series, shard: u8) -> String {
    format!("{}#{shard:x}", series(of))
}

pub(crate) fn parse_inbox_partition(key: &str) -> Option<(Series, u8)> {
    let (key, shard) = key.rsplit_once('#')?;
    Some((parse_series(key)?, u8::from_str_radix(shard, 16).ok()?))
}

/// `0011323.<writer>.<sequence>`: blocks of a day stand together, those of a writer in sequence.
pub(crate) fn block(day: Day, name: &BlockName) -> String {
    block_at(day, name.writer, name.sequence)
}

pub(crate) fn block_at(day: Day, writer: Writer, sequence: u64) -> String {
    format!("{}.{writer}.{sequence:016x}", self::day(day))
}

pub(crate) fn parse_block(shard: u8, key: &str) -> Option<(Day, BlockName)> {
    let mut parts = key.splitn(3, '.');
    let day = parse_day(parts.next()?)?;
    let writer = parts.next()?.parse().ok()?;
    let sequence = u64::from_str_radix(parts.next()?, 16).ok()?;
    Some((
        day,
        BlockName {
            shard,
            writer,
            sequence,
        },
    ))
}

/// Seven digits reach past the year 9999.
pub(crate) fn day(day: Day) -> String {
    format!("{:07}", day.number())
}

pub(crate) fn parse_day(key: &str) -> Option<Day> {
    Day::from_number(key.parse().ok()?)
}

pub(crate) fn manifest_partition(of: &Series, year: u16) -> String {
    format!("{}#{year}", series(of))
}

pub(crate) fn chunk_partition(of: &Series, of_day: Day) -> String {
    format!("{}#{}", series(of), day(of_day))
}

/// Reads what [`chunk_partition`] wrote.
pub(crate) fn parse_chunk_partition(key: &str) -> Option<(Series, Day)> {
    let (key, day) = key.rsplit_once('#')?;
    Some((parse_series(key)?, parse_day(day)?))
}

/// `07/<run>/00002`: the pieces of a run stand together in time order.
pub(crate) fn chunk(hour: u8, run: RunId, position: usize) -> String {
    format!("{}{position:05}", chunks_of_run(hour, run))
}

/// How the keys of all chunks of a run begin.
pub(crate) fn chunks_of_run(hour: u8, run: RunId) -> String {
    format!("{hour:02}/{run}/")
}

/// The range of chunk keys of some hours, both ends included.
pub(crate) fn chunk_hours(first: u8, last: u8) -> (String, String) {
    (format!("{first:02}/"), format!("{last:02}/~"))
}

pub(crate) fn parse_chunk(key: &str) -> Option<(u8, RunId, usize)> {
    let mut parts = key.splitn(3, '/');
    let hour = parts.next()?.parse().ok()?;
    let run = parts.next()?.parse().ok()?;
    let position = parts.next()?.parse().ok()?;
    Some((hour, run, position))
}

/// The registry's partition of all namespaces.
pub(crate) const NAMESPACES: &str = "namespaces";

/// The registry's partition of days that have work for later.
pub(crate) const UPKEEP: &str = "upkeep";

pub(crate) fn names_partition(namespace: &Name) -> String {
    format!("names#{}", namespace.as_str())
}

/// The catalogue's item of a series and year. Year 0 holds the series' settings.
pub(crate) fn name_year(name: &Name, year: u16) -> String {
    format!("{}{YEAR_MARK}{year:04}", name.as_str())
}

pub(crate) fn parse_name_year(key: &str) -> Option<(&str, u16)> {
    let (name, year) = key.rsplit_once(YEAR_MARK)?;
    Some((name, year.parse().ok()?))
}

/// Sorts behind every year of a name, and before every other name.
pub(crate) fn after_name(name: &str) -> String {
    format!("{name}{YEAR_MARK}~")
}

pub(crate) fn upkeep(of: &Series, of_day: Day) -> String {
    format!("{}{}", day(of_day), series(of))
}

pub(crate) fn parse_upkeep(key: &str) -> Option<(Series, Day)> {
    let day = parse_day(key.get(..7)?)?;
    Some((parse_series(key.get(7..)?)?, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd() -> Series {
        Series::parse("a:b/9#é", "/c#\u{1}2024").expect("a legal series")
    }

    fn name() -> BlockName {
        BlockName {
            shard: 15,
            writer: Writer::from_bytes([0xab; 12]),
            sequence: u64::MAX,
        }
    }

    #[test]
    fn every_key_can_be_taken_apart_again() {
        let day = Day::from_number(11_323).expect("a day");
        assert_eq!(
            parse_inbox_partition(&inbox_partition(&odd(), 15)),
            Some((odd(), 15))
        );
        assert_eq!(parse_block(15, &block(day, &name())), Some((day, name())));
        assert_eq!(parse_upkeep(&upkeep(&odd(), day)), Some((odd(), day)));
        assert_eq!(
            parse_chunk_partition(&chunk_partition(&odd(), day)),
            Some((odd(), day))
        );
        let year = name_year(&odd().name, 2024);
        assert_eq!(parse_name_year(&year), Some((odd().name.as_str(), 2024)));
    }

    #[test]
    fn two_series_never_share_a_key() {
        let one = Series::parse("a/b", "c").expect("legal");
        let other = Series::parse("a", "b/c").expect("legal");
        assert_ne!(series(&one), series(&other));
    }

    #[test]
    fn the_longest_names_fit_the_limits_of_keys() {
        let longest = "😀".repeat(120);
        let series = Series::parse(&longest, &longest).expect("legal");
        let day = Day::from_number(2_932_896).expect("the last day");
        // 2,048 bytes a partition key, 1,024 a sort key (DynamoDB developer guide, "Quotas").
        assert!(inbox_partition(&series, 15).len() <= 2048);
        assert!(upkeep(&series, day).len() <= 1024);
        assert!(name_year(&series.name, 9999).len() <= 1024);
    }
}
