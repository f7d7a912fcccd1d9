//! OAuth2 clients: created once, revoked for good, never deleted, so an id is never another's later.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use thiserror::Error;
use weir_model::Timestamp;

use super::SecretHash;
use crate::attribute;
use crate::db::{
    AttributeValue, CallError, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table,
};
use crate::error::StoreError;
use crate::store::Store;

/// The registry's partition of all clients.
const CLIENTS: &str = "clients";

/// How often a change starts again because the client's record changed under it. Records change
/// only when someone revokes a client or sets its secret.
const ROUNDS: usize = 4;

/// A client's public name: 1 to 100 letters, digits, `.`, `_`, `~`, `-`, which every header, form
/// and URL carries unchanged. `local` is the one who administers Weir on its own machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

/// Why a text is no client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a client id has 1 to {max} letters, digits, \".\", \"_\", \"~\" or \"-\", and is not \"{local}\"", max = ClientId::MAX_CHARS, local = ClientId::LOCAL)]
pub struct ClientIdError;

impl ClientId {
    /// How long an id may be.
    pub const MAX_CHARS: usize = 100;

    const LOCAL: &str = "local";

    /// Reads an id.
    ///
    /// # Errors
    /// When it is empty, too long, reserved, or has another character.
    pub fn parse(text: &str) -> Result<ClientId, ClientIdError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let length = (1..=Self::MAX_CHARS).contains(&text.len());
        match length && text.bytes().all(legal) && text != Self::LOCAL {
            true => Ok(ClientId(text.into())),
            false => Err(ClientIdError),
        }
    }

    /// The caller who needs no client: no client can have this id.
    pub fn local() -> ClientId {
        ClientId(Self::LOCAL.into())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    fn from_str(text: &str) -> Result<ClientId, ClientIdError> {
        ClientId::parse(text)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An application that may use this Weir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its public name.
    pub id: ClientId,
    /// What people call it.
    pub label: String,
    /// What is kept of its secret.
    pub secret_hash: SecretHash,
    /// What it may do, as words.
    pub scopes: Vec<String>,
    /// When it was registered.
    pub created: Timestamp,
    /// Requests a second, if they are limited.
    pub rate: Option<u32>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

/// What became of a new client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is registered.
    Created,
    /// Its id belongs to another one, perhaps a revoked one; nothing was changed.
    Exists,
}

/// What became of a client that shall have a certain secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// It was not there and is registered.
    Created,
    /// It has that secret already.
    Same,
    /// It had another one.
    Replaced,
    /// It was revoked, which is for good; nothing was changed.
    Revoked,
}

/// A page of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPage {
    /// In the order of their ids.
    pub clients: Vec<Client>,
    /// Whether there are more after the last of these.
    pub more: bool,
}

impl Store {
    /// Registers a client under an id that is free.
    ///
    /// # Errors
    /// When the store does not answer; it may be registered then.
    pub async fn create_client(
        &self,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Creation, StoreError> {
        let revision = draw_revision();
        let put = Put {
            table: Table::Registry,
            item: to_item(client, &revision),
            condition: Some(Condition::absent()),
        };
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) => Ok(Creation::Created),
            // The answer to an earlier attempt may have been lost.
            Err(CallError::Refused) => match self.client_item(&client.id, deadline).await? {
                Some(item) if revision_of(&item) == Some(&revision) => Ok(Creation::Created),
                _ => Ok(Creation::Exists),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a client, strongly consistent.
    pub async fn client(
        &self,
        id: &ClientId,
        deadline: Deadline,
    ) -> Result<Option<Client>, StoreError> {
        let item = self.client_item(id, deadline).await?;
        item.as_ref().map(from_item).transpose()
    }

    /// Lists clients after one, by id, revoked ones included.
    pub async fn clients(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<ClientPage, StoreError> {
        // A space sorts before every character of an id.
        let sk = after.map_or(SkRange::All, |id| SkRange::From(format!("{id} ")));
        let query = clients_query(sk, u32::try_from(limit + 1).ok());
        let mut clients = Vec::new();
        let mut from = None;
        loop {
            let page = self.db().query_page(&query, from, deadline).await?;
            for item in &page.items {
                clients.push(from_item(item)?);
            }
            from = page.next;
            if from.is_none() || clients.len() > limit {
                break;
            }
        }
        let more = clients.len() > limit;
        clients.truncate(limit);
        Ok(ClientPage { clients, more })
    }

    /// Whether any client was ever registered.
    pub async fn any_client(&self, deadline: Deadline) -> Result<bool, StoreError> {
        let query = clients_query(SkRange::All, Some(1));
        let page = self.db().query_page(&query, None, deadline).await?;
        Ok(!page.items.is_empty())
    }

    /// Revokes a client for good, and every token it has, and returns what it is now; none when
    /// there is no such client. Revoking it again changes nothing.
    ///
    /// # Errors
    /// When the store does not answer; it may be revoked then, and can be revoked again.
    pub async fn revoke_client(
        &self,
        id: &ClientId,
        deadline: Deadline,
    ) -> Result<Option<Client>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(item) = self.client_item(id, deadline).await? else {
                return Ok(None);
            };
            let client = from_item(&item)?;
            // Both writes are harmless to repeat, so they need not be one transaction. This one
            // goes first: a client that is marked has no token left that works.
            self.put_revoked_client(id, deadline).await?;
            if client.revoked.is_some() {
                return Ok(Some(client));
            }
            let client = Client {
                revoked: Some(self.now()),
                ..client
            };
            if self.replace_client(&client, &item, deadline).await? {
                return Ok(Some(client));
            }
        }
        Err(StoreError::Changed(format!("client {id}")))
    }

    /// Sees to it that a client is registered and has this secret. One that is there keeps all
    /// else.
    ///
    /// # Errors
    /// When the store does not answer; setting it again is safe.
    pub async fn set_client(
        &self,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Setting, StoreError> {
        for _ in 0..ROUNDS {
            let Some(item) = self.client_item(&client.id, deadline).await? else {
                match self.create_client(client, deadline).await? {
                    Creation::Created => return Ok(Setting::Created),
                    Creation::Exists => continue,
                }
            };
            let there = from_item(&item)?;
            if there.revoked.is_some() {
                return Ok(Setting::Revoked);
            }
            if there.secret_hash == client.secret_hash {
                return Ok(Setting::Same);
            }
            let secret_hash = client.secret_hash;
            if self
                .replace_client(
                    &Client {
                        secret_hash,
                        ..there
                    },
                    &item,
                    deadline,
                )
                .await?
            {
                return Ok(Setting::Replaced);
            }
        }
        Err(StoreError::Changed(format!("client {}", client.id)))
    }

    /// Puts a client's new state in place of the one read; false when that is no longer there.
    async fn replace_client(
        &self,
        client: &Client,
        read: &Item,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let revision = revision_of(read).ok_or_else(|| corrupt("revision"))?;
        let put = Put {
            table: Table::Registry,
            item: to_item(client, &draw_revision()),
            condition: Some(Condition::equals("revision", attribute::text(revision))),
        };
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) => Ok(true),
            Err(CallError::Refused) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn client_item(
        &self,
        id: &ClientId,
        deadline: Deadline,
    ) -> Result<Option<Item>, StoreError> {
        Ok(self.db().get(Table::Registry, key(id), deadline).await?)
    }
}

fn key(id: &ClientId) -> Key {
    Key {
        pk: CLIENTS.into(),
        sk: Some(id.as_str().into()),
    }
}

fn clients_query(sk: SkRange, limit: Option<u32>) -> Query {
    Query {
        table: Table::Registry,
        pk: CLIENTS.into(),
        sk,
        order: Order::Ascending,
        attributes: None,
        limit,
    }
}

/// Drawn for every write, so that a writer knows its own.
fn draw_revision() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

fn revision_of(item: &Item) -> Option<&str> {
    attribute::read_text(item, "revision")
}

fn to_item(client: &Client, revision: &str) -> Item {
    let scopes = client.scopes.iter().map(attribute::text).collect();
    let mut item = key(&client.id).into_item();
    item.extend([
        ("label".into(), attribute::text(&client.label)),
        (
            "secret_hash".into(),
            attribute::bytes(client.secret_hash.as_bytes().to_vec()),
        ),
        ("scopes".into(), AttributeValue::L(scopes)),
        (
            "created".into(),
            attribute::number(client.created.as_millis()),
        ),
        ("revision".into(), attribute::text(revision)),
    ]);
    if let Some(rate) = client.rate {
        item.insert("rate".into(), attribute::number(rate));
    }
    if let Some(revoked) = client.revoked {
        item.insert("revoked".into(), attribute::number(revoked.as_millis()));
    }
    item
}

fn from_item(item: &Item) -> Result<Client, StoreError> {
    let id = attribute::read_text(item, "sk").and_then(|id| ClientId::parse(id).ok());
    let hash = attribute::read_bytes(item, "secret_hash").and_then(SecretHash::from_bytes);
    Ok(Client {
        id: id.ok_or_else(|| corrupt("id"))?,
        label: attribute::read_text(item, "label")
            .unwrap_or_default()
            .into(),
        secret_hash: hash.ok_or_else(|| corrupt("secret hash"))?,
        scopes: read_scopes(item).ok_or_else(|| corrupt("scopes"))?,
        created: read_time(item, "created").ok_or_else(|| corrupt("time of creation"))?,
        rate: attribute::read_number(item, "rate"),
        // Whatever stands there, it was revoked.
        revoked: item
            .contains_key("revoked")
            .then(|| read_time(item, "revoked").unwrap_or(Timestamp::MIN)),
    })
}

fn read_scopes(item: &Item) -> Option<Vec<String>> {
    let words = item.get("scopes")?.as_l().ok()?;
    words.iter().map(|word| word.as_s().ok().cloned()).collect()
}

fn read_time(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_millis(attribute::read_number(item, name)?).ok()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::corrupt("a client", format!("its {what} is missing or not readable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_headers_forms_and_urls_carry_unchanged() {
        let long = "x".repeat(100);
        for good in ["a", "import-2.0_x~", "0123", long.as_str()] {
            assert_eq!(ClientId::parse(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(101);
        for bad in ["", "a b", "a:b", "é", "local", long.as_str()] {
            assert_eq!(ClientId::parse(bad), Err(ClientIdError), "{bad:?}");
        }
        assert!(
            ClientIdError
                .to_string()
                .starts_with("a client id has 1 to 100 letters")
        );
    }
}
