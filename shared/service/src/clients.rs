//! Registering and revoking clients, for whoever administers this Weir.

use thiserror::Error;
use weir_store::StoreError;
use weir_store::registry::{Client, ClientId, Creation, Setting};

use crate::Service;
use crate::auth::{Claims, Scopes};
use crate::secret::{ClientSecret, hex, random_bytes};

/// How long a label may be.
pub const MAX_LABEL_CHARS: usize = 200;

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What people call it.
    pub label: String,
    /// What it may do; at least one scope.
    pub scopes: Scopes,
    /// Requests a second, if they are to be limited; at least 1.
    pub rate: Option<u32>,
    /// Its id; none: one is drawn.
    pub id: Option<ClientId>,
    /// Its secret; none: one is drawn.
    pub secret: Option<ClientSecret>,
}

/// A registered client with its secret, which nobody can look up later.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The client as it is stored.
    pub client: Client,
    /// What it authenticates with.
    pub secret: ClientSecret,
}

/// Why a client was not registered.
#[derive(Debug, Error)]
pub enum RegistrationError {
    /// The registration breaks a rule.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is allowed.
        reason: &'static str,
    },
    /// The id is taken, perhaps by a client that was revoked.
    #[error("there is, or was, a client with the id {0}")]
    Exists(ClientId),
    /// The store failed; the client may be registered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Service {
    /// Registers a client.
    ///
    /// # Errors
    /// When a field is not allowed, the id is taken, or the store does not answer.
    pub async fn register(
        &self,
        registration: Registration,
    ) -> Result<Registered, RegistrationError> {
        check(&registration)?;
        let secret = registration.secret.unwrap_or_else(ClientSecret::random);
        let client = Client {
            id: registration.id.unwrap_or_else(draw_id),
            label: registration.label,
            secret_hash: secret.hash(),
            scopes: registration.scopes.words(),
            created: self.now(),
            rate: registration.rate,
            revoked: None,
        };
        match self
            .store
            .create_client(&client, self.registry_deadline())
            .await?
        {
            Creation::Created => Ok(Registered { client, secret }),
            Creation::Exists => Err(RegistrationError::Exists(client.id)),
        }
    }

    /// Sees to it that there is a client with this id and secret. A new one gets every scope; one
    /// that is there keeps its own.
    ///
    /// # Errors
    /// When the store does not answer; setting it again is safe.
    pub async fn set_client(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
    ) -> Result<Setting, StoreError> {
        let client = Client {
            id: id.clone(),
            label: id.to_string(),
            secret_hash: secret.hash(),
            scopes: Scopes::ALL.words(),
            created: self.now(),
            rate: None,
            revoked: None,
        };
        let deadline = self.registry_deadline();
        self.store.set_client(&client, deadline).await
    }

    /// Revokes a client and all its tokens: here at once, in other processes within a minute. None
    /// when there is no such client.
    ///
    /// # Errors
    /// When the store does not answer; revoking again is safe.
    pub async fn revoke_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let revoked = self.store.revoke_client(id, self.registry_deadline()).await;
        self.revoked_copy().forget();
        revoked
    }

    /// Revokes one token: here at once, in other processes within a minute.
    ///
    /// # Errors
    /// When the store does not answer; revoking again is safe.
    pub async fn revoke_token(&self, claims: &Claims) -> Result<(), StoreError> {
        let deadline = self.registry_deadline();
        let revoked = self
            .store
            .revoke_token(&claims.jti, claims.expires(), deadline)
            .await;
        self.revoked_copy().forget();
        revoked
    }
}

fn check(registration: &Registration) -> Result<(), RegistrationError> {
    let invalid = |field, reason| Err(RegistrationError::Invalid { field, reason });
    if registration.label.chars().count() > MAX_LABEL_CHARS {
        return invalid("label", "a label has up to 200 characters");
    }
    if registration.scopes.is_empty() {
        return invalid("scopes", "a client has at least one scope");
    }
    if registration.rate == Some(0) {
        return invalid("rate", "a rate is at least one request a second");
    }
    Ok(())
}

/// Hexadecimal, so that it needs no quoting anywhere.
fn draw_id() -> ClientId {
    ClientId::parse(&hex(&random_bytes::<12>())).expect("hexadecimal digits are legal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, register};
    use weir_model::Timestamp;
    use weir_store::db::Deadline;

    fn registration(scopes: Scopes, rate: Option<u32>) -> Registration {
        Registration {
            label: "a label".into(),
            scopes,
            rate,
            id: None,
            secret: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registered_client_can_be_read_back_with_its_secret_as_a_hash() {
        let service = World::start().await.process();
        let registered = service
            .register(registration(Scopes::ALL, Some(5)))
            .await
            .unwrap();
        let (id, deadline) = (registered.client.id.clone(), service.registry_deadline());
        let client = service.store.client(&id, deadline).await.unwrap().unwrap();
        assert_eq!(client, registered.client);
        assert_eq!(
            (client.scopes.join(" ").as_str(), client.rate),
            ("read write aggregation", Some(5))
        );
        assert!(client.secret_hash.matches(registered.secret.expose()));
        assert_eq!(id.as_str().len(), 24);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_can_be_given_a_secret_again_and_again_until_it_is_revoked() {
        let service = World::start().await.process();
        let id = ClientId::parse("fixed").unwrap();
        let (one, other) = (ClientSecret::random(), ClientSecret::random());
        let set = async |secret: &ClientSecret| service.set_client(&id, secret).await.unwrap();
        assert_eq!(set(&one).await, Setting::Created);
        assert_eq!(set(&one).await, Setting::Same);
        assert_eq!(set(&other).await, Setting::Replaced);
        let deadline = service.registry_deadline();
        let client = service.store.client(&id, deadline).await.unwrap().unwrap();
        assert!(client.secret_hash.matches(other.expose()));
        service.revoke_client(&id).await.unwrap().unwrap();
        assert_eq!(set(&other).await, Setting::Revoked);
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_given_once_and_not_again_after_revocation() {
        let service = World::start().await.process();
        let client = register(&service, "fixed", "read").await.client;
        for _ in 0..2 {
            let again = Registration {
                id: Some(client.id.clone()),
                ..registration(Scopes::ALL, None)
            };
            let error = service.register(again).await.unwrap_err();
            assert!(matches!(error, RegistrationError::Exists(_)), "{error}");
            service.revoke_client(&client.id).await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registration_that_breaks_a_rule_names_the_field() {
        let service = World::start().await.process();
        let check = async |registration: Registration, expected: &str| match service
            .register(registration)
            .await
            .unwrap_err()
        {
            RegistrationError::Invalid { field, .. } => assert_eq!(field, expected),
            other => panic!("{other}"),
        };
        check(registration(Scopes::NONE, None), "scopes").await;
        check(registration(Scopes::ALL, Some(0)), "rate").await;
        let label = "x".repeat(201);
        check(
            Registration {
                label,
                ..registration(Scopes::ALL, None)
            },
            "label",
        )
        .await;
        let none = service
            .store
            .any_client(Deadline::at(Timestamp::MAX))
            .await
            .unwrap();
        assert!(!none, "nothing was stored");
    }

    #[tokio::test(start_paused = true)]
    async fn revoking_whom_nobody_knows_is_none() {
        let service = World::start().await.process();
        let id = ClientId::parse("nobody").unwrap();
        assert!(service.revoke_client(&id).await.unwrap().is_none());
    }
}
