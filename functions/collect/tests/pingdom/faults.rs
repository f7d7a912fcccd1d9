//! What goes wrong is told with what to do about it, and never with a secret.

use serde_json::{Value, json};
use weir_collect::{Credential, Wanted};
use weir_collector::{Ended, Report};
use weir_third_parties::Failure;
use weir_third_parties::pingdom::{Check, Fixture, Limits, TOKEN, refused};

use crate::world::{World, credential, document, job, range, seconds};

async fn failed(world: &World, document: &Value, credentials: Credential) -> String {
    let (report, run) = world
        .run_document(document, Wanted::Resume, credentials)
        .await;
    let Ended::Failed(fault) = &report.ended else {
        panic!("it must fail, but: {}", report.ended);
    };
    assert_eq!(run.error.as_deref(), Some(fault.to_string().as_str()));
    assert!(!format!("{report:?} {run:?}").contains(TOKEN));
    fault.to_string()
}

fn named(name: &str) -> Value {
    let mut document = document();
    document["query"]["name"] = json!(name);
    document
}

#[tokio::test]
async fn a_name_that_is_no_check_is_told_with_close_ones() {
    let world = World::start().await;
    let fault = failed(&world, &named("govuk licencing"), world.credential()).await;
    let expected = "uptime.json: query.name: Pingdom has no check \"govuk licencing\"; did you mean \"govuk\", \"govuk licensing\"?";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn all_pages_of_checks_are_looked_through() {
    let checks = (0..2_500).map(|id| Check::new(id, &format!("check {id}")));
    let fixture = checks.fold(Fixture::default(), Fixture::check);
    let world = World::with(fixture).await;
    let (report, _) = world
        .run_document(&named("check 2400"), Wanted::Resume, world.credential())
        .await;
    assert!(report.is_complete(), "{}", report.ended);
    assert_eq!(world.pingdom.requests().len(), 4);
}

#[tokio::test]
async fn a_wrong_token_is_told_with_its_file() {
    let world = World::start().await;
    let wrong = credential(&json!({"token": "planted"}));
    let fault = failed(&world, &document(), wrong).await;
    assert!(
        fault.contains("401") && fault.contains("Invalid authentication token"),
        "{fault}"
    );
    assert!(
        fault.contains("pingdom.json: put a token") && !fault.contains("planted"),
        "{fault}"
    );
}

#[tokio::test]
async fn credentials_of_the_old_api_are_told_with_what_to_do() {
    let world = World::start().await;
    let old = credential(&json!({"user": "planted", "password": "planted", "app_key": "planted"}));
    let fault = failed(&world, &document(), old).await;
    assert!(
        fault.starts_with("pingdom.json: these are credentials for Pingdom's API 2.x"),
        "{fault}"
    );
    assert!(!fault.contains("planted"), "{fault}");
    assert!(world.pingdom.requests().is_empty());
}

#[tokio::test]
async fn a_check_without_leave_is_told() {
    let world = World::start().await;
    let fault = failed(&world, &named("someone else's"), world.credential()).await;
    assert!(
        fault.contains("403") && fault.contains("Not allowed to access this check"),
        "{fault}"
    );
    assert!(fault.contains("pingdom.json: the token"), "{fault}");
}

#[tokio::test]
async fn a_token_that_was_changed_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pingdom.json");
    let write =
        |token: &str| std::fs::write(&file, json!({"token": token}).to_string()).expect("a file");
    write("old");
    let secrets = weir_collector::secrets::Secrets::directory(directory.path());
    let secrets = std::sync::Arc::new(secrets);
    secrets.json("pingdom").await.expect("a secret");
    write(TOKEN);
    let world = World::start().await;
    let named = Credential::named(secrets, "pingdom");
    let (report, _) = world.run_document(&document(), Wanted::Resume, named).await;
    assert!(report.is_complete(), "{}", report.ended);
}

#[tokio::test]
async fn answers_that_are_none_leave_the_run_for_later_and_say_so() {
    let check = async |failure: Failure, expected: &str| {
        let world = World::start().await;
        world.pingdom.fail("summary", 0, 1, failure);
        let (report, _) = world.run(Wanted::Resume).await;
        let Ended::Later { fault, .. } = &report.ended else {
            panic!("it must end for later, but: {}", report.ended);
        };
        assert!(fault.to_string().contains(expected), "{fault}");
        let (report, _) = world.run(Wanted::Resume).await;
        assert_eq!(
            (report.is_complete(), world.records().await.len()),
            (true, 24)
        );
    };
    check(
        Failure::Malformed,
        "/summary.performance/{id}: the answer is not JSON",
    )
    .await;
    check(
        Failure::Truncated,
        "the answer ends in the middle of its JSON",
    )
    .await;
    check(
        Failure::Body(json!({"summary": {"hours": {}}})),
        "has another form",
    )
    .await;
    check(Failure::Body(json!({})), "has no field `summary`").await;
}

#[tokio::test]
async fn hours_that_are_none_are_left_out_and_counted() {
    let world = World::start().await;
    let hours = json!([{"uptime": 1}, {"starttime": 1_772_413_200, "uptime": 3600}, 7]);
    let answer = Failure::Body(json!({"summary": {"hours": hours}}));
    world.pingdom.fail("summary", 0, 1, answer);
    let (report, run) = world.run(Wanted::Resume).await;
    assert_eq!(
        (report.is_complete(), report.records, run.skipped),
        (true, 1, 2)
    );
    assert_eq!(report.skips.first[0].what, "an hour of the check govuk");
    assert_eq!(report.skips.first[0].why, "it has no starttime");
}

#[tokio::test]
async fn a_run_ends_before_it_takes_the_last_requests() {
    let limits = Limits {
        short: 13,
        short_seconds: 90,
        ..Limits::default()
    };
    let world = World::with(Fixture::sample().limited(limits)).await;
    let whole = |report: &Report| match &report.ended {
        Ended::Later { after, .. } => after.map(|after| after.as_secs()),
        other => panic!("it must end for later, but: {other}"),
    };
    let (report, _) = world.run(range("2025-06-01", "2026-02-01")).await;
    assert_eq!(whole(&report), Some(90));
    assert_eq!(world.pingdom.requests().len(), 3);
    assert_eq!(world.records().await.len(), 2 * 30 * 24);
}

#[tokio::test]
async fn secrets_that_are_not_named_are_told_with_file_and_key() {
    let world = World::start().await;
    let inputs = weir_collect::Inputs::default();
    let call = weir_collect::JobCall {
        name: &job(),
        definition: &crate::world::definition(&document()),
        inputs: &inputs,
        wanted: Wanted::Resume,
        state: None,
        next: None,
    };
    let ran = weir_collect::run_job(&call, &world.context, world.limits()).await;
    let weir_collect::Ran::Over { report, .. } = ran.expect("the engine answers") else {
        panic!("nobody else has the job");
    };
    let fault = report.ended.fault().expect("a fault").to_string();
    assert!(
        fault.starts_with("uptime.json: credentials: is missing"),
        "{fault}"
    );
}

#[tokio::test]
async fn refusals_that_pass_are_sat_out() {
    let world = World::start().await;
    world
        .pingdom
        .fail("checks", 0, 2, refused(500, "try again"));
    world
        .pingdom
        .fail("summary", 0, 1, refused(429, "too fast"));
    let (report, _) = world.run(Wanted::Resume).await;
    assert_eq!((report.is_complete(), report.records), (true, 24));
}

#[tokio::test]
async fn an_answer_without_hours_is_none_and_the_bookmark_stays() {
    let world = World::start().await;
    let answer = Failure::Body(json!({"summary": {}}));
    world.pingdom.fail("summary", 0, 1, answer);
    let (report, _) = world.run(Wanted::Resume).await;
    let fault = report.ended.fault().expect("a fault").to_string();
    assert!(fault.contains("hours"), "{fault}");
    assert_eq!(report.bookmark, None);
}

#[tokio::test]
async fn hours_that_are_late_are_waited_for_at_the_edge_of_a_portion_too() {
    let world = World::start().await;
    let told = json!([{"starttime": seconds("2026-03-01T15:00:00Z"), "uptime": 3600}]);
    for hours in [told, json!([])] {
        let answer = Failure::Body(json!({"summary": {"hours": hours}}));
        world.pingdom.fail("summary", 0, 1, answer);
    }
    // Its first portion ends at 20:00.
    let (report, run) = world
        .run(range("2026-01-30T20:00:00Z", "2026-03-02T10:00:00Z"))
        .await;
    assert_eq!((report.is_complete(), report.records), (true, 1));
    let bookmark = json!({"bookmarks": {"monitoring": {"hour": "2026-03-01T15:00:00+00:00"}}});
    assert_eq!(run.bookmark, Some(bookmark));
}

#[tokio::test]
async fn a_mapping_of_what_an_hour_may_lack_is_no_mistake() {
    let world = World::start().await;
    let hours = json!([{"starttime": seconds("2026-03-02T01:00:00Z"), "uptime": 3600}]);
    let answer = Failure::Body(json!({"summary": {"hours": hours}}));
    world.pingdom.fail("summary", 0, 1, answer);
    let mut document = document();
    document["options"] = json!({"mappings": {"unmonitored": "paused", "uptime": "up"}});
    let (report, _) = world
        .run_document(&document, Wanted::Resume, world.credential())
        .await;
    assert!(report.is_complete(), "{}", report.ended);
    let records = world.records().await;
    let record = records.values().next().expect("an hour");
    assert_eq!((&record["up"], record.get("paused")), (&json!(3600), None));
}
