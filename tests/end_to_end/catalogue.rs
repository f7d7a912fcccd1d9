//! The catalogue lists every name once, whatever characters it has.

use serde_json::json;
use weir_tests::world::World;

#[tokio::test(start_paused = true)]
async fn pages_of_odd_names_list_each_once_in_order() {
    let world = World::start().await;
    let node = world.node("node", 0);
    let names = ["a", "a\u{1}2024x", "a\u{1}b", "a b", "a/b", "b", "é", "😀"];
    for year in ["2023-05-01", "2024-05-01"] {
        let events = names
            .map(|name| json!({"namespace": "n", "name": name, "value": 1, "timestamp": year}));
        node.track(&json!(events), None).await;
    }
    for limit in 1..=names.len() {
        let mut listed: Vec<String> = Vec::new();
        let mut path = format!("/api/namespaces/n?limit={limit}");
        loop {
            let page = node.get(&path).await;
            for entry in page.json()["names"].as_array().expect("a list") {
                assert_eq!(entry["count"], 2, "{entry}");
                listed.push(entry["name"].as_str().expect("a name").to_owned());
            }
            let Some(link) = page.headers.get("link") else {
                break;
            };
            let link = link.to_str().expect("text");
            let query = link
                .trim_start_matches('<')
                .split('>')
                .next()
                .expect("a reference");
            path = format!("/api/namespaces/n{query}");
        }
        assert_eq!(listed, names, "limit {limit}");
    }
}
