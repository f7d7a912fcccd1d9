//! Everything that can be done with tokens.

use http::StatusCode;

use super::place::{Place, Process};
use super::{MINUTE, ROUNDS};
use crate::calls::Actions;

/// Gets tokens, shows them, gives them back; by good clients, bad ones and limited ones.
async fn exchange_all(token: &Process, client: &(String, String), limited: &(String, String)) {
    for client in [client, limited, &("nobody".to_owned(), "wrong".to_owned())] {
        let answer = token
            .form("/o/token/", client, "grant_type=client_credentials")
            .await;
        // Without one, there is nothing to give back.
        let issued = match answer.status {
            StatusCode::OK => answer.json()["access_token"]
                .as_str()
                .unwrap_or("?")
                .to_owned(),
            _ => "none".to_owned(),
        };
        for path in ["/o/introspect/", "/o/revoke_token/", "/o/introspect"] {
            token.form(path, client, &format!("token={issued}")).await;
        }
    }
    token
        .get("none", "/.well-known/oauth-authorization-server")
        .await;
}

pub(crate) async fn token() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("read", None).await;
    let limited = helper.register("read", Some(1)).await;
    let (store, recorder) = place.watched();
    let token = place.process(store, weir_token::router).await;
    let issued = token.token(&client).await;
    let what = format!("token={issued}");
    let good = token.form("/o/introspect/", &client, &what).await;
    assert_eq!(good.json()["active"], true);
    assert_eq!(
        token.form("/o/revoke_token/", &client, &what).await.status,
        StatusCode::OK
    );
    let ended = token.form("/o/introspect/", &client, &what).await;
    assert_eq!(ended.json()["active"], false);
    for round in 0..ROUNDS {
        place.fail(round);
        exchange_all(&token, &client, &limited).await;
        place.pass(MINUTE);
    }
    recorder.seen()
}
