//! What a program sees: what is taken in and what is not, when batches go, flushing and closing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use weir_client::{
    BuildError, Client, Compression, Left, Loss, Measure, Refused, Report, Trigger, WhenFull, codes,
};
use weir_model::{Event, EventDefaults};

use crate::server::Fault;
use crate::world::{START_MS, World, close, event, report};

#[tokio::test(start_paused = true)]
async fn an_event_goes_when_its_interval_is_over() {
    let world = World::start().await;
    let client = world.client(|builder| builder);
    let started = Instant::now();
    report(&client, 0..3);
    tokio::time::sleep(Duration::from_secs(3)).await;
    report(&client, 3..5);
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.has_each_once(0..5);
    let seen = world.shared().seen.clone();
    assert_eq!(seen.len(), 1);
    let waited = seen[0].at - started;
    assert!((5000..5100).contains(&waited.as_millis()), "{waited:?}");
    report(&client, 5..6);
    tokio::time::sleep(Duration::from_millis(5100)).await;
    world.has_each_once(0..6);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waited_for_a_place_does_not_wait_for_its_interval_again() {
    let world = World::start().await;
    world.faults(|_| Fault::Slow(Duration::from_secs(30)));
    let client = world.client(|builder| builder.batches_at_once(1));
    let started = Instant::now();
    report(&client, 0..3);
    tokio::time::sleep(Duration::from_secs(6)).await;
    report(&client, 3..5);
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.has_each_once(0..5);
    let second = world.shared().seen[1].at - started;
    assert!((65..66).contains(&second.as_secs()), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_goes_at_once_by_count_and_by_bytes() {
    let world = World::start().await;
    let started = Instant::now();
    let client = world.client(|builder| builder.batch_events(100));
    report(&client, 0..100);
    while client.statistics().delivered < 100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let client = world.client(|builder| builder.batch_bytes(100_000));
    for number in 100..200 {
        client
            .report(json!({"n": number, "text": "x".repeat(2000)}))
            .unwrap();
    }
    while client.statistics().delivered < 50 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    close(client).await;
    world.has_each_once(0..200);
    assert!(world.shared().seen[1..].iter().all(|seen| seen.events < 50));
}

#[tokio::test(start_paused = true)]
async fn everything_that_can_be_said_of_an_event_arrives() {
    let world = World::start().await;
    let client = world.client(|builder| {
        builder
            .label("shop")
            .event_type_of(|message| match message.get("kind") {
                Some(Value::String(kind)) => kind.clone(),
                _ => "other".to_owned(),
            })
            .metadata("host", "web-1")
    });
    client.report(json!({"kind": "order", "value": 4})).unwrap();
    client
        .report(
            Report::new("text")
                .label("l")
                .event_type("t")
                .metadata("k", 1),
        )
        .unwrap();
    let trigger = Trigger::new(7, "viewed", "post").attribute("plan", "pro");
    client.record_trigger(trigger).unwrap();
    let own = r#"{"namespace":"n","name":"m","value":-1.5,"id":"i","actor":"a"}"#;
    let own = Event::from_json(own, &EventDefaults::default()).unwrap();
    client.track(own).unwrap();
    close(client).await;
    let at = "2024-05-15T10:20:30Z";
    let expected = [
        json!({"namespace": "shop", "name": "order", "timestamp": START_MS, "value": 4,
            "properties": {"kind": "order", "value": 4, "_metadata": {"host": "web-1"}}}),
        json!({"namespace": "l", "name": "t", "timestamp": START_MS, "value": 1,
            "properties": {"message": "text", "_metadata": {"host": "web-1", "k": 1}}}),
        json!({"namespace": "post", "name": "viewed", "timestamp": START_MS, "value": 1,
            "actor": "7",
            "properties": {"attributes": {"plan": "pro"}, "_metadata": {"host": "web-1"}}}),
        json!({"namespace": "n", "name": "m", "timestamp": at, "value": -1.5, "id": "i",
            "actor": "a"}),
    ];
    assert_eq!(world.shared().events, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_refused_and_told_and_spoils_nothing() {
    let world = World::start().await;
    let client = world.client(|builder| {
        builder.event_type_of(|message| match message.get("panic") {
            Some(_) => panic!("on purpose"),
            None => "e".to_owned(),
        })
    });
    let events = [
        event(0),
        json!(5),
        event(1),
        json!([1]),
        json!({"panic": 1}),
        json!(null),
    ];
    let refused = client.report_many(events);
    let expected = vec![
        (1, Refused::Kind("a number")),
        (3, Refused::Kind("a list")),
        (4, Refused::Panicked),
        (5, Refused::Kind("null")),
    ];
    assert_eq!(refused, expected);
    let nameless = client.report(Report::new(event(2)).event_type(""));
    let told = nameless.unwrap_err().to_string();
    assert_eq!(told, "event_type is empty: 1 to 120 characters are allowed");
    let large = json!({"n": 3, "text": "x".repeat(40_000)});
    client
        .report(large)
        .expect("its size is found when its batch is made");
    close(client.clone()).await;
    world.has_each_once([0, 1]);
    let statistics = client.statistics();
    assert_eq!(statistics.dropped(Loss::Refused), 5);
    assert_eq!(statistics.dropped(Loss::Unsendable), 1);
    assert!(world.codes().contains(&codes::UNSENDABLE));
    assert_eq!(client.report(event(9)), Err(Refused::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_drops_the_newest_and_says_how_many() {
    let world = World::start().await;
    world.faults(|_| Fault::Refused(503, &[], ""));
    let client = world.client(|builder| builder.buffer_events(1000));
    let refused = client.report_many((0..1500).map(event));
    assert_eq!(refused.len(), 500);
    assert_eq!(refused[0], (1000, Refused::Full));
    assert_eq!(client.statistics().dropped(Loss::Full), 500);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(client.statistics().dropped(Loss::Full), 500);
    let codes = world.codes();
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == codes::BUFFER_FULL)
            .count(),
        1
    );
    world.faults(|_| Fault::None);
    close(client).await;
    world.has_each_once(0..1000);
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_drops_the_oldest_that_wait_if_that_is_wanted() {
    let world = World::start().await;
    world.faults(|_| Fault::Refused(503, &[], ""));
    let client = world.client(|builder| {
        let builder = builder.buffer_events(1000).when_full(WhenFull::DropOldest);
        builder.batch_events(100).batches_at_once(1)
    });
    report(&client, 0..100);
    tokio::time::sleep(Duration::from_millis(100)).await;
    report(&client, 100..3000);
    world.faults(|_| Fault::None);
    close(client.clone()).await;
    // The first hundred were under way.
    world.has_each_once((0..100).chain(2100..3000));
    assert_eq!(client.statistics().dropped(Loss::Full), 2000);
}

#[test]
fn a_report_that_blocks_loses_nothing_and_needs_no_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let when_full = WhenFull::Block {
        timeout: Duration::from_secs(60),
    };
    let builder = world.builder().buffer_events(64).when_full(when_full);
    let client = builder.build_blocking().unwrap();
    for number in 0..5000 {
        client.report(event(number)).unwrap();
    }
    assert!(client.flush(Duration::from_secs(60)));
    world.has_each_once(0..5000);
    assert_eq!(client.close(Duration::from_secs(1)), Left::default());
    assert_eq!(
        client.close(Duration::from_secs(1)),
        Left::default(),
        "a second time"
    );
    assert!(
        !client.flush(Duration::from_secs(1)),
        "nobody sends any more"
    );
}

#[tokio::test(start_paused = true)]
async fn closing_says_what_was_left() {
    let world = World::start().await;
    world.faults(|_| Fault::CutBefore);
    let client = world.client(|builder| builder);
    report(&client, 0..42);
    let started = Instant::now();
    let left = client.close(Duration::from_secs(7)).await;
    assert_eq!(started.elapsed().as_secs(), 7);
    assert_eq!((left.lost, left.spooled), (42, 0));
    assert_eq!(client.statistics().dropped(Loss::Left), 42);
    assert!(world.codes().contains(&codes::LEFT));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_sends_what_it_has() {
    let world = World::start().await;
    let client = world.client(|builder| builder);
    report(&client, 0..42);
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.has_each_once(0..42);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_came_before_and_for_nothing_else() {
    let world = World::start().await;
    let client = world.client(|builder| builder);
    timeout(Duration::from_secs(1), client.flush())
        .await
        .expect("there is nothing to wait for");
    world.faults(|number| match number {
        0 => Fault::Slow(Duration::from_secs(30)),
        _ => Fault::None,
    });
    report(&client, 0..10);
    let flushes = futures::future::join(client.flush(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        report(&client, 10..20);
        client.flush().await;
        tokio::time::Instant::now()
    });
    let started = Instant::now();
    let ((), second) = flushes.await;
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!((second - started).as_secs(), 30, "the first batch is older");
    world.has_each_once(0..20);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_was_given_up_leaves_batches_as_they_were() {
    let world = World::start().await;
    world.faults(|_| Fault::Refused(503, &[("retry-after", "60")], ""));
    let client = world.client(|builder| builder.batches_at_once(2));
    report(&client, 0..1);
    let given_up = timeout(Duration::from_secs(10), client.flush()).await;
    assert!(given_up.is_err());
    for number in 1..31 {
        report(&client, number..number + 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let events = client.statistics().buffered_events;
    assert_eq!((events, world.shared().seen.len()), (31, 1), "they wait");
    world.faults(|_| Fault::None);
    close(client).await;
    world.has_each_once(0..31);
}

#[tokio::test(start_paused = true)]
async fn hooks_hear_of_every_step_and_may_panic() {
    let world = World::start().await;
    world.faults(|number| match number {
        0 => Fault::Refused(503, &[], ""),
        _ => Fault::None,
    });
    let heard = Arc::new(Mutex::new(Vec::new()));
    let client = world.client(|builder| {
        let heard = Arc::clone(&heard);
        builder
            .compression(Compression::Gzip)
            .on_measure(move |measure| {
                heard.lock().unwrap().push(measure);
                panic!("on purpose");
            })
    });
    let _ = client.report(json!(7));
    report(&client, 0..500);
    close(client.clone()).await;
    let heard = heard
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let [
        Measure::Dropped { events: 1, .. },
        Measure::Retry {
            events: 500,
            status,
        },
        last,
    ] = heard[..]
    else {
        panic!("{heard:?}")
    };
    assert_eq!(status, Some(503));
    let statistics = client.statistics();
    assert!(
        matches!(last, Measure::Delivered { events: 500, bytes, .. } if bytes == statistics.bytes)
    );
    assert!(statistics.bytes < 500 * 20, "it is compressed");
    assert!(world.shared().seen.iter().all(|seen| seen.is_compressed));
}

#[test]
fn what_cannot_be_is_said_when_a_client_is_built() {
    let check = |builder: weir_client::Builder, expected: &str| {
        let error = builder.build().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let server = || Client::builder().server("http://127.0.0.1:1");
    let key = || server().write_key("a-write-key");
    check(
        Client::builder().write_key("k"),
        "no server: name one by `server`",
    );
    check(
        server(),
        "credentials: there are none: give them by `oauth` or `write_key`",
    );
    check(
        key().label(""),
        "label is empty: 1 to 120 characters are allowed",
    );
    check(
        key().batch_events(0),
        "batch_events is 0: 1 to 10000 are possible",
    );
    check(
        key().root_certificate("no PEM"),
        "cannot set up HTTPS: a root certificate is no PEM",
    );
    check(
        key().spool_bytes(1),
        "the spool's directory is not named: name it by `spool`",
    );
    assert!(matches!(
        key().server("ftp://x").build(),
        Err(BuildError::Address(_))
    ));
    let shown = format!("{:?}", server().oauth("an-id", "hidden-secret"));
    assert!(
        shown.contains("an-id") && !shown.contains("hidden"),
        "{shown}"
    );
}
