//! What is asked, and whether it may be asked so.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::invalid;
use super::filter::Expression;
use crate::answer::Answer;

/// As many rows as an answer has at most.
const MOST_ROWS: u64 = 250_000;

/// As many rows as an answer has when nothing is said.
const ROWS: u64 = 10_000;

const MOST_DIMENSIONS: usize = 9;
const MOST_METRICS: usize = 10;

/// The body of `runReport`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReportRequest {
    #[serde(default)]
    pub(crate) dimensions: Vec<Named>,
    #[serde(default)]
    pub(crate) metrics: Vec<Named>,
    #[serde(default)]
    pub(crate) date_ranges: Vec<DateRange>,
    pub(crate) dimension_filter: Option<Expression>,
    pub(crate) metric_filter: Option<Expression>,
    #[serde(default)]
    pub(crate) order_bys: Vec<OrderBy>,
    #[serde(default, deserialize_with = "int64")]
    pub(crate) limit: Option<u64>,
    #[serde(default, deserialize_with = "int64")]
    pub(crate) offset: Option<u64>,
    #[serde(default)]
    pub(crate) keep_empty_rows: bool,
    #[serde(default, rename = "returnPropertyQuota")]
    _return_property_quota: bool,
    #[serde(default, rename = "currencyCode")]
    _currency_code: Option<String>,
    #[serde(default, rename = "property")]
    _property: Option<String>,
}

/// The body of `runRealtimeReport`: there is neither a range of dates nor an offset.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RealtimeRequest {
    #[serde(default)]
    pub(crate) dimensions: Vec<Named>,
    #[serde(default)]
    pub(crate) metrics: Vec<Named>,
    pub(crate) dimension_filter: Option<Expression>,
    pub(crate) metric_filter: Option<Expression>,
    #[serde(default)]
    pub(crate) order_bys: Vec<OrderBy>,
    #[serde(default, deserialize_with = "int64")]
    pub(crate) limit: Option<u64>,
    #[serde(default, rename = "minuteRanges")]
    _minute_ranges: Vec<Value>,
    #[serde(default, rename = "returnPropertyQuota")]
    _return_property_quota: bool,
    #[serde(default, rename = "property")]
    _property: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DateRange {
    pub(crate) start_date: String,
    pub(crate) end_date: String,
    #[serde(default, rename = "name")]
    _name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OrderBy {
    #[serde(default)]
    pub(crate) desc: bool,
    pub(crate) dimension: Option<ByDimension>,
    pub(crate) metric: Option<ByMetric>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ByDimension {
    pub(crate) dimension_name: String,
    #[serde(default)]
    pub(crate) order_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ByMetric {
    pub(crate) metric_name: String,
}

/// 64 bits are text in Google's JSON; a number is taken, too.
fn int64<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let wrong = |value: &Value| serde::de::Error::custom(format!("{value} (TYPE_INT64)"));
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => {
            let number = text.parse();
            number.map(Some).map_err(|_| wrong(&Value::String(text)))
        }
        value => value.as_u64().map(Some).ok_or_else(|| wrong(&value)),
    }
}

pub(crate) fn read(body: &str) -> Result<ReportRequest, Answer> {
    let request: ReportRequest = parse(body)?;
    check_sizes(&request.dimensions, &request.metrics, request.limit)?;
    if request.date_ranges.is_empty() && !request.metrics.is_empty() {
        return Err(invalid("Requests must contain at least one dateRange."));
    }
    if request.date_ranges.len() > 1 {
        return Err(invalid("This stand-in reports on one dateRange at a time."));
    }
    Ok(request)
}

pub(crate) fn read_realtime(body: &str) -> Result<RealtimeRequest, Answer> {
    let request: RealtimeRequest = parse(body)?;
    check_sizes(&request.dimensions, &request.metrics, request.limit)?;
    Ok(request)
}

fn parse<'b, T: Deserialize<'b>>(body: &'b str) -> Result<T, Answer> {
    serde_json::from_str(body)
        .map_err(|error| invalid(&format!("Invalid JSON payload received. {error}")))
}

fn check_sizes(dimensions: &[Named], metrics: &[Named], limit: Option<u64>) -> Result<(), Answer> {
    if dimensions.is_empty() && metrics.is_empty() {
        return Err(invalid(
            "Requests must contain at least one dimension or metric.",
        ));
    }
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(invalid(&format!(
            "Requests are limited to {MOST_DIMENSIONS} dimensions."
        )));
    }
    if metrics.len() > MOST_METRICS {
        return Err(invalid(&format!(
            "Requests are limited to {MOST_METRICS} metrics."
        )));
    }
    if limit == Some(0) {
        return Err(invalid("Limit must be positive."));
    }
    Ok(())
}

/// How many rows an answer has.
pub(crate) fn rows(limit: Option<u64>) -> usize {
    let rows = limit.unwrap_or(ROWS).min(MOST_ROWS);
    usize::try_from(rows).unwrap_or(usize::MAX)
}

impl OrderBy {
    /// The name of what it orders by.
    pub(crate) fn name(&self) -> &str {
        let dimension = self.dimension.as_ref().map(|by| by.dimension_name.as_str());
        let metric = self.metric.as_ref().map(|by| by.metric_name.as_str());
        dimension.or(metric).unwrap_or("")
    }

    /// Whether texts are compared as numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        let kind = self
            .dimension
            .as_ref()
            .and_then(|by| by.order_type.as_deref());
        self.metric.is_some() || kind == Some("NUMERIC")
    }
}
