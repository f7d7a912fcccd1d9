//! Days since 1970-01-01 and dates of the proleptic Gregorian calendar, as plain integers.
//!
//! `jiff` ends at 9999-12-30T22:00Z, so that every offset fits; instants of Weir reach to the end
//! of that year and local dates a day further. These two functions have no such edge.

/// Days from 1 March of the year 0 to 1970-01-01.
const EPOCH_FROM_MARCH_0: i64 = 719_468;
/// Days of four centuries: 400 · 365 + 97 leap days.
const DAYS_OF_400_YEARS: i64 = 146_097;

/// A date: year, month 1..=12, day 1..=31.
pub(crate) type Date = (i64, i64, i64);

/// Counts the days from 1970-01-01 to a date; negative before it.
///
/// Years begin in March here, which puts the leap day at their end: the days before month `m`
/// (0 = March) are then ⌊(153·m + 2) / 5⌋.
pub(crate) fn days_of(date: Date) -> i64 {
    let (year, month, day) = date;
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let leap_days =
        march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    let before_month = (153 * march_month + 2) / 5;
    march_year * 365 + leap_days + before_month + (day - 1) - EPOCH_FROM_MARCH_0
}

/// The date that is so many days after 1970-01-01.
pub(crate) fn date_of(days: i64) -> Date {
    let since_march_0 = days + EPOCH_FROM_MARCH_0;
    let cycle = since_march_0.div_euclid(DAYS_OF_400_YEARS);
    let day_of_cycle = since_march_0.rem_euclid(DAYS_OF_400_YEARS);
    // Taking away the leap days that went before leaves years of 365 days.
    let leap_days = day_of_cycle / 1_460 - day_of_cycle / 36_524 + day_of_cycle / 146_096;
    let year_of_cycle = (day_of_cycle - leap_days) / 365;
    let day_of_year =
        day_of_cycle - (year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil;

    #[test]
    fn every_day_of_the_calendar_agrees_with_jiff() {
        let mut date = civil::date(1960, 1, 1);
        let mut days = days_of((1960, 1, 1));
        assert_eq!(date_of(0), (1970, 1, 1));
        // 8,040 years are twenty cycles; a prime step meets every day of a cycle in time.
        while let Ok(next) = date.checked_add(jiff::Span::new().days(7)) {
            let expected = (
                i64::from(date.year()),
                i64::from(date.month()),
                i64::from(date.day()),
            );
            assert_eq!(date_of(days), expected);
            assert_eq!(days_of(expected), days);
            date = next;
            days += 7;
        }
    }

    #[test]
    fn the_day_after_the_last_has_a_date_too() {
        assert_eq!(days_of((9999, 12, 31)), 2_932_896);
        assert_eq!(date_of(2_932_897), (10_000, 1, 1));
    }
}
