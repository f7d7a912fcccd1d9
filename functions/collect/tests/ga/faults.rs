//! What goes wrong is told with file, key and what to do, and costs nothing that is there.

use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::ga::{Realtime, Reports, Trending};
use weir_collect::{Credential, Wanted};
use weir_collector::secrets::Secrets;
use weir_collector::{Ended, Fault};
use weir_third_parties::Failure;
use weir_third_parties::google::{Fixture, Property, Quota, QuotaKind, quota_error, refused};

use crate::world::{Told, World, at, definition, document, range};

fn visits(id: &str) -> Value {
    let query = json!({"id": id, "metrics": ["visits"], "frequency": "daily"});
    document("ga", "visits", query, json!({}))
}

async fn collect(world: &World) -> Told {
    world.collect(visits("456"), Wanted::Resume).await
}

fn failed(told: &Told) -> String {
    assert!(
        matches!(told.report.ended, Ended::Failed(_)),
        "{}",
        told.report.ended
    );
    assert!(told.records().is_empty());
    assert!(told.report.bookmark.is_none());
    told.fault()
}

/// Why a document is refused before anybody is asked.
fn refusal(entrypoint: &str, query: Value, options: Value, wanted: Wanted) -> String {
    let world = World::sample();
    let definition = definition(document(entrypoint, "visits", query, options));
    let refused: Result<(), Fault> = match entrypoint {
        "ga" => Reports::new(&definition, wanted, world.access()).map(|_| ()),
        "ga.trending" => Trending::new(&definition, wanted, world.access()).map(|_| ()),
        _ => Realtime::new(&definition, wanted, world.access()).map(|_| ()),
    };
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn a_key_that_google_does_not_know_is_an_error_with_its_account() {
    let world = World::sample();
    world.google.trust(false);
    let error = failed(&collect(&world).await);
    let who = "credentials.json: Google refuses collector@test-project.iam.example: ";
    assert!(error.starts_with(who), "{error}");
    assert!(
        error.contains("account not found") && error.contains("make a new JSON key"),
        "{error}"
    );
    assert!(!error.contains("BEGIN"), "{error}");
}

#[tokio::test]
async fn a_refresh_token_is_as_good_as_a_key() {
    let world = World::sample();
    let refresh = world.google.refresh_credentials();
    let old = json!({
        "CLIENT_SECRETS": {"installed": {
            "client_id": refresh["client_id"], "client_secret": refresh["client_secret"],
            "token_uri": refresh["token_uri"],
        }},
        "OAUTH2_CREDENTIALS": {"refresh_token": refresh["refresh_token"]},
    });
    for credentials in [refresh, old] {
        let access = world.access_with(credentials);
        let told = world
            .collect_as(visits("456"), Wanted::Resume, None, access)
            .await
            .complete();
        assert_eq!(told.records()[0]["visits"], 215);
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_says_so_without_showing_it() {
    let world = World::sample();
    let mut credentials = world.google.refresh_credentials();
    credentials["refresh_token"] = json!("planted-token");
    let access = world.access_with(credentials);
    let told = world
        .collect_as(visits("456"), Wanted::Resume, None, access)
        .await;
    let error = failed(&told);
    assert!(
        error.contains("Token has been expired or revoked."),
        "{error}"
    );
    assert!(error.contains("log in again"), "{error}");
    assert!(!error.contains("planted"), "{error}");
}

#[tokio::test]
async fn a_token_that_ends_early_is_replaced_once() {
    let world = World::sample();
    world
        .google
        .fail("/properties/", 0, 1, refused(401, "UNAUTHENTICATED", "No."));
    collect(&world).await.complete();
    assert_eq!(world.google.tokens_asked(), 2);
}

#[tokio::test]
async fn tokens_that_are_refused_again_and_again_end_the_run() {
    let world = World::sample();
    world.google.fail(
        "/properties/",
        0,
        99,
        refused(401, "UNAUTHENTICATED", "Bad token."),
    );
    let error = failed(&collect(&world).await);
    assert!(error.contains("Bad token."), "{error}");
    assert_eq!(world.google.reports().len(), 3);
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_read_again() {
    let world = World::sample();
    let directory = tempfile::tempdir().unwrap();
    let put = |credentials: &Value| {
        let path = directory.path().join("google.json");
        std::fs::write(path, credentials.to_string()).unwrap();
    };
    let mut wrong = world.google.refresh_credentials();
    wrong["refresh_token"] = json!("of yesterday");
    put(&wrong);
    let secrets = std::sync::Arc::new(Secrets::directory(directory.path()));
    secrets.json("google").await.unwrap();
    put(&world.google.refresh_credentials());
    let access = world.access_by(Credential::named(secrets, "google"));
    let told = world
        .collect_as(visits("456"), Wanted::Resume, None, access)
        .await
        .complete();
    assert_eq!(told.records().len(), 1);
}

#[tokio::test]
async fn a_property_without_access_says_whom_to_let_in() {
    let told = World::sample().collect(visits("789"), Wanted::Resume).await;
    let error = failed(&told);
    assert!(
        error.contains("User does not have sufficient permissions for this property"),
        "{error}"
    );
    let hint = "give collector@test-project.iam.example the role of a viewer of properties/789";
    assert!(error.contains(hint), "{error}");
}

#[tokio::test]
async fn a_name_that_ga4_does_not_know_is_told_in_its_words() {
    let query = json!({"id": "456", "metrics": ["pageLoadTime"], "frequency": "daily"});
    let document = document("ga", "visits", query, json!({}));
    let error = failed(&World::sample().collect(document, Wanted::Resume).await);
    assert!(
        error.contains("Field pageLoadTime is not a valid metric"),
        "{error}"
    );
}

#[tokio::test]
async fn an_old_view_without_a_property_shows_the_line_to_add() {
    let error = failed(
        &World::sample()
            .collect(visits("ga:123"), Wanted::Resume)
            .await,
    );
    assert!(
        error.starts_with("query.json: query.id: ga:123 is a view"),
        "{error}"
    );
    assert!(error.contains("\"properties\": {\"ga:123\": "), "{error}");
    assert!(error.contains("to credentials.json"), "{error}");
}

#[tokio::test]
async fn the_credentials_may_say_what_became_of_a_view() {
    let world = World::sample();
    let mut credentials = world.google.credentials();
    credentials["properties"] = json!({"ga:123": "456"});
    let access = world.access_with(credentials);
    let told = world
        .collect_as(visits("ga:123"), Wanted::Resume, None, access)
        .await
        .complete();
    assert_eq!(told.records()[0]["visits"], 215);
}

#[tokio::test]
async fn an_exhausted_quota_is_for_later_by_its_kind() {
    let check = async |kind: QuotaKind, hours: f64| {
        let world = World::sample();
        world.google.fail_next(quota_error(kind));
        let told = collect(&world).await;
        let Ended::Later { after, .. } = told.report.ended else {
            panic!("{}", told.report.ended);
        };
        let expected = Duration::from_secs_f64(hours * 3_600.0);
        let after = after.unwrap();
        assert!(
            after.abs_diff(expected) < Duration::from_secs(60),
            "{kind:?}: {after:?}"
        );
        assert_eq!(world.google.reports().len(), 1);
    };
    check(QuotaKind::Hourly, 1.0).await;
    check(QuotaKind::HourlyOfProject, 1.0).await;
    check(QuotaKind::ServerErrors, 1.0).await;
    // From noon in UTC until midnight in California.
    check(QuotaKind::Daily, 20.0).await;
}

#[tokio::test]
async fn too_many_requests_at_once_are_waited_for() {
    let world = World::sample();
    world
        .google
        .fail("/properties/", 0, 2, quota_error(QuotaKind::Concurrent));
    collect(&world).await.complete();
    assert_eq!(world.google.reports().len(), 3);
}

#[tokio::test]
async fn little_quota_ends_the_run_after_a_period_and_the_next_goes_on() {
    let quota = Quota {
        per_day: 200_000,
        per_hour: 40_000,
        cost: 5_000,
    };
    let property = Property::new("456")
        .with_daily([json!({"sessions": 1})])
        .with_quota(quota);
    let world = World::with(Fixture::default().property(property));
    let wanted = range("2026-11-01", "2026-11-05");
    let told = world.collect(visits("456"), wanted).await;
    assert!(
        matches!(told.report.ended, Ended::Later { .. }),
        "{}",
        told.report.ended
    );
    let expected = "properties/456: 0 of 14000 are left of the quota tokensPerProjectPerHour; \
        2026-11-04 is still to come";
    assert_eq!(told.fault(), expected);
    assert_eq!(told.records().len(), 3);
    let state = told.report.bookmark;
    let next = world.collect_from(visits("456"), wanted, state).await;
    assert_eq!(next.records()[0]["_timestamp"], "2026-11-04T00:00:00+00:00");
}

#[tokio::test]
async fn little_quota_is_no_matter_when_nothing_is_left_to_do() {
    let quota = Quota {
        per_day: 200_000,
        per_hour: 40_000,
        cost: 39_000,
    };
    let property = Property::new("456")
        .with_daily([json!({"sessions": 1})])
        .with_quota(quota);
    let world = World::with(Fixture::default().property(property));
    assert_eq!(collect(&world).await.complete().records().len(), 1);
}

#[tokio::test]
async fn failures_of_google_are_tried_three_times() {
    let world = World::sample();
    let failure = || refused(503, "UNAVAILABLE", "The service is currently unavailable.");
    world.google.fail("/properties/", 0, 2, failure());
    collect(&world).await.complete();
    let before = world.google.reports().len();
    world.google.fail("/properties/", 0, 99, failure());
    let told = collect(&world).await;
    assert!(
        matches!(told.report.ended, Ended::Later { .. }),
        "{}",
        told.report.ended
    );
    assert_eq!(world.google.reports().len() - before, 3);
}

#[tokio::test]
async fn an_answer_that_is_no_report_moves_nothing() {
    let world = World::sample();
    let check = async |failure: Failure, expected: &str| {
        world.google.fail_next(failure);
        let told = collect(&world).await;
        world.google.heal();
        assert!(!told.report.is_complete());
        assert!(told.records().is_empty() && told.report.bookmark.is_none());
        assert!(told.fault().contains(expected), "{}", told.fault());
    };
    check(Failure::Truncated, "ends in the middle of its JSON").await;
    check(Failure::Malformed, "is not JSON").await;
    check(
        Failure::Body(json!({})),
        "the answer has no column sessions",
    )
    .await;
    check(
        Failure::Body(json!({"metricHeaders": "none"})),
        "another form than expected",
    )
    .await;
    let row = json!({"metricValues": [{"value": "many"}]});
    let body = json!({
        "metricHeaders": [{"name": "sessions"}], "rows": [row], "rowCount": 1,
    });
    check(
        Failure::Body(body),
        "has \"many\" as sessions, which is no number",
    )
    .await;
    let cut = world
        .collect(visits("456"), Wanted::Resume)
        .await
        .complete();
    assert_eq!(cut.records().len(), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_for_later() {
    let world = World::sample();
    world
        .google
        .fail("/token", 0, 99, refused(503, "UNAVAILABLE", "Down."));
    let told = collect(&world).await;
    assert!(
        matches!(told.report.ended, Ended::Later { .. }),
        "{}",
        told.report.ended
    );
    assert!(world.google.reports().is_empty());
}

#[test]
fn what_cannot_be_asked_is_refused_with_file_and_key() {
    let check = |entrypoint: &str, query: Value, expected: &str| {
        let error = refusal(
            entrypoint,
            query,
            json!({"property": "456"}),
            Wanted::Resume,
        );
        assert!(error.contains(expected), "{error}");
    };
    check("ga", json!({}), "query.json: query.metrics: is missing");
    check(
        "ga",
        json!({"metrics": ["visits"], "segment": "gaid::1"}),
        "query.json: query.segment: cannot be told to GA4",
    );
    check(
        "ga",
        json!({"metrics": ["visits"], "frequency": "hourly"}),
        "query.json: query.frequency: is \"hourly\": it must be daily, weekly or monthly",
    );
    check(
        "ga",
        json!({"metrics": ["visits"], "filters": "country==A,visits>1"}),
        "query.json: query.filters: \"country==A,visits>1\" has a dimension and a metric in one or",
    );
    check(
        "ga.trending",
        json!({}),
        "query.json: query.metric: is missing",
    );
    check(
        "ga.trending",
        json!({"metric": "pageviews", "dimensions": ["pagePath"]}),
        "query.json: query.dimensions: has no pageTitle",
    );
    check(
        "ga.realtime",
        json!({"filters": "ga:pagePath==/apply"}),
        "realtime reports of GA4 do not know pagePath: filter by unifiedScreenName",
    );
    check(
        "ga.realtime",
        json!({"metrics": "visits"}),
        "query.json: query.metrics: realtime reports of GA4 do not know sessions: there are \
         activeUsers, eventCount, keyEvents, screenPageViews",
    );
}

#[test]
fn a_range_that_is_none_is_refused() {
    let check = |entrypoint: &str, wanted: Wanted, expected: &str| {
        let query = json!({"metrics": ["visits"]});
        let error = refusal(entrypoint, query, json!({"property": "456"}), wanted);
        assert!(error.contains(expected), "{error}");
    };
    check(
        "ga",
        range("2026-11-05", "2026-11-01"),
        "ends on 2026-11-01, before it starts",
    );
    check(
        "ga",
        range("2026-11-05", "2027-01-01"),
        "2027-01-01 lies in the future",
    );
    let from = Wanted::between(Some(at("2026-11-01")), None);
    check("ga.realtime", from, "cannot backfill realtime collectors");
}
