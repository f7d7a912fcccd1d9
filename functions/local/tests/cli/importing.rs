//! Files in and out.

use std::fs;
use std::process::Stdio;

use crate::world::{FLIGHTS, World};

/// Lines without times and ids: nothing but the import's own keys keeps them from being counted
/// twice.
pub(crate) fn lines(from: usize, to: usize) -> String {
    (from..to)
        .map(|n| format!("{{\"namespace\":\"n\",\"name\":\"e\",\"value\":{n}}}\n"))
        .collect()
}

fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_finished_import_is_remembered() {
    let world = World::start();
    let file = world.write("events.ndjson", &lines(0, 1200));
    let said = world.succeed(&["import", &file]);
    assert!(said.starts_with("imported 1,200 events from "), "{said}");
    let again = world.succeed(&["import", &file]);
    assert!(
        again.contains("was imported before") && again.contains("--again"),
        "{again}"
    );
    assert_eq!(world.count("n", "e"), 1200);
    // It is known by what is in it.
    let moved = world.path("moved");
    fs::rename(&file, &moved).unwrap();
    world.succeed(&["import", moved.to_str().unwrap()]);
    assert_eq!(world.count("n", "e"), 1200);
    world.succeed(&["import", moved.to_str().unwrap(), "--again"]);
    assert_eq!(world.count("n", "e"), 2400);
}

#[test]
fn a_file_that_has_grown_is_imported_from_where_it_ended() {
    let world = World::start();
    let file = world.write("events.ndjson", &lines(0, 3));
    world.succeed(&["import", &file]);
    world.write("events.ndjson", &lines(0, 1000));
    let said = world.succeed(&["import", &file]);
    assert!(said.contains("imported 997 events"), "{said}");
    assert_eq!(world.count("n", "e"), 1000);
}

#[test]
fn a_bad_line_is_named_and_nothing_of_its_batch_is_stored() {
    let world = World::start();
    let text = format!(
        "{}{{\"namespace\":\"n\",\"name\":\"e\",\"value\":\"many\"}}\n{}",
        lines(0, 700),
        lines(700, 900)
    );
    let file = world.write("events.ndjson", &text);
    let error = world.fail(1, &["import", &file]);
    assert!(error.starts_with("error: line 701: value: "), "{error}");
    assert!(error.contains("--skip-bad"), "{error}");
    assert_eq!(world.count("n", "e"), 500);

    world.write("events.ndjson", &text.replace("\"many\"", "5"));
    world.succeed(&["import", &file]);
    assert_eq!(world.count("n", "e"), 901);
}

#[test]
fn bad_lines_can_be_skipped_and_are_reported() {
    let world = World::start();
    let text = format!("{}oops\n{}", lines(0, 10), lines(10, 20));
    let file = world.write("events.ndjson", &text);
    let said = world.run(&["import", &file, "--skip-bad"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.out.contains("20 events") && said.out.contains("1 bad line left out"),
        "{said:?}"
    );
    assert!(said.err.contains("line 11 is left out"), "{said:?}");
    assert_eq!(world.count("n", "e"), 20);
}

#[test]
fn csv_and_django_dumps_are_taken() {
    let world = World::start();
    let csv = world.write("events.csv", "namespace,name,timestamp,value,actor,shop\nc,e,2024-01-01T10:00:00Z,1.5,ann,Bonn\nc,e,1704189600,-2,,\n");
    world.succeed(&["import", &csv]);
    let exported = world.succeed(&["export", "c", "e"]);
    assert!(exported.contains(r#""timestamp":"2024-01-01T10:00:00Z","value":1.5,"actor":"ann","properties":{"shop":"Bonn"}"#), "{exported}");
    assert!(
        exported.contains(r#""timestamp":"2024-01-02T10:00:00Z","value":-2"#),
        "{exported}"
    );

    let dump = r#"[{"model":"auth.user","pk":1,"fields":{"username":"x"}},
        {"model":"tracker.event","pk":1,"fields":{"namespace":"d","name":"e","timestamp":"2020-11-12T11:10:00Z","value":1}},
        {"model":"tracker.event","pk":2,"fields":{"namespace":"d","name":"e","timestamp":"2020-11-12T11:11:00Z","value":3}}]"#;
    let dump = world.write("data.json", dump);
    let said = world.succeed(&["import", &dump]);
    assert!(
        said.contains("imported 2 events") && said.contains("1 of auth.user"),
        "{said}"
    );
    let table = world.succeed(&[
        "query",
        "d",
        "e",
        "--granularity",
        "day",
        "--aggregation",
        "avg",
    ]);
    assert_eq!(
        table,
        "TIME                  VALUE\n2020-11-12T11:10:00Z      2\n"
    );
}

#[test]
fn what_is_exported_can_be_imported() {
    let (world, other) = (World::start(), World::start());
    world.succeed(&["import", FLIGHTS]);
    let exported = world.succeed(&["export"]);
    assert_eq!(exported.lines().count(), 500);
    let file = other.write("export", &exported);
    other.succeed(&["import", &file]);
    let back = other.path("back");
    other.succeed(&["export", "-o", back.to_str().unwrap()]);
    let back = fs::read_to_string(back).unwrap();
    assert_eq!(sorted_lines(&back), sorted_lines(&exported));

    let part = world.succeed(&[
        "export",
        "DTW",
        "departure",
        "--from",
        "2001-01-01",
        "--to",
        "2001-01-01T23:59:59.999Z",
    ]);
    assert!(part.lines().count() > 0);
    assert!(
        part.lines()
            .all(|line| line.contains("\"DTW\"") && line.contains("\"2001-01-01T"))
    );
}

#[test]
fn an_import_over_the_network_is_remembered_at_home() {
    let world = World::start();
    let server = world.serve(&[
        "--client-id",
        "importer",
        "--client-secret",
        "correct-horse-battery",
    ]);
    let client = [
        "--server",
        &server.url,
        "--client-id",
        "importer",
        "--client-secret",
        "correct-horse-battery",
    ];
    let file = world.write("events.ndjson", &lines(0, 600));
    let import = [&["import", &file], &client[..]].concat();
    world.succeed(&import);
    assert!(world.succeed(&import).contains("was imported before"));
    assert!(world.path(".local/state/weir/imports").exists());
    assert!(!world.path("data/imports").exists());
    assert_eq!(world.count("n", "e"), 600);
}

#[test]
fn standard_input_is_imported_and_resumed() {
    let world = World::start();
    for _ in 0..2 {
        let file = world.write("events", &lines(0, 600));
        let mut command = world.command(&["import", "-"]);
        let output = command
            .stdin(fs::File::open(file).unwrap())
            .stdout(Stdio::piped())
            .output();
        assert!(output.unwrap().status.success());
    }
    assert_eq!(world.count("n", "e"), 600);
}

#[test]
fn what_was_imported_verifies() {
    let world = World::start();
    let server = world.serve(&[]);
    world.succeed(&["import", FLIGHTS]);
    let said = world.succeed(&["verify"]);
    assert!(said.starts_with("compared "), "{said}");
    let said = world.succeed(&["verify", "--sweep", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["differences"], serde_json::json!([]));
    server.stop();
}
