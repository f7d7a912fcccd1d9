//! Bodies: points and events as JSON, CSV or lines of JSON, and the header that names the next page.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use weir_model::Timestamp;
use weir_service::negotiate::Format;

/// Integers below this are doubles without a gap, so they are written as integers.
const INTEGERS: f64 = 9_007_199_254_740_992.0;

/// One group of events and what was made of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    /// None in a group without events, where that was asked for.
    pub(crate) value: Option<f64>,
}

/// A group of events, aggregated.
// It only describes what `write_points` writes.
#[derive(ToSchema)]
#[schema(as = Point)]
#[expect(dead_code, reason = "it only describes what is written")]
pub(crate) struct PointDocument {
    /// When the earliest event of the group happened, RFC 3339 in UTC. In a group that was filled
    /// in: the first instant of the group that lies in the window.
    #[schema(rename = "aggregatedTimestamp", format = DateTime, example = "2024-03-01T08:15:00Z")]
    aggregated_timestamp: String,
    /// The aggregated value; null only where `fill=null` filled it in.
    #[schema(example = 12)]
    value: Option<f64>,
}

/// Writes points in a form.
pub(crate) fn write_points(points: &[Point], format: Format) -> String {
    let mut body = String::with_capacity(16 + points.len() * 72);
    match format {
        Format::Json => {
            body.push('[');
            for (position, point) in points.iter().enumerate() {
                body.push_str(if position == 0 { "" } else { "," });
                write_object(&mut body, point);
            }
            body.push(']');
        }
        Format::Ndjson => {
            for point in points {
                write_object(&mut body, point);
                body.push('\n');
            }
        }
        Format::Csv => {
            body.push_str("aggregatedTimestamp,value\n");
            for point in points {
                let _ = write!(body, "{},", point.at);
                write_value(&mut body, point.value, "");
                body.push('\n');
            }
        }
    }
    body
}

fn write_object(body: &mut String, point: &Point) {
    let _ = write!(
        body,
        "{{\"aggregatedTimestamp\":\"{}\",\"value\":",
        point.at
    );
    write_value(body, point.value, "null");
    body.push('}');
}

fn write_value(body: &mut String, value: Option<f64>, missing: &str) {
    match value {
        Some(value) if value.fract() == 0.0 && value.abs() < INTEGERS => {
            let _ = write!(body, "{}", value as i64);
        }
        // The shortest text that reads back as this double, as JSON writes it.
        Some(value) => body.push_str(&serde_json::Value::from(value).to_string()),
        None => body.push_str(missing),
    }
}

/// A 200 with a body in a form and, if there is one, a link to the next page.
pub(crate) fn page(format: Format, body: String, next: Option<&str>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::OK;
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Some(next) = next {
        let link = HeaderValue::try_from(next).expect("a link is percent-encoded");
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// A 200 with a JSON document.
pub(crate) fn document(body: &impl Serialize, next: Option<&str>) -> Response {
    let body = serde_json::to_string(body).expect("a listing has text keys and finite numbers");
    page(Format::Json, body, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn points() -> [Point; 3] {
        [
            Point {
                at: at("2024-01-01T00:00:00.5Z"),
                value: Some(1.0),
            },
            Point {
                at: at("2024-01-02"),
                value: None,
            },
            Point {
                at: at("2024-01-03"),
                value: Some(-0.25),
            },
        ]
    }

    #[test]
    fn points_are_written_in_each_form() {
        assert_eq!(
            write_points(&points(), Format::Json),
            "[{\"aggregatedTimestamp\":\"2024-01-01T00:00:00.500Z\",\"value\":1},\
             {\"aggregatedTimestamp\":\"2024-01-02T00:00:00Z\",\"value\":null},\
             {\"aggregatedTimestamp\":\"2024-01-03T00:00:00Z\",\"value\":-0.25}]"
        );
        assert_eq!(
            write_points(&points(), Format::Csv),
            "aggregatedTimestamp,value\n2024-01-01T00:00:00.500Z,1\n2024-01-02T00:00:00Z,\n\
             2024-01-03T00:00:00Z,-0.25\n"
        );
        assert_eq!(write_points(&points(), Format::Ndjson).lines().count(), 3);
        assert_eq!(write_points(&[], Format::Json), "[]");
        assert_eq!(write_points(&[], Format::Ndjson), "");
    }

    #[test]
    fn every_number_reads_back_as_the_same_double() {
        let check = |value: f64, expected: &str| {
            let mut text = String::new();
            write_value(&mut text, Some(value), "");
            assert_eq!(text, expected);
            assert_eq!(text.parse::<f64>().unwrap(), value);
        };
        check(0.0, "0");
        check(-3.0, "-3");
        check(0.1, "0.1");
        check(9_007_199_254_740_991.0, "9007199254740991");
        check(9_007_199_254_740_992.0, "9007199254740992.0");
        check(1e300, "1e+300");
        check(5e-324, "5e-324");
    }
}
