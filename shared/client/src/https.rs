//! What HTTPS needs: cryptography of the client's own, and whom it trusts.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

/// Why HTTPS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HttpsError(String);

impl HttpsError {
    pub(crate) fn new(cause: impl ToString) -> Self {
        Self(cause.to_string())
    }
}

/// Trusts the system's root certificates and these (PEM). Without a server that speaks HTTPS
/// nobody is trusted, and the system need not have any.
pub(crate) fn config(is_needed: bool, roots: &[Vec<u8>]) -> Result<ClientConfig, HttpsError> {
    // The program may use another provider, or name one for all of it later.
    let provider = Arc::new(ring::default_provider());
    let roots = read(roots)?;
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(HttpsError::new)?;
    let config = match is_needed {
        true => config
            .dangerous()
            .with_custom_certificate_verifier(verifier(roots, provider)?),
        false => config.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A system without certificates is no failure if some were given.
fn verifier(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, HttpsError> {
    let verifier = Verifier::new_with_extra_roots(roots, provider);
    Ok(Arc::new(verifier.map_err(HttpsError::new)?))
}

fn read(roots: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, HttpsError> {
    let mut read = Vec::new();
    for pem in roots {
        let before = read.len();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|error| HttpsError(format!("root certificate: {error:?}")))?;
            read.push(root);
        }
        if read.len() == before {
            return Err(HttpsError::new("a root certificate is no PEM"));
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_keeps_the_choice_of_its_provider() {
        config(false, &[]).unwrap();
        assert!(CryptoProvider::get_default().is_none());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bad in ["", "a text", "-----BEGIN CERTIFICATE-----\n"] {
            assert!(config(true, &[bad.into()]).is_err(), "{bad}");
        }
    }
}
