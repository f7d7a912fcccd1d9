//! `weir shards`: gives a series more shards, through the control socket.

use anyhow::Result;
use serde::Deserialize;
use serde_json::json;

use crate::api::{Api, Call, PATIENCE};
use crate::args::ShardsArgs;
use crate::output::{self, counted};

/// Raises the count and prints what it is then.
pub(crate) async fn run(args: &ShardsArgs, api: &Api) -> Result<()> {
    #[derive(Deserialize)]
    struct Answered {
        shards: u64,
    }
    let ShardsArgs {
        namespace,
        name,
        count,
    } = args;
    let wanted = json!({ "namespace": namespace, "name": name, "shards": count });
    let answer = api
        .persist(&Call::post("/control/shards", &wanted), PATIENCE)
        .await?;
    let Answered { shards } = answer.json()?;
    Ok(output::line(format!(
        "{namespace}/{name} has {}",
        counted(shards, "shard", "shards")
    ))?)
}
