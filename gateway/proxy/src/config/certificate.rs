//! Whether certificate files are what they must be, before a listener or a connector meets them.
//!
//! It never keeps a key: files are read again by whoever serves with them.

use std::io::{self, Read as _};
use std::path::Path;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use super::bounds::CERTIFICATES_BYTES_MAX;

/// Why a certificate or key file cannot be used.
#[derive(Debug, Error)]
pub(super) enum CertificateError {
    #[error("the file cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("the file is larger than {CERTIFICATES_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the file is not PEM: {0}")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("the file holds no certificate")]
    NoCertificate,
    #[error("the file holds no private key")]
    NoKey,
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[source] rustls::Error),
    #[error("the private key cannot be used: {0}")]
    Key(#[source] rustls::Error),
    #[error("the private key belongs to another certificate")]
    Mismatch,
}

type Chain = Vec<CertificateDer<'static>>;

/// Reads a certificate with its intermediates.
pub(super) fn read_chain(path: &Path) -> Result<Chain, CertificateError> {
    let pem = read_file(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Chain, _>>()
        .map_err(CertificateError::Pem)?;
    if chain.is_empty() {
        Err(CertificateError::NoCertificate)
    } else {
        Ok(chain)
    }
}

/// Checks that the private key at `path` can be read, can be used, and belongs to the certificate that `chain` begins with.
pub(super) fn check_key(path: &Path, chain: Option<Chain>) -> Result<(), CertificateError> {
    let pem = read_file(path)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => CertificateError::NoKey,
        error => CertificateError::Pem(error),
    })?;
    let provider = ring::default_provider();
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(CertificateError::Key)?;
    let Some(chain) = chain else { return Ok(()) };
    CertifiedKey::new(chain, key)
        .keys_match()
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch,
            error => CertificateError::Certificate(error),
        })
}

/// Checks that the bundle at `path` holds authorities that can be trusted.
pub(super) fn check_authorities(path: &Path) -> Result<(), CertificateError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in read_chain(path)? {
        roots
            .add(certificate)
            .map_err(CertificateError::Certificate)?;
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(CertificateError::Read)?;
    file.take(CERTIFICATES_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(CertificateError::Read)?;
    if bytes.len() as u64 > CERTIFICATES_BYTES_MAX {
        Err(CertificateError::TooLarge)
    } else {
        Ok(bytes)
    }
}
