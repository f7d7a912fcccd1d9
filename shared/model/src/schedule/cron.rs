//! A cron expression: which minutes of which days, in local time.

use jiff::civil::{Date, DateTime};

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, HOURS, MINUTES, MONTH, Values, YEAR};
use crate::timestamp::Timestamp;
use crate::zone::Zone;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Values,
    hours: Values,
    /// A day that any of them names.
    days: Vec<Days>,
    months: Values,
    years: Values,
}

/// Days of a month, by one item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// `1-15`: by their number.
    Numbered(Values),
    /// `L`: the last one.
    Last,
    /// `LW`: the last one from Monday to Friday.
    LastWorking,
    /// `15W`: the one from Monday to Friday that is closest to this one in the same month.
    Working(u16),
    /// `MON-FRI`: by weekday, 1 = Sunday.
    OfWeek(Values),
    /// `6L`: the last such weekday of the month.
    LastOfWeek(u16),
    /// `3#2`: the second such weekday of the month.
    Nth { weekday: u16, nth: u16 },
}

const SUNDAY: u16 = 1;
const SATURDAY: u16 = 7;

impl Cron {
    /// Reads the six fields.
    pub(super) fn parse(fields: &str) -> Result<Cron, String> {
        let words: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = words[..] else {
            return Err(format!(
                "cron has six fields, not {}: minutes hours day-of-month month day-of-week year",
                words.len()
            ));
        };
        Ok(Cron {
            minutes: MINUTES.values(minutes)?,
            hours: HOURS.values(hours)?,
            days: days(day_of_month, day_of_week)?,
            months: MONTH.values(month)?,
            years: YEAR.values(year)?,
        })
    }

    /// The first minute after an instant that the fields name.
    pub(super) fn next(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let last_year = i16::try_from(*self.years.last()?).ok()?;
        let mut date = zone.local(after).date();
        while date.year() <= last_year {
            if self.has_day(date)
                && let Some(due) = self.next_in(date, after, zone)
            {
                return Some(due);
            }
            date = self.skip(date)?;
        }
        None
    }

    fn next_in(&self, date: Date, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let times = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        let local = times.map(|(hour, minute)| at(date, hour, minute));
        local
            .filter_map(|local| zone.instant_of(local))
            .find(|due| *due > after)
    }

    /// The next date that is worth a look.
    fn skip(&self, date: Date) -> Option<Date> {
        let tomorrow = date.tomorrow().ok()?;
        match self.years.contains(&number(tomorrow.year())) {
            true => Some(tomorrow),
            false => tomorrow.last_of_year().tomorrow().ok(),
        }
    }

    fn has_day(&self, date: Date) -> bool {
        self.years.contains(&number(date.year()))
            && self.months.contains(&number(date.month()))
            && self.days.iter().any(|days| days.contain(date))
    }
}

fn at(date: Date, hour: u16, minute: u16) -> DateTime {
    let small = |value: u16| i8::try_from(value).expect("hours and minutes are below 60");
    date.at(small(hour), small(minute), 0, 0)
}

fn number(value: impl TryInto<u16>) -> u16 {
    value.try_into().unwrap_or_default()
}

/// Exactly one of the two fields says something.
fn days(of_month: &str, of_week: &str) -> Result<Vec<Days>, String> {
    match (of_month, of_week) {
        ("?", "?") => Err("day-of-month and day-of-week are both ?: one must say the days".into()),
        ("?", of_week) => weekdays(of_week),
        (of_month, "?") => of_month.split(',').map(days_of_month).collect(),
        _ => Err(format!(
            "day-of-month {of_month:?} and day-of-week {of_week:?} cannot both be said: one must \
             be ?"
        )),
    }
}

fn days_of_month(item: &str) -> Result<Days, String> {
    match item {
        "L" => Ok(Days::Last),
        "LW" => Ok(Days::LastWorking),
        _ => match item.strip_suffix('W') {
            Some(day) => Ok(Days::Working(DAY_OF_MONTH.value(day)?)),
            None => Ok(Days::Numbered(DAY_OF_MONTH.values(item)?)),
        },
    }
}

fn weekdays(field: &str) -> Result<Vec<Days>, String> {
    match field.split_once('#') {
        Some((weekday, nth)) => Ok(vec![nth_weekday(field, weekday, nth)?]),
        None => field.split(',').map(days_of_week).collect(),
    }
}

fn days_of_week(item: &str) -> Result<Days, String> {
    match item.strip_suffix('L') {
        // The last day of the week.
        Some("") => Ok(Days::OfWeek(Values::from([SATURDAY]))),
        Some(weekday) => Ok(Days::LastOfWeek(DAY_OF_WEEK.value(weekday)?)),
        None => Ok(Days::OfWeek(DAY_OF_WEEK.values(item)?)),
    }
}

fn nth_weekday(field: &str, weekday: &str, nth: &str) -> Result<Days, String> {
    let allowed =
        "with # it is one weekday and a number from 1 to 5, as 3#2 for the second Tuesday";
    let nth = match nth.as_bytes() {
        [digit @ b'1'..=b'5'] => u16::from(digit - b'0'),
        _ => return Err(format!("day-of-week {field:?}: {allowed}")),
    };
    let weekday = DAY_OF_WEEK.value(weekday)?;
    Ok(Days::Nth { weekday, nth })
}

impl Days {
    fn contain(&self, date: Date) -> bool {
        let day = number(date.day());
        let last = number(date.days_in_month());
        match self {
            Days::Numbered(days) => days.contains(&day),
            Days::Last => day == last,
            Days::LastWorking => day == closest_working(date, last),
            Days::Working(wanted) => *wanted <= last && day == closest_working(date, *wanted),
            Days::OfWeek(weekdays) => weekdays.contains(&weekday(date)),
            Days::LastOfWeek(wanted) => weekday(date) == *wanted && day + 7 > last,
            Days::Nth { weekday: of, nth } => weekday(date) == *of && day.div_ceil(7) == *nth,
        }
    }
}

/// 1 = Sunday.
fn weekday(date: Date) -> u16 {
    number(date.weekday().to_sunday_one_offset())
}

/// The day from Monday to Friday that is closest to this one, in the month of `date`.
fn closest_working(date: Date, day: u16) -> u16 {
    let last = number(date.days_in_month());
    let weekday_of_first = weekday(date.first_of_month());
    match (weekday_of_first + day - 2) % 7 + 1 {
        SATURDAY if day == 1 => 3,
        SATURDAY => day - 1,
        SUNDAY if day == last => day - 2,
        SUNDAY => day + 1,
        _ => day,
    }
}
