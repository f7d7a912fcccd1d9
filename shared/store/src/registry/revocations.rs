//! Revoked tokens and clients: one small partition, so that a process can keep a copy of all of it.
//!
//! A token stands here until it would have ended anyway; a client for good. Entries are only
//! added, and adding one twice changes nothing.

use std::collections::HashSet;
use std::time::Duration;

use weir_model::Timestamp;

use super::ClientId;
use crate::attribute;
use crate::db::{Deadline, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The registry's partition of all revocations.
const REVOKED: &str = "revoked";

const TOKEN: &str = "token#";
const CLIENT: &str = "client#";

/// Entries outlive their tokens by this much, because clocks differ.
const MARGIN: Duration = Duration::from_secs(3600);

/// Everything that is revoked, as of one read.
#[derive(Debug, Clone, Default)]
pub struct Revoked {
    tokens: HashSet<Box<str>>,
    clients: HashSet<Box<str>>,
}

impl Revoked {
    /// Whether a token is revoked, by its own id or because its client is.
    pub fn contains(&self, token_id: &str, client: &str) -> bool {
        self.tokens.contains(token_id) || self.clients.contains(client)
    }

    fn add(&mut self, key: &str) {
        if let Some(token) = key.strip_prefix(TOKEN) {
            self.tokens.insert(token.into());
        } else if let Some(client) = key.strip_prefix(CLIENT) {
            self.clients.insert(client.into());
        }
    }
}

impl Store {
    /// Reads all revocations, strongly consistent.
    pub async fn revocations(&self, deadline: Deadline) -> Result<Revoked, StoreError> {
        let query = Query {
            table: Table::Registry,
            pk: REVOKED.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: Some(vec!["sk"]),
            limit: None,
        };
        let mut revoked = Revoked::default();
        for item in self.db().query_all(&query, deadline).await? {
            revoked.add(attribute::read_text(&item, "sk").unwrap_or_default());
        }
        Ok(revoked)
    }

    /// Whether a token is revoked by its own id, or its client is, strongly consistent.
    pub async fn is_revoked(
        &self,
        token_id: &str,
        client: &ClientId,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let keys = vec![key(TOKEN, token_id), key(CLIENT, client.as_str())];
        let found = self.db().get_many(Table::Registry, keys, deadline).await?;
        Ok(!found.is_empty())
    }

    /// Revokes a token by its id. `expires` is when the token ends by itself.
    pub async fn revoke_token(
        &self,
        token_id: &str,
        expires: Timestamp,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let until = expires.saturating_add(MARGIN).as_millis().div_euclid(1000);
        let mut item = key(TOKEN, token_id).into_item();
        item.insert("expires".into(), attribute::number(until));
        let put = Put {
            table: Table::Registry,
            item,
            condition: None,
        };
        Ok(self.db().put_repeatable(put, deadline).await?)
    }

    /// Enters a client for good.
    pub(super) async fn put_revoked_client(
        &self,
        id: &ClientId,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let item = key(CLIENT, id.as_str()).into_item();
        let put = Put {
            table: Table::Registry,
            item,
            condition: None,
        };
        Ok(self.db().put_repeatable(put, deadline).await?)
    }
}

fn key(kind: &str, id: &str) -> Key {
    Key {
        pk: REVOKED.into(),
        sk: Some(format!("{kind}{id}")),
    }
}
