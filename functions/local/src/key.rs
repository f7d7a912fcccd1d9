//! `weir key`: makes, lists and revokes write keys, through the control socket.

use std::path::Path;

use anyhow::Result;
use weir_service::secret::{MAX_KEY_CHARS, WriteKey};

use crate::api::{Api, Call, PATIENCE, segment};
use crate::args::KeyCommand;
use crate::control::{CreatedKey, KeyList, ListedKey, NewKeyRequest};
use crate::failure::Failure;
use crate::output;
use crate::secret_file::SecretFile;

/// Room for a key with blanks around it.
const FILE_BYTES: u64 = 4 * MAX_KEY_CHARS as u64;

/// What the command line asks for, with what its files hold.
pub(crate) enum Wanted {
    Create { new: NewKeyRequest, json: bool },
    List { json: bool },
    Revoke { id: String },
}

impl Wanted {
    /// Reads the file, if one is named.
    pub(crate) fn of(command: KeyCommand) -> Result<Wanted> {
        Ok(match command {
            KeyCommand::Create {
                label,
                namespace,
                rate,
                existing_file,
                json,
            } => {
                let existing = existing_file.as_deref().map(existing).transpose()?;
                let new = NewKeyRequest {
                    label: label.to_string(),
                    namespace: namespace.map(|name| name.to_string()),
                    rate,
                    existing: existing.map(|key| key.expose().to_owned()),
                };
                Wanted::Create { new, json }
            }
            KeyCommand::List { json } => Wanted::List { json },
            KeyCommand::Revoke { id } => Wanted::Revoke { id },
        })
    }
}

/// Does what the command says.
pub(crate) async fn run(wanted: &Wanted, api: &Api) -> Result<()> {
    match wanted {
        Wanted::Create { new, json } => {
            let body = serde_json::to_value(new)?;
            // Sent once: a repeat would make another key, or find its own there already.
            let answer = api.once(&Call::post("/control/keys", &body)).await?;
            print_created(&answer.json()?, *json)
        }
        Wanted::List { json } => {
            let call = Call::get("/control/keys");
            let list: KeyList = api.persist(&call, PATIENCE).await?.json()?;
            print_list(&list.keys, *json)
        }
        Wanted::Revoke { id } => {
            let call = Call::delete(format!("/control/keys/{}", segment(id)));
            let revoked: ListedKey = api.persist(&call, PATIENCE).await?.json()?;
            let ListedKey { id, label, .. } = revoked;
            Ok(output::line(format!(
                "revoked {id} ({label}): it ends within a minute"
            ))?)
        }
    }
}

/// The key in a file. Nothing of it is shown, however wrong it is.
fn existing(file: &Path) -> Result<WriteKey> {
    let SecretFile { place, text } = SecretFile::read(file, "a write key", FILE_BYTES)?;
    let key = WriteKey::parse(text.trim());
    Ok(key.map_err(|error| Failure::usage(format!("{place}: {error}")))?)
}

fn print_created(created: &CreatedKey, json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(created)?)?);
    }
    let CreatedKey { listed, key } = created;
    output::line(format!("id   {}\nkey  {key}", listed.id))?;
    eprintln!("The key is shown only now.");
    Ok(())
}

fn print_list(keys: &[ListedKey], json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(keys)?)?);
    }
    if keys.is_empty() {
        eprintln!("no write keys: make one with `weir key create`");
        return Ok(());
    }
    let rows = keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.label.clone(),
            key.namespace.clone().unwrap_or_default(),
            key.rate
                .map_or_else(|| "any".into(), |rate| format!("{rate}/s")),
            key.created.clone(),
            key.revoked.clone().unwrap_or_default(),
        ]
    });
    let header = ["ID", "LABEL", "NAMESPACE", "RATE", "CREATED", "REVOKED"];
    Ok(output::line(output::table(&header, rows))?)
}
