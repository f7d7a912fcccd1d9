//! Query parameters, read strictly and refused in Backdrop's words: what is wrong first is said.
//!
//! The rules are those of alphagov/backdrop, `read/validation.py`; where its words do not name the
//! value, or what is allowed, more words follow.

mod described;
mod text;

use weir_model::Timestamp;

use crate::collect::{Method, is_same};
use crate::cursor::Place;
use crate::fields::Fields;
use crate::filter::{Filter, Test};
use crate::groups::{Collect, Grouping, Moves, Periods, SortBy};
use crate::period::{Millis, Period};
use crate::question::{Direction, Ends, Form, Listing, Order, Question, Shape, Span};
use crate::refusal::Refusal;
pub(crate) use described::ReadParameters;
use text::{filter_pair, is_field, read_time, shown};

/// Periods of an answer: more than a year of hours.
const PERIODS: usize = 10_000;

/// Every parameter.
const KNOWN: [&str; 14] = [
    "start_at",
    "end_at",
    "duration",
    "period",
    "filter_by",
    "filter_by_prefix",
    "group_by",
    "collect",
    "sort_by",
    "limit",
    "flatten",
    "inclusive",
    "format",
    "cursor",
];

/// The parameters of one request, in their order.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes a query apart.
    ///
    /// # Errors
    /// When there is a parameter that nobody knows.
    pub(crate) fn read(query: Option<&str>) -> Result<Parameters, Refusal> {
        let given = serde_urlencoded::from_str(query.unwrap_or_default());
        let given: Vec<(String, String)> =
            given.map_err(|error| Refusal::bad(format!("the query cannot be read: {error}")))?;
        match given
            .iter()
            .find(|(name, _)| !KNOWN.contains(&name.as_str()))
        {
            None => Ok(Parameters(given)),
            Some((name, _)) => Err(Refusal::bad(format!(
                "An unrecognised parameter was provided: {} is none of {}",
                shown(name),
                KNOWN.join(", ")
            ))),
        }
    }

    /// The question that they ask at a time.
    ///
    /// # Errors
    /// 400 for the first that is wrong, or does not fit the others.
    pub(crate) fn question(&self, now: Timestamp) -> Result<Question, Refusal> {
        let given = Ends {
            start_at: self.time("start_at")?,
            end_at: self.time("end_at")?,
        };
        let mut fields = Fields::default();
        let filter = self.filter(&mut fields)?;
        let periods = self.periods(given, now)?;
        let span = match periods {
            Some(periods) if self.has("duration") => Span {
                start: Some(periods.first),
                end: Some(periods.end),
            },
            _ => self.span(given)?,
        };
        let shape = match periods.is_some() || self.has("group_by") {
            true => Shape::Groups(self.grouping(&mut fields, periods)?),
            false => Shape::Records(self.listing(&mut fields)?),
        };
        let form = self.form()?;
        Ok(Question {
            fields,
            filter,
            span,
            shape,
            form,
            given,
        })
    }

    /// The query of the next page.
    pub(crate) fn with_cursor(&self, place: &Place) -> String {
        let others = self.0.iter().filter(|(name, _)| name != "cursor");
        let cursor = ("cursor".to_owned(), place.written());
        let all: Vec<_> = others.chain([&cursor]).collect();
        serde_urlencoded::to_string(all).expect("texts can be encoded")
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let fits = move |given: &&(String, String)| given.0 == name;
        self.0.iter().filter(fits).map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Refusal::bad(format!("{name} may be given only once"))),
        }
    }

    fn time(&self, name: &str) -> Result<Option<Millis>, Refusal> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        let time = read_time(text).ok_or_else(|| {
            Refusal::bad(format!(
                "{name} is not a valid datetime: {} is not like 2013-03-11T00:00:00Z or \
                 2013-03-11T00:00:00+00:00, whose plus sign is %2B in a query",
                shown(text)
            ))
        })?;
        Ok(Some(time))
    }

    fn truth(&self, name: &str) -> Result<bool, Refusal> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refusal::bad(format!(
                "{name} must be true or false, and not {}",
                shown(other)
            ))),
        }
    }

    fn positive(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Refusal::bad(format!(
                "{name} must be a positive integer, and not {}",
                shown(text)
            ))),
        }
    }

    fn span(&self, given: Ends) -> Result<Span, Refusal> {
        let inclusive = self.truth("inclusive")?;
        let end = given.end_at.map(|end| end + i64::from(inclusive));
        Ok(Span {
            start: given.start_at,
            end,
        })
    }

    fn filter(&self, fields: &mut Fields) -> Result<Filter, Refusal> {
        let mut filter = Filter::default();
        if self.has("filter_by") && self.has("filter_by_prefix") {
            let message = "filter_by and filter_by_prefix cannot be used together";
            return Err(Refusal::bad(message));
        }
        for pair in self.all("filter_by") {
            let (key, value) = filter_pair("filter_by", pair)?;
            filter.add(fields, key, Test::equals(value));
        }
        for pair in self.all("filter_by_prefix") {
            let (key, prefix) = filter_pair("filter_by_prefix", pair)?;
            filter.add(fields, key, Test::BeginsWith(prefix.to_owned()));
        }
        Ok(filter)
    }

    fn periods(&self, given: Ends, now: Timestamp) -> Result<Option<Periods>, Refusal> {
        let duration = self.positive("duration")?;
        let Some(kind) = self.period()? else {
            return match duration {
                None => Ok(None),
                Some(_) => Err(Refusal::bad(
                    "If 'duration' is requested (for relative time), 'period' is required - \
                     please add a period (like 'day', 'month' etc)",
                )),
            };
        };
        let periods = match (duration, given.start_at, given.end_at) {
            (Some(_), Some(_), Some(_)) => {
                return Err(Refusal::bad(
                    "Absolute and relative time cannot be requested at the same time - either ask \
                     for 'start_at' and 'end_at', or ask for 'start_at'/'end_at' with 'duration'",
                ));
            }
            (Some(duration), Some(start_at), None) => {
                let first = kind.start(start_at);
                let end = kind.shift(first, as_i64(duration));
                Periods {
                    kind,
                    first,
                    end,
                    moves: Moves::Later,
                }
            }
            (Some(duration), None, end_at) => {
                let end = kind.start(end_at.unwrap_or(now.as_millis()));
                let first = kind.shift(end, -as_i64(duration));
                Periods {
                    kind,
                    first,
                    end,
                    moves: Moves::Earlier,
                }
            }
            (None, Some(_), Some(_)) => self.between(kind, given)?,
            (None, _, _) => {
                return Err(Refusal::bad(
                    "both 'start_at' and 'end_at' are required for a period query, or 'duration'",
                ));
            }
        };
        match periods.iter().nth(PERIODS) {
            None => Ok(Some(periods)),
            Some(_) => Err(Refusal::bad(format!(
                "a query has at most {PERIODS} periods: ask for fewer, or for longer ones"
            ))),
        }
    }

    /// The periods that a span touches.
    fn between(&self, kind: Period, given: Ends) -> Result<Periods, Refusal> {
        let Span { start, end } = self.span(given)?;
        let first = kind.start(start.unwrap_or_default());
        let end = end.unwrap_or_default();
        let end = match kind.start(end) {
            start if start == end => end,
            start => kind.shift(start, 1),
        };
        Ok(Periods {
            kind,
            first,
            end,
            moves: Moves::Never,
        })
    }

    fn period(&self) -> Result<Option<Period>, Refusal> {
        let Some(text) = self.one("period")? else {
            return Ok(None);
        };
        let period = Period::parse(text).ok_or_else(|| {
            let names = Period::ALL.map(Period::as_str).join(", ");
            Refusal::bad(format!(
                "'period' must be one of {names}, and not {}",
                shown(text)
            ))
        })?;
        Ok(Some(period))
    }

    fn listing(&self, fields: &mut Fields) -> Result<Listing, Refusal> {
        if self.has("collect") {
            let message = "collect can be used only with either group_by or period";
            return Err(Refusal::bad(message));
        }
        self.truth("flatten")?;
        let order = match self.sort()? {
            None => Order::default(),
            Some(("_timestamp", direction)) => Order::Time(direction),
            Some((name, _)) if !is_field(name) => return Err(bad_sort_field(name)),
            Some((name, direction)) => Order::Field(fields.place(name), direction),
        };
        let limit = self.positive("limit")?;
        let after = self.after(order, limit)?;
        Ok(Listing {
            order,
            limit,
            after,
        })
    }

    fn after(&self, order: Order, limit: Option<usize>) -> Result<Option<Place>, Refusal> {
        let Some(text) = self.one("cursor")? else {
            return Ok(None);
        };
        if limit.is_none() || matches!(order, Order::Field(..)) {
            let message = "cursor goes with limit, and with records in the order of their times";
            return Err(Refusal::bad(message));
        }
        let place = Place::parse(text).ok_or_else(|| {
            Refusal::bad(format!(
                "cursor is not one that a Link had: {}",
                shown(text)
            ))
        })?;
        Ok(Some(place))
    }

    fn sort(&self) -> Result<Option<(&str, Direction)>, Refusal> {
        let Some(text) = self.one("sort_by")? else {
            return Ok(None);
        };
        let Some((name, direction)) = text.rsplit_once(':') else {
            return Err(Refusal::bad(
                "sort_by must be a field name and sort direction separated by a colon (:) eg. \
                 authority:ascending",
            ));
        };
        let direction = match direction {
            "ascending" => Direction::Ascending,
            "descending" => Direction::Descending,
            _ => {
                let message = "Unrecognised sort direction. Supported directions include: \
                               ascending, descending";
                return Err(Refusal::bad(message));
            }
        };
        Ok(Some((name, direction)))
    }

    fn grouping(&self, fields: &mut Fields, periods: Option<Periods>) -> Result<Grouping, Refusal> {
        if self.has("cursor") {
            let message = "cursor goes with records, and not with group_by or period";
            return Err(Refusal::bad(message));
        }
        let mut grouping = Grouping {
            keys: self.keys(fields)?,
            periods,
            flat: self.truth("flatten")?,
            limit: self.positive("limit")?,
            ..Grouping::default()
        };
        for wanted in self.all("collect") {
            self.collect(wanted, fields, &mut grouping)?;
        }
        let sort = self.sort()?;
        if grouping.keys.is_empty() {
            self.refuse_for_periods_alone()?;
        }
        if let Some((name, direction)) = sort {
            grouping.sort = Some((sort_by(name, &grouping)?, direction));
        }
        Ok(grouping)
    }

    fn refuse_for_periods_alone(&self) -> Result<(), Refusal> {
        let message = match () {
            () if self.has("sort_by") => {
                "Cannot sort for period queries without group_by. Period queries are always \
                 sorted by time."
            }
            () if self.has("limit") => {
                "A period query can only be limited if it also has a group_by"
            }
            () => return Ok(()),
        };
        Err(Refusal::bad(message))
    }

    fn keys(&self, fields: &mut Fields) -> Result<Vec<(String, usize)>, Refusal> {
        let mut keys: Vec<(String, usize)> = Vec::new();
        for name in self.all("group_by") {
            if !is_field(name) {
                let message = format!("Cannot group by an invalid field name: {}", shown(name));
                return Err(Refusal::bad(message));
            }
            if name.starts_with('_') {
                let message = "Cannot group by internal fields, internal fields start with an \
                               underscore";
                return Err(Refusal::bad(message));
            }
            if keys.iter().any(|(known, _)| known == name) {
                let message = format!("Cannot group by the same field twice: {name}");
                return Err(Refusal::bad(message));
            }
            keys.push((name.to_owned(), fields.place(name)));
        }
        Ok(keys)
    }

    fn collect(
        &self,
        wanted: &str,
        fields: &mut Fields,
        grouping: &mut Grouping,
    ) -> Result<(), Refusal> {
        let (field, method) = match wanted.split_once(':') {
            None => (wanted, None),
            Some((field, method)) => (field, Some(method)),
        };
        let is_bare = method.is_none();
        let method = Method::parse(method.unwrap_or("set")).ok_or_else(|| {
            let names = Method::ALL.map(Method::as_str).join(", ");
            Refusal::bad(format!("Unknown collection method: it is one of {names}"))
        })?;
        if !is_field(field) {
            let message = format!("Cannot collect an invalid field name: {}", shown(field));
            return Err(Refusal::bad(message));
        }
        if field.starts_with('_') {
            let message = "Cannot collect internal fields, internal fields start with an \
                           underscore";
            return Err(Refusal::bad(message));
        }
        if grouping.keys.iter().any(|(key, _)| key == field) {
            let message = "Cannot collect by a field that is used for group_by";
            return Err(Refusal::bad(message));
        }
        add_collect(grouping, field, fields.place(field), method, is_bare);
        Ok(())
    }

    fn form(&self) -> Result<Form, Refusal> {
        match self.one("format")? {
            None | Some("json") => Ok(Form::Json),
            Some("csv") => Ok(Form::Csv),
            Some(other) => Err(Refusal::bad(format!(
                "format must be json or csv, and not {}",
                shown(other)
            ))),
        }
    }
}

fn add_collect(grouping: &mut Grouping, field: &str, at: usize, method: Method, is_bare: bool) {
    let name = format!("{field}:{method}");
    if let Some(known) = grouping.collects.iter_mut().find(|c| c.name == name) {
        known.is_bare |= is_bare;
        return;
    }
    let gathered = &mut grouping.gathered;
    let same = |(place, other): &(usize, Method)| *place == at && is_same(*other, method);
    let place = gathered.iter().position(same).unwrap_or_else(|| {
        gathered.push((at, method));
        gathered.len() - 1
    });
    grouping.collects.push(Collect {
        field: field.to_owned(),
        name,
        method,
        is_bare,
        place,
    });
}

fn sort_by(name: &str, grouping: &Grouping) -> Result<SortBy, Refusal> {
    if let Some(place) = grouping.keys.iter().position(|(key, _)| key == name) {
        return Ok(SortBy::Key(place));
    }
    let is_it = |c: &Collect| c.name == name || (c.is_bare && c.field == name);
    if let Some(place) = grouping.collects.iter().position(is_it) {
        return Ok(SortBy::Collect(place));
    }
    match name {
        "_count" => Ok(SortBy::Count),
        "_group_count" if grouping.periods.is_some() => Ok(SortBy::GroupCount),
        name => Err(Refusal::bad(format!(
            "Invalid sort key {}: groups are sorted by _count, by what they are grouped by, or by \
             what is collected",
            shown(name)
        ))),
    }
}

fn bad_sort_field(name: &str) -> Refusal {
    Refusal::bad(format!(
        "Cannot sort by an invalid field name: {}",
        shown(name)
    ))
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
