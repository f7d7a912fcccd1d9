//! `weir signing-key`: names, rotates and drops the keys that sign tokens, in a data directory or in
//! a stack's secret.
//!
//! It works on the place where the keys are kept and asks no server: whoever serves reads them
//! again by itself while it runs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use weir_aws::{SecretError, Secrets};
use weir_model::Timestamp;
use weir_service::TOKEN_LIFETIME;
use weir_service::auth::{KEYS_FRESH, KeyDocument, KeyNames};
use weir_store::{Clock as _, SystemClock};

use crate::args::{Global, SigningKeyCommand, Target};
use crate::data::{DataDirectory, KeyFile};
use crate::failure::Failure;
use crate::{output, stack};

/// Does what the command says.
pub(crate) async fn run(command: &SigningKeyCommand, global: &Global) -> Result<()> {
    let place = Place::of(global).await?;
    match command {
        SigningKeyCommand::Show { json } => show(&place.read().await?.names(), *json),
        SigningKeyCommand::Rotate => {
            let names = place.change(rotated).await?.names();
            Ok(output::line(told_of_rotation(&names))?)
        }
        SigningKeyCommand::Drop => {
            let names = place.change(dropped).await?.names();
            Ok(output::line(told_of_drop(&names))?)
        }
    }
}

/// Where keys are kept.
enum Place {
    File(KeyFile),
    Secret { secrets: Secrets, name: String },
}

impl Place {
    async fn of(global: &Global) -> Result<Place> {
        match global.target() {
            Target::Data(data) => file_of(data),
            Target::Stack(stack) => {
                let account = stack::reach(stack).await?;
                Ok(Place::Secret {
                    secrets: Secrets::new(&account.config),
                    name: format!("{stack}/signing-key"),
                })
            }
            Target::Server(_) => {
                let message = "signing-key works where the keys are, not over --server";
                let hint = "run it there, with --data, or with --aws on a deployed stack";
                Err(Failure::usage(message).hint(hint).into())
            }
        }
    }

    async fn read(&self) -> Result<KeyDocument> {
        match self {
            Place::File(file) => Ok(file.document()?),
            Place::Secret { secrets, name } => {
                let text = secrets.read(name).await.map_err(refuse_secret)?;
                KeyDocument::parse(&text).with_context(|| format!("the secret {name}"))
            }
        }
    }

    /// Puts other keys in the place of those that are there, and gives what is there then.
    async fn change(
        &self,
        change: fn(&KeyDocument) -> Result<KeyDocument, Failure>,
    ) -> Result<KeyDocument> {
        if let Place::File(file) = self {
            return file.change(|document| Ok(change(document)?));
        }
        let document = change(&self.read().await?)?;
        if let Place::Secret { secrets, name } = self {
            let written = secrets.write(name, document.expose()).await;
            written.map_err(refuse_secret)?;
        }
        Ok(document)
    }
}

fn file_of(data: &Path) -> Result<Place> {
    if DataDirectory::exists(data) {
        return Ok(Place::File(KeyFile::of(data)));
    }
    let message = format!("there is no data of Weir in {}", data.display());
    let hint = "say where the data is with --data, or name a deployed stack with --aws --stack";
    Err(Failure::new(message).hint(hint).into())
}

fn refuse_secret(error: SecretError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        SecretError::Missing { .. } => failure.hint(
            "deploy infra/template.yaml, or name the stack with --stack and its region with \
             AWS_REGION",
        ),
        SecretError::NoText { .. } | SecretError::Failed { .. } => failure,
    }
}

/// One key is accepted beside the one that signs, so a rotation that comes too soon would end
/// tokens before their time: whoever wants that says so by dropping their key first.
fn rotated(document: &KeyDocument) -> Result<KeyDocument, Failure> {
    match document.names().accepts {
        None => Ok(document.rotated()),
        Some(name) => {
            let message = format!("the key {name} of the rotation before is still accepted");
            let hint = "when its tokens have ended, or shall end, drop it first: \
                        weir signing-key drop";
            Err(Failure::new(message).hint(hint))
        }
    }
}

fn dropped(document: &KeyDocument) -> Result<KeyDocument, Failure> {
    match document.names().accepts {
        Some(_) => Ok(document.dropped()),
        None => Err(Failure::new(
            "there is no key to drop: only the one that signs is accepted",
        )),
    }
}

fn show(names: &KeyNames, json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(names)?)?);
    }
    let mut text = format!("signs    {}", names.signs);
    if let Some(accepts) = &names.accepts {
        text.push_str(&format!("\naccepts  {accepts}"));
    }
    Ok(output::line(text)?)
}

fn told_of_rotation(names: &KeyNames) -> String {
    let KeyNames { signs, accepts } = names;
    let old = accepts.as_deref().unwrap_or_default();
    // A process may sign with the old key until it reads the keys again.
    let last = SystemClock
        .now()
        .saturating_add(KEYS_FRESH + TOKEN_LIFETIME);
    let last = Timestamp::from_millis(last.as_millis() / 1000 * 1000).unwrap_or(last);
    format!(
        "the key {signs} signs from now on, within {} of every process\n\
         the key {old} is accepted until `weir signing-key drop`, which ends no token after \
         {last}, if tokens live {}",
        minutes(KEYS_FRESH),
        minutes(TOKEN_LIFETIME)
    )
}

fn told_of_drop(names: &KeyNames) -> String {
    format!(
        "only the key {} is accepted from now on, within {} of every process",
        names.signs,
        minutes(KEYS_FRESH)
    )
}

fn minutes(time: Duration) -> String {
    format!("{} minutes", time.as_secs() / 60)
}
