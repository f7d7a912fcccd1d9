//! HTTPS with a root certificate that the system does not know.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use weir_client::{BuildError, Builder, Client, codes};

use crate::server::{Shared, serve};
use crate::world::{close, report};

/// A server for `localhost`; its port, and the root certificate in PEM.
async fn start(shared: Arc<Mutex<Shared>>) -> (u16, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &root).unwrap();
    let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], secret)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                // A client that does not trust us goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, shared).await;
                }
            });
        }
    });
    (port, root.pem())
}

fn builder(port: u16) -> Builder {
    // A host alone means HTTPS.
    let builder = Client::builder().server(format!("localhost:{port}"));
    builder.write_key("a-write-key")
}

#[tokio::test]
async fn events_go_by_https_to_who_is_trusted_and_to_nobody_else() {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let (port, root) = start(Arc::clone(&shared)).await;

    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let stranger = builder(port)
        .on_notice(move |notice| hears.lock().unwrap().push(notice.clone()))
        .build()
        .unwrap();
    report(&stranger, 0..5);
    let flushing = tokio::spawn({
        let stranger = stranger.clone();
        async move { stranger.flush().await }
    });
    while told.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!flushing.is_finished());
    assert_eq!(stranger.close(Duration::ZERO).await.lost, 5);
    assert!(shared.lock().unwrap().seen.is_empty());
    let told = told.lock().unwrap().clone();
    assert_eq!(told[0].code, codes::RETRY);
    assert!(told[0].text.contains("certificate"), "{}", told[0].text);

    let client = builder(port).root_certificate(root).build().unwrap();
    report(&client, 0..500);
    close(client).await;
    assert_eq!(shared.lock().unwrap().counts().len(), 500);
}

/// Runs in a program of its own, because the system's certificates are found by its environment.
const WITHOUT: &str = "https::without_certificates_of_the_system_http_needs_none";

#[test]
fn without_certificates_of_the_system_http_needs_none() {
    if std::env::var_os("SSL_CERT_FILE").is_none_or(|path| path != "/nowhere/roots.pem") {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", WITHOUT])
            .env("SSL_CERT_FILE", "/nowhere/roots.pem")
            .env("SSL_CERT_DIR", "/nowhere")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let client = |server: &str| Client::builder().server(server).write_key("a-write-key");
    client("http://127.0.0.1:1").build().unwrap();
    let https = client("https://127.0.0.1:1");
    assert!(matches!(https.build(), Err(BuildError::Https(_))));
    let root = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let https = client("https://127.0.0.1:1").root_certificate(root.cert.pem());
    https.build().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    assert!(
        provider.install_default().is_ok(),
        "the program may name one"
    );
}
