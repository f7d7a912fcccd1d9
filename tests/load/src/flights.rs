//! The flights file again and again, each time some years later: nearly every event is another
//! series and hour than the one before it.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;

/// A part of a public file of American flights, in order of departure; the series are airports.
const FILE: &[u8] = include_bytes!("../../fixtures/flights.ndjson.gz");

/// What stands before the year in each line.
const BEFORE_YEAR: &str = r#""timestamp":""#;

/// The year of the file. It has no 29th of February, so every year takes its days.
const YEAR: u64 = 2001;

/// Years from [`YEAR`] to the last that a timestamp may be in.
const YEARS: u64 = 9999 - YEAR + 1;

/// The lines of the file, each cut at its year.
#[derive(Debug)]
pub(crate) struct Flights(Vec<(String, String)>);

impl Flights {
    /// Reads the file that the program carries.
    pub(crate) fn read() -> Result<Self> {
        let mut text = String::new();
        GzDecoder::new(FILE).read_to_string(&mut text)?;
        let lines: Option<Vec<_>> = text.lines().map(cut).collect();
        Ok(Self(lines.context("a flight without its year")?))
    }

    /// Lines of a batch of so many: the batch of the next number goes on behind it. After the last
    /// line the file begins again in the next year.
    pub(crate) fn batch(&self, number: u64, size: u64) -> String {
        let mut body = String::new();
        for index in number * size..(number + 1) * size {
            let lines = self.0.len() as u64;
            let year = YEAR + index / lines % YEARS;
            let (before, after) = &self.0[(index % lines) as usize];
            body.push_str(before);
            body.push_str(&year.to_string());
            body.push_str(after);
            body.push('\n');
        }
        body
    }
}

fn cut(line: &str) -> Option<(String, String)> {
    let at = line.find(BEFORE_YEAR)? + BEFORE_YEAR.len();
    let (before, rest) = line.split_at(at);
    let after = rest.strip_prefix(&YEAR.to_string())?;
    Some((before.to_owned(), after.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use serde_json::Value;
    use weir_model::Timestamp;

    fn read(batch: &str) -> Vec<Value> {
        let lines = batch.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn the_first_pass_is_the_file_and_the_second_is_a_year_later() {
        let flights = Flights::read().unwrap();
        let mut text = String::new();
        GzDecoder::new(FILE).read_to_string(&mut text).unwrap();
        let lines = text.lines().count() as u64;
        assert_eq!(flights.batch(0, lines), text);
        let again = flights.batch(1, lines);
        assert_eq!(
            again.replace(r#""timestamp":"2002-"#, r#""timestamp":"2001-"#),
            text
        );
    }

    #[test]
    fn batches_follow_each_other_without_a_gap() {
        let flights = Flights::read().unwrap();
        let pieces: String = (0..4).map(|number| flights.batch(number, 7_001)).collect();
        assert_eq!(pieces, flights.batch(0, 4 * 7_001));
    }

    #[test]
    fn every_line_has_a_time_that_weir_takes_however_late_its_year() {
        let flights = Flights::read().unwrap();
        let lines = flights.0.len() as u64;
        for event in read(&flights.batch(YEARS - 1, lines)) {
            let at = Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
            assert_eq!(at.day().year(), 9999);
        }
    }

    #[test]
    fn nearly_every_event_of_a_batch_is_a_series_and_hour_of_its_own() {
        let events = read(&Flights::read().unwrap().batch(3, 500));
        let hour = |event: &Value| {
            let at = event["timestamp"].as_str().unwrap()[..13].to_owned();
            (event["namespace"].to_string(), at)
        };
        let hours: HashSet<_> = events.iter().map(hour).collect();
        assert!(hours.len() > 400, "{}", hours.len());
    }
}
