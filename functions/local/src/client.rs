//! `weir client`: makes, lists and revokes clients, through the control socket.

use anyhow::Result;
use serde_json::json;

use crate::api::{Api, Call, PATIENCE, path, segment};
use crate::args::ClientCommand;
use crate::control::{ClientPage, CreatedClient, ListedClient};
use crate::output;

/// Does what the command says.
pub(crate) async fn run(command: &ClientCommand, api: &Api) -> Result<()> {
    match command {
        ClientCommand::Create {
            label,
            scopes,
            rate,
            json,
        } => {
            let wanted = json!({ "label": label, "scopes": scopes, "rate": rate });
            // Sent once: a repeat would make another client.
            let answer = api.once(&Call::post("/control/clients", &wanted)).await?;
            print_created(&answer.json()?, *json)
        }
        ClientCommand::List { json } => print_list(&list(api).await?, *json),
        ClientCommand::Revoke { id } => {
            let call = Call::delete(format!("/control/clients/{}", segment(id)));
            api.persist(&call, PATIENCE).await?;
            Ok(output::line(format!(
                "revoked {id}: its tokens end within a minute"
            ))?)
        }
    }
}

async fn list(api: &Api) -> Result<Vec<ListedClient>> {
    let mut clients: Vec<ListedClient> = Vec::new();
    loop {
        let after = clients.last().map(|client| client.id.clone());
        let path = path("/control/clients", &[("after", after.as_deref())]);
        let page: ClientPage = api.persist(&Call::get(path), PATIENCE).await?.json()?;
        clients.extend(page.clients);
        if !page.more {
            return Ok(clients);
        }
    }
}

fn print_created(created: &CreatedClient, json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(created)?)?);
    }
    let CreatedClient { client, secret } = created;
    output::line(format!("id      {}\nsecret  {secret}", client.id))?;
    eprintln!("The secret is shown only now.");
    Ok(())
}

fn print_list(clients: &[ListedClient], json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(clients)?)?);
    }
    if clients.is_empty() {
        eprintln!("no clients: make one with `weir client create`");
        return Ok(());
    }
    let rows = clients.iter().map(|client| {
        vec![
            client.id.clone(),
            client.label.clone(),
            client.scopes.join(" "),
            client
                .rate
                .map_or_else(|| "any".into(), |rate| format!("{rate}/s")),
            client.created.clone(),
            client.revoked.clone().unwrap_or_default(),
        ]
    });
    let header = ["ID", "LABEL", "SCOPES", "RATE", "CREATED", "REVOKED"];
    Ok(output::line(output::table(&header, rows))?)
}
