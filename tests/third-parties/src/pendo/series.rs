//! `timeSeries`: which days or hours are asked for, in UTC.

use serde::Deserialize;
use serde_json::Value;

use super::row::Row;
use super::source::Source;

const HOUR_MS: i64 = 3_600_000;

/// The days or hours of a source.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Series {
    pub(crate) period: Period,
    first: Value,
    last: Option<Value>,
    /// How many periods from the first; back in time if it is less than 0.
    count: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Period {
    DayRange,
    HourRange,
}

impl Period {
    fn length(self) -> i64 {
        match self {
            Period::DayRange => 24 * HOUR_MS,
            Period::HourRange => HOUR_MS,
        }
    }

    /// The field that rows of the other period have.
    pub(crate) fn other_field(self) -> &'static str {
        match self {
            Period::DayRange => "hour",
            Period::HourRange => "day",
        }
    }
}

/// Times from the first to the last, both of them included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Series {
    /// The times that are meant. The first one counts from the begin of its period.
    pub(crate) fn span(&self, now: i64) -> Result<Span, String> {
        let length = self.period.length();
        let first = time(&self.first, "first", now)?;
        let begin = first.div_euclid(length) * length;
        match (&self.last, self.count) {
            (Some(last), None) => {
                let last = time(last, "last", now)?;
                Ok(Span { first: begin, last })
            }
            (None, Some(count)) if count > 0 => Ok(Span {
                first: begin,
                last: begin + count * length - 1,
            }),
            (None, Some(count)) if count < 0 => Ok(Span {
                first: begin + (count + 1) * length,
                last: first,
            }),
            _ => Err("timeSeries: either last or a count that is not 0".to_owned()),
        }
    }
}

fn time(value: &Value, name: &str, now: i64) -> Result<i64, String> {
    match value {
        Value::String(text) if text == "now()" => Ok(now),
        Value::Number(number) if number.is_i64() => Ok(number.as_i64().unwrap_or_default()),
        other => Err(format!(
            "timeSeries: {name} is a time in milliseconds or now(), not {other}"
        )),
    }
}

impl Span {
    /// Whether a row is of these times. One without any is of none.
    pub(crate) fn has(self, row: &Row, source: Source, period: Period) -> bool {
        let fields: &[&str] = match (source.is_counted(), period) {
            // Browsers' clocks may be wrong: what counts is when an event has arrived.
            (false, _) => &["receivedAt", "browserTime"],
            (true, Period::DayRange) => &["day", "hour"],
            (true, Period::HourRange) => &["hour", "day"],
        };
        let time = fields.iter().find_map(|field| row.get(field)?.as_i64());
        time.is_some_and(|time| (self.first..=self.last).contains(&time))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_series_begins_with_the_period_of_its_first_time() {
        let now = 10 * 24 * HOUR_MS + 5;
        let check = |series: Value, expected: Option<(i64, i64)>| {
            let series: Series = serde_json::from_value(series).unwrap();
            let span = series.span(now).ok().map(|span| (span.first, span.last));
            assert_eq!(span, expected);
        };
        let day = 24 * HOUR_MS;
        check(
            json!({"period": "dayRange", "first": 2 * day + 9, "last": "now()"}),
            Some((2 * day, now)),
        );
        check(
            json!({"period": "hourRange", "first": HOUR_MS + 9, "last": 77}),
            Some((HOUR_MS, 77)),
        );
        check(
            json!({"period": "dayRange", "first": day + 9, "count": 2}),
            Some((day, 3 * day - 1)),
        );
        check(
            json!({"period": "dayRange", "first": "now()", "count": -2}),
            Some((9 * day, now)),
        );
        check(json!({"period": "dayRange", "first": 0}), None);
        check(
            json!({"period": "dayRange", "first": "today", "last": "now()"}),
            None,
        );
        check(
            json!({"period": "dayRange", "first": 1.5, "last": "now()"}),
            None,
        );
    }
}
