//! Clients: made, listed, revoked, fixed.

use serde_json::Value;

use crate::world::World;

fn create(world: &World, arguments: &[&str]) -> (String, String) {
    let all = [&["client", "create", "--json"], arguments].concat();
    let created: Value = serde_json::from_str(&world.succeed(&all)).unwrap();
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

#[test]
fn a_client_works_until_it_is_revoked() {
    let world = World::start();
    let server = world.serve(&[]);
    let (id, secret) = create(&world, &["--label", "the website", "--rate", "50"]);
    let client = [
        "--server",
        &server.url,
        "--client-id",
        &id,
        "--client-secret",
        &secret,
    ];
    world.succeed(&[&["track", "a", "b", "1"], &client[..]].concat());
    let listed = world.succeed(&["client", "list"]);
    let row = listed.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(
        row.contains("the website") && row.contains("50/s"),
        "{listed}"
    );
    assert!(!listed.contains(&secret));

    world.succeed(&["client", "revoke", &id]);
    let error = world.fail(1, &[&["track", "a", "b", "1"], &client[..]].concat());
    assert!(error.starts_with("error: "), "{error}");
    assert_eq!(world.count("a", "b"), 1);
    let clients: Value =
        serde_json::from_str(&world.succeed(&["client", "list", "--json"])).unwrap();
    let revoked = clients
        .as_array()
        .unwrap()
        .iter()
        .find(|client| client["id"] == id.as_str())
        .unwrap();
    assert!(revoked["revoked"].is_string());
    let error = world.fail(1, &["client", "revoke", "nobody"]);
    assert!(error.contains("there is no client nobody"), "{error}");
}

#[test]
fn a_client_may_do_what_its_scopes_say() {
    let world = World::start();
    let server = world.serve(&[]);
    let (id, secret) = create(&world, &["--scope", "write"]);
    let file = world.write("secret", &format!("{secret}\n"));
    let client = [
        "--server",
        &server.url,
        "--client-id",
        &id,
        "--client-secret-file",
        &file,
    ];
    world.succeed(&[&["track", "a", "b", "1"], &client[..]].concat());
    let error = world.fail(1, &[&["query", "a", "b"], &client[..]].concat());
    assert!(error.contains("aggregation"), "{error}");
}

#[test]
fn a_fixed_client_has_the_secret_that_was_given_last() {
    let world = World::start();
    let (one, other) = ("correct-horse-battery", "staple-battery-horse");
    let first = world.write("one", one);
    let server = world.serve(&["--client-id", "fixed", "--client-secret-file", &first]);
    let url = server.url.clone();
    let track = |url: &str, secret: &str| {
        let client = [
            "--server",
            url,
            "--client-id",
            "fixed",
            "--client-secret",
            secret,
        ];
        world.run(&[&["track", "a", "b", "1"], &client[..]].concat())
    };
    assert_eq!(track(&url, one).status, 0);
    let greeting = server.stop();
    assert!(greeting.contains("The client fixed was made"), "{greeting}");

    let server = world.serve(&["--client-id", "fixed", "--client-secret-file", &first]);
    assert!(server.stop().contains("The client fixed is there"));
    let server = world.serve(&["--client-id", "fixed", "--client-secret", other]);
    assert_eq!(track(&server.url, one).status, 1);
    assert_eq!(track(&server.url, other).status, 0);
    let greeting = server.stop();
    assert!(
        greeting.contains("The client fixed has a new secret"),
        "{greeting}"
    );
    for secret in [one, other] {
        assert!(!greeting.contains(secret) && !world.log().contains(secret));
    }

    world.succeed(&["client", "revoke", "fixed"]);
    let error = world.fail(
        1,
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--client-id",
            "fixed",
            "--client-secret",
            other,
        ],
    );
    assert!(error.contains("was revoked"), "{error}");
    assert_eq!(world.count("a", "b"), 2);
}

#[test]
fn a_wrong_secret_is_not_shown() {
    let world = World::start();
    let server = world.serve(&[]);
    let client = [
        "--server",
        &server.url,
        "--client-id",
        "nobody",
        "--client-secret",
        "hush-hush-hush-hush",
    ];
    let said = world.run(&[&["query", "a", "b", "--log", "trace"], &client[..]].concat());
    assert_eq!(said.status, 1);
    assert!(
        !said.out.contains("hush") && !said.err.contains("hush-hush-hush-hush"),
        "{said:?}"
    );
    let error = world.fail(2, &["serve", "--client-id", "x", "--client-secret", "hush"]);
    assert!(!error.contains("hush"), "{error}");
}
