use std::time::Duration;

use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use weir_service::ServiceConfig;
use weir_service::auth::{Scope, SigningKeys};

use super::world::{SECRET, World, basic, key, send};

const GRANT: &str = "grant_type=client_credentials";

async fn authorized(service: &weir_service::Service, token: &str, scope: Scope) -> u16 {
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    match service.authorize(&parts, scope).await {
        Ok(caller) => {
            assert_eq!(caller.client.as_str(), "reader");
            200
        }
        Err(problem) => problem.status().as_u16(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_a_token_that_works() {
    let world = World::start().await;
    for path in ["/o/token/", "/o/token"] {
        let answered = world.post(path, &format!("{GRANT}&scope=read")).await;
        let body = &answered.is_ok().body;
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body["scope"], "read");
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(authorized(&world.service, token, Scope::Read).await, 200);
        assert_eq!(
            authorized(&world.service, token, Scope::Aggregation).await,
            403
        );
    }
}

#[tokio::test(start_paused = true)]
async fn asking_for_no_scope_grants_all_of_the_clients() {
    let world = World::start().await;
    for form in [
        GRANT.into(),
        format!("{GRANT}&scope="),
        format!("{GRANT}&scope=+"),
    ] {
        let answered = world.post("/o/token/", &form).await;
        assert_eq!(answered.is_ok().body["scope"], "read aggregation");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_unknown_or_not_the_clients_is_invalid() {
    let world = World::start().await;
    let form = format!("{GRANT}&scope=read+writhe+aggregation");
    let answered = world.post("/o/token/", &form).await;
    let description = &answered.is_error(400, "invalid_scope").body["error_description"];
    assert!(
        description.as_str().unwrap().contains("'writhe'"),
        "{description}"
    );
    let answered = world
        .post("/o/token/", &format!("{GRANT}&scope=read+write"))
        .await;
    let description = &answered.is_error(400, "invalid_scope").body["error_description"];
    assert_eq!(description, "this client may ask for read aggregation");
}

#[tokio::test(start_paused = true)]
async fn another_grant_is_unsupported_and_none_is_invalid() {
    let world = World::start().await;
    let answered = world
        .post("/o/token/", "grant_type=password&username=a&password=b")
        .await;
    answered.is_error(400, "unsupported_grant_type");
    for form in ["", "scope=read", "grant_type="] {
        world
            .post("/o/token/", form)
            .await
            .is_error(400, "invalid_request");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_form_is_invalid() {
    let world = World::start().await;
    let answered = world.post("/o/token/", &format!("{GRANT}&{GRANT}")).await;
    answered.is_error(400, "invalid_request");
    let json = Request::post("/o/token/")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, basic("reader", SECRET))
        .body(Body::from(r#"{"grant_type":"client_credentials"}"#));
    let answered = send(world.router(), json.unwrap()).await;
    answered.is_error(400, "invalid_request");
    let large = format!("{GRANT}&scope={}", "x".repeat(5_000_000));
    world
        .post("/o/token/", &large)
        .await
        .is_error(413, "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn another_method_is_a_problem_that_names_post() {
    let world = World::start().await;
    let request = Request::get("/o/token/").body(Body::empty()).unwrap();
    let answered = send(world.router(), request).await;
    assert_eq!(answered.status.as_u16(), 405);
    assert_eq!(answered.headers["allow"], "POST");
    assert_eq!(answered.body["code"], "method-not-allowed");
}

#[tokio::test(start_paused = true)]
async fn without_the_store_the_client_is_asked_to_come_again() {
    let world = World::start().await;
    world.line.cut();
    let answered = world.post("/o/token/", GRANT).await;
    let headers = &answered.is_error(503, "temporarily_unavailable").headers;
    assert!(headers.contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_rate_gets_no_token() {
    let world = World::start().await;
    world.register("slow", "read", Some(1)).await;
    let as_slow = basic("slow", SECRET);
    world.post_as("/o/token/", GRANT, &as_slow).await.is_ok();
    let answered = world.post_as("/o/token/", GRANT, &as_slow).await;
    let headers = &answered.is_error(429, "temporarily_unavailable").headers;
    assert_eq!(headers["retry-after"], "1");
    world.clock.advance(Duration::from_secs(1));
    world.post_as("/o/token/", GRANT, &as_slow).await.is_ok();
}

#[tokio::test(start_paused = true)]
async fn tokens_outlive_a_rotation_of_keys() {
    let world = World::start().await;
    let token = world.token().await;
    let status = async |keys: SigningKeys| {
        let service = world.process(ServiceConfig::new(keys));
        authorized(&service, &token, Scope::Read).await
    };
    assert_eq!(
        status(SigningKeys::new(key(1)).accepting(key(2))).await,
        200
    );
    assert_eq!(
        status(SigningKeys::new(key(2)).accepting(key(1))).await,
        200
    );
    assert_eq!(status(SigningKeys::new(key(2))).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_after_its_hour() {
    let world = World::start().await;
    let token = world.token().await;
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(authorized(&world.service, &token, Scope::Read).await, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(authorized(&world.service, &token, Scope::Read).await, 401);
}
