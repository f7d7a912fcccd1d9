//! `weir rejected`: lists the events that were refused in the last day.

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;
use weir_store::{Clock as _, SystemClock};

use crate::api::{Answer, Api, path};
use crate::args::{RejectedArgs, Since};
use crate::output;

/// Entries of a page: as many as a server gives at once.
const PAGE: &str = "1000";

/// How much of an event stands in a line for people.
const SHOWN_CHARS: usize = 160;

#[derive(Deserialize)]
struct Rejected {
    time: String,
    door: String,
    key: Key,
    reason: String,
    detail: String,
    event: String,
    cut: bool,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    #[serde(default)]
    label: String,
}

/// Asks page after page and prints each as it comes.
pub(crate) async fn run(args: &RejectedArgs, api: &Api) -> Result<()> {
    let mut found = false;
    api.pages(question(args), |answer| {
        found |= match args.json {
            true => print_json(answer)?,
            false => print(answer)?,
        };
        Ok(())
    })
    .await?;
    if !found && !args.json {
        eprintln!("nothing was refused");
    }
    Ok(())
}

fn question(args: &RejectedArgs) -> String {
    let since = args.since.as_ref().map(|since| match since {
        Since::Ago(ago) => SystemClock.now().saturating_sub(*ago).to_string(),
        Since::Time(text) => text.clone(),
    });
    path(
        "/api/rejected",
        &[
            ("since", since.as_deref()),
            ("key", args.key.as_deref()),
            ("limit", Some(PAGE)),
            ("format", Some("json")),
        ],
    )
}

fn print_json(answer: &Answer) -> Result<bool> {
    let entries: Vec<&RawValue> = serde_json::from_slice(answer.body())?;
    for entry in &entries {
        output::line(entry.get())?;
    }
    Ok(!entries.is_empty())
}

/// Two lines for each: who, why, and the event. What a stranger sent is shown with its control
/// characters spelt out, so that it cannot play tricks with a terminal.
fn print(answer: &Answer) -> Result<bool> {
    let entries: Vec<Rejected> = answer.json()?;
    for entry in &entries {
        let Rejected {
            time, door, key, ..
        } = entry;
        let name = match key.label.as_str() {
            "" => &key.id,
            label => &format!("{label} ({})", key.id),
        };
        let why = harmless(&format!("{}: {}", entry.reason, entry.detail));
        let shown: String = entry.event.chars().take(SHOWN_CHARS).collect();
        let more = if entry.cut || shown.len() < entry.event.len() {
            " …"
        } else {
            ""
        };
        let name = harmless(name);
        output::line(format!(
            "{time}  {door}  {name}  {why}\n    {}{more}",
            harmless(&shown)
        ))?;
    }
    Ok(!entries.is_empty())
}

fn harmless(text: &str) -> String {
    let spelt = |c: char| match c.is_control() {
        true => c.escape_default().collect::<String>(),
        false => c.to_string(),
    };
    text.chars().map(spelt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelt_out() {
        assert_eq!(harmless("é \u{1b}[2J\n\"x\""), "é \\u{1b}[2J\\n\"x\"");
    }
}
