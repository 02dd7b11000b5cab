//! The key that signs seals: Ed25519 (RFC 8032), kept as a PEM file of PKCS #8 (RFC 8410).
//!
//! `openssl genpkey -algorithm ed25519` makes one, too. The private half never prints.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};
use sha2::{Digest, Sha256};

/// The beginning of every Ed25519 public key in DER (RFC 8410, section 4); 32 bytes follow.
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot {operation} the key file {}", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} holds no Ed25519 key in PEM", path.display())]
    NotAKey { path: PathBuf },
    #[error("the system gives no randomness for a key")]
    Random,
}

/// Signs seals.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public.id)
    }
}

impl Signer {
    /// Reads the private key in `path`.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let pem = fs::read(path).map_err(failed("read", path))?;
        let not_a_key = || KeyError::NotAKey {
            path: path.to_owned(),
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| not_a_key())?;
        Self::from_der(der.secret_pkcs8_der()).ok_or_else(not_a_key)
    }

    /// Reads the private key in `path`, or makes one there that only its owner can read, with its
    /// public half beside it as `.pub`.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        if path.exists() {
            return Self::load(path);
        }
        let der =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let signer = Self::from_der(der.as_ref()).ok_or(KeyError::Random)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make", path))?;
        }
        let public = path.with_extension("pub");
        write_new(&public, &signer.public.to_pem(), 0o644).map_err(failed("make", &public))?;
        let pem = pem("PRIVATE KEY", der.as_ref());
        write_new(path, &pem, 0o600).map_err(failed("make", path))?;
        Ok(signer)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        // OpenSSL leaves the public half out, which version 1 of PKCS #8 allows.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        let public = PublicKey::new(pair.public_key().as_ref().try_into().ok()?);
        Some(Self {
            pair: Arc::new(pair),
            public,
        })
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

/// Checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    id: String,
}

impl PublicKey {
    fn new(bytes: [u8; 32]) -> Self {
        let digest = Sha256::digest(bytes);
        let id = hex::encode(digest.get(..8).unwrap_or_default());
        Self { bytes, id }
    }

    /// Reads a public key in PEM.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let pem = fs::read(path).map_err(failed("read", path))?;
        let not_a_key = || KeyError::NotAKey {
            path: path.to_owned(),
        };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem).map_err(|_| not_a_key())?;
        der.strip_prefix(&PUBLIC_PREFIX)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self::new)
            .ok_or_else(not_a_key)
    }

    /// Sixteen hexadecimal digits of the key's SHA-256: the name under which it stands in seals.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.bytes)
            .verify(text, signature)
            .is_ok()
    }

    fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[&PUBLIC_PREFIX[..], &self.bytes].concat())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Two processes that start together must not end up with a key each.
fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> KeyError + use<'a> {
    move |source| KeyError::File {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        let made = Signer::load_or_make(&path).unwrap();
        let read = Signer::load_or_make(&path).unwrap();
        assert_eq!(made.public(), read.public());
        assert_eq!(
            &PublicKey::load(&path.with_extension("pub")).unwrap(),
            made.public()
        );
        let signature = made.sign(b"seal");
        assert!(read.public().verifies(b"seal", &signature));
        assert!(!read.public().verifies(b"sea1", &signature));
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_of_openssl_is_read() {
        // `openssl genpkey -algorithm ed25519`, the example of RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, pem).unwrap();
        let signer = Signer::load(&path).unwrap();
        // The public key of section 10.1.
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(signer.public().to_pem(), public);
        fs::write(&path, public).unwrap();
        assert!(matches!(Signer::load(&path), Err(KeyError::NotAKey { .. })));
    }
}
