//! Tokens and keys.

use std::time::Duration;

use weir_client::codes;

use crate::server::Fault;
use crate::world::{World, close, report};

const SECRET: &str = "planted-secret-7f3a";

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_and_renewed_before_it_ends() {
    let world = World::start().await;
    let client = world.client(|builder| builder.oauth("an-id", SECRET));
    for number in 0..10 {
        report(&client, number..number + 1);
        client.flush().await;
    }
    assert_eq!(world.shared().token_requests, 1);
    tokio::time::sleep(Duration::from_secs(3545)).await;
    report(&client, 10..11);
    client.flush().await;
    assert_eq!(world.shared().token_requests, 2);
    assert_eq!(
        world.shared().seen.last().unwrap().authorization,
        "Bearer token-2"
    );
    world.has_each_once(0..11);
    assert_eq!(client.statistics().retries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_renewed_once_and_then_someone_must_act() {
    let world = World::start().await;
    let client = world.client(|builder| builder.oauth("an-id", SECRET));
    report(&client, 0..1);
    client.flush().await;
    world.shared().tokens = Some(vec!["token-2".to_owned()]);
    report(&client, 1..2);
    client.flush().await;
    assert_eq!(
        (world.shared().token_requests, client.statistics().retries),
        (2, 0)
    );

    world.shared().tokens = Some(Vec::new());
    report(&client, 2..3);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tried = world.shared().token_requests;
    assert!((10..45).contains(&tried), "{tried} tokens in ten minutes");
    assert!(world.codes().contains(&codes::UNAUTHORIZED));
    world.shared().tokens = None;
    close(client).await;
    world.has_each_once(0..3);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_client_is_told_and_keeps_its_events() {
    let world = World::start().await;
    let client = world.client(|builder| builder.oauth("nobody", SECRET));
    report(&client, 0..5);
    let left = client.close(Duration::from_secs(300)).await;
    assert_eq!(left.lost, 5);
    assert!(world.codes().contains(&codes::UNAUTHORIZED));
    assert!((3..12).contains(&world.shared().token_requests));
    assert!(world.shared().seen.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_key_goes_by_http_basic_and_is_seen_nowhere_else() {
    let world = World::start().await;
    world.faults(|number| match number {
        0 => Fault::Refused(401, &[], r#"{"code":"unknown-key","detail":"no such key"}"#),
        1 => Fault::CutBefore,
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.write_key(SECRET));
    report(&client, 0..5);
    close(client.clone()).await;
    // planted-secret-7f3a and a colon.
    let expected = "Basic cGxhbnRlZC1zZWNyZXQtN2YzYTo=";
    assert!(
        world
            .shared()
            .seen
            .iter()
            .all(|seen| seen.authorization == expected)
    );
    let told = format!("{:?} {client:?}", world.notices.lock().unwrap());
    assert!(
        told.contains(codes::UNAUTHORIZED) && !told.contains(SECRET),
        "{told}"
    );
}
