//! Secrets of a deployed stack's jobs.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use weir_aws::{SecretError, Secrets};

use super::deployed::Deployed;
use crate::args::Global;
use crate::failure::Failure;
use crate::secret_file::SecretFile;

/// AWS Secrets Manager API reference, "PutSecretValue".
const SECRET_BYTES: u64 = 65_536;

/// `weir jobs put-secret`: makes a secret of the stack, or gives it another text.
pub(super) async fn put_secret(name: &str, file: &Path, global: &Global) -> Result<()> {
    check_name(name)?;
    let text = read_secret(file)?;
    let deployed = Deployed::find(global, "put-secret").await?;
    let secrets = Secrets::new(deployed.stack.config());
    let whole = format!("{}/collect/{name}", global.stack);
    match secrets.write(&whole, text.clone()).await {
        Ok(()) => eprintln!("{whole} has a new text; functions see it within five minutes"),
        Err(SecretError::Missing { .. }) => {
            secrets.create(&whole, text).await?;
            eprintln!("{whole} was made");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn read_secret(file: &Path) -> Result<String> {
    let SecretFile { place, text } = SecretFile::read(file, "a secret", SECRET_BYTES)?;
    // What serde says of a text may have parts of the text in it.
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(_)) => Ok(text),
        _ => {
            let message = format!("{place} is not a JSON object");
            let hint = "a secret is an object, such as {\"token\": …} or a service account's file";
            Err(Failure::new(message).hint(hint).into())
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = (1..=128).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.');
    if good {
        return Ok(());
    }
    let message = format!("{name:?} is no name of a secret");
    let hint = "1 to 128 letters, digits, \".\", \"_\" or \"-\", and no \".\" first";
    Err(Failure::usage(message).hint(hint).into())
}
