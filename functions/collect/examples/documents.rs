//! Makes documents, for comparison with other programs: each line of standard input is
//! `{"options", "dataType", "rows": [{"start", "dimensions", "special"}]}`, or
//! `{"name", "hours": […]}` for hours of a check of Pingdom, and each line of standard output
//! `{"documents": […]}` or `{"error": …}`.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use weir_collect::{Definition, Options, Pingdom, Pipeline, Row, Section};
use weir_model::Timestamp;

fn main() -> Result<()> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?).context("a line is no JSON")?;
        let made = match case["hours"].as_array() {
            Some(hours) => hours_of(&case, hours)?,
            None => documents(&case)?,
        };
        let answer = match made {
            Ok(documents) => json!({"documents": documents}),
            Err(error) => json!({"error": error}),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn documents(case: &Value) -> Result<Result<Vec<Map<String, Value>>, String>> {
    let options = case["options"]
        .as_object()
        .context("there are no options")?;
    let data_type = case["dataType"].as_str().context("there is no dataType")?;
    let rows = case["rows"].as_array().context("there are no rows")?;
    let rows = rows.iter().map(row).collect::<Result<Vec<Row>>>()?;
    let options = Options::read(&Section::new("case", "options", options));
    let made = options.and_then(|options| Pipeline::new(&options, data_type).documents(rows));
    Ok(made.map_err(|error| error.to_string()))
}

fn hours_of(case: &Value, hours: &[Value]) -> Result<Result<Vec<Map<String, Value>>, String>> {
    let name = case["name"].as_str().context("there is no name")?;
    let document = json!({"entrypoint": "pingdom", "query": {"name": name}, "sink": "stdout"});
    let definition = Definition::from_value(&document, "case")?;
    let made = hours
        .iter()
        .map(|hour| Pingdom::document(&definition, name, hour));
    Ok(made.collect())
}

fn row(row: &Value) -> Result<Row> {
    let fields = |key: &str| -> Result<Vec<(String, Value)>> {
        let map = row[key]
            .as_object()
            .with_context(|| format!("a row has no {key}"))?;
        Ok(map.clone().into_iter().collect())
    };
    Ok(Row {
        start: Timestamp::parse(row["start"].as_str().context("a row has no start")?)?,
        dimensions: fields("dimensions")?,
        special: fields("special")?,
    })
}
