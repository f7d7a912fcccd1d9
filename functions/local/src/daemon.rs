//! `weir serve`: a server that lives until a signal ends it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_store::SystemClock;

use crate::args::{Global, ServeArgs};
use crate::failure::Failure;
use crate::first_start::{self, FixedClient, Kept, Place};
use crate::jobs::Setup;
use crate::serve::{Config, Running, Storage, start};
use crate::{listen, output};

/// `weir serve`: serves until SIGTERM or Ctrl-C.
pub(crate) async fn run(args: &ServeArgs, global: &Global) -> Result<()> {
    if let Some(server) = &global.server {
        let message = format!("serve does not go with --server {server}");
        return Err(Failure::usage(message)
            .hint("leave --server, or WEIR_SERVER, out")
            .into());
    }
    let fixed = FixedClient::given(global)?;
    let mut stop = Signals::listen()?;
    let running = start(config(args, global)).await?;
    let address = running.address().context("a server listens")?;
    if let Some(warning) = plain_text_warning(address) {
        tracing::warn!("{warning}");
    }
    let greeted = greet(&running, fixed.as_ref(), address, args).await;
    if greeted.is_ok() {
        tracing::info!(%address, "listening on {address}");
        stop.recv().await;
        tracing::info!("stopping");
    }
    running.stop().await?;
    tracing::info!("stopped");
    greeted
}

fn config(args: &ServeArgs, global: &Global) -> Config {
    let storage = match args.memory {
        true => Storage::Memory,
        false => Storage::Directory(global.data.clone()),
    };
    Config {
        storage,
        listen: Some(args.listen),
        public_url: args.public_url.clone(),
        allowed_origins: args.allowed_origins.clone(),
        snippet_path: args.snippet_path.clone(),
        connections: listen::connections_of_process(),
        jobs: Setup::on_time(&args.places),
        clock: Arc::new(SystemClock),
    }
}

async fn greet(
    running: &Running,
    fixed: Option<&FixedClient>,
    address: SocketAddr,
    args: &ServeArgs,
) -> Result<()> {
    let clients = first_start::prepare(running.service(), fixed).await?;
    let kept = if args.memory {
        Kept::InMemory
    } else {
        Kept::OnDisk
    };
    let place = Place {
        url: &url(address),
        data: running.data(),
        kept,
    };
    output::line(first_start::greeting(&clients, &place))?;
    Ok(())
}

fn plain_text_warning(address: SocketAddr) -> Option<String> {
    let warning = "can be reached from other machines: put TLS in front of it, since tokens and \
                   secrets go over it in plain text";
    (!address.ip().is_loopback()).then(|| format!("{address} {warning}"))
}

/// The address for a client on this machine.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// What ends a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on none is missed.
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_interfaces_is_reached_on_this_one() {
        let check = |address: &str, expected: &str| {
            assert_eq!(url(address.parse().unwrap()), expected);
        };
        check("127.0.0.1:8080", "http://127.0.0.1:8080");
        check("0.0.0.0:80", "http://127.0.0.1:80");
        check("[::]:80", "http://[::1]:80");
        check("192.0.2.1:80", "http://192.0.2.1:80");
    }

    #[test]
    fn an_address_that_others_can_reach_is_warned_of() {
        let warns = |address: &str| plain_text_warning(address.parse().unwrap()).is_some();
        assert!(warns("0.0.0.0:80") && warns("[::]:80") && warns("192.0.2.1:80"));
        assert!(!warns("127.0.0.1:80") && !warns("[::1]:80") && !warns("127.0.0.2:80"));
    }
}
