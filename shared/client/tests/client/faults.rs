//! Each way to fail, alone.

use std::time::Duration;

use tempfile::TempDir;
use weir_client::{Loss, codes};
use weir_model::Timestamp;

use crate::server::{Fault, Server};
use crate::world::{START_MS, World, close, event, report};

const REPEAT_WITH_KEY: &str = r#"{"code":"repeat-with-key","detail":"repeat it"}"#;

/// The first three requests meet a fault; then everything is there once.
async fn check(fault: Fault) {
    let world = World::start().await;
    let met = fault.clone();
    world.faults(move |number| if number < 3 { met.clone() } else { Fault::None });
    let client = world.client(|builder| builder.batch_events(100));
    report(&client, 0..250);
    client.flush().await;
    world.has_each_once(0..250);
    let statistics = client.statistics();
    assert_eq!(
        (statistics.delivered, statistics.dropped_in_all()),
        (250, 0),
        "{fault:?}"
    );
    assert_eq!(statistics.retries, 3, "{fault:?}");
    let (retries, recovered) = (codes::RETRY, codes::RECOVERED);
    let told = world.codes();
    let expected = |code| told.iter().filter(|told| **told == code).count();
    assert_eq!(expected(retries), 3, "{fault:?}: {told:?}");
    assert!(expected(recovered) >= 1, "{fault:?}: {told:?}");
    close(client).await;
}

#[tokio::test(start_paused = true)]
async fn after_any_failure_each_event_is_there_once() {
    let hours = Duration::from_secs(3 * 3600);
    for fault in [
        Fault::Slow(hours),
        Fault::Refused(429, &[("retry-after", "2")], ""),
        Fault::Refused(500, &[], "<html>"),
        Fault::Refused(502, &[], ""),
        Fault::Refused(503, &[("retry-after", "1")], REPEAT_WITH_KEY),
        Fault::StoredAndRefused(503, REPEAT_WITH_KEY),
        Fault::StoredAndRefused(504, "<html>"),
        Fault::CutBefore,
        Fault::CutWithin,
        Fault::CutAfter,
    ] {
        check(fault).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_waited_for() {
    let world = World::start().await;
    world.faults(|_| Fault::Slow(Duration::from_secs(50)));
    let client = world.client(|builder| builder);
    report(&client, 0..10);
    client.flush().await;
    world.has_each_once(0..10);
    assert_eq!(client.statistics().retries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_later_gets_everything() {
    let mut world = World::start().await;
    let client = world.client(|builder| builder);
    let port = world.server.address.port();
    // Something else for the world to hold; the client's server is gone.
    world.server = Server::start(&world.shared, 0).await;
    report(&client, 0..1000);
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert!(world.shared().seen.is_empty() && client.statistics().retries > 10);
    assert_eq!(client.statistics().buffered_events, 1000);
    world.server = Server::start(&world.shared, port).await;
    client.flush().await;
    world.has_each_once(0..1000);
}

#[tokio::test(start_paused = true)]
async fn with_several_servers_any_that_works_is_used_at_once() {
    let world = World::start().await;
    let second = Server::start(&world.shared, 0).await;
    let gone = Server::start(&world.shared, 0).await;
    let dead = gone.url();
    drop(gone);
    let started = tokio::time::Instant::now();
    let client = world.client(|builder| builder.server(dead).server(second.url()));
    for round in 0..20 {
        report(&client, round * 10..round * 10 + 10);
        client.flush().await;
    }
    world.has_each_once(0..200);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_the_batchs_key_until_the_batch_is_through() {
    let world = World::start().await;
    world.faults(|number| match number % 4 {
        3 => Fault::None,
        _ => Fault::CutAfter,
    });
    let client = world.client(|builder| builder.batch_events(10).batches_at_once(1));
    report(&client, 0..30);
    client.flush().await;
    world.has_each_once(0..30);
    let keys: Vec<_> = world
        .shared()
        .seen
        .iter()
        .map(|seen| seen.key.clone())
        .collect();
    assert_eq!(keys.len(), 12);
    for attempts in keys.chunks(4) {
        assert!(attempts.iter().all(|key| key == &attempts[0]), "{keys:?}");
    }
    assert!(keys[0] != keys[4] && keys[4] != keys[8]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_asked_for_is_made() {
    let world = World::start().await;
    world.faults(|number| match number {
        0 => Fault::Refused(429, &[("retry-after", "40")], ""),
        1 => Fault::Refused(503, &[("retry-after", "90")], ""),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder);
    report(&client, 0..1);
    client.flush().await;
    let at: Vec<_> = world.shared().seen.iter().map(|seen| seen.at).collect();
    let pauses = [(at[1] - at[0]).as_secs(), (at[2] - at[1]).as_secs()];
    assert_eq!(pauses, [40, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_no_pause_is_not_asked_in_a_loop() {
    for header in ["0", "Wed, 15 May 2024 10:00:00 GMT"] {
        let world = World::start().await;
        let headers: &'static [_] = Box::leak(Box::new([("retry-after", header)]));
        world.faults(move |_| Fault::Refused(503, headers, ""));
        let client = world.client(|builder| builder.batches_at_once(1));
        report(&client, 0..5);
        tokio::time::sleep(Duration::from_secs(600)).await;
        let tried = world.shared().seen.len();
        assert!((10..150).contains(&tried), "{tried} attempts in 10 minutes");
    }
}

/// A batch is stored, its answer lost, and what refuses it then has not seen that.
async fn check_doubt(status: u16, body: &'static str) {
    let world = World::start().await;
    world.faults(move |number| match number {
        0 => Fault::CutAfter,
        1..4 => Fault::Refused(status, &[], body),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.batches_at_once(1));
    report(&client, 0..100);
    let started = tokio::time::Instant::now();
    client.flush().await;
    world.has_each_once(0..100);
    assert!(started.elapsed() >= Duration::from_secs(3 * 30), "slowly");
    let keys: std::collections::BTreeSet<_> = {
        let shared = world.shared();
        shared.seen.iter().map(|seen| seen.key.clone()).collect()
    };
    assert_eq!(keys.len(), 1, "{status} {body}");
    let statistics = client.statistics();
    assert_eq!(statistics.delivered, 100);
    assert_eq!(statistics.dropped_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_stored_is_not_taken_apart() {
    const BAD: &str = r#"{"code":"invalid-event","errors":[
        {"index":1,"field":"name","reason":"is empty"}]}"#;
    check_doubt(413, "<html>").await;
    check_doubt(413, r#"{"code":"too-large"}"#).await;
    check_doubt(400, BAD).await;
    check_doubt(400, r#"{"code":"invalid-json"}"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_again_and_again_holds_no_other_up() {
    let world = World::start().await;
    world.shared().events_max = 5;
    world.faults(|number| match number {
        0 => Fault::CutBefore,
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.batches_at_once(1));
    report(&client, 0..10);
    tokio::time::sleep(Duration::from_secs(60)).await;
    for number in 10..20 {
        report(&client, number..number + 1);
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    world.has_each_once(10..20);
    world.shared().events_max = 10;
    close(client).await;
    world.has_each_once(0..20);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_often_lets_others_go_first() {
    let world = World::start().await;
    world.faults(|number| match number {
        0..8 => Fault::Refused(500, &[], ""),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.batches_at_once(1).batch_events(10));
    report(&client, 0..20);
    tokio::time::sleep(Duration::from_secs(600)).await;
    world.has_each_once(0..20);
    let keys: Vec<_> = {
        let shared = world.shared();
        shared.seen.iter().map(|seen| seen.key.clone()).collect()
    };
    assert_eq!(keys.len(), 10);
    assert!(keys[..8].iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_ne!(keys[8], keys[0]);
    assert_eq!(keys[9], keys[0]);
    close(client).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_all_batches_is_asked_about_few() {
    let world = World::start().await;
    world.faults(|_| Fault::Refused(503, &[], ""));
    let client = world.client(|builder| builder.batch_events(10));
    report(&client, 0..500);
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    let keys: std::collections::BTreeSet<_> = {
        let shared = world.shared();
        shared.seen.iter().map(|seen| seen.key.clone()).collect()
    };
    assert_eq!(keys.len(), 4);
    world.faults(|_| Fault::None);
    close(client).await;
    world.has_each_once(0..500);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_put_back_delays_what_an_earlier_run_attempted_and_nothing_else() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutAfter);
    let client = world.client(|builder| builder.spool(directory.path()));
    report(&client, 0..5);
    assert_eq!(client.close(Duration::from_secs(1)).await.spooled, 5);
    world.faults(|_| Fault::None);

    let (seen, restarted) = (world.shared().seen.len(), tokio::time::Instant::now());
    let an_hour_ago = move || {
        let now = i64::try_from(restarted.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(START_MS - 3_600_000 + now).unwrap()
    };
    let client = world.client(|builder| {
        let builder = builder.spool(directory.path()).clock(an_hour_ago);
        builder.batches_at_once(1)
    });
    report(&client, 5..10);
    tokio::time::sleep(Duration::from_secs(25 * 60)).await;
    world.has_each_once(0..10);
    assert_eq!(world.shared().seen.len(), seen + 1);
    assert_eq!(client.statistics().delivered, 5);
    tokio::time::sleep(Duration::from_secs(10 * 60)).await;
    assert_eq!(client.statistics().delivered, 10);
    close(client).await;
    world.has_each_once(0..10);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_not_to_be_stored_is_taken_apart() {
    let mut world = World::start().await;
    let client = world.client(|builder| builder.batches_at_once(1));
    let port = world.server.address.port();
    world.server = Server::start(&world.shared, 0).await;
    world.shared().events_max = 37;
    world.shared().bad = vec![7];
    world.faults(|number| match number {
        0 => Fault::Refused(503, &[], r#"{"code":"not-stored"}"#),
        1 => Fault::Refused(429, &[], ""),
        _ => Fault::None,
    });
    report(&client, 0..100);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(client.statistics().retries > 3, "nobody listens");
    world.server = Server::start(&world.shared, port).await;
    close(client).await;
    world.has_each_once((0..100).filter(|number| *number != 7));
}

#[tokio::test(start_paused = true)]
async fn a_proxys_limit_costs_no_event() {
    let world = World::start().await;
    world.faults(|number| match number {
        0..3 => Fault::Refused(413, &[], "<html>"),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.batches_at_once(1));
    report(&client, 0..1);
    close(client).await;
    world.has_each_once(0..1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_all_to_be_sent_cuts_a_pause_short_but_not_the_servers() {
    let world = World::start().await;
    world.faults(|number| match number {
        0 => Fault::Refused(404, &[], ""),
        1 => Fault::Refused(503, &[("retry-after", "50")], ""),
        _ => Fault::None,
    });
    let hours = Duration::from_secs(10 * 3600);
    let client = world.client(|builder| builder.slow_pause(hours));
    report(&client, 0..5);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.shared().seen.len(), 1);
    let started = tokio::time::Instant::now();
    client.flush().await;
    assert!((50..53).contains(&started.elapsed().as_secs()));
    world.has_each_once(0..5);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_goes_in_halves() {
    let world = World::start().await;
    world.shared().events_max = 37;
    let client = world.client(|builder| builder);
    report(&client, 0..1000);
    client.flush().await;
    world.has_each_once(0..1000);
    let shared = world.shared();
    assert!(shared.seen.iter().any(|seen| seen.events == 1000));
    let keys: std::collections::BTreeSet<_> = shared.seen.iter().map(|seen| &seen.key).collect();
    assert_eq!(
        keys.len(),
        shared.seen.len(),
        "every piece has a key of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_large_for_the_server_is_dropped_and_told() {
    let world = World::start().await;
    world.shared().events_max = 0;
    let client = world.client(|builder| builder);
    report(&client, 0..3);
    client.flush().await;
    assert_eq!(client.statistics().dropped(Loss::Rejected), 3);
    assert_eq!(
        world
            .codes()
            .iter()
            .filter(|code| **code == codes::REJECTED)
            .count(),
        3
    );
    close(client).await;
}

#[tokio::test(start_paused = true)]
async fn bad_events_are_dropped_and_told_and_the_others_go() {
    let world = World::start().await;
    let bad: Vec<u64> = (0..1000).filter(|n| n % 3 == 0).collect();
    world.shared().bad = bad.clone();
    let client = world.client(|builder| builder);
    report(&client, 0..1000);
    client.flush().await;
    world.has_each_once((0..1000).filter(|n| n % 3 != 0));
    let statistics = client.statistics();
    assert_eq!(statistics.dropped(Loss::Rejected), bad.len() as u64);
    assert_eq!(statistics.delivered, 1000 - bad.len() as u64);
    assert!(world.codes().contains(&codes::REJECTED));
    close(client).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_names_no_bad_event_is_asked_until_it_is_found() {
    let world = World::start().await;
    const NAMELESS: &str = r#"{"code":"invalid-json","detail":"somewhere"}"#;
    world.faults(|number| match number {
        0..4 => Fault::Refused(400, &[], NAMELESS),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder.batches_at_once(1));
    report(&client, 0..8);
    client.flush().await;
    // 8, its first half, that one's first half, and the first of all.
    world.has_each_once(1..8);
    assert_eq!(client.statistics().dropped(Loss::Rejected), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_weir_costs_no_event() {
    let world = World::start().await;
    world.faults(|number| match number {
        0 => Fault::Refused(200, &[], "<html>please log in</html>"),
        1 => Fault::Refused(302, &[("location", "http://127.0.0.1:1/")], ""),
        2 => Fault::Refused(400, &[], "bad request, says the proxy"),
        3 => Fault::Refused(404, &[], ""),
        4 => Fault::Refused(201, &[], "{}"),
        _ => Fault::None,
    });
    let client = world.client(|builder| builder);
    report(&client, 0..10);
    let started = tokio::time::Instant::now();
    client.flush().await;
    world.has_each_once(0..10);
    assert_eq!(
        world
            .codes()
            .iter()
            .filter(|code| **code == codes::NOT_WEIR)
            .count(),
        5
    );
    assert!(
        started.elapsed() >= Duration::from_secs(5 * 30),
        "they were tried slowly"
    );
}

#[tokio::test(start_paused = true)]
async fn after_23_hours_of_attempts_a_batch_is_given_up_and_a_younger_one_is_not() {
    let world = World::start().await;
    world.faults(|_| Fault::CutAfter);
    let client = world.client(|builder| builder.batches_at_once(1).batch_events(5));
    report(&client, 0..10);
    tokio::time::sleep(Duration::from_secs(22 * 3600)).await;
    assert_eq!(client.statistics().dropped_in_all(), 0);
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    world.faults(|_| Fault::None);
    client.flush().await;
    let statistics = client.statistics();
    assert_eq!(
        (statistics.dropped(Loss::Stale), statistics.delivered),
        (5, 5)
    );
    assert!(world.codes().contains(&codes::STALE));
    world.has_each_once(0..10);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_server_knows_with_another_body_is_not_evaded() {
    let world = World::start().await;
    world.faults(|_| Fault::Refused(422, &[], r#"{"code":"idempotency-key-reused"}"#));
    let client = world.client(|builder| builder);
    client.report(event(1)).unwrap();
    client.flush().await;
    assert_eq!(client.statistics().dropped(Loss::Stale), 1);
    assert_eq!(world.shared().seen.len(), 1);
    assert!(world.codes().contains(&codes::KEY_REUSED));
}
