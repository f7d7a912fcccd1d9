//! Reports: rows of the fixture, filtered, grouped, ordered, cut into pages.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::error::invalid;
use super::filter::Expression;
use super::fixture::{Property, Row};
use super::names::{Kind, is_mean, kind_of};
use super::request::{Named, OrderBy, RealtimeRequest, ReportRequest, rows};
use crate::answer::Answer;

/// What there is for what was not measured.
const NOT_SET: &str = "(not set)";

/// What a report is made of, whichever its kind.
struct Plan<'r> {
    kind: Kind,
    dimensions: &'r [Named],
    metrics: &'r [Named],
    dimension_filter: Option<&'r Expression>,
    metric_filter: Option<&'r Expression>,
    order_bys: &'r [OrderBy],
    keeps_empty: bool,
}

/// A line of a report: the values of its dimensions and those of its metrics.
struct Line {
    dimensions: Vec<String>,
    metrics: Vec<f64>,
}

/// `runReport`.
pub(crate) fn run(property: &Property, request: &ReportRequest, now: i64) -> Result<Value, Answer> {
    let plan = Plan {
        kind: Kind::Core,
        dimensions: &request.dimensions,
        metrics: &request.metrics,
        dimension_filter: request.dimension_filter.as_ref(),
        metric_filter: request.metric_filter.as_ref(),
        order_bys: &request.order_bys,
        keeps_empty: request.keep_empty_rows,
    };
    plan.check(property)?;
    let offset = usize::try_from(request.offset.unwrap_or(0)).unwrap_or(usize::MAX);
    let measured = measured(property, request, now)?;
    let lines = plan.lines(&measured, offset)?;
    let page: Vec<&Line> = lines
        .iter()
        .skip(offset)
        .take(rows(request.limit))
        .collect();
    let mut report = plan.report(&page, lines.len(), "analyticsData#runReport");
    report["metadata"] = json!({"currencyCode": "GBP", "timeZone": property.zone()});
    Ok(report)
}

/// `runRealtimeReport`: it has neither pages nor metadata.
pub(crate) fn run_realtime(
    property: &Property,
    request: &RealtimeRequest,
) -> Result<Value, Answer> {
    let plan = Plan {
        kind: Kind::Realtime,
        dimensions: &request.dimensions,
        metrics: &request.metrics,
        dimension_filter: request.dimension_filter.as_ref(),
        metric_filter: request.metric_filter.as_ref(),
        order_bys: &request.order_bys,
        keeps_empty: false,
    };
    plan.check(property)?;
    let lines = plan.lines(&property.realtime, 0)?;
    let page: Vec<&Line> = lines.iter().take(rows(request.limit)).collect();
    Ok(plan.report(&page, lines.len(), "analyticsData#runRealtimeReport"))
}

/// The rows of the days that are asked for.
fn measured(property: &Property, request: &ReportRequest, now: i64) -> Result<Vec<Row>, Answer> {
    let Some(range) = request.date_ranges.first() else {
        return Ok(property.rows.clone());
    };
    let start = day(&range.start_date, "startDate", now)?;
    let end = day(&range.end_date, "endDate", now)?;
    if end < start {
        return Err(invalid(
            "A dateRange's endDate must not be before its startDate.",
        ));
    }
    let kept = property
        .rows
        .iter()
        .filter(|row| of_day(row).is_some_and(|day| start <= day && day <= end));
    let mut rows: Vec<Row> = kept.cloned().collect();
    let days = start.series(1.day()).take_while(|day| *day <= end);
    rows.extend(days.flat_map(|day| property.daily.iter().map(move |row| on(row, day))));
    Ok(rows)
}

fn day(text: &str, field: &str, now: i64) -> Result<Date, Answer> {
    let wrong = || {
        invalid(&format!(
            "Invalid {field}: {text}. Dates are YYYY-MM-DD, NdaysAgo, yesterday or today."
        ))
    };
    let ago = match text {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => text
            .strip_suffix("daysAgo")
            .and_then(|days| days.parse::<i64>().ok()),
    };
    match ago {
        None => text.parse().map_err(|_| wrong()),
        Some(days) => {
            let now = Timestamp::from_second(now).map_err(|_| wrong())?;
            let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            today.checked_sub(days.days()).map_err(|_| wrong())
        }
    }
}

/// The day that a row was measured on.
fn of_day(row: &Row) -> Option<Date> {
    let day = row.get("_day").or_else(|| row.get("date"))?.as_str()?;
    day.replace('-', "")
        .parse()
        .ok()
        .or_else(|| Date::strptime("%Y%m%d", day).ok())
}

/// What is measured every day, on one.
fn on(row: &Row, day: Date) -> Row {
    let mut row = row.clone();
    row.entry("date")
        .or_insert_with(|| day.strftime("%Y%m%d").to_string().into());
    row.insert("_day".into(), day.to_string().into());
    row
}

/// A dimension's value: said in the row, or a part of its day.
fn dimension(row: &Row, name: &str) -> String {
    if let Some(text) = row.get(name).and_then(Value::as_str) {
        return text.to_owned();
    }
    let format = match name {
        "year" => "%Y",
        "month" => "%m",
        "day" => "%d",
        "dayOfWeek" => "%w",
        _ => return NOT_SET.to_owned(),
    };
    of_day(row).map_or(NOT_SET.to_owned(), |day| day.strftime(format).to_string())
}

impl Plan<'_> {
    fn check(&self, property: &Property) -> Result<(), Answer> {
        let dimension = |name: &str| self.kind.knows_dimension(property, name);
        let metric = |name: &str| self.kind.knows_metric(name);
        all_known(
            "dimension",
            self.dimensions.iter().map(|it| it.name.as_str()),
            dimension,
        )?;
        all_known(
            "metric",
            self.metrics.iter().map(|it| it.name.as_str()),
            metric,
        )?;
        all_known("dimension", fields(self.dimension_filter), dimension)?;
        all_known("metric", fields(self.metric_filter), metric)?;
        let asked = |name: &str| self.column(name).is_some();
        all_known(
            "orderBy of this report",
            self.order_bys.iter().map(OrderBy::name),
            asked,
        )
    }

    /// Where a name stands in the lines: a dimension, or a metric.
    fn column(&self, name: &str) -> Option<Result<usize, usize>> {
        let dimension = self.dimensions.iter().position(|it| it.name == name);
        let metric = self.metrics.iter().position(|it| it.name == name);
        dimension.map(Ok).or(metric.map(Err))
    }

    fn lines(&self, measured: &[Row], offset: usize) -> Result<Vec<Line>, Answer> {
        let mut groups: BTreeMap<Vec<String>, Vec<&Row>> = BTreeMap::new();
        for row in measured {
            if passes(self.dimension_filter, &|name| dimension(row, name))? {
                let key = self.dimensions.iter().map(|it| dimension(row, &it.name));
                groups.entry(key.collect()).or_default().push(row);
            }
        }
        let mut lines = Vec::new();
        for (dimensions, rows) in groups {
            let metrics: Vec<f64> = self
                .metrics
                .iter()
                .map(|it| total(&rows, &it.name))
                .collect();
            let is_empty = !metrics.is_empty() && metrics.iter().all(|value| *value == 0.0);
            let by_metric = |name: &str| text(name, total(&rows, name));
            if (self.keeps_empty || !is_empty) && passes(self.metric_filter, &by_metric)? {
                lines.push(Line {
                    dimensions,
                    metrics,
                });
            }
        }
        self.order(&mut lines, offset);
        Ok(lines)
    }

    /// What is not ordered comes in another order on each page, so that whoever relies on one loses
    /// rows.
    fn order(&self, lines: &mut [Line], offset: usize) {
        if !lines.is_empty() {
            let by = offset % lines.len();
            lines.rotate_left(by);
        }
        lines.sort_by(|a, b| {
            let each = self.order_bys.iter().map(|order| self.compare(order, a, b));
            each.fold(Ordering::Equal, Ordering::then)
        });
    }

    fn compare(&self, order: &OrderBy, a: &Line, b: &Line) -> Ordering {
        let number = |text: &str| text.parse().unwrap_or(f64::MAX);
        let ascending = match self.column(order.name()) {
            Some(Ok(at)) if order.is_numeric() => {
                number(&a.dimensions[at]).total_cmp(&number(&b.dimensions[at]))
            }
            Some(Ok(at)) => a.dimensions[at].cmp(&b.dimensions[at]),
            Some(Err(at)) => a.metrics[at].total_cmp(&b.metrics[at]),
            None => Ordering::Equal,
        };
        if order.desc {
            ascending.reverse()
        } else {
            ascending
        }
    }

    fn report(&self, page: &[&Line], count: usize, kind: &str) -> Value {
        let dimensions: Vec<Value> = self
            .dimensions
            .iter()
            .map(|it| json!({"name": it.name}))
            .collect();
        let metrics: Vec<Value> = self
            .metrics
            .iter()
            .map(|it| json!({"name": it.name, "type": kind_of(&it.name)}))
            .collect();
        let mut report = json!({"metricHeaders": metrics, "kind": kind});
        // What is empty or zero does not appear, as in all JSON of Google's.
        if !dimensions.is_empty() {
            report["dimensionHeaders"] = dimensions.into();
        }
        if !page.is_empty() {
            report["rows"] = page.iter().map(|line| self.row(line)).collect();
        }
        if count > 0 {
            report["rowCount"] = count.into();
        }
        report
    }

    fn row(&self, line: &Line) -> Value {
        let dimensions: Vec<Value> = line
            .dimensions
            .iter()
            .map(|value| json!({"value": value}))
            .collect();
        let metrics = self.metrics.iter().zip(&line.metrics);
        let metrics: Vec<Value> = metrics
            .map(|(it, value)| json!({"value": text(&it.name, *value)}))
            .collect();
        let mut row = json!({"metricValues": metrics});
        if !dimensions.is_empty() {
            row["dimensionValues"] = dimensions.into();
        }
        row
    }
}

fn fields(filter: Option<&Expression>) -> Vec<&str> {
    filter.map(Expression::fields).unwrap_or_default()
}

fn passes(filter: Option<&Expression>, value: &dyn Fn(&str) -> String) -> Result<bool, Answer> {
    filter.map_or(Ok(true), |filter| filter.passes(value))
}

fn all_known<'n>(
    what: &str,
    names: impl IntoIterator<Item = &'n str>,
    knows: impl Fn(&str) -> bool,
) -> Result<(), Answer> {
    match names.into_iter().find(|name| !knows(name)) {
        None => Ok(()),
        Some(name) => Err(invalid(&format!(
            "Field {name} is not a valid {what}. For a list of valid dimensions and metrics, see \
             https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"
        ))),
    }
}

/// The sum over rows, or the mean of what cannot be added.
fn total(rows: &[&Row], metric: &str) -> f64 {
    let values: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.get(metric)?.as_f64())
        .collect();
    let sum: f64 = values.iter().sum();
    if is_mean(metric) && !values.is_empty() {
        sum / values.len() as f64
    } else {
        sum
    }
}

/// Every value is a text.
fn text(metric: &str, value: f64) -> String {
    match kind_of(metric) {
        "TYPE_INTEGER" => format!("{value:.0}"),
        _ => value.to_string(),
    }
}
