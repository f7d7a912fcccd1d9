//! Jobs of a deployed stack: schedules, secrets, and runs that its functions do.

use std::fs;

use serde_json::{Value, json};

use crate::account::Account;
use crate::world::{Said, World, said};

struct SignedIn {
    world: World,
    account: Account,
}

impl SignedIn {
    fn start() -> SignedIn {
        let world = World::start();
        fs::create_dir(world.path("jobs")).unwrap();
        let account = Account::start();
        SignedIn { world, account }
    }

    fn job(&self, name: &str, entrypoint: &str, schedule: &str) {
        let job = json!({
            "entrypoint": entrypoint,
            "query": {"name": "govuk", "id": "ga:123", "metrics": ["visits"]},
            "options": {},
            "data-set": {"data-group": "web", "data-type": "uptime"},
            "credentials": "vendor",
            "schedule": schedule,
            "time-zone": "Europe/London",
        });
        let file = format!("jobs/{name}.json");
        self.world.write(&file, &job.to_string());
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.world.command(arguments);
        said(self.account.sign_in(command.arg("--aws")).output().unwrap())
    }

    fn succeed(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said
    }

    fn sync(&self, more: &[&str]) -> Said {
        let jobs = self.world.path("jobs");
        self.succeed(&[&["jobs", "sync", jobs.to_str().unwrap()], more].concat())
    }
}

#[test]
fn the_schedules_of_a_stack_become_those_of_a_directory() {
    let place = SignedIn::start();
    place.job("uptime", "backdrop.collector.pingdom", "rate(1 hour)");
    place.job("visits", "ga", "cron(0 6 ? * MON *)");
    let shown = place.sync(&[]);
    assert!(
        shown
            .out
            .contains("create uptime: rate(1 hour) in Europe/London"),
        "{shown:?}"
    );
    assert!(shown.err.contains("2 changes to make: --yes"), "{shown:?}");
    assert!(place.account.schedules().is_empty());

    assert!(place.sync(&["--yes"]).err.contains("2 changes made"));
    let made = place.account.schedules();
    let uptime = &made["uptime"];
    assert_eq!(uptime["GroupName"], "weir-jobs");
    assert_eq!(uptime["ScheduleExpression"], "rate(1 hour)");
    assert_eq!(uptime["ScheduleExpressionTimezone"], "Europe/London");
    assert_eq!(uptime["FlexibleTimeWindow"]["Mode"], "OFF");
    let target = &uptime["Target"];
    let is_named = |key: &str, end: &str| {
        let arn = target[key].as_str().unwrap();
        assert!(arn.starts_with("arn:aws:") && arn.ends_with(end), "{arn}");
    };
    is_named("Arn", ":function:weir-collect-pingdom");
    is_named("RoleArn", ":role/weir-schedule");
    let queue = target["DeadLetterConfig"]["Arn"].as_str().unwrap();
    assert!(queue.ends_with(":weir-schedule-dlq"), "{queue}");
    let event: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&event["name"], &event["credentials"]),
        (&json!("uptime"), &json!("vendor"))
    );
    let ga = made["visits"]["Target"]["Arn"].as_str().unwrap();
    assert!(ga.ends_with(":function:weir-collect-ga"), "{ga}");

    let again = place.sync(&["--yes"]);
    assert_eq!(again.out, "");
    place.job("uptime", "backdrop.collector.pingdom", "rate(2 hours)");
    fs::remove_file(place.world.path("jobs/visits.json")).unwrap();
    let changed = place.sync(&["--yes"]);
    assert!(
        changed
            .out
            .contains("update uptime: schedule: rate(1 hour) -> rate(2 hours)")
    );
    assert!(changed.out.contains("delete visits"), "{changed:?}");
    let left = place.account.schedules();
    assert_eq!(left.len(), 1);
    assert_eq!(left["uptime"]["ScheduleExpression"], "rate(2 hours)");
}

#[test]
fn a_bad_file_deletes_no_schedule() {
    let place = SignedIn::start();
    place
        .account
        .put_schedule("uptime", json!({"Name": "uptime"}));
    place.world.write("jobs/uptime.json", "{");
    let jobs = place.world.path("jobs");
    let said = place.run(&["jobs", "sync", jobs.to_str().unwrap(), "--yes"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("uptime.json") && said.err.contains("nothing was changed"));
    assert_eq!(place.account.schedules().len(), 1);
}

#[test]
fn a_secret_is_made_and_then_replaced() {
    let place = SignedIn::start();
    let file = place
        .world
        .write("pingdom.json", "{\"token\": \"planted-1\"}");
    let put = ["jobs", "put-secret", "pingdom", &file];
    let said = place.succeed(&put);
    assert!(
        !said.err.contains("planted") && !said.out.contains("planted"),
        "{said:?}"
    );
    let kept = || place.account.secret("weir/collect/pingdom").unwrap();
    assert!(kept().contains("planted-1"));
    place
        .world
        .write("pingdom.json", "{\"token\": \"planted-2\"}");
    place.succeed(&put);
    assert!(kept().contains("planted-2"));
    place.world.write("pingdom.json", "planted-3");
    let said = place.run(&put);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("not a JSON object") && !said.err.contains("planted"));
    assert_eq!(place.run(&["jobs", "put-secret", "a/b", &file]).status, 2);
}

#[test]
fn a_stacks_jobs_are_listed_before_they_ever_ran() {
    let place = SignedIn::start();
    place.job(
        "uptime",
        "backdrop.collector.pingdom",
        "cron(0 0 1 1 ? 2199)",
    );
    place.sync(&["--yes"]);
    let listed = place.succeed(&["jobs", "list", "--json"]).out;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let job = &listed["jobs"][0];
    assert_eq!(
        (&job["name"], &job["next"]),
        (&json!("uptime"), &json!("2199-01-01T00:00:00Z"))
    );
    let said = place.run(&["jobs", "run", "other"]);
    assert!(
        said.status == 1 && said.err.contains("weir has no job other"),
        "{said:?}"
    );
    assert!(place.account.invoked().is_empty());
}
