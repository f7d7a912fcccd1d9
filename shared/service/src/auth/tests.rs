use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures::future::join_all;
use http::Request;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use tower::ServiceExt;
use weir_store::registry::ClientId;

use super::{Authorized, LocalAdmin, Scope, Scopes, need};
use crate::testing::{World, bearing, register, request, token};
use crate::{Problem, Service};

async fn refused(service: &Service, parts: &Parts) -> Problem {
    service.authorize(parts, Scope::Read).await.unwrap_err()
}

async fn check(service: &Service, parts: &Parts, status: u16, code: &str) -> Problem {
    let problem = refused(service, parts).await;
    assert_eq!(problem.status().as_u16(), status, "{problem}");
    assert_eq!(problem.document().code, code);
    problem
}

fn challenge(problem: &Problem) -> &str {
    problem.headers()[WWW_AUTHENTICATE].to_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_good_token_names_its_client_and_its_scopes() {
    let service = World::start().await.process();
    let token = token(&service, "reader", "read aggregation", None).await;
    for authorization in [format!("Bearer {token}"), format!("bearer  {token}")] {
        let caller = service
            .authorize(&request(&authorization), Scope::Read)
            .await
            .unwrap();
        assert_eq!(caller.client, ClientId::parse("reader").unwrap());
        assert_eq!(caller.scopes.to_string(), "read aggregation");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_answer_says_which_kind_is_wanted() {
    let service = World::start().await.process();
    let none = Request::new(()).into_parts().0;
    for parts in [
        none,
        request("Basic YTpi"),
        request("Bearer"),
        request("nonsense"),
    ] {
        let problem = check(&service, &parts, 401, "unauthorized").await;
        assert_eq!(challenge(&problem), "Bearer realm=\"weir\"");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_told_from_none() {
    let world = World::start().await;
    let service = world.process();
    let parts = bearing(&token(&service, "reader", "read", None).await);
    for bad in [request("Bearer x.y.z"), bearing(&"x".repeat(100_000))] {
        let problem = check(&service, &bad, 401, "invalid-token").await;
        assert!(challenge(&problem).contains("error=\"invalid_token\""));
    }
    world.clock.advance(Duration::from_secs(3600));
    let problem = check(&service, &parts, 401, "invalid-token").await;
    assert_eq!(problem.document().detail, "the token has expired");
}

#[tokio::test(start_paused = true)]
async fn two_authorization_headers_are_none() {
    let service = World::start().await.process();
    let mut parts = bearing(&token(&service, "reader", "read", None).await);
    parts
        .headers
        .append(AUTHORIZATION, "Bearer other".parse().unwrap());
    check(&service, &parts, 401, "unauthorized").await;
}

#[tokio::test(start_paused = true)]
async fn a_token_without_the_scope_is_forbidden() {
    let service = World::start().await.process();
    let parts = bearing(&token(&service, "writer", "write", None).await);
    let problem = check(&service, &parts, 403, "insufficient-scope").await;
    let expected = "error=\"insufficient_scope\", scope=\"read\"";
    assert!(challenge(&problem).ends_with(expected));
    assert_eq!(problem.document().members["scope"], "read");
}

#[tokio::test(start_paused = true)]
async fn the_control_socket_needs_no_token() {
    let service = World::start().await.process();
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(LocalAdmin);
    let caller = service.authorize(&parts, Scope::Write).await.unwrap();
    assert_eq!(
        (caller.client.as_str(), caller.scopes),
        ("local", Scopes::ALL)
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_client_is_refused_here_at_once_and_elsewhere_within_a_minute() {
    let world = World::start().await;
    let (here, elsewhere) = (world.process(), world.process());
    let id = register(&here, "reader", "read").await.client.id;
    let parts = bearing(&token(&here, "reader", "read", None).await);
    for service in [&here, &elsewhere] {
        service.authorize(&parts, Scope::Read).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(1));
    here.revoke_client(&id).await.unwrap().unwrap();
    check(&here, &parts, 401, "invalid-token").await;
    world.clock.advance(Duration::from_secs(29));
    elsewhere.authorize(&parts, Scope::Read).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    let problem = check(&elsewhere, &parts, 401, "invalid-token").await;
    assert_eq!(problem.document().detail, "the token was revoked");
}

#[tokio::test(start_paused = true)]
async fn revoking_one_token_leaves_the_others_of_its_client() {
    let world = World::start().await;
    let (here, elsewhere) = (world.process(), world.process());
    let one = token(&here, "reader", "read", None).await;
    let other = bearing(&token(&here, "reader", "read", None).await);
    elsewhere
        .authorize(&bearing(&one), Scope::Read)
        .await
        .unwrap();
    let claims = here.verify(&one).await.unwrap();
    here.revoke_token(&claims).await.unwrap();
    world.clock.advance(Duration::from_secs(31));
    for service in [&here, &elsewhere] {
        check(service, &bearing(&one), 401, "invalid-token").await;
        service.authorize(&other, Scope::Read).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_store_the_copy_serves_for_a_minute_and_no_longer() {
    let world = World::start().await;
    let service = world.process();
    let parts = bearing(&token(&service, "reader", "read", None).await);
    service.authorize(&parts, Scope::Read).await.unwrap();
    world.line.cut(true);
    world.clock.advance(Duration::from_secs(40));
    // This one tries to reread for five seconds of the clock.
    service.authorize(&parts, Scope::Read).await.unwrap();
    world.clock.advance(Duration::from_secs(16));
    let problem = check(&service, &parts, 503, "store-unavailable").await;
    assert!(problem.headers().contains_key(RETRY_AFTER));
    let tried = world.line.calls();
    check(&service, &parts, 503, "store-unavailable").await;
    assert_eq!(
        world.line.calls(),
        tried,
        "the store is left alone for a second"
    );
    world.line.cut(false);
    world.clock.advance(Duration::from_secs(1));
    service.authorize(&parts, Scope::Read).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_never_read_the_revocations_lets_nobody_in() {
    let world = World::start().await;
    let service = world.process();
    world.line.cut(true);
    let parts = bearing(&token(&service, "reader", "read", None).await);
    check(&service, &parts, 503, "store-unavailable").await;
}

#[tokio::test(start_paused = true)]
async fn many_requests_share_one_reread() {
    let world = World::start().await;
    let service = world.process();
    let parts = bearing(&token(&service, "reader", "read", None).await);
    for age in [0, 31, 61] {
        world.clock.advance(Duration::from_secs(age));
        let before = world.line.calls();
        let requests = (0..20).map(|_| service.authorize(&parts, Scope::Read));
        assert!(join_all(requests).await.iter().all(Result::is_ok));
        assert_eq!(world.line.calls() - before, 1, "at an age of {age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_from_the_future_is_reread() {
    let world = World::start().await;
    let service = world.process();
    let parts = bearing(&token(&service, "reader", "read", None).await);
    let now = service.now();
    service.authorize(&parts, Scope::Read).await.unwrap();
    world.clock.set(now.saturating_sub(Duration::from_secs(10)));
    let before = world.line.calls();
    service.authorize(&parts, Scope::Read).await.unwrap();
    assert_eq!(world.line.calls() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_rate_is_told_when_to_come_again() {
    let world = World::start().await;
    let service = world.process();
    let parts = bearing(&token(&service, "reader", "read", Some(2)).await);
    for _ in 0..2 {
        service.authorize(&parts, Scope::Read).await.unwrap();
    }
    let problem = check(&service, &parts, 429, "over-rate").await;
    assert_eq!(problem.headers()[RETRY_AFTER], "1");
    let other = bearing(&token(&service, "other", "read", Some(2)).await);
    service.authorize(&other, Scope::Read).await.unwrap();
    world.clock.advance(Duration::from_millis(500));
    service.authorize(&parts, Scope::Read).await.unwrap();
    check(&service, &parts, 429, "over-rate").await;
}

#[tokio::test(start_paused = true)]
async fn the_extractor_lets_in_whom_authorize_lets_in() {
    let service = World::start().await.process();
    let handler = async |caller: Authorized<need::Aggregation>| caller.caller.client.to_string();
    let router: Router = Router::new()
        .route("/", get(handler))
        .with_state(Arc::clone(&service));
    let status = async |scopes: &str| {
        let token = token(&service, "reader", scopes, None).await;
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status("aggregation").await, 200);
    assert_eq!(status("read write").await, 403);
}
