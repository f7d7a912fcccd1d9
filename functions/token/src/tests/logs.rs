use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_default;
use tracing_subscriber::fmt::MakeWriter;

use super::world::{SECRET, World, basic, send};

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    // With a second subscriber alive, what is of interest is asked of both, and not of whichever
    // thread of the test binary comes to a line first.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = set_default(subscriber);
    let world = World::start().await;
    let token = world.token().await;
    let wrong = basic("reader", "planted-wrong-secret");
    let form = format!("grant_type=client_credentials&client_id=reader&client_secret={SECRET}");
    world
        .post_form("/o/token/?client_secret=planted-in-query", &form)
        .await
        .is_ok();
    world
        .post_as("/o/token/", &form, &wrong)
        .await
        .is_error(400, "invalid_request");
    world
        .post_as("/o/token/", "grant_type=client_credentials", &wrong)
        .await
        .is_error(401, "invalid_client");
    world
        .post("/o/introspect/", &format!("token={token}"))
        .await
        .is_ok();
    world
        .post("/o/revoke_token/", &format!("token={token}"))
        .await
        .is_ok();
    let request = Request::post("/planted-in-path")
        .header(AUTHORIZATION, "Bearer planted-in-header")
        .header(CONTENT_TYPE, "text/planted");
    let request = request.body(Body::from("planted-in-body")).unwrap();
    assert_eq!(send(world.router(), request).await.status.as_u16(), 404);
    world.line.cut();
    let form = format!("token={token}");
    world
        .post("/o/revoke_token/", &form)
        .await
        .is_error(503, "temporarily_unavailable");

    let text = log.text();
    for line in ["POST /o/token/ 200", "POST /o/token/ 401", "POST none 404"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.contains("issued a token to client reader"));
    for secret in [
        "planted",
        SECRET,
        token.as_str(),
        token.rsplit('.').next().unwrap(),
    ] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
