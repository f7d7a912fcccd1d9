//! Jobs: on their schedules in a server, and by hand, with and without one.

use std::fs;

use serde_json::{Value, json};
use weir_third_parties::{Failure, Pingdom, pingdom};

use crate::world::{Said, Server, World, said};

/// A Pingdom, a data set, and directories of jobs and secrets.
struct Collected {
    world: World,
    pingdom: Pingdom,
}

impl Collected {
    fn start() -> Collected {
        let world = World::start();
        let pingdom = Pingdom::start(pingdom::Fixture::sample());
        for directory in ["jobs", "secrets"] {
            fs::create_dir(world.path(directory)).unwrap();
        }
        world.write("secrets/pingdom.json", &pingdom.credentials().to_string());
        world.succeed(&["dataset", "create", "web/uptime"]);
        Collected { world, pingdom }
    }

    fn job(&self, name: &str, changes: Value) {
        let mut job = json!({
            "entrypoint": "backdrop.collector.pingdom",
            "query": {"name": "govuk"},
            "options": {},
            "data-set": {"data-group": "web", "data-type": "uptime"},
            "credentials": "pingdom",
        });
        for (key, value) in changes.as_object().unwrap() {
            job[key] = value.clone();
        }
        let file = format!("jobs/{name}.json");
        self.world.write(&file, &job.to_string());
    }

    fn serve(&self) -> Server {
        let mut command = self.world.command(&["serve", "--listen", "127.0.0.1:0"]);
        self.reach(&mut command);
        Server::start(
            command,
            fs::File::create(self.world.path("server.log")).unwrap(),
        )
    }

    fn reach<'a>(&self, command: &'a mut std::process::Command) -> &'a mut std::process::Command {
        command
            .env("WEIR_JOBS", self.world.path("jobs"))
            .env("WEIR_SECRETS", self.world.path("secrets"))
            .env("WEIR_PINGDOM_URL", self.pingdom.url())
            .env("WEIR_BACKOFF_BASE_MS", "1")
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.world.command(arguments);
        said(self.reach(&mut command).output().unwrap())
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 1, "{arguments:?}: {said:?}");
        said.err
    }

    fn history(&self, job: &str) -> Vec<Value> {
        let out = self.succeed(&["jobs", "history", job, "--json"]);
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn a_job_runs_by_hand_where_no_server_is() {
    let place = Collected::start();
    place.job("uptime", json!({}));
    let said = place.succeed(&["jobs", "run", "uptime"]);
    assert!(
        said.starts_with("uptime: 2") && said.contains("records delivered"),
        "{said}"
    );
    let runs = place.history("uptime");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["outcome"], "complete");
    assert!(runs[0]["records"].as_u64().unwrap() >= 24, "{runs:?}");
    assert!(runs[0]["bookmark"]["bookmarks"].is_object(), "{runs:?}");
    assert!(runs[0]["finished"].is_string(), "{runs:?}");
    // The next one goes on from the bookmark.
    place.succeed(&["jobs", "run", "uptime"]);
    let runs = place.history("uptime");
    assert!(runs[0]["records"].as_u64().unwrap() <= 2, "{runs:?}");
    let table = place.succeed(&["jobs", "history", "uptime"]);
    assert!(
        table.starts_with("STARTED") && table.contains("complete"),
        "{table}"
    );
}

#[test]
fn a_server_runs_jobs_on_time_and_when_asked() {
    let place = Collected::start();
    place.job("uptime", json!({"schedule": "rate(1 hour)"}));
    place.job(
        "later",
        json!({"schedule": "cron(0 0 1 1 ? 2199)", "time-zone": "Europe/London"}),
    );
    fs::write(
        place.world.path("jobs/bad.json"),
        "{\"entrypoint\": \"pong\"}",
    )
    .unwrap();
    let server = place.serve();
    // A rate begins at once.
    let listed = loop {
        let listed: Value =
            serde_json::from_str(&place.succeed(&["jobs", "list", "--json"])).unwrap();
        if listed["jobs"][1]["last"]["outcome"] == "complete" {
            break listed;
        }
    };
    assert_eq!(listed["jobs"][0]["name"], "later");
    assert_eq!(listed["jobs"][0]["next"], "2199-01-01T00:00:00Z");
    assert_eq!(listed["jobs"][0]["last"], Value::Null);
    assert!(listed["jobs"][1]["last"]["next"].is_string(), "{listed}");
    let broken = listed["broken"][0].as_str().unwrap();
    assert!(
        broken.contains("bad.json") && broken.contains("entrypoint"),
        "{broken}"
    );
    // This command is a client of the server, which has the data.
    let said = place.succeed(&["jobs", "run", "later"]);
    assert!(said.contains("records delivered"), "{said}");
    let ranged = [
        "jobs",
        "run",
        "later",
        "--start",
        "2026-01-01",
        "--end",
        "2026-01-02",
    ];
    assert_eq!(place.succeed(&ranged), "later: 24 records delivered\n");
    let table = place.succeed(&["jobs", "list"]);
    assert!(
        table.contains("cron(0 0 1 1 ? 2199) Europe/London"),
        "{table}"
    );
    server.stop();
}

#[test]
fn a_job_that_fails_says_so_and_keeps_its_bookmark() {
    let place = Collected::start();
    place.job("uptime", json!({}));
    place.succeed(&["jobs", "run", "uptime"]);
    let before = place.history("uptime")[0]["bookmark"].clone();
    place
        .pingdom
        .fail_next(pingdom::refused(403, "not your check"));
    let error = place.fail(&["jobs", "run", "uptime"]);
    assert!(error.contains("uptime: failed after 0 records"), "{error}");
    let run = place.history("uptime")[0].clone();
    assert_eq!(run["outcome"], "failed");
    assert!(
        run["error"].as_str().unwrap().contains("not your check"),
        "{run}"
    );
    place.pingdom.heal();
    place.succeed(&["jobs", "run", "uptime"]);
    assert!(before.is_object());
    place.job("secretless", json!({"credentials": "absent"}));
    let error = place.fail(&["jobs", "run", "secretless"]);
    assert!(
        error.contains("secrets/absent.json does not exist"),
        "{error}"
    );
    let busy = Failure::status(429, &json!({})).with_header("retry-after", "3600");
    place.pingdom.fail("summary", 0, 9, busy);
    let error = place.fail(&["jobs", "run", "uptime"]);
    assert!(error.contains("later"), "{error}");
    assert_eq!(place.history("uptime")[0]["outcome"], "later");
}

#[test]
fn what_cannot_be_run_is_told() {
    let place = Collected::start();
    place.job("uptime", json!({"schedule": "rate(1 week)"}));
    let error = place.fail(&["jobs", "run", "uptime"]);
    assert!(
        error.contains("uptime.json: schedule") && error.contains("days"),
        "{error}"
    );
    let error = place.fail(&["jobs", "run", "other"]);
    assert!(error.contains("there is no job other in"), "{error}");
    let error = place.world.fail(1, &["jobs", "run", "uptime"]);
    assert!(error.contains("weir serve --jobs DIR"), "{error}");
    let error = place.world.fail(2, &["jobs", "sync", "."]);
    assert!(error.contains("--aws"), "{error}");
    place.job("uptime", json!({}));
    let mut disabled = place.world.command(&["jobs", "run", "uptime"]);
    let disabled = place.reach(&mut disabled).env("DISABLE_COLLECTORS", "true");
    let said = said(disabled.output().unwrap());
    assert!(
        said.status == 1 && said.err.contains("switched off"),
        "{said:?}"
    );
    assert!(place.pingdom.requests().is_empty());
}
