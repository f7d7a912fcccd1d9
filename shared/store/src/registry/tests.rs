use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{BoxFuture, join_all};
use weir_model::Timestamp;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::db::{Db, Deadline};
use crate::embedded::{Answer, Call, Cut, Engine, Transport};
use crate::error::StoreError;
use crate::store::Store;

mod rejected;
mod write_keys;

/// Loses the answers of some calls that change something, after they took effect.
#[derive(Debug)]
struct Line {
    engine: Engine,
    answers_to_lose: AtomicUsize,
}

impl Transport for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        Box::pin(async move {
            let changes = ["Put", "Transact"]
                .iter()
                .any(|verb| call.operation.starts_with(verb));
            let answer = self.engine.call(call).await;
            let one_less = |left: usize| left.checked_sub(1);
            let order = Ordering::SeqCst;
            match changes
                && self
                    .answers_to_lose
                    .fetch_update(order, order, one_less)
                    .is_ok()
            {
                true => Err(Cut("the answer was lost".into())),
                false => answer,
            }
        })
    }
}

async fn start() -> (Store, Arc<Line>, ManualClock) {
    let clock = ManualClock::running(Timestamp::from_millis(1_700_000_000_000).unwrap());
    let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
    let line = Arc::new(Line {
        engine,
        answers_to_lose: AtomicUsize::new(0),
    });
    let db = Db::embedded(
        Arc::clone(&line) as Arc<dyn Transport>,
        Arc::new(clock.clone()),
    );
    db.create_tables().await.unwrap();
    (Store::new(db), line, clock)
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

fn client(text: &str) -> Client {
    Client {
        id: id(text),
        label: format!("the client {text}, “quoted”"),
        secret_hash: SecretHash::of("secret"),
        scopes: vec!["read".into(), "write".into()],
        created: Timestamp::from_millis(1_700_000_000_123).unwrap(),
        rate: Some(10),
        revoked: None,
    }
}

fn soon(store: &Store) -> Deadline {
    Deadline::at(
        store
            .now()
            .saturating_add(std::time::Duration::from_secs(10)),
    )
}

#[tokio::test(start_paused = true)]
async fn a_client_is_read_back_as_it_was_created() {
    let (store, ..) = start().await;
    let plain = Client {
        rate: None,
        label: String::new(),
        ..client("plain")
    };
    for expected in [client("full"), plain] {
        let created = store.create_client(&expected, soon(&store)).await.unwrap();
        assert_eq!(created, Creation::Created);
        let read = store.client(&expected.id, soon(&store)).await.unwrap();
        assert_eq!(read, Some(expected));
    }
    assert_eq!(
        store.client(&id("other"), soon(&store)).await.unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_clients_with_one_id_one_is_created() {
    let (store, ..) = start().await;
    let (one, other) = (
        client("one"),
        Client {
            label: "other".into(),
            ..client("one")
        },
    );
    let creations = [&one, &other].map(|client| store.create_client(client, soon(&store)));
    let creations = join_all(creations).await;
    let created = creations
        .iter()
        .filter(|c| matches!(c, Ok(Creation::Created)))
        .count();
    assert_eq!(created, 1, "{creations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_creation_was_answered_late_is_still_created() {
    let (store, line, _) = start().await;
    line.answers_to_lose.store(2, Ordering::SeqCst);
    let created = store
        .create_client(&client("one"), soon(&store))
        .await
        .unwrap();
    assert_eq!(created, Creation::Created);
    let again = store
        .create_client(&client("one"), soon(&store))
        .await
        .unwrap();
    assert_eq!(again, Creation::Exists);
}

#[tokio::test(start_paused = true)]
async fn clients_are_listed_by_id_in_pages() {
    let (store, ..) = start().await;
    assert!(!store.any_client(soon(&store)).await.unwrap());
    for name in ["b", "a-1", "a", "c", "B"] {
        store
            .create_client(&client(name), soon(&store))
            .await
            .unwrap();
    }
    assert!(store.any_client(soon(&store)).await.unwrap());
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .clients(after.as_ref(), 2, soon(&store))
            .await
            .unwrap();
        pages.push(
            page.clients
                .iter()
                .map(|client| client.id.to_string())
                .collect::<Vec<_>>(),
        );
        after = page.clients.last().map(|client| client.id.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [vec!["B", "a"], vec!["a-1", "b"], vec!["c"]]);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_client_is_marked_and_among_the_revocations() {
    let (store, ..) = start().await;
    store
        .create_client(&client("one"), soon(&store))
        .await
        .unwrap();
    store
        .create_client(&client("other"), soon(&store))
        .await
        .unwrap();
    let revoked = store
        .revoke_client(&id("one"), soon(&store))
        .await
        .unwrap()
        .unwrap();
    assert!(revoked.revoked.is_some());
    let read = store
        .client(&id("one"), soon(&store))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read, revoked);
    let copy = store.revocations(soon(&store)).await.unwrap();
    assert!(copy.contains("any token", "one") && !copy.contains("any token", "other"));
    assert!(
        store
            .is_revoked("any", &id("one"), soon(&store))
            .await
            .unwrap()
    );
    assert!(
        !store
            .is_revoked("any", &id("other"), soon(&store))
            .await
            .unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn revoking_a_client_again_keeps_the_first_time() {
    let (store, line, clock) = start().await;
    store
        .create_client(&client("one"), soon(&store))
        .await
        .unwrap();
    line.answers_to_lose.store(2, Ordering::SeqCst);
    let first = store.revoke_client(&id("one"), soon(&store)).await.unwrap();
    clock.advance(std::time::Duration::from_secs(60));
    let second = store.revoke_client(&id("one"), soon(&store)).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(
        store
            .revoke_client(&id("nobody"), soon(&store))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_stands_until_it_would_have_ended() {
    let (store, ..) = start().await;
    let expires = store
        .now()
        .saturating_add(std::time::Duration::from_secs(3600));
    for _ in 0..2 {
        store
            .revoke_token("t1", expires, soon(&store))
            .await
            .unwrap();
    }
    let copy = store.revocations(soon(&store)).await.unwrap();
    assert!(copy.contains("t1", "one") && !copy.contains("t2", "one"));
    assert!(
        store
            .is_revoked("t1", &id("one"), soon(&store))
            .await
            .unwrap()
    );
    assert!(
        !store
            .is_revoked("t2", &id("one"), soon(&store))
            .await
            .unwrap()
    );
    // A client's name is not a token's.
    assert!(!copy.contains("one", "t1"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_unavailable() {
    let (store, _, clock) = start().await;
    let late = Deadline::at(clock.now());
    let error = store.client(&id("one"), late).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn setting_a_client_makes_it_or_replaces_its_secret_alone() {
    let (store, ..) = start().await;
    let check = async |secret: &str, expected: Setting| {
        let label = "another label".into();
        let secret_hash = SecretHash::of(secret);
        let client = Client {
            label,
            secret_hash,
            ..client("one")
        };
        let setting = store.set_client(&client, soon(&store)).await.unwrap();
        assert_eq!(setting, expected);
        store
            .client(&id("one"), soon(&store))
            .await
            .unwrap()
            .unwrap()
    };
    store
        .create_client(&client("one"), soon(&store))
        .await
        .unwrap();
    check("secret", Setting::Same).await;
    let replaced = check("new secret", Setting::Replaced).await;
    let expected = Client {
        secret_hash: SecretHash::of("new secret"),
        ..client("one")
    };
    assert_eq!(replaced, expected);
    store.revoke_client(&id("one"), soon(&store)).await.unwrap();
    check("third secret", Setting::Revoked).await;
    let made = store
        .set_client(&client("new"), soon(&store))
        .await
        .unwrap();
    assert_eq!(made, Setting::Created);
}
