//! The certificates that the data listener shows: read again while it serves, chosen by the name that
//! the client asks for.

use std::{io, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::config::ListenTls;

/// The certificates in force.
#[derive(Debug)]
pub(super) struct Certificates(ArcSwap<Vec<Arc<CertifiedKey>>>);

impl Certificates {
    /// Reads the files that `tls` names.
    ///
    /// # Errors
    /// What the file system or the parser says.
    pub(super) fn open(tls: &ListenTls) -> io::Result<Arc<Self>> {
        let read = tls.pairs().map(|(cert, key)| read(cert, key));
        let keys = read.collect::<io::Result<Vec<_>>>()?;
        Ok(Arc::new(Self(ArcSwap::from_pointee(keys))))
    }

    /// Reads them again; connections that stand keep what they have.
    ///
    /// # Errors
    /// As [`Certificates::open`], and nothing has changed.
    pub(super) fn read(&self, tls: &ListenTls) -> io::Result<()> {
        let read = tls.pairs().map(|(cert, key)| read(cert, key));
        self.0
            .store(Arc::new(read.collect::<io::Result<Vec<_>>>()?));
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.0.load();
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let fits = |key: &&Arc<CertifiedKey>| {
            let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
            let named = name.as_ref();
            certificate.is_ok_and(|certificate| {
                named.is_some_and(|name| verify_server_name(&certificate, name).is_ok())
            })
        };
        // A client that asks for no name, or for one that no certificate has, gets the first.
        keys.iter()
            .find(fits)
            .or_else(|| keys.first())
            .map(Arc::clone)
    }
}

fn read(cert: &std::path::Path, key: &std::path::Path) -> io::Result<Arc<CertifiedKey>> {
    let broken = |error: rustls::pki_types::pem::Error| io::Error::other(error.to_string());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(broken)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(broken)?;
    let key = ring::default_provider().key_provider.load_private_key(key);
    let key = CertifiedKey::new(chain, key.map_err(io::Error::other)?);
    // Between two writes, files may belong to different pairs.
    match key.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(key))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}
