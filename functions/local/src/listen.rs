//! Serves a router on a listener until it is told to stop, and then finishes what is in flight.
//!
//! Like `axum::serve`, but nobody keeps a connection by doing nothing: a client has to send its
//! request's head and to take its answer in a bounded time, and when there are too many
//! connections, quiet ones make [`room`].

mod room;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::serve::Listener;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use room::{Place, Room};

/// Connections at once, if the system lets a process have so many files: with what each of them
/// may keep in memory, a quarter of a gigabyte.
pub(crate) const CONNECTIONS: usize = 4096;

/// Files that a server has open beside its connections: database, log, sockets, commands.
const OTHER_FILES: u64 = 400;

/// How long a connection may be quiet, or take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// How long a client may take no byte of an answer that it has asked for.
const TAKE_TIME: Duration = Duration::from_secs(30);

/// The memory that a connection reads into: the head of a request has to fit.
const READ_BYTES: usize = 64 * 1024;

/// How long a connection that shall make room may take to end of itself.
const LEAVE_TIME: Duration = Duration::from_millis(100);

/// How often a full room is looked at again, in case somebody has become quiet.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Raises the number of files that this process may open as far as it may, and says how many
/// connections it can have then.
pub(crate) fn connections_of_process() -> usize {
    let wanted = CONNECTIONS as u64 + OTHER_FILES;
    let files = match rlimit::increase_nofile_limit(wanted) {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the number of open files: {error}");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(wanted)
        }
    };
    let connections = files.saturating_sub(OTHER_FILES).max(files / 2);
    usize::try_from(connections).map_or(CONNECTIONS, |connections| connections.min(CONNECTIONS))
}

/// Serves up to `limit` connections until `stop` changes or its sender is gone. Returns when the
/// last one has ended; dropping the future cuts them.
pub(crate) async fn serve(
    mut listener: impl Listener,
    router: Router,
    limit: usize,
    mut stop: watch::Receiver<()>,
) {
    let room = Room::new(limit);
    let mut connections = JoinSet::new();
    loop {
        let has_room = room.make();
        tokio::select! {
            // Without descriptors for another, the listener itself pauses and tries again.
            (io, _) = listener.accept(), if has_room => {
                connections.spawn(connection(io, router.clone(), room.enter(), stop.clone()));
            }
            () = sleep(LOOK_AGAIN), if !has_room => {}
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<I>(io: I, router: Router, place: Arc<Place>, mut stop: watch::Receiver<()>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = Arc::clone(&place);
    let service = router
        .map_request(|request: Request<Incoming>| request.map(Body::new))
        .map_future(move |answer| {
            let busy = requests.busy();
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
    let service = TowerToHyperService::new(service.map_err(|never: Infallible| match never {}));
    let mut io = TimeoutStream::new(io);
    io.set_write_timeout(Some(TAKE_TIME));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(READ_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(io)), service));
    // A connection that breaks is its client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = place.told_to_leave() => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LEAVE_TIME, connection).await;
            return;
        }
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
        let server = tokio::spawn(serve(listener, router, 2, stopped));
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

    async fn get_over(stream: &mut TcpStream) -> String {
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = vec![0; 1000];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn those_who_send_no_whole_request_do_not_keep_others_out() {
        let (mut slow, stop, server) = start(Router::new().route("/", get(async || "hi"))).await;
        let address = slow.peer_addr().unwrap();
        slow.write_all(b"GET / HT").await.unwrap();
        // Both places are taken by those who send a byte now and then.
        let mut slower = TcpStream::connect(address).await.unwrap();
        slower.write_all(b"G").await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        let answer = timeout(Duration::from_secs(20), get_over(&mut other)).await;
        assert!(answer.unwrap().ends_with("hi"));
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest).await;
        assert_eq!(rest, b"", "it was told to leave");
        drop((stop, slower, other));
        server.await.unwrap();
    }

    #[tokio::test]
    async fn who_takes_no_byte_of_an_answer_loses_the_connection() {
        let router = Router::new().route("/", get(async || vec![b'x'; 64 * 1024 * 1024]));
        let (mut stream, stop, server) = start(router).await;
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        // Once the first bytes are here, the answer fills what the system keeps for us.
        stream.readable().await.unwrap();
        drop(stop);
        tokio::time::pause();
        // The connection ends though nobody reads: without the time-out this would never end.
        server.await.unwrap();
    }
}
