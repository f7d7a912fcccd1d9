//! `weir query`: asks for aggregates and prints them.

use std::io::Write as _;

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{Api, path};
use crate::args::{Format, QueryArgs};
use crate::output;

/// Points of a page: as many as a server gives at once.
const PAGE: &str = "10000";

/// A point, with its value as the server wrote it.
#[derive(Debug, Deserialize)]
struct Point {
    #[serde(rename = "aggregatedTimestamp")]
    timestamp: String,
    value: Box<RawValue>,
}

/// Asks, page after page, and prints the points together.
pub(crate) async fn run(args: &QueryArgs, api: &Api) -> Result<()> {
    let mut points: Vec<Point> = Vec::new();
    api.pages(question(args), |answer| {
        points.extend(answer.json::<Vec<Point>>()?);
        Ok(())
    })
    .await?;
    print(args.format, &points)
}

fn question(args: &QueryArgs) -> String {
    path(
        "/api/events",
        &[
            ("namespace", Some(&args.namespace)),
            ("name", Some(&args.name)),
            ("tsMin", args.from.as_deref()),
            ("tsMax", args.to.as_deref()),
            ("granularity", Some(&args.granularity)),
            ("aggregationType", Some(&args.aggregation)),
            ("tz", args.tz.as_deref()),
            (
                "fill",
                Some(&args.fill)
                    .filter(|fill| *fill != "none")
                    .map(String::as_str),
            ),
            ("limit", Some(PAGE)),
        ],
    )
}

fn print(format: Format, points: &[Point]) -> Result<()> {
    match format {
        Format::Table if points.is_empty() => eprintln!("no events"),
        Format::Table => {
            let rows = points
                .iter()
                .map(|point| vec![point.timestamp.clone(), point.value.to_string()]);
            output::line(output::numbers(&["TIME", "VALUE"], rows))?;
        }
        Format::Json => {
            let rows = points.iter().map(|point| {
                let time = serde_json::Value::from(point.timestamp.as_str());
                format!(
                    "{{\"aggregatedTimestamp\":{time},\"value\":{}}}",
                    point.value
                )
            });
            output::line(format!("[{}]", rows.collect::<Vec<_>>().join(",")))?;
        }
        Format::Csv => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            writeln!(out, "aggregatedTimestamp,value")?;
            for point in points {
                // A missing value is an empty cell.
                let value = Some(point.value.get())
                    .filter(|text| *text != "null")
                    .unwrap_or_default();
                writeln!(out, "{},{value}", point.timestamp)?;
            }
            out.flush()?;
        }
    }
    Ok(())
}
