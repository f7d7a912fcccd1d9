//! Making and revoking write keys, for whoever administers this Weir.

use thiserror::Error;
use weir_model::Name;
use weir_store::StoreError;
use weir_store::registry::{ClientId, Creation, KeyRecord};

use crate::Service;
use crate::secret::{WriteKey, hex, random_bytes};

/// A write key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What people call it, and the namespace of its events unless another one is named.
    pub label: Name,
    /// The namespace of its events, where they name none.
    pub namespace: Option<Name>,
    /// Requests a second, if they are to be limited; at least 1.
    pub rate: Option<u32>,
    /// A key that clients have already; none: one is drawn.
    pub existing: Option<WriteKey>,
}

/// A write key that was made, in plain text, which nobody can look up later.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// What is stored of it.
    pub record: KeyRecord,
    /// The key.
    pub key: WriteKey,
}

/// Why a write key was not made.
#[derive(Debug, Error)]
pub enum NewKeyError {
    /// A rate of nothing.
    #[error("rate: a rate is at least one request a second")]
    Rate,
    /// It is there, or was.
    #[error("this write key is there already, or was revoked, which is for good")]
    Exists,
    /// The store failed; the key may be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Service {
    /// Makes a write key. It is let in here at once, and within half a minute by a process that
    /// was asked for it before.
    ///
    /// # Errors
    /// When its rate is nothing, it is there already, or the store does not answer.
    pub async fn make_key(&self, new: NewKey) -> Result<MadeKey, NewKeyError> {
        if new.rate == Some(0) {
            return Err(NewKeyError::Rate);
        }
        let key = new.existing.unwrap_or_else(WriteKey::random);
        let record = KeyRecord {
            id: draw_id(),
            hash: key.hash(),
            label: new.label,
            namespace: new.namespace,
            created: self.now(),
            rate: new.rate,
            revoked: None,
        };
        let created = self.store.create_key(&record, self.registry_deadline());
        let created = created.await;
        self.known_keys().forget(&record.hash);
        match created? {
            Creation::Created => Ok(MadeKey { record, key }),
            Creation::Exists => Err(NewKeyError::Exists),
        }
    }

    /// Revokes a write key: here at once, in other processes within a minute. None when there is no
    /// such key.
    ///
    /// # Errors
    /// When the store does not answer; revoking again is safe.
    pub async fn revoke_key(&self, id: &ClientId) -> Result<Option<KeyRecord>, StoreError> {
        let revoked = self.store.revoke_key(id, self.registry_deadline()).await;
        match &revoked {
            Ok(Some(record)) => self.known_keys().forget(&record.hash),
            Ok(None) => {}
            // It may be revoked, and nobody knows which one it is.
            Err(_) => self.known_keys().forget_all(),
        }
        revoked
    }
}

fn draw_id() -> ClientId {
    let id = format!("wk-{}", hex(&random_bytes::<12>()));
    ClientId::parse(&id).expect("hexadecimal digits and a hyphen are legal")
}
