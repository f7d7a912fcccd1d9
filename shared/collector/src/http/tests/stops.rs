//! Readers that go on reading after what they read has ended: parsers do.

use std::io::BufReader;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::*;

const READ_TIME: Duration = Duration::from_secs(3);

/// What has begun when the server falls silent, with a level more than a parser leaves at once.
const BEGUN: &str = "{\"results\": [{\"n\": 1, ";

/// An answer of which all has arrived that ever will.
async fn begun(server: &Server) -> Streaming {
    let http = with(HttpOptions {
        read_time: READ_TIME,
        ..HttpOptions::default()
    });
    http.get(&server.url).stream().await.unwrap()
}

async fn silent() -> Server {
    let body = cut(ok(&[BEGUN.as_bytes(), &[b' '; 9]].concat()), 9);
    Server::start(vec![Script::Silence(body)]).await
}

/// Reads on this thread while another one drives the runtime, whose time passes while nothing else
/// happens; on its own threads that may block, time would not pass.
fn read_in_paused_time<T>(runtime: &Runtime, read: impl FnOnce() -> T) -> (T, Duration) {
    let (done, is_done) = oneshot::channel::<()>();
    thread::scope(|scope| {
        let (paused, is_paused) = std::sync::mpsc::channel();
        scope.spawn(move || {
            runtime.block_on(async {
                tokio::time::pause();
                paused.send(()).unwrap();
                is_done.await.unwrap_err();
            });
        });
        is_paused.recv().unwrap();
        let _within = runtime.enter();
        let began = Instant::now();
        let read = read();
        let took = began.elapsed();
        drop(done);
        (read, took)
    })
}

#[test]
fn a_silent_server_is_waited_for_once() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (_server, mut reader) = runtime.block_on(async {
        let server = silent().await;
        let reader = begun(&server).await.reader();
        (server, reader)
    });
    let parse = || serde_json::from_reader::<_, Value>(BufReader::new(&mut reader));
    let (parsed, took) = read_in_paused_time(&runtime, parse);
    assert!(parsed.unwrap_err().to_string().contains("silent"));
    assert!(took >= READ_TIME && took < 2 * READ_TIME, "{took:?}");
    let error = reader.take_error().unwrap();
    assert_eq!(error.kind(), HttpErrorKind::Unavailable);
}

#[tokio::test]
async fn who_is_not_wanted_any_more_is_told_so_each_time() {
    let server = silent().await;
    let (here, gone) = oneshot::channel();
    let mut reader = begun(&server).await.reader_until(gone);
    drop(here);
    let told = spawn_blocking(move || {
        let mut told = || reader.read(&mut [0; 100]).unwrap_err().to_string();
        [told(), told(), told()]
    });
    assert_eq!(told.await.unwrap(), ["nobody wants more"; 3]);
}

#[tokio::test]
async fn what_failed_once_stays_failed() {
    let server = Server::answering(cut(ok(b"abc"), 1)).await;
    let mut reader = begun(&server).await.reader();
    let told = spawn_blocking(move || {
        let mut told = || reader.read_to_end(&mut Vec::new()).unwrap_err().to_string();
        let told = [told(), told()];
        let error = reader.take_error().unwrap().to_string();
        (told, error, reader.would_wait())
    });
    let (told, error, would_wait) = told.await.unwrap();
    assert_eq!(told, [error.clone(), error]);
    assert!(!would_wait);
}

#[tokio::test]
async fn an_item_that_is_too_large_is_told_without_waiting_for_more_of_it() {
    // As large as it may be with what is read at once, and a little more, and then silence.
    let large = format!("[{{\"x\": \"{}", "a".repeat(64 * 1024 + 1100));
    let body = cut(ok(&[large.as_bytes(), &[b' '; 9]].concat()), 9);
    let server = Server::start(vec![Script::Silence(body)]).await;
    let request = impatient().get(&server.url).max_item_bytes(1000);
    let mut items = request.stream().await.unwrap().items::<Value>(&[]);
    let error = items.next().await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::TooLarge, "{error}");
}
