//! One field of a cron expression as the set of its values: numbers, names, lists, ranges, steps.

use std::collections::BTreeSet;

/// The values of a field, in order.
pub(super) type Values = BTreeSet<u16>;

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// What it is called in errors.
    pub(super) name: &'static str,
    first: u16,
    last: u16,
    /// Words for the values from the first one on.
    words: &'static [&'static str],
    /// Whether values may have a step.
    steps: bool,
    /// Whether a range may go over the last value, as hours 20-2 do.
    wraps: bool,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const MINUTES: Field = Field::numbers("minutes", 0, 59);
pub(super) const HOURS: Field = Field::numbers("hours", 0, 23);
pub(super) const DAY_OF_MONTH: Field = Field::numbers("day-of-month", 1, 31);
pub(super) const MONTH: Field = Field {
    words: &MONTHS,
    ..Field::numbers("month", 1, 12)
};
pub(super) const DAY_OF_WEEK: Field = Field {
    words: &WEEKDAYS,
    steps: false,
    ..Field::numbers("day-of-week", 1, 7)
};
pub(super) const YEAR: Field = Field {
    wraps: false,
    ..Field::numbers("year", 1970, 2199)
};

impl Field {
    const fn numbers(name: &'static str, first: u16, last: u16) -> Field {
        Field {
            name,
            first,
            last,
            words: &[],
            steps: true,
            wraps: true,
        }
    }

    /// Reads a list of values, ranges and steps.
    pub(super) fn values(&self, text: &str) -> Result<Values, String> {
        let mut values = Values::new();
        for item in text.split(',') {
            values.extend(self.item(item)?);
        }
        Ok(values)
    }

    /// Reads one of a list: `*`, `5`, `1-5`, `0/15`, `0-30/10`.
    pub(super) fn item(&self, item: &str) -> Result<Vec<u16>, String> {
        let (range, step) = match item.split_once('/') {
            Some(_) if !self.steps => {
                return Err(format!("{} {item:?}: it takes no step", self.name));
            }
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // A step goes from its start as far as there are values.
            None if step.is_some() => (self.value(range)?, self.last),
            None => (self.value(range)?, self.value(range)?),
        };
        if from > to && !self.wraps {
            return Err(format!("{} {range:?} ends before it begins", self.name));
        }
        Ok(self.run(from, to).step_by(step.unwrap_or(1)).collect())
    }

    /// Reads a single value, by its number or its name.
    pub(super) fn value(&self, text: &str) -> Result<u16, String> {
        let word = self
            .words
            .iter()
            .zip(self.first..)
            .find(|(word, _)| word.eq_ignore_ascii_case(text));
        let number = match word {
            Some((_, value)) => Some(value),
            None => digits(text),
        };
        number
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or_else(|| format!("{} {text:?} is not {}", self.name, self.allowed()))
    }

    fn step(&self, item: &str, step: &str) -> Result<usize, String> {
        let number = digits(step).filter(|number| *number > 0);
        let number = number.ok_or_else(|| format!("{} {item:?}: a step is 1 or more", self.name));
        Ok(usize::from(number?))
    }

    /// From one value to another, over the last one if need be.
    fn run(&self, from: u16, to: u16) -> impl Iterator<Item = u16> {
        let end = if from <= to { to } else { self.last };
        let over = if from <= to { 0..0 } else { self.first..to + 1 };
        (from..=end).chain(over)
    }

    fn allowed(&self) -> String {
        let numbers = format!("{} to {}", self.first, self.last);
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => format!("{numbers} or {first} to {last}"),
            _ => numbers,
        }
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u16> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: Field, text: &str, expected: &[u16]) {
        let values: Vec<u16> = field.values(text).expect(text).into_iter().collect();
        assert_eq!(values, expected, "{text}");
    }

    #[test]
    fn a_field_is_a_list_of_values_ranges_and_steps() {
        check(MINUTES, "5", &[5]);
        check(MINUTES, "0/15", &[0, 15, 30, 45]);
        check(MINUTES, "*/20", &[0, 20, 40]);
        check(MINUTES, "1/10", &[1, 11, 21, 31, 41, 51]);
        check(MINUTES, "10-30/10,59", &[10, 20, 30, 59]);
        check(MONTH, "jan,FEB,12", &[1, 2, 12]);
        check(DAY_OF_WEEK, "MON-FRI", &[2, 3, 4, 5, 6]);
        check(YEAR, "2022-2024", &[2022, 2023, 2024]);
        assert_eq!(HOURS.values("*").expect("all").len(), 24);
    }

    #[test]
    fn a_range_may_go_over_the_last_value() {
        check(HOURS, "20-2", &[0, 1, 2, 20, 21, 22, 23]);
        check(HOURS, "22-3/2", &[0, 2, 22]);
        check(DAY_OF_WEEK, "FRI-MON", &[1, 2, 6, 7]);
        check(MONTH, "NOV-FEB", &[1, 2, 11, 12]);
    }

    #[test]
    fn what_a_field_may_not_hold_is_named() {
        let check = |field: Field, text: &str, expected: &str| {
            assert_eq!(field.values(text).expect_err(text), expected);
        };
        check(MINUTES, "60", "minutes \"60\" is not 0 to 59");
        check(HOURS, "8-24", "hours \"24\" is not 0 to 23");
        check(MINUTES, "", "minutes \"\" is not 0 to 59");
        check(MINUTES, "1,", "minutes \"\" is not 0 to 59");
        check(MINUTES, "+5", "minutes \"+5\" is not 0 to 59");
        check(MINUTES, "0/0", "minutes \"0/0\": a step is 1 or more");
        let weekday = "day-of-week \"0\" is not 1 to 7 or SUN to SAT";
        check(DAY_OF_WEEK, "0", weekday);
        check(DAY_OF_WEEK, "1/2", "day-of-week \"1/2\": it takes no step");
        check(MONTH, "13", "month \"13\" is not 1 to 12 or JAN to DEC");
        check(YEAR, "2200", "year \"2200\" is not 1970 to 2199");
        check(
            YEAR,
            "2024-2022",
            "year \"2024-2022\" ends before it begins",
        );
    }
}
