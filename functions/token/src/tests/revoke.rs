use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use weir_service::auth::{Scope, SigningKeys};
use weir_service::{Service, ServiceConfig};

use super::world::{SECRET, World, basic, key};

async fn works(service: &Service, token: &str) -> bool {
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    service.authorize(&parts, Scope::Read).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_token_given_back_works_nowhere_within_a_minute() {
    let world = World::start().await;
    let elsewhere = world.process(ServiceConfig::new(SigningKeys::new(key(1))));
    let (token, other) = (world.token().await, world.token().await);
    assert!(works(&elsewhere, &token).await);
    for path in ["/o/revoke_token/", "/o/revoke_token"] {
        let form = format!("token={token}&token_type_hint=refresh_token");
        world.post(path, &form).await.is_ok();
    }
    assert!(!works(&world.service, &token).await, "here at once");
    world.clock.advance(Duration::from_secs(60));
    assert!(!works(&elsewhere, &token).await);
    assert!(works(&elsewhere, &other).await);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_client_stays_what_it_was() {
    let world = World::start().await;
    world.register("other", "read", None).await;
    let token = world.token().await;
    let as_other = basic("other", SECRET);
    let form = format!("token={token}");
    world
        .post_as("/o/revoke_token/", &form, &as_other)
        .await
        .is_ok();
    world.clock.advance(Duration::from_secs(60));
    assert!(works(&world.service, &token).await);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_token_is_the_answer_is_the_same() {
    let world = World::start().await;
    let ended = world.token().await;
    world.clock.advance(Duration::from_secs(4000));
    for token in ["nonsense", "a.b.c", ended.as_str()] {
        world
            .post("/o/revoke_token/", &format!("token={token}"))
            .await
            .is_ok();
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_is_invalid_and_no_store_is_unavailable() {
    let world = World::start().await;
    world
        .post("/o/revoke_token/", "")
        .await
        .is_error(400, "invalid_request");
    world.line.cut();
    let answered = world.post("/o/revoke_token/", "token=x").await;
    answered.is_error(503, "temporarily_unavailable");
}
