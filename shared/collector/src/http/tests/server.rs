//! A server of bytes: what it answers need not be HTTP.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a connection is answered with, each connection one request.
#[derive(Debug, Clone)]
pub(super) enum Script {
    /// These bytes, and the end.
    Bytes(Vec<u8>),
    /// These bytes, and then silence.
    Silence(Vec<u8>),
    /// These bytes, one every so often.
    Drip(Vec<u8>, Duration),
}

/// A server that follows its scripts, the last one for ever.
pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    pub(super) async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let heard = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut left = scripts.into_iter().peekable();
            let mut script = Script::Bytes(Vec::new());
            while let Ok((connection, _)) = listener.accept().await {
                script = left.next().unwrap_or(script);
                tokio::spawn(follow(connection, script.clone(), Arc::clone(&heard)));
            }
        });
        Self { url, requests }
    }

    pub(super) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![Script::Bytes(bytes.into())]).await
    }

    /// Answers one request, and counts what the other side takes of the answer.
    pub(super) async fn counting(bytes: Vec<u8>) -> (Self, Sent) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Sent::default();
        let counted = sent.clone();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            read(&mut connection).await;
            for part in bytes.chunks(16 * 1024) {
                connection.write_all(part).await.unwrap();
                counted.0.fetch_add(part.len(), Ordering::SeqCst);
            }
        });
        let requests = Arc::default();
        (Self { url, requests }, sent)
    }

    /// How many requests there were.
    pub(super) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// A request as it came.
    pub(super) fn request(&self, index: usize) -> (String, Vec<u8>) {
        let request = self.requests.lock().unwrap()[index].clone();
        let end = head_end(&request).expect("a request has a head");
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        (head, request[end..].to_vec())
    }
}

/// How much of an answer was sent.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicUsize>);

impl Sent {
    /// How much it is when it grows no more.
    pub(super) async fn settled(&self) -> usize {
        let mut quiet = 0;
        let mut seen = 0;
        while quiet < 20_000 {
            tokio::task::yield_now().await;
            let now = self.0.load(Ordering::SeqCst);
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
        seen
    }
}

async fn follow(mut connection: TcpStream, script: Script, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let request = read(&mut connection).await;
    heard.lock().unwrap().push(request);
    // Who has gone hears no more, which is what some tests are about.
    match script {
        Script::Bytes(bytes) => {
            let _ = connection.write_all(&bytes).await;
            let _ = connection.shutdown().await;
        }
        Script::Silence(bytes) => {
            let _ = connection.write_all(&bytes).await;
            std::future::pending().await
        }
        Script::Drip(bytes, pause) => {
            for byte in bytes {
                let _ = connection.write_all(&[byte]).await;
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn read(connection: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = connection.read(&mut buffer).await {
        request.extend_from_slice(&buffer[..read]);
        if is_whole(&request) {
            break;
        }
    }
    request
}

fn is_whole(request: &[u8]) -> bool {
    head_end(request).is_some_and(|end| {
        let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
        request.len() - end >= length.unwrap_or(0)
    })
}

fn head_end(request: &[u8]) -> Option<usize> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    end.map(|end| end + 4)
}

/// An answer with its length.
pub(super) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for header in headers {
        answer.push_str(header);
        answer.push_str("\r\n");
    }
    answer.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// An answer in chunks, and what comes behind them.
pub(super) fn chunked(chunks: &[&[u8]], end: &str) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
        answer.extend(*chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(end.bytes());
    answer
}

pub(super) fn ok(body: &[u8]) -> Vec<u8> {
    answer("200 OK", &[], body)
}

/// Without its last bytes.
pub(super) fn cut(mut answer: Vec<u8>, bytes: usize) -> Vec<u8> {
    answer.truncate(answer.len() - bytes);
    answer
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body).unwrap();
    gzip.finish().unwrap()
}
