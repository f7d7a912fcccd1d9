//! `weir track`: stores one event.

use anyhow::Result;
use serde_json::{Map, Value};
use weir_service::secret::{hex, random_bytes};

use crate::api::{Api, Call, PATIENCE};
use crate::args::TrackArgs;
use crate::output;

/// Stores the event and prints it as it is stored.
pub(crate) async fn run(args: &TrackArgs, api: &Api) -> Result<()> {
    // Under a key, so that an answer that was lost can be asked for again.
    let key = hex(&random_bytes::<16>());
    let call = Call::post("/api/track/", &event(args)).under(key);
    let answer = api.persist(&call, PATIENCE).await?;
    Ok(output::line(String::from_utf8_lossy(answer.body()))?)
}

fn event(args: &TrackArgs) -> Value {
    let fields = [
        ("namespace", Some(&args.namespace)),
        ("name", Some(&args.name)),
        ("timestamp", args.timestamp.as_ref()),
        ("value", Some(&args.value)),
        ("id", args.id.as_ref()),
        ("actor", args.actor.as_ref()),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(name, text)| Some((name.into(), text?.clone().into())));
    let mut event: Map<String, Value> = given.collect();
    if !args.properties.is_empty() {
        let properties = args
            .properties
            .iter()
            .map(|p| (p.key.clone(), p.value.clone()));
        event.insert("properties".into(), Value::Object(properties.collect()));
    }
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    #[test]
    fn what_is_not_given_is_not_sent() {
        let check = |line: &str, expected: &str| {
            let args = Args::parse_from(line.split(' '));
            let Some(Command::Track(args)) = args.command else {
                panic!("{args:?}")
            };
            assert_eq!(event(&args).to_string(), expected);
        };
        check(
            "weir track a b -1.5",
            r#"{"namespace":"a","name":"b","value":"-1.5"}"#,
        );
        check(
            "weir track a b 1 --timestamp 1700000000 --id i --actor x --property k=v --property n:=3",
            r#"{"namespace":"a","name":"b","timestamp":"1700000000","value":"1","id":"i","actor":"x","properties":{"k":"v","n":3}}"#,
        );
    }
}
