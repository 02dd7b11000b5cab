//! TLS on the data listener: the gateway's certificate, and those of its clients.

use std::{any::Any, path::Path, sync::Arc};

use async_trait::async_trait;
use pingora_core::{
    listeners::{TlsAccept, tls::TlsSettings},
    protocols::tls::TlsRef,
};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::certificates::Certificates;
use crate::{auth::PeerCertificate, config};

/// Why the data listener cannot serve HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The gateway's own certificate cannot be used.
    #[error("cannot set up the listener: {0}")]
    Own(#[from] pingora_core::BError),
    /// The authorities of the clients' certificates cannot be used.
    #[error("cannot use the certificates of clients' authorities: {0}")]
    Clients(String),
}

/// The listener's settings. A client may show a certificate of `clients`' authorities; whether it
/// needs one is decided for each request, so that one without gets an answer that says so.
pub(super) fn settings(
    own: Arc<Certificates>,
    clients: Option<&config::Certificates>,
) -> Result<TlsSettings, TlsError> {
    let mut settings = match clients {
        // Certificates come from `own`, not from these files.
        None => TlsSettings::intermediate("", "")?,
        Some(clients) => {
            let mut settings = TlsSettings::with_callbacks(Box::new(ReadCertificate))?;
            settings.set_client_cert_verifier(verifier(&clients.ca)?);
            settings
        }
    };
    settings.set_cert_resolver(own);
    settings.enable_h2();
    Ok(settings)
}

fn verifier(authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    let wrong = |error: &dyn std::fmt::Display| TlsError::Clients(error.to_string());
    for certificate in CertificateDer::pem_file_iter(authorities).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| wrong(&error))
}

/// Reads a client's certificate once for each connection, after it has been verified.
struct ReadCertificate;

#[async_trait]
impl TlsAccept for ReadCertificate {
    async fn handshake_complete_callback(
        &self,
        tls: &TlsRef,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        let certificate = PeerCertificate::read(tls.peer_certificate_der()?)?;
        Some(Arc::new(certificate))
    }
}
