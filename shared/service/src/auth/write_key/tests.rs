use std::time::Duration;

use futures::future::join_all;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use weir_store::Clock as _;
use weir_store::db::{Attempt, Order, Put, Query, SkRange, Table};

use super::*;
use crate::auth::{Scope, Scopes, basic_key};
use crate::testing::{World, basic, request};
use crate::write_keys::{MadeKey, NewKey, NewKeyError};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn new_key() -> NewKey {
    NewKey {
        label: name("web"),
        namespace: None,
        rate: None,
        existing: None,
    }
}

async fn made(service: &Service) -> MadeKey {
    service.make_key(new_key()).await.unwrap()
}

async fn good(service: &Service, key: &str) -> KeyHolder {
    service.holder(key).await.unwrap()
}

async fn check(service: &Service, key: &str, status: u16, code: &str) -> Problem {
    let problem = service.holder(key).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
    problem
}

async fn unknown(service: &Service, key: &str) {
    let problem = check(service, key, 401, "unknown-key").await;
    // A browser would ask its user for a password at `Basic`.
    assert_eq!(problem.headers()[WWW_AUTHENTICATE], "Bearer realm=\"weir\"");
}

#[tokio::test(start_paused = true)]
async fn a_key_names_its_holder_and_the_namespace_of_its_events() {
    let service = World::start().await.process();
    let plain = made(&service).await;
    let holder = good(&service, plain.key.expose()).await;
    assert_eq!(holder.id, plain.record.id);
    assert_eq!(holder.namespace_or_label(), &name("web"));
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let drawn = holder.id.as_str().strip_prefix("wk-").unwrap();
    assert!(
        drawn.len() == 24 && drawn.chars().all(hexadecimal),
        "{drawn}"
    );
    let named = NewKey {
        namespace: Some(name("Shop")),
        existing: Some(WriteKey::parse("an:old-key").unwrap()),
        ..new_key()
    };
    service.make_key(named).await.unwrap();
    let holder = good(&service, "an:old-key").await;
    assert_eq!(holder.namespace_or_label(), &name("Shop"));
    assert_eq!(holder.label, name("web"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_stored_badly_keeps_no_other_out() {
    let world = World::start().await;
    let service = world.process();
    let broken = made(&service).await;
    let query = Query {
        table: Table::Registry,
        pk: "write-keys".into(),
        sk: SkRange::All,
        order: Order::Ascending,
        attributes: None,
        limit: None,
    };
    let now = world.clock.now();
    let deadline = Deadline::at(now.saturating_add(READ_TIME));
    let mut items = world.db().query_all(&query, deadline).await.unwrap();
    let mut item = items.pop().unwrap();
    item.remove("label");
    let put = Put {
        table: Table::Registry,
        item,
        condition: None,
    };
    let attempt = Attempt {
        signed_at: now,
        timeout: READ_TIME,
    };
    world.db().put(put, attempt).await.unwrap();
    let other = made(&service).await;
    check(&service, broken.key.expose(), 503, "store-unavailable").await;
    good(&service, other.key.expose()).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_made_once_even_if_it_was_revoked() {
    let service = World::start().await.process();
    let key = WriteKey::parse("an-old-key").unwrap();
    let again = || NewKey {
        existing: Some(key.clone()),
        ..new_key()
    };
    let made = service.make_key(again()).await.unwrap();
    for _ in 0..2 {
        let error = service.make_key(again()).await.unwrap_err();
        assert!(matches!(error, NewKeyError::Exists), "{error}");
        service.revoke_key(&made.record.id).await.unwrap().unwrap();
    }
    unknown(&service, key.expose()).await;
    let no_rate = NewKey {
        rate: Some(0),
        ..new_key()
    };
    let error = service.make_key(no_rate).await.unwrap_err();
    assert!(matches!(error, NewKeyError::Rate), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_is_refused_here_at_once_and_elsewhere_within_a_minute() {
    let world = World::start().await;
    let (here, elsewhere) = (world.process(), world.process());
    let MadeKey { record, key } = made(&here).await;
    let other = made(&here).await;
    for service in [&here, &elsewhere] {
        good(service, key.expose()).await;
    }
    world.clock.advance(Duration::from_secs(1));
    here.revoke_key(&record.id).await.unwrap().unwrap();
    unknown(&here, key.expose()).await;
    world.clock.advance(Duration::from_secs(29));
    good(&elsewhere, key.expose()).await;
    world.clock.advance(Duration::from_secs(1));
    for service in [&here, &elsewhere] {
        unknown(service, key.expose()).await;
        good(service, other.key.expose()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_let_in_here_at_once_and_elsewhere_within_half_a_minute() {
    let world = World::start().await;
    let (here, elsewhere) = (world.process(), world.process());
    for service in [&here, &elsewhere] {
        unknown(service, "an-old-key").await;
    }
    let key = NewKey {
        existing: Some(WriteKey::parse("an-old-key").unwrap()),
        ..new_key()
    };
    here.make_key(key).await.unwrap();
    good(&here, "an-old-key").await;
    world.clock.advance(Duration::from_secs(31));
    good(&elsewhere, "an-old-key").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_read_once_in_half_a_minute_and_one_that_is_illegal_never() {
    let world = World::start().await;
    let service = world.process();
    let key = made(&service).await.key;
    let calls = async |key: &str, expected: usize| {
        let before = world.line.calls();
        for _ in 0..3 {
            let _ = service.holder(key).await;
        }
        assert_eq!(world.line.calls() - before, expected, "{key}");
    };
    calls("short", 0).await;
    calls("with a blank", 0).await;
    calls(&"x".repeat(100_000), 0).await;
    for _ in 0..2 {
        calls(key.expose(), 1).await;
        calls("nobody's-key", 1).await;
        world.clock.advance(Duration::from_secs(31));
    }
    let now = service.now();
    calls(key.expose(), 1).await;
    // What was read in the future has no known age.
    world.clock.set(now.saturating_sub(Duration::from_secs(10)));
    calls(key.expose(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_key_share_a_read() {
    let world = World::start().await;
    let service = world.process();
    let key = made(&service).await.key;
    for age in [0, 31, 61] {
        world.clock.advance(Duration::from_secs(age));
        for (key, let_in) in [(key.expose(), true), ("nobody's-key", false)] {
            let before = world.line.calls();
            let answers = join_all((0..20).map(|_| service.holder(key))).await;
            assert!(answers.iter().all(|answer| answer.is_ok() == let_in));
            assert_eq!(world.line.calls() - before, 1, "{key} at an age of {age} s");
        }
    }
    assert!(
        lock(&service.known_keys().reading).is_empty(),
        "no turn is left"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_takes_a_bounded_place_and_pushes_no_good_one_out() {
    let world = World::start().await;
    let service = world.process();
    let key = made(&service).await.key;
    good(&service, key.expose()).await;
    let before = world.line.calls();
    for number in 0..REMEMBERED + 10 {
        unknown(&service, &format!("made-up-{number}")).await;
    }
    assert_eq!(world.line.calls() - before, REMEMBERED + 10, "a read each");
    good(&service, key.expose()).await;
    unknown(&service, &format!("made-up-{}", REMEMBERED + 9)).await;
    assert_eq!(world.line.calls() - before, REMEMBERED + 10);
    let held = service.known_keys().held();
    assert_eq!((held.good.len(), held.unknown.len()), (1, REMEMBERED));
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_good_key_goes_on_for_a_minute_and_no_longer() {
    let world = World::start().await;
    let service = world.process();
    let key = made(&service).await.key;
    good(&service, key.expose()).await;
    unknown(&service, "nobody's-key").await;
    world.line.cut(true);
    world.clock.advance(Duration::from_secs(40));
    // This one tries to reread for five seconds of the clock.
    good(&service, key.expose()).await;
    let tried = world.line.calls();
    good(&service, key.expose()).await;
    let problem = check(&service, "nobody's-key", 503, "store-unavailable").await;
    assert_eq!(problem.headers()[RETRY_AFTER], "1");
    assert_eq!(
        world.line.calls(),
        tried,
        "the store is left alone for a second"
    );
    world.clock.advance(Duration::from_secs(16));
    check(&service, key.expose(), 503, "store-unavailable").await;
    world.line.cut(false);
    world.clock.advance(Duration::from_secs(1));
    good(&service, key.expose()).await;
    unknown(&service, "nobody's-key").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_over_its_rate_is_told_when_to_come_again() {
    let world = World::start().await;
    let service = world.process();
    let limited = NewKey {
        rate: Some(2),
        ..new_key()
    };
    let key = service.make_key(limited).await.unwrap().key;
    for _ in 0..2 {
        good(&service, key.expose()).await;
    }
    let problem = check(&service, key.expose(), 429, "over-rate").await;
    assert_eq!(problem.headers()[RETRY_AFTER], "1");
    world.clock.advance(Duration::from_millis(500));
    good(&service, key.expose()).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_writes_by_basic_authentication_and_does_nothing_else() {
    let world = World::start().await;
    let service = world.process();
    let MadeKey { record, key } = made(&service).await;
    let parts = basic(&format!("{}:", key.expose()));
    let caller = service.authorize(&parts, Scope::Write).await.unwrap();
    assert_eq!(
        (caller.client, caller.scopes),
        (record.id, Scopes::from(Scope::Write))
    );
    assert_eq!(caller.label, Some(name("web")));
    let refused = async |parts: &http::request::Parts, scope: Scope| {
        let problem = service.authorize(parts, scope).await.unwrap_err();
        (problem.status().as_u16(), problem.code())
    };
    for scope in [Scope::Read, Scope::Aggregation] {
        assert_eq!(refused(&parts, scope).await, (403, "insufficient-scope"));
    }
    let stranger = basic("nobody's-key:");
    assert_eq!(refused(&stranger, Scope::Write).await, (401, "unknown-key"));
    let calls = world.line.calls();
    assert_eq!(
        refused(&stranger, Scope::Read).await,
        (403, "insufficient-scope")
    );
    assert_eq!(world.line.calls(), calls, "it is not even looked up");
    let bearer = request(&format!("Bearer {}", key.expose()));
    assert_eq!(refused(&bearer, Scope::Write).await, (401, "invalid-token"));
}

#[test]
fn a_key_is_the_user_without_a_password() {
    let read = |credentials: &str| basic_key(&basic(credentials).headers);
    let key = |text: &str| Some(WriteKey::parse(text).unwrap());
    assert_eq!(read("an-old-key:"), key("an-old-key"));
    assert_eq!(read("an:old:key:"), key("an:old:key"));
    for none in [
        "an-old-key",
        "an-old-key:secret",
        ":",
        "",
        "é-é-é-é-é:",
        "short:",
    ] {
        assert_eq!(read(none), None, "{none:?}");
    }
    let lower = basic("an-old-key:").headers["authorization"]
        .to_str()
        .unwrap()
        .replace("Basic", "basic ");
    assert_eq!(basic_key(&request(&lower).headers), key("an-old-key"));
    for odd in ["Basic", "Basic !!!", "Bearer YW4tb2xkLWtleTo="] {
        assert_eq!(basic_key(&request(odd).headers), None, "{odd}");
    }
}
