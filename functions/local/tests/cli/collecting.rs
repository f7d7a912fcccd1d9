//! `weir collect`, by its own name and by the old ones.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};
use weir_third_parties::{Pingdom, pingdom};

use crate::world::{Said, Server, World, said};

/// The four files, a Pingdom to read, and a Weir to push to.
struct Files {
    world: World,
    pingdom: Pingdom,
    server: Server,
    token: String,
}

impl Files {
    fn start() -> Files {
        let world = World::start();
        let pingdom = Pingdom::start(pingdom::Fixture::sample());
        let shown = world.succeed(&["dataset", "create", "web/uptime"]);
        let token = shown.split("token  ").nth(1).unwrap().trim().to_owned();
        let server = world.serve(&[]);
        let query = json!({
            "entrypoint": "backdrop.collector.pingdom",
            "query": {"name": "govuk"},
            "options": {},
            "data-set": {"data-group": "web", "data-set": "uptime"},
        });
        world.write("query.json", &query.to_string());
        world.write("credentials.json", &pingdom.credentials().to_string());
        world.write("token.json", &json!({"token": token}).to_string());
        let backdrop = json!({"url": format!("{}/data", server.url)});
        world.write("backdrop.json", &backdrop.to_string());
        Files {
            world,
            pingdom,
            server,
            token,
        }
    }

    /// The old command line, and what is said after it.
    fn collect(&self, program: &str, more: &[&str]) -> Said {
        let mut command = Command::new(program);
        if program == env!("CARGO_BIN_EXE_weir") {
            command.arg("collect");
        }
        command
            .args(["-q", "query.json", "-c", "credentials.json"])
            .args(["-t", "token.json", "-b", "backdrop.json"])
            .args(more)
            .current_dir(self.world.path(""))
            .env_clear()
            .env("HOME", self.world.path(""))
            .env("WEIR_PINGDOM_URL", self.pingdom.url())
            .env("WEIR_BACKOFF_BASE_MS", "1");
        said(command.output().unwrap())
    }

    fn weir(&self, more: &[&str]) -> Said {
        self.collect(env!("CARGO_BIN_EXE_weir"), more)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.world.path("log/collector.log")).unwrap_or_default()
    }

    fn records(&self) -> Vec<Value> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answer: Value = runtime.block_on(async {
            let answer = crate::restarts::http()
                .get(format!("{}/data/web/uptime", self.server.url))
                .send()
                .await;
            answer.unwrap().json().await.unwrap()
        });
        answer["data"].as_array().unwrap().clone()
    }
}

const RANGE: [&str; 4] = ["--start", "2026-01-01", "--end", "2026-01-02"];

#[test]
fn the_old_command_line_fills_a_data_set_and_logs_to_its_file() {
    let files = Files::start();
    let done = files.weir(&RANGE);
    assert_eq!(
        (done.status, done.out.as_str(), done.err.as_str()),
        (0, "", ""),
        "{done:?}"
    );
    let records = files.records();
    assert_eq!(records.len(), 24);
    assert_eq!(records[0]["check"], "govuk");
    let log = files.log();
    assert!(
        log.contains("[INFO] -> running collection into web/uptime"),
        "{log}"
    );
    assert!(log.contains("24 records of uptime delivered"), "{log}");
    assert!(
        !log.contains(&files.token) && !log.contains(pingdom::TOKEN),
        "{log}"
    );
    // A repeat replaces.
    assert_eq!(files.weir(&RANGE).status, 0);
    assert_eq!(files.records().len(), 24);
}

#[test]
fn a_link_by_an_old_name_is_the_old_program() {
    let files = Files::start();
    for name in ["backdrop-collector", "pp-collector"] {
        let link = files.world.path(name);
        symlink(env!("CARGO_BIN_EXE_weir"), &link).unwrap();
        let done = files.collect(link.to_str().unwrap(), &RANGE);
        assert_eq!(done.status, 0, "{done:?}");
    }
    assert_eq!(files.records().len(), 24);
}

#[test]
fn a_dry_run_prints_what_it_would_send_without_the_token() {
    let files = Files::start();
    let done = files.weir(&[&RANGE[..], &["--dry-run", "--console-logging"]].concat());
    assert_eq!(done.status, 0, "{done:?}");
    let url = format!("{}/data/web/uptime", files.server.url);
    assert!(
        done.out.contains(&url) && done.out.contains("avgresponse"),
        "{done:?}"
    );
    assert!(
        !done.out.contains(&files.token) && !done.err.contains(&files.token),
        "{done:?}"
    );
    assert!(
        done.err.contains("running collection into web/uptime"),
        "{done:?}"
    );
    let shown = "24 records of uptime shown, 0 left out";
    assert!(
        done.err.contains(shown) && !done.err.contains("delivered"),
        "{done:?}"
    );
    assert_eq!(files.records(), Vec::<Value>::new());
    assert_eq!(files.log(), "");
}

#[test]
fn a_dry_run_writes_no_files() {
    let files = Files::start();
    let lake = files.world.path("lake");
    let query = json!({
        "entrypoint": "pingdom",
        "query": {"name": "govuk"},
        "options": {},
        "data-set": {"data-group": "web", "data-type": "uptime"},
        "sink": {"type": "files", "url": format!("file://{}", lake.display())},
    });
    files.world.write("query.json", &query.to_string());
    let mut command = files.world.command(&["collect", "-q", "query.json"]);
    command
        .args(["-c", "credentials.json", "--dry-run", "--console-logging"])
        .args(RANGE)
        .current_dir(files.world.path(""))
        .env("WEIR_PINGDOM_URL", files.pingdom.url());
    let done = said(command.output().unwrap());
    assert_eq!(done.status, 0, "{done:?}");
    let records = done.out.lines().filter(|line| line.contains("\"RECORD\""));
    assert_eq!(records.count(), 24, "{done:?}");
    assert!(!lake.exists(), "{done:?}");
}

#[test]
fn disabled_collectors_say_what_they_would_do() {
    let files = Files::start();
    let done = files.weir(&["--disable-collectors"]);
    assert_eq!(done.status, 0, "{done:?}");
    let log = files.log();
    assert!(
        log.contains("pingdom was not run") && log.contains("govuk"),
        "{log}"
    );
    assert!(files.pingdom.requests().is_empty());
}

#[test]
fn a_record_that_is_left_out_is_not_delivered() {
    let files = Files::start();
    let query = json!({
        "entrypoint": "pingdom",
        "query": {"name": "govuk"},
        "options": {"additionalFields": {"long": "x".repeat(2_000)}, "idMapping": ["long"]},
        "data-set": {"data-group": "web", "data-type": "uptime"},
    });
    files.world.write("query.json", &query.to_string());
    let done = files.weir(&RANGE);
    assert_eq!(done.status, 1, "{done:?}");
    let expected = "0 records of uptime delivered, but 24 records left out";
    assert!(done.err.contains(expected), "{done:?}");
    assert_eq!(files.records(), Vec::<Value>::new());
}

#[test]
fn what_is_not_delivered_is_an_error() {
    let files = Files::start();
    files
        .world
        .write("token.json", "{\"token\": \"another-token-altogether\"}");
    let done = files.weir(&RANGE);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.err.contains("error:"), "{done:?}");
    assert!(!done.err.contains("another-token") && !files.log().contains("another-token"));
    assert!(files.log().contains("[ERROR] ->"), "{}", files.log());
    files
        .world
        .write("query.json", "{\"entrypoint\": \"pingdom\", \"query\": {}}");
    let done = files.weir(&RANGE);
    assert!(done.err.contains("query.json: "), "{done:?}");
    let done = files.weir(&["-l", "slug"]);
    assert_eq!(done.status, 2, "{done:?}");
}
