//! `weir dataset`: makes, lists, shows, changes and deletes data sets, through the control socket.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use weir_model::{DataSetName, DataSetSettings};
use weir_service::secret::{DataSetToken, MAX_KEY_CHARS};

use crate::api::{Api, Call, PATIENCE, segment};
use crate::args::{DatasetCommand, SettingsArgs};
use crate::control::{
    ChangedDataSet, CreatedDataSet, DataSetList, ListedDataSet, NewDataSet, NewToken, ShownDataSet,
};
use crate::failure::Failure;
use crate::output;
use crate::secret_file::SecretFile;

/// Room for a token in JSON, with blanks around it.
const FILE_BYTES: u64 = 16 * MAX_KEY_CHARS as u64;

/// What the command line asks for, with what its files hold, and after its questions are answered.
pub(crate) enum Wanted {
    Create {
        new: NewDataSet,
        json: bool,
    },
    List {
        json: bool,
    },
    Show {
        name: DataSetName,
        json: bool,
    },
    Set {
        name: DataSetName,
        settings: SettingsArgs,
        no_max_age: bool,
    },
    RotateToken {
        name: DataSetName,
        token: NewToken,
        json: bool,
    },
    Delete {
        name: DataSetName,
    },
}

impl Wanted {
    /// Reads the file, if one is named, and asks, if something is to be deleted.
    pub(crate) fn of(command: DatasetCommand) -> Result<Wanted> {
        Ok(match command {
            DatasetCommand::Create {
                name,
                settings,
                token_file,
                json,
            } => {
                let new = NewDataSet {
                    name,
                    settings: settings.over(DataSetSettings::default()),
                    token: token(token_file.as_deref())?,
                };
                Wanted::Create { new, json }
            }
            DatasetCommand::List { json } => Wanted::List { json },
            DatasetCommand::Show { name, json } => Wanted::Show { name, json },
            DatasetCommand::Set {
                name,
                settings,
                no_max_age,
            } => Wanted::Set {
                name,
                settings,
                no_max_age,
            },
            DatasetCommand::RotateToken {
                name,
                token_file,
                json,
            } => {
                let token = NewToken {
                    token: token(token_file.as_deref())?,
                };
                Wanted::RotateToken { name, token, json }
            }
            DatasetCommand::Delete { name, yes } => {
                if !yes {
                    confirm(&name)?;
                }
                Wanted::Delete { name }
            }
        })
    }
}

/// Does what the command says.
pub(crate) async fn run(wanted: &Wanted, api: &Api) -> Result<()> {
    match wanted {
        Wanted::Create { new, json } => {
            let body = serde_json::to_value(new)?;
            // Sent once: a repeat would find its own there already.
            let answer = api.once(&Call::post("/control/data-sets", &body)).await?;
            print_created(&answer.json()?, *json)
        }
        Wanted::List { json } => {
            let call = Call::get("/control/data-sets");
            let list: DataSetList = api.persist(&call, PATIENCE).await?.json()?;
            print_list(&list.data_sets, *json)
        }
        Wanted::Show { name, json } => print_shown(&show(name, api).await?, *json),
        Wanted::Set {
            name,
            settings,
            no_max_age,
        } => set(name, settings, *no_max_age, api).await,
        Wanted::RotateToken { name, token, json } => {
            let body = serde_json::to_value(token)?;
            // Sent once: a repeat would draw another.
            let call = Call::post(format!("{}/token", path(name)), &body);
            print_created(&api.once(&call).await?.json()?, *json)
        }
        Wanted::Delete { name } => {
            api.once(&Call::delete(path(name))).await?;
            Ok(output::line(format!("deleted {name} and its records"))?)
        }
    }
}

fn path(name: &DataSetName) -> String {
    let (group, data_type) = (segment(name.group()), segment(name.data_type()));
    format!("/control/data-sets/{group}/{data_type}")
}

async fn show(name: &DataSetName, api: &Api) -> Result<ShownDataSet> {
    api.persist(&Call::get(path(name)), PATIENCE).await?.json()
}

/// Changes the settings that are named. Another change between the two calls is lost.
async fn set(
    name: &DataSetName,
    settings: &SettingsArgs,
    no_max_age: bool,
    api: &Api,
) -> Result<()> {
    if *settings == SettingsArgs::default() && !no_max_age {
        let failure = Failure::usage("no setting is named that shall be changed");
        return Err(failure.hint("weir dataset set --help lists them").into());
    }
    let listed: DataSetList = api
        .persist(&Call::get("/control/data-sets"), PATIENCE)
        .await?
        .json()?;
    let there = listed.data_sets.into_iter().find(|set| set.name == *name);
    let there = there.map_or_else(DataSetSettings::default, |set| set.settings);
    let mut wanted = settings.over(there);
    if no_max_age {
        wanted.max_age_expected_s = None;
    }
    let change = ChangedDataSet {
        settings: Some(wanted),
    };
    let call = Call::post(path(name), &serde_json::to_value(&change)?);
    let changed: ListedDataSet = api.persist(&call, PATIENCE).await?.json()?;
    print_list(&[changed], false)
}

/// The token in a file, alone or as collectors keep it. Nothing of it is shown, however wrong it
/// is.
fn token(file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let SecretFile { place, text } = SecretFile::read(file, "a token", FILE_BYTES)?;
    let token = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(members)) => match members.get("token").and_then(Value::as_str) {
            Some(token) => token.to_owned(),
            None => {
                let failure = Failure::usage(format!("{place}: there is no text under \"token\""));
                return Err(failure
                    .hint("it is {\"token\": \"...\"}, or the token alone")
                    .into());
            }
        },
        Ok(Value::String(token)) => token,
        _ => text.trim().to_owned(),
    };
    let checked = DataSetToken::parse(&token);
    checked.map_err(|error| Failure::usage(format!("{place}: {error}")))?;
    Ok(Some(token))
}

/// Asks whether it is meant, if somebody is there to answer.
fn confirm(name: &DataSetName) -> Result<()> {
    let refuse = |message: &str| Failure::usage(message.to_owned()).hint("--yes does not ask");
    if !std::io::stdin().is_terminal() {
        return Err(refuse("nobody is there to confirm that all records shall be deleted").into());
    }
    eprint!("Delete {name} and all its records? Type its name to confirm: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() == name.as_str() {
        true => Ok(()),
        false => Err(refuse("it was not confirmed, so nothing was deleted").into()),
    }
}

fn print_created(created: &CreatedDataSet, json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(created)?)?);
    }
    let CreatedDataSet { listed, token } = created;
    output::line(format!("name   {}\ntoken  {token}", listed.name))?;
    eprintln!("The token is shown only now.");
    Ok(())
}

fn print_shown(shown: &ShownDataSet, json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(shown)?)?);
    }
    let ShownDataSet {
        listed,
        records,
        first,
        last,
    } = shown;
    let settings = &listed.settings;
    let unknown = || "-".to_owned();
    let lines = [
        ("name", listed.name.to_string()),
        ("records", records.to_string()),
        ("first", first.clone().unwrap_or_else(unknown)),
        ("last", last.clone().unwrap_or_else(unknown)),
        (
            "last updated",
            listed.last_updated.clone().unwrap_or_else(unknown),
        ),
        ("created", listed.created.clone()),
        (
            "raw queries allowed",
            settings.raw_queries_allowed.to_string(),
        ),
        ("published", settings.published.to_string()),
        ("queryable", settings.queryable.to_string()),
        ("realtime", settings.realtime.to_string()),
        (
            "max age expected",
            settings
                .max_age_expected_s
                .map_or_else(unknown, |age| format!("{age} s")),
        ),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<20} {value}"));
    Ok(output::line(lines.join("\n"))?)
}

fn print_list(sets: &[ListedDataSet], json: bool) -> Result<()> {
    if json {
        return Ok(output::line(serde_json::to_string(sets)?)?);
    }
    if sets.is_empty() {
        eprintln!("no data sets: make one with `weir dataset create`");
        return Ok(());
    }
    let rows = sets.iter().map(|set| {
        let settings = &set.settings;
        vec![
            set.name.to_string(),
            set.last_updated.clone().unwrap_or_default(),
            settings
                .max_age_expected_s
                .map_or_else(String::new, |age| format!("{age} s")),
            settings.raw_queries_allowed.to_string(),
            settings.published.to_string(),
            settings.queryable.to_string(),
            settings.realtime.to_string(),
        ]
    });
    let header = [
        "NAME",
        "LAST UPDATED",
        "MAX AGE",
        "RAW QUERIES",
        "PUBLISHED",
        "QUERYABLE",
        "REALTIME",
    ];
    Ok(output::line(output::table(&header, rows))?)
}
