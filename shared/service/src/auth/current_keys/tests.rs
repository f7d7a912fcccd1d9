use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;
use crate::auth::{KeyDocument, Scope};
use crate::testing::{World, bearing, token};
use crate::{Problem, Service};

/// A secret that several processes read, which can be rotated and taken away.
#[derive(Debug, Clone)]
struct Vault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    document: Mutex<KeyDocument>,
    answers: Mutex<Answers>,
    readings: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
enum Answers {
    AtOnce,
    Late,
    Never,
}

impl KeySource for Vault {
    fn read(&self) -> BoxFuture<'_, Result<SigningKeys, KeysUnavailable>> {
        Box::pin(async {
            self.0.readings.fetch_add(1, Ordering::SeqCst);
            let answers = *self.0.answers.lock().unwrap();
            match answers {
                Answers::AtOnce => {}
                Answers::Late => tokio::time::sleep(Duration::from_secs(60)).await,
                Answers::Never => return Err(KeysUnavailable("planted".into())),
            }
            tokio::task::yield_now().await;
            Ok(self.0.document.lock().unwrap().keys().unwrap())
        })
    }
}

impl Vault {
    fn new() -> Vault {
        Vault(Arc::new(Inner {
            document: Mutex::new(KeyDocument::draw()),
            answers: Mutex::new(Answers::AtOnce),
            readings: AtomicUsize::new(0),
        }))
    }

    fn rotate(&self) {
        let mut document = self.0.document.lock().unwrap();
        *document = document.rotated();
    }

    fn answers(&self, answers: Answers) {
        *self.0.answers.lock().unwrap() = answers;
    }

    fn readings(&self) -> usize {
        self.0.readings.load(Ordering::SeqCst)
    }
}

async fn let_in(service: &Service, token: &str) -> Result<(), Problem> {
    let caller = service.authorize(&bearing(token), Scope::Read).await;
    caller.map(|_| ())
}

async fn check(service: &Service, token: &str, status: u16, code: &str) {
    let problem = let_in(service, token).await.unwrap_err();
    assert_eq!(problem.status().as_u16(), status, "{problem}");
    assert_eq!(problem.document().code, code);
}

/// One that was signed with a key of nobody's.
async fn foreign(world: &World) -> String {
    token(&world.process_with(Vault::new()), "reader", "read", None).await
}

#[tokio::test(start_paused = true)]
async fn a_rotation_is_noticed_by_processes_that_go_on() {
    let (world, vault) = (World::start().await, Vault::new());
    let (signs, checks) = (
        world.process_with(vault.clone()),
        world.process_with(vault.clone()),
    );
    let first = token(&signs, "reader", "read", None).await;
    let_in(&checks, &first).await.unwrap();

    vault.rotate();
    // This one does not know the new key, and signs with the old.
    let still_first = token(&signs, "reader", "read", None).await;
    world.clock.advance(Duration::from_secs(301));
    let second = token(&signs, "reader", "read", None).await;
    let now = signs.now();
    world
        .clock
        .set(now.saturating_sub(Duration::from_secs(300)));
    // By its age the other's copy is good, and it has not heard of the new key.
    for token in [&second, &first, &still_first] {
        let_in(&checks, token).await.unwrap();
        let_in(&signs, token).await.unwrap();
    }

    vault.rotate();
    world.clock.advance(Duration::from_secs(301));
    for service in [&signs, &checks] {
        let_in(service, &second).await.unwrap();
        check(service, &first, 401, "invalid-token").await;
        check(service, &still_first, 401, "invalid-token").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_known_at_once_however_young_the_copy() {
    let (world, vault) = (World::start().await, Vault::new());
    let old = world.process_with(vault.clone());
    let first = token(&old, "reader", "read", None).await;
    vault.rotate();
    let new = world.process_with(vault.clone());
    let second = token(&new, "reader", "read", None).await;
    let_in(&old, &second).await.unwrap();
    let_in(&new, &first).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn made_up_keys_are_looked_for_every_thirty_seconds_at_most() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    let token = foreign(&world).await;
    for _ in 0..3 {
        let tries = (0..5).map(|_| check(&service, &token, 401, "invalid-token"));
        join_all(tries).await;
    }
    assert_eq!(
        vault.readings(),
        2,
        "the first copy, and one look for the key"
    );
    world.clock.advance(Duration::from_secs(31));
    check(&service, &token, 401, "invalid-token").await;
    check(&service, &token, 401, "invalid-token").await;
    assert_eq!(vault.readings(), 3);
}

#[tokio::test(start_paused = true)]
async fn requests_share_one_reading() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    let token = token(&world.process_with(vault.clone()), "reader", "read", None).await;
    for age in [0, 301] {
        world.clock.advance(Duration::from_secs(age));
        let before = vault.readings();
        let requests = join_all((0..20).map(|_| let_in(&service, &token))).await;
        assert!(requests.iter().all(Result::is_ok));
        assert_eq!(vault.readings() - before, 1, "at an age of {age} s");
    }
    world.clock.advance(Duration::from_secs(299));
    let before = vault.readings();
    let_in(&service, &token).await.unwrap();
    assert_eq!(vault.readings(), before, "the copy is young enough");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_fails_leaves_the_copy_as_it_is() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    let token = token(&service, "reader", "read", None).await;
    for answers in [Answers::Never, Answers::Late] {
        vault.answers(answers);
        world.clock.advance(Duration::from_secs(400));
        let before = vault.readings();
        for _ in 0..3 {
            let_in(&service, &token).await.unwrap();
        }
        assert_eq!(
            vault.readings() - before,
            1,
            "{answers:?}: not at every request"
        );
    }
    vault.answers(Answers::AtOnce);
    vault.rotate();
    world.clock.advance(Duration::from_secs(31));
    let_in(&service, &token).await.unwrap();
    let next = super::super::token::Tokens::key_of(
        &crate::testing::token(&service, "reader", "read", None).await,
    );
    assert_ne!(next, super::super::token::Tokens::key_of(&token));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_never_read_the_keys_lets_nobody_in_and_tries_again() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    let token = token(&world.process_with(vault.clone()), "reader", "read", None).await;
    vault.answers(Answers::Never);
    check(&service, &token, 503, "keys-unavailable").await;
    let grant = crate::auth::Grant {
        client: weir_store::registry::ClientId::parse("reader").unwrap(),
        scopes: Scope::Read.into(),
        rate: None,
    };
    let problem = service.issue(&grant).await.unwrap_err();
    assert_eq!(problem.status().as_u16(), 503);
    vault.answers(Answers::AtOnce);
    let_in(&service, &token).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_has_nothing_read() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    for text in ["", "x.y.z", "nonsense"] {
        check(
            &service,
            text,
            401,
            if text.is_empty() {
                "unauthorized"
            } else {
                "invalid-token"
            },
        )
        .await;
    }
    assert_eq!(vault.readings(), 0);
}

#[tokio::test(start_paused = true)]
async fn warming_up_leaves_nothing_to_read_for_the_first_request() {
    let (world, vault) = (World::start().await, Vault::new());
    let service = world.process_with(vault.clone());
    let token = token(&world.process_with(vault.clone()), "reader", "read", None).await;
    service.warm_up().await;
    let (keys, calls) = (vault.readings(), world.line.calls());
    let_in(&service, &token).await.unwrap();
    assert_eq!((vault.readings(), world.line.calls()), (keys, calls));
}
