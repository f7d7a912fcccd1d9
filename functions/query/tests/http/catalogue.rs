//! The catalogue: what it lists, and that its counts hold what compaction has not counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, at, event, name, series};

async fn entries(world: &World, path: &str, query: &str, list: &str) -> Vec<Value> {
    let pages = world.pages(path, query).await;
    pages
        .iter()
        .flat_map(|page| page.json()[list].as_array().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn namespaces_and_names_are_listed_in_pages_that_end() {
    let world = World::start().await;
    let time = at("2024-03-01");
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut events = Vec::new();
    for namespace in ["a", "a b", "a/b", "é", "😀"] {
        for name in 0..12 {
            let name = format!("name {name}/é");
            events.push(event(&series(namespace, &name), time, 1.0));
            expected.entry(namespace.to_owned()).or_default().push(name);
        }
    }
    world.accept(events).await;
    for limit in [1, 2, 5, 100] {
        let limit = format!("limit={limit}");
        let listed = entries(&world, "/api/namespaces", &limit, "namespaces").await;
        let found: Vec<&str> = listed
            .iter()
            .map(|n| n["namespace"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected.keys().collect::<Vec<_>>(), "{limit}");
        for entry in &listed {
            let figures = [
                &entry["names"],
                &entry["count"],
                &entry["first"],
                &entry["more"],
            ];
            let expected = [
                json!(12),
                json!(12),
                json!("2024-03-01T00:00:00Z"),
                Value::Null,
            ];
            assert_eq!(figures, expected.each_ref(), "{entry}");
        }
    }
    for (namespace, names) in &mut expected {
        names.sort();
        let query = serde_urlencoded::to_string([("namespace", namespace)]).unwrap();
        for limit in [1, 5, 12, 13] {
            let query = format!("{query}&limit={limit}");
            let listed = entries(&world, "/api/namespaces", &query, "names").await;
            let found: Vec<&str> = listed.iter().map(|n| n["name"].as_str().unwrap()).collect();
            assert_eq!(found, *names, "{query}");
        }
    }
    let by_path = world.json("/api/namespaces/a%2Fb").await;
    assert_eq!(by_path, world.json("/api/namespaces?namespace=a%2Fb").await);
    assert_eq!(by_path["namespace"], "a/b");
}

#[tokio::test]
async fn an_unknown_namespace_has_no_names() {
    let world = World::start().await;
    assert_eq!(
        world.json("/api/namespaces").await,
        json!({"namespaces": []})
    );
    let expected = json!({"namespace": "nowhere", "names": []});
    assert_eq!(world.json("/api/namespaces/nowhere").await, expected);
}

#[tokio::test]
async fn counts_hold_waiting_compacted_and_freshly_published_events_once() {
    let world = World::start().await;
    let series = series("n", "s");
    let check = async |count: u64, first: &str, last: &str| {
        let expected = json!({"count": count, "first": at(first), "last": at(last), "name": "s"});
        assert_eq!(
            world.json("/api/namespaces/n").await["names"],
            json!([expected])
        );
        let namespace = &world.json("/api/namespaces").await["namespaces"][0];
        assert_eq!(
            [&namespace["names"], &namespace["count"]],
            [&json!(1), &json!(count)]
        );
    };
    let add = async |times: &[&str]| {
        world
            .accept(
                times
                    .iter()
                    .map(|time| event(&series, at(time), 1.0))
                    .collect(),
            )
            .await;
    };
    add(&[
        "2023-12-31T10:00:00",
        "2024-03-01T10:00:00",
        "2024-03-01T11:00:00",
    ])
    .await;
    check(3, "2023-12-31T10:00:00", "2024-03-01T11:00:00").await;

    // Published, and not counted in the catalogue yet.
    world.fold(&series, at("2024-03-01").day()).await;
    check(3, "2023-12-31T10:00:00", "2024-03-01T11:00:00").await;
    world.clock.advance(Duration::from_secs(1));
    world.summarize(&series, 2024).await;
    check(3, "2023-12-31T10:00:00", "2024-03-01T11:00:00").await;

    // Counted, and more has come in since, some of it published again.
    add(&["2024-03-01T12:00:00", "2024-06-01T00:00:00"]).await;
    check(5, "2023-12-31T10:00:00", "2024-06-01T00:00:00").await;
    world.clock.advance(Duration::from_secs(1));
    world.fold(&series, at("2024-06-01").day()).await;
    check(5, "2023-12-31T10:00:00", "2024-06-01T00:00:00").await;
    world.clock.advance(Duration::from_secs(1));
    world.summarize(&series, 2024).await;
    world.summarize(&series, 2023).await;
    check(5, "2023-12-31T10:00:00", "2024-06-01T00:00:00").await;
}

#[tokio::test]
async fn settings_without_events_are_not_listed_and_end_no_page() {
    let world = World::start().await;
    let deadline =
        weir_store::Deadline::at(world.store().now().saturating_add(Duration::from_secs(9)));
    for odd in ["a", "b", "c", "d"] {
        world
            .store()
            .raise_shards(&series("n", odd), 4, deadline)
            .await
            .unwrap();
    }
    let sharded = series("n", "e");
    world
        .store()
        .raise_shards(&sharded, 4, deadline)
        .await
        .unwrap();
    world
        .accept(vec![event(&sharded, at("2024-03-01"), 1.0)])
        .await;
    world
        .accept(vec![event(&series("n", "f"), at("2024-03-01"), 1.0)])
        .await;
    let listed = entries(&world, "/api/namespaces/n", "limit=1", "names").await;
    let found: Vec<_> = listed.iter().map(|n| (&n["name"], &n["count"])).collect();
    assert_eq!(found, [(&json!("e"), &json!(1)), (&json!("f"), &json!(1))]);
    assert!(
        world
            .store()
            .names(&name("n"), None, 1, deadline)
            .await
            .unwrap()
            .more
    );
}

#[tokio::test]
async fn a_namespace_of_more_names_than_are_added_up_says_so_and_ends_its_page() {
    let world = World::start().await;
    let names = (0..1_001).map(|n| series("a", &format!("{n:04}")));
    let others = ["b", "c"].map(|namespace| series(namespace, "s"));
    let all = names.chain(others);
    let events: Vec<_> = all
        .map(|series| event(&series, at("2024-03-01"), 1.0))
        .collect();
    world.accept(events).await;
    let pages = world.pages("/api/namespaces", "limit=100").await;
    let pages: Vec<Value> = pages
        .iter()
        .map(|page| page.json()["namespaces"].clone())
        .collect();
    let time = "2024-03-01T00:00:00Z";
    let of = |namespace: &str, names: u64| json!({"namespace": namespace, "names": names, "count": names, "first": time, "last": time});
    let mut first = of("a", 1_000);
    first["more"] = json!(true);
    assert_eq!(pages, [json!([first]), json!([of("b", 1), of("c", 1)])]);
}
