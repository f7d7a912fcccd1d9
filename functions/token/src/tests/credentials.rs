use weir_store::registry::ClientId;

use super::world::{Answered, SECRET, World, basic};

const GRANT: &str = "grant_type=client_credentials";

fn check_challenge(answered: &Answered) {
    let challenge = &answered.is_error(401, "invalid_client").headers["www-authenticate"];
    assert!(challenge.to_str().unwrap().starts_with("Basic realm="));
}

#[tokio::test(start_paused = true)]
async fn the_client_authenticates_by_basic_or_by_form() {
    let world = World::start().await;
    let form = format!("{GRANT}&client_id=reader&client_secret={SECRET}");
    world.post_form("/o/token/", &form).await.is_ok();
    world.post("/o/token/", GRANT).await.is_ok();
    let encoded = SECRET.replace('-', "%2D");
    let as_encoded = basic("re%61der", &encoded);
    world.post_as("/o/token/", GRANT, &as_encoded).await.is_ok();
}

#[tokio::test(start_paused = true)]
async fn credentials_in_two_places_are_invalid() {
    let world = World::start().await;
    for more in [
        format!("client_id=reader&client_secret={SECRET}"),
        format!("client_secret={SECRET}"),
        "client_id=other".into(),
    ] {
        let answered = world.post("/o/token/", &format!("{GRANT}&{more}")).await;
        answered.is_error(400, "invalid_request");
    }
    // Some libraries repeat the id alone.
    let form = format!("{GRANT}&client_id=reader");
    world.post("/o/token/", &form).await.is_ok();
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_the_client_is_invalid_and_told_no_more() {
    let world = World::start().await;
    let wrong = [
        basic("reader", "another-secret-entirely"),
        basic("reader", ""),
        basic("nobody", SECRET),
        basic("no body", SECRET),
        basic("local", SECRET),
    ];
    let mut descriptions = Vec::new();
    for authorization in wrong {
        let answered = world.post_as("/o/token/", GRANT, &authorization).await;
        check_challenge(&answered);
        descriptions.push(answered.body["error_description"].clone());
    }
    descriptions.dedup();
    assert_eq!(descriptions.len(), 1, "{descriptions:?}");
    for authorization in ["Bearer x", "Basic ???", "Basic", "Digest x"] {
        check_challenge(&world.post_as("/o/token/", GRANT, authorization).await);
    }
}

#[tokio::test(start_paused = true)]
async fn no_credentials_are_invalid_at_every_endpoint() {
    let world = World::start().await;
    for path in ["/o/token/", "/o/revoke_token/", "/o/introspect/"] {
        let form = format!("{GRANT}&token=x");
        check_challenge(&world.post_form(path, &form).await);
        check_challenge(
            &world
                .post_form(path, &format!("{form}&client_id=reader"))
                .await,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_client_gets_no_token_at_once() {
    let world = World::start().await;
    let id = ClientId::parse("reader").unwrap();
    world.service.revoke_client(&id).await.unwrap().unwrap();
    check_challenge(&world.post("/o/token/", GRANT).await);
}
