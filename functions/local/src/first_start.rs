//! The client that a server begins with, and what is printed when it starts.

use std::path::Path;

use anyhow::Result;
use weir_service::Service;
use weir_service::auth::Scopes;
use weir_service::clients::{Registered, Registration};
use weir_service::secret::ClientSecret;
use weir_store::registry::{ClientId, Setting};

use crate::args::Global;
use crate::failure::Failure;
use crate::session::given_secret;

/// A client that shall exist.
#[derive(Debug, Clone)]
pub(crate) struct FixedClient {
    /// Its id.
    pub(crate) id: ClientId,
    /// Its secret.
    pub(crate) secret: ClientSecret,
}

impl FixedClient {
    /// Reads it from the command line, if that names one.
    pub(crate) fn given(global: &Global) -> Result<Option<FixedClient>> {
        let (id, secret) = match (&global.client_id, given_secret(global)?) {
            (None, None) => return Ok(None),
            (Some(id), Some(secret)) => (id, secret),
            (Some(_), None) => return Err(lacking("--client-id", "--client-secret-file")),
            (None, Some(_)) => return Err(lacking("a client's secret", "--client-id")),
        };
        let id =
            ClientId::parse(id).map_err(|error| Failure::usage(format!("--client-id: {error}")))?;
        let secret = ClientSecret::parse(secret.expose())
            .map_err(|error| Failure::usage(format!("the client's secret: {error}")))?;
        Ok(Some(FixedClient { id, secret }))
    }
}

fn lacking(given: &str, missing: &str) -> anyhow::Error {
    Failure::usage(format!("{given} is given without {missing}")).into()
}

/// What was seen to before the first request.
#[derive(Debug)]
pub(crate) enum Clients {
    /// The first one was made.
    Made(Registered),
    /// The given one is there.
    Fixed(ClientId, Setting),
    /// There were some already.
    There,
}

/// Sees to it that there is a client.
pub(crate) async fn prepare(service: &Service, fixed: Option<&FixedClient>) -> Result<Clients> {
    if let Some(FixedClient { id, secret }) = fixed {
        let setting = service.set_client(id, secret).await?;
        if setting == Setting::Revoked {
            let message = format!("the client {id} was revoked, and stays so");
            return Err(Failure::new(message)
                .hint("give --client-id another name")
                .into());
        }
        return Ok(Clients::Fixed(id.clone(), setting));
    }
    if service
        .store
        .any_client(service.registry_deadline())
        .await?
    {
        return Ok(Clients::There);
    }
    let registration = Registration {
        label: "made at the first start".into(),
        scopes: Scopes::ALL,
        rate: None,
        id: None,
        secret: None,
    };
    Ok(Clients::Made(service.register(registration).await?))
}

/// Where the server is, for whoever reads its greeting.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The address to send requests to.
    pub(crate) url: &'a str,
    /// The directory that its owner's commands name.
    pub(crate) data: &'a Path,
    /// How long what it stores is kept.
    pub(crate) kept: Kept,
}

/// How long a server keeps what it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// For good.
    OnDisk,
    /// Until it ends.
    InMemory,
}

/// What is printed when the server listens.
pub(crate) fn greeting(clients: &Clients, place: &Place<'_>) -> String {
    let url = place.url;
    let data = place.data.display();
    let kept = match place.kept {
        Kept::OnDisk => format!("Its data is in {data}"),
        Kept::InMemory => {
            format!("Everything is in memory and ends with it; commands find it by --data {data}")
        }
    };
    let mut text = format!("Weir listens on {url}\n{kept}\n\n");
    text.push_str(&match clients {
        Clients::Made(Registered { client, secret }) => {
            let (id, secret) = (&client.id, secret.expose());
            format!(
                "A client was made for you. Its secret is shown only now.\n  id      {id}\n  secret  \
                 {secret}\n\n{}",
                curl_lines(url, id, secret)
            )
        }
        Clients::Fixed(id, Setting::Created) => {
            format!("The client {id} was made, with the secret that was given.\n")
        }
        Clients::Fixed(id, Setting::Replaced) => {
            format!("The client {id} has a new secret: the one that was given.\n")
        }
        Clients::Fixed(id, _) => format!("The client {id} is there.\n"),
        Clients::There => format!("To make another client: {}\n", create_command(place.data)),
    });
    text
}

fn create_command(data: &Path) -> String {
    format!(
        "weir client create --label NAME --data {}",
        quoted(&data.display().to_string())
    )
}

/// Lines that a shell can take as they are.
fn curl_lines(url: &str, id: &ClientId, secret: &str) -> String {
    format!(
        r#"Try it: fetch a token, store an event, count the events of each day.
TOKEN=$(curl -sS -u {id}:{secret} -d grant_type=client_credentials {url}/o/token/ | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -sS -w '\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"namespace":"Frontend","name":"pageView","value":1}}' {url}/api/track/
curl -sS -w '\n' -H "Authorization: Bearer $TOKEN" '{url}/api/events/Frontend/pageView?granularity=day&aggregationType=count'
"#
    )
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_starts_say_how_to_make_another_client() {
        let place = Place {
            url: "http://127.0.0.1:8080",
            data: Path::new("/my data"),
            kept: Kept::OnDisk,
        };
        let text = greeting(&Clients::There, &place);
        assert!(
            text.starts_with("Weir listens on http://127.0.0.1:8080\n"),
            "{text}"
        );
        assert!(
            text.contains("weir client create --label NAME --data '/my data'\n"),
            "{text}"
        );
    }

    #[test]
    fn a_given_secret_is_not_printed() {
        let id = ClientId::parse("website").unwrap();
        let place = Place {
            url: "http://127.0.0.1:8080",
            data: Path::new("/tmp/x"),
            kept: Kept::InMemory,
        };
        let text = greeting(&Clients::Fixed(id, Setting::Replaced), &place);
        assert!(
            text.contains("The client website has a new secret"),
            "{text}"
        );
        assert!(!text.contains("curl"), "{text}");
    }
}
