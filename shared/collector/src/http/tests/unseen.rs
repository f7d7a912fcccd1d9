//! What nobody sees: secrets, addresses, bodies.

use std::io;

use http::HeaderName;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Log {
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

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn request(http: &Http, server: &Server) -> Request {
    let secret = SecretText::new("planted-secret");
    http.post(format!("{}/planted-path/1?key=planted-query", server.url))
        .route("/things/{id}")
        .bearer(&secret)
        .secret_header(HeaderName::from_static("x-key"), &secret)
        .conceal(&SecretText::new("planted-body"))
        .form([("refresh_token", "planted-body")])
}

#[tokio::test]
async fn secrets_are_in_no_log_no_error_and_no_debug() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let repeats = b"{\"message\": \"bad key planted-secret, bad token planted-body\"}";
    let refused = answer("403 Forbidden", &["x-echo: planted-secret"], repeats);
    let failing = answer("503 Busy", &[], repeats);
    let http = hasty();
    let mut seen = format!("{http:?}");
    for body in [
        refused,
        failing,
        cut(ok(repeats), 3),
        Vec::new(),
        ok(repeats),
    ] {
        let server = Server::answering(body).await;
        seen += &format!("{:?}", request(&http, &server));
        match request(&http, &server).send().await {
            Ok(answer) => seen += &format!("{answer:?} {:?}", answer.json::<Vec<u8>>()),
            Err(error) => {
                seen += &format!("{error} {error:?} {:?}", SourceError::from(error.clone()))
            }
        }
        match request(&http, &server).stream().await {
            Ok(answer) => seen += &format!("{answer:?}"),
            Err(error) => seen += &format!("{error} {error:?}"),
        }
    }
    let logged = log.text();
    assert!(!seen.contains("planted"), "{seen}");
    assert!(!logged.contains("planted"), "{logged}");
    assert!(seen.contains("bad key ***, bad token ***"), "{seen}");
    for words in ["POST /things/{id}", "trying again in", "403 Forbidden"] {
        assert!(logged.contains(words), "{words} in {logged}");
    }
}
