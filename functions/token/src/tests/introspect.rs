use std::time::Duration;

use serde_json::json;
use weir_service::ServiceConfig;
use weir_service::auth::SigningKeys;
use weir_store::registry::ClientId;

use super::world::{SECRET, World, basic, key};

#[tokio::test(start_paused = true)]
async fn a_good_token_is_described() {
    let world = World::start().await;
    world.register("other", "write", None).await;
    let form = format!("token={}", world.token().await);
    for path in ["/o/introspect/", "/o/introspect"] {
        let answered = world.post_as(path, &form, &basic("other", SECRET)).await;
        let body = &answered.is_ok().body;
        assert_eq!(body["active"], true);
        assert_eq!(body["scope"], "read aggregation");
        assert_eq!(
            (&body["client_id"], &body["sub"]),
            (&json!("reader"), &json!("reader"))
        );
        assert_eq!(body["token_type"], "Bearer");
        let (issued, ends) = (body["iat"].as_i64().unwrap(), body["exp"].as_i64().unwrap());
        assert_eq!((issued, ends - issued), (1_767_225_600, 3600));
    }
}

#[tokio::test(start_paused = true)]
async fn of_any_other_token_only_that_it_is_not_good_is_said() {
    let world = World::start().await;
    let foreign = world.process(ServiceConfig::new(SigningKeys::new(key(9))));
    let claims = world.service.verify(&world.token().await).await;
    let claims = claims.unwrap();
    let grant = weir_service::auth::Grant {
        client: ClientId::parse(&claims.sub).unwrap(),
        scopes: weir_service::Scopes::ALL,
        rate: None,
    };
    let foreign = foreign.issue(&grant).await.unwrap();
    let ended = world.token().await;
    world.clock.advance(Duration::from_secs(3600));
    for token in ["nonsense", foreign.expose(), ended.as_str()] {
        let answered = world
            .post("/o/introspect/", &format!("token={token}"))
            .await;
        assert_eq!(answered.is_ok().body, json!({"active": false}));
    }
    world
        .post("/o/introspect/", "")
        .await
        .is_error(400, "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_made_elsewhere_shows_at_once() {
    let world = World::start().await;
    world.register("other", "read", None).await;
    let elsewhere = world.process(ServiceConfig::new(SigningKeys::new(key(1))));
    let active = async |token: &str| {
        let form = format!("token={token}");
        let answered = world
            .post_as("/o/introspect/", &form, &basic("other", SECRET))
            .await;
        answered.is_ok().body["active"].as_bool().unwrap()
    };
    let (one, two) = (world.token().await, world.token().await);
    assert!(active(&one).await && active(&two).await);
    let claims = elsewhere.verify(&one).await.unwrap();
    elsewhere.revoke_token(&claims).await.unwrap();
    assert!(!active(&one).await && active(&two).await);
    let reader = ClientId::parse("reader").unwrap();
    elsewhere.revoke_client(&reader).await.unwrap().unwrap();
    assert!(!active(&two).await);
}
