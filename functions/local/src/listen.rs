//! Serves a router on a listener until it is told to stop, and then finishes what is in flight.
//!
//! Like `axum::serve`, but a client that does not send its request's head does not keep its
//! connection.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::serve::Listener;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long a connection may be quiet, or take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// Serves connections until `stop` changes or its sender is gone. Returns when the last one has
/// ended; dropping the future cuts them.
pub(crate) async fn serve(
    mut listener: impl Listener,
    router: Router,
    mut stop: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (io, _) = listener.accept() => {
                connections.spawn(connection(TokioIo::new(io), router.clone(), stop.clone()));
            }
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<I>(io: TokioIo<I>, router: Router, mut stop: watch::Receiver<()>)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let service = TowerToHyperService::new(service.map_err(|never: Infallible| match never {}));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    let mut connection = pin!(builder.serve_connection(io, service));
    // A connection that breaks is its client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    async fn start(router: Router) -> (TcpStream, watch::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(serve(listener, router, stopped));
        (TcpStream::connect(address).await.unwrap(), stop, server)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_send_a_whole_head_loses_the_connection() {
        let (mut stream, stop, server) = start(Router::new()).await;
        stream
            .write_all(b"POST /api/track/ HTTP/1.1\r\nHost: ")
            .await
            .unwrap();
        let mut answer = Vec::new();
        // Without the time-out this would never end.
        stream.read_to_end(&mut answer).await.unwrap();
        drop(stop);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_in_flight_is_finished_when_the_server_stops() {
        let (begun, has_begun) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let channels = std::sync::Mutex::new(Some((begun, ended)));
        let slow = move || {
            let (begun, ended) = channels.lock().unwrap().take().unwrap();
            async move {
                begun.send(()).unwrap();
                ended.await.unwrap();
                "done"
            }
        };
        let slow = std::sync::Arc::new(slow);
        let router = Router::new().route("/", get(move || slow()));
        let (mut stream, stop, server) = start(router).await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        has_begun.await.unwrap();
        drop(stop);
        end.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("done"),
            "{answer}"
        );
        server.await.unwrap();
    }
}
