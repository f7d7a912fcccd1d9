//! Starting, printing, refusing, stopping.

use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, has, mode, said};

fn lines_for_a_shell(greeting: &str) -> Vec<&str> {
    let is_one = |line: &&str| line.starts_with("TOKEN=") || line.starts_with("curl ");
    greeting.lines().filter(is_one).collect()
}

#[test]
fn the_first_start_prints_lines_that_work_when_pasted() {
    let world = World::start();
    let mut server = world.serve(&[]);
    let greeting = server.read_to("aggregationType=count");
    let lines = lines_for_a_shell(&greeting);
    assert_eq!(lines.len(), 3, "{greeting}");
    let script = lines.join("\n");
    if has("curl") && has("sed") {
        let said = said(Command::new("sh").args(["-c", &script]).output().unwrap());
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
        let answers: Vec<Value> = said
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers[0]["value"], 1);
        assert_eq!(answers[0]["namespace"], "Frontend");
        assert_eq!(answers[1][0]["value"], 1);
    } else {
        // Without curl, at least the credentials on the lines are good.
        let credentials = lines[0]
            .split(' ')
            .skip_while(|word| *word != "-u")
            .nth(1)
            .unwrap();
        let (id, secret) = credentials.split_once(':').unwrap();
        let client = [
            "--server",
            &server.url,
            "--client-id",
            id,
            "--client-secret",
            secret,
        ];
        let track = [&["track", "Frontend", "pageView", "1"], &client[..]].concat();
        world.succeed(&track);
    }
    assert_eq!(world.count("Frontend", "pageView"), 1);
    server.stop();
    let greeting = world.serve(&[]).stop();
    assert!(
        greeting.contains("To make another client: weir client create --label NAME"),
        "{greeting}"
    );
    assert!(lines_for_a_shell(&greeting).is_empty(), "{greeting}");
}

#[test]
fn the_data_is_closed_to_others() {
    let world = World::start();
    let server = world.serve(&[]);
    assert_eq!(mode(&world.path("data")), 0o700);
    assert_eq!(mode(&world.path("data/control.sock")), 0o600);
    assert_eq!(mode(&world.path("data/signing-key.json")), 0o600);
    server.stop();
    assert!(!world.path("data/control.sock").exists());
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_names_the_first() {
    let world = World::start();
    let server = world.serve(&[]);
    let error = world.fail(1, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("is in use by process "), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
    server.stop();
    world.serve(&[]).stop();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let world = World::start();
    let server = world.serve(&[]);
    let address = format!("127.0.0.1:{}", server.port());
    let other = world.path("other");
    let error = world.fail(
        1,
        &[
            "serve",
            "--listen",
            &address,
            "--data",
            other.to_str().unwrap(),
        ],
    );
    assert!(
        error.contains(&format!("cannot listen on {address}")),
        "{error}"
    );
    assert!(error.contains("--listen"), "{error}");
}

#[test]
fn more_connections_than_files_do_not_end_a_server() {
    let world = World::start();
    let credentials = ["--client-id", "c", "--client-secret", "sixteen-letters!"];
    let server = world.serve_with_files(64, &credentials);
    let address = server.url.strip_prefix("http://").unwrap();
    // Most of them wait to be accepted, and those that were make room as they stay quiet.
    let quiet: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let track = ["track", "a", "b", "1", "--server", &server.url];
    world.succeed(&[&track[..], &credentials].concat());
    assert_eq!(quiet.len(), 100);
    assert_eq!(world.count("a", "b"), 1);
    drop(quiet);
    server.stop();
}

#[test]
fn in_memory_nothing_is_on_disk() {
    let world = World::start();
    let server = world.serve(&[
        "--memory",
        "--client-id",
        "m",
        "--client-secret",
        "sixteen-letters!",
    ]);
    let client = [
        "--server",
        &server.url,
        "--client-id",
        "m",
        "--client-secret",
        "sixteen-letters!",
    ];
    world.succeed(&[&["track", "a", "b", "1"], &client[..]].concat());
    let counted =
        world.succeed(&[&["query", "a", "b", "--aggregation", "count"], &client[..]].concat());
    assert!(counted.ends_with("     1\n"), "{counted:?}");
    assert!(!world.path("data").exists());
    server.stop();
}

#[test]
fn a_wrong_command_line_has_status_two() {
    let world = World::start();
    for arguments in [
        &["no-such-command"][..],
        &["track", "a", "b"],
        &["query", "a", "b", "--granularity", "decade"],
        &["query", "a", "b", "--server", "http://127.0.0.1:1"],
        &["client", "list", "--server", "http://127.0.0.1:1"],
        &["serve", "--server", "http://127.0.0.1:1"],
        &["serve", "--client-id", "x"],
        &["verify", "--log", "weir=loud"],
    ] {
        world.fail(2, arguments);
    }
}

#[test]
fn a_query_without_data_makes_none() {
    let world = World::start();
    let error = world.fail(1, &["query", "a", "b"]);
    assert!(error.contains("there is no data of Weir in"), "{error}");
    assert!(!world.path("data").exists());
}

#[test]
fn a_bad_parameter_is_explained_in_a_line() {
    let world = World::start();
    world.succeed(&["track", "a", "b", "1"]);
    let error = world.fail(1, &["query", "a", "b", "--tz", "Europe/Bonn"]);
    assert!(error.starts_with("error: tz: "), "{error}");
    assert!(error.contains("Europe/Bonn"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let error = world.fail(1, &["track", "a", "b", "many"]);
    assert!(error.contains("value"), "{error}");
}

#[test]
fn the_description_and_the_completions_need_no_server() {
    let world = World::start();
    let document: Value = serde_json::from_str(&world.succeed(&["openapi"])).unwrap();
    assert!(document["paths"]["/api/track/"]["post"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.succeed(&["completions", shell]).contains("weir"));
    }
}
