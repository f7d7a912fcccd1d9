//! A server on a thread of its own.

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use axum::Router;
use tokio::sync::oneshot;

/// Listens on a port that was free; ends when it is dropped, with every connection.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// # Panics
    /// When this machine gives no port or no thread.
    pub(crate) fn start(router: Router) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(format!("stand-in {address}"))
            .spawn(move || serve(listener, router, stopped));
        Server {
            address,
            stop: Some(stop),
            thread: Some(thread.expect("a thread")),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        tokio::select! {
            served = axum::serve(listener, router) => served.expect("it listens"),
            _ = stopped => {}
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        // One that panicked has told its own tale.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
