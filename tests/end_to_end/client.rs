//! The crate that programs link, against a whole Weir on a loopback port.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use weir_client::{Builder, Left, Loss, Report, Trigger};
use weir_model::Name;
use weir_service::write_keys::NewKey;
use weir_store::Clock as _;
use weir_tests::world::{Client, Node, World};

/// Puts a process on a port; its address.
async fn serve(node: &Node) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().fallback(pass).with_state(node.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(State(node): State<Node>, request: Request) -> Response {
    let answer = node.send(request).await;
    (answer.status, answer.headers, Body::from(answer.body)).into_response()
}

fn builder(world: &World, client: &Client) -> Builder {
    let clock = world.clock.clone();
    weir_client::Client::builder()
        .oauth(&client.id, &client.secret)
        .clock(move || clock.now())
        .label("shop")
        .event_type_of(|message| match message.get("kind") {
            Some(Value::String(kind)) => kind.clone(),
            _ => "other".to_owned(),
        })
}

async fn total(node: &Node, series: &str, aggregation: &str) -> f64 {
    let path = format!("/api/events/{series}?granularity=year&aggregationType={aggregation}");
    let points = node.get(&path).await.json();
    points[0]["value"].as_f64().expect("one year, one value")
}

#[tokio::test(start_paused = true)]
async fn what_a_program_reports_can_be_asked() {
    let world = World::start().await;
    let node = world.node("one", 0);
    let user = node.client("write", None).await;
    let client = builder(&world, &user).server(serve(&node).await);
    let client = client.build_on(&Handle::current()).expect("a client");
    for number in 0..1000 {
        let event = json!({"kind": "order", "value": number, "plan": "pro"});
        client.report(event).expect("it is taken in");
    }
    client
        .report(Report::new("a text").metadata("host", "web-1"))
        .expect("it is taken in");
    let trigger = Trigger::new("ada", "viewed", "blog post").identity("email", "ada@example.org");
    client.record_trigger(trigger).expect("it is taken in");
    assert_eq!(client.close(Duration::from_secs(60)).await, Left::default());

    assert_eq!(total(&node, "shop/order", "count").await, 1000.0);
    assert_eq!(total(&node, "shop/order", "sum").await, 499_500.0);
    let text = node
        .get("/api/raw?namespace=shop&name=other&format=json")
        .await
        .json();
    let expected = json!({"message": "a text", "_metadata": {"host": "web-1"}});
    assert_eq!(text[0]["properties"], expected);
    let path = "/api/raw?namespace=blog%20post&name=viewed&actor=ada&format=json";
    let trigger = &node.get(path).await.json()[0];
    assert_eq!(
        trigger["properties"]["identities"]["email"],
        "ada@example.org"
    );
    assert_eq!(
        (&trigger["value"], &trigger["actor"]),
        (&json!(1), &json!("ada"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_key_is_enough() {
    let world = World::start().await;
    let node = world.node("one", 0);
    let new = NewKey {
        label: Name::parse("web").expect("a name"),
        namespace: None,
        rate: None,
        existing: None,
    };
    let made = node.service.make_key(new).await.expect("a new key");
    let client = weir_client::Client::builder()
        .server(serve(&node).await)
        .write_key(made.key.expose());
    let client = client.build_on(&Handle::current()).expect("a client");
    client.report("by a key").expect("it is taken in");
    assert_eq!(client.close(Duration::from_secs(60)).await, Left::default());
    assert_eq!(total(&node, "Rust%20SDK/Rust%20SDK", "count").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn with_two_doors_and_a_store_that_fails_at_random_each_event_is_counted_once() {
    for seed in 0..5 {
        let world = World::start().await;
        let (one, other) = (world.node("one", 0), world.node("other", 30_000));
        let user = one.client("write", None).await;
        let client = builder(&world, &user)
            .server(serve(&one).await)
            .server(serve(&other).await)
            .batch_events(40)
            .build_on(&Handle::current())
            .expect("a client");
        world.chaos.random(seed, 0.2);
        for number in 0..1500_u32 {
            let event = json!({"kind": format!("k{}", number % 3), "value": number});
            client.report(event).expect("it is taken in");
            if number % 100 == 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        client.flush().await;
        world.chaos.calm();
        let statistics = client.statistics();
        assert_eq!(
            (statistics.delivered, statistics.dropped_in_all()),
            (1500, 0)
        );
        let mut counted = 0.0;
        let mut sum = 0.0;
        for series in ["shop/k0", "shop/k1", "shop/k2"] {
            counted += total(&one, series, "count").await;
            sum += total(&other, series, "sum").await;
        }
        assert_eq!((counted, sum), (1500.0, 1_124_250.0), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_weir_refuses_spoils_nothing() {
    let world = World::start().await;
    let node = world.node("one", 0);
    let (user, reader) = (
        node.client("write", None).await,
        node.client("read", None).await,
    );
    let server = serve(&node).await;
    let client = builder(&world, &user).server(&server);
    let client = client.build_on(&Handle::current()).expect("a client");
    // Many long texts: together they are more than a request may have.
    for number in 0..400 {
        let event = json!({"kind": "large", "value": number, "text": "x".repeat(30_000)});
        client.report(event).expect("it is taken in");
    }
    client
        .report(json!({"kind": "large", "text": "x".repeat(33_000)}))
        .expect("found later");
    assert_eq!(
        client.close(Duration::from_secs(600)).await,
        Left::default()
    );
    assert_eq!(client.statistics().dropped(Loss::Unsendable), 1);
    assert_eq!(total(&node, "shop/large", "count").await, 400.0);

    let client = builder(&world, &reader).server(&server);
    let client = client.build_on(&Handle::current()).expect("a client");
    client.report("not allowed").expect("it is taken in");
    let left = client.close(Duration::from_secs(600)).await;
    assert_eq!(left.lost, 1, "it stays with the client, which was told");
}
