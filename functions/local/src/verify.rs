//! `weir verify`: compares what was counted with what is stored, through the control socket.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use weir_compact::{VerifyOptions, verify};
use weir_store::{Store, StoreError};

use crate::api::{Api, Call};
use crate::args::VerifyArgs;
use crate::failure::Failure;
use crate::output::{self, counted};

/// What the control route is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct VerifyRequest {
    #[serde(default)]
    sweep: bool,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verified {
    days: u64,
    events: u64,
    incomplete: u64,
    swept: u64,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Difference {
    namespace: String,
    name: String,
    day: String,
    what: String,
}

impl VerifyRequest {
    /// Verifies a whole store.
    pub(crate) async fn carry_out(&self, store: &Store) -> Result<Verified, StoreError> {
        let options = VerifyOptions {
            series: None,
            sweep: self.sweep,
        };
        let report = verify(store, &options).await?;
        let differences = report.differences.into_iter().map(|difference| Difference {
            namespace: difference.namespace,
            name: difference.name,
            day: difference.day,
            what: difference.what,
        });
        Ok(Verified {
            days: report.days,
            events: report.events,
            incomplete: report.incomplete,
            swept: report.swept,
            differences: differences.collect(),
        })
    }
}

/// Verifies, prints what was found, and fails if anything differs.
pub(crate) async fn run(args: &VerifyArgs, api: &Api) -> Result<()> {
    let wanted = json!({ "sweep": args.sweep });
    let call = Call::post("/control/verify", &wanted).however_long();
    let verified: Verified = api.once(&call).await?.json()?;
    match args.json {
        true => output::line(serde_json::to_string(&verified)?)?,
        false => output::line(describe(&verified, args.sweep))?,
    }
    match verified.differences.len() as u64 {
        0 => Ok(()),
        count => {
            let message = counted(count, "difference", "differences");
            let hint = "keep the data as it is, and report what was printed";
            Err(Failure::new(message).hint(hint).into())
        }
    }
}

fn describe(verified: &Verified, swept: bool) -> String {
    let Verified {
        days,
        events,
        incomplete,
        differences,
        ..
    } = verified;
    let mut text = format!(
        "compared {} with {}",
        counted(*days, "compacted day", "compacted days"),
        counted(*events, "event", "events")
    );
    if *incomplete > 0 {
        text.push_str(&format!(
            "; {incomplete} could not be recounted whole, since events have expired"
        ));
    }
    if swept {
        text.push_str(&format!(
            "; deleted {}",
            counted(verified.swept, "orphan piece", "orphan pieces")
        ));
    }
    for Difference {
        namespace,
        name,
        day,
        what,
    } in differences
    {
        text.push_str(&format!("\n{namespace}/{name} on {day}: {what}"));
    }
    text
}
