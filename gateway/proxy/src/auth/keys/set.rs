//! A JSON Web Key Set (RFC 7517), as far as it can verify tokens.

use jsonwebtoken::{Algorithm as Jwa, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    auth::token::{Parts, TokenFault, algorithm},
    config::Algorithm,
};

/// The most keys that are kept of one set.
const KEYS_MAX: usize = 64;

/// The keys of a set that can verify tokens. Others are left out: one strange key must not make
/// the rest unusable.
pub(in crate::auth) struct KeySet {
    keys: Vec<Key>,
}

struct Key {
    kid: Option<String>,
    kind: Kind,
    /// The only algorithm that the key may be used with.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set; `None` where the text is not one.
    pub(in crate::auth) fn read(text: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(text).ok()?;
        let keys = document.keys.iter().filter_map(read_key).take(KEYS_MAX);
        Some(Self {
            keys: keys.collect(),
        })
    }

    pub(in crate::auth) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Verifies a token's signature with the key that it names.
    ///
    /// # Errors
    /// [`TokenFault::Key`] where no key, or more than one, could be meant;
    /// [`TokenFault::Signature`] where the key did not sign it.
    pub(in crate::auth) fn verify(&self, parts: &Parts<'_>) -> Result<(), TokenFault> {
        let fitting = self.keys.iter().filter(|key| key.fits(parts.algorithm));
        let meant: Vec<&Key> = match &parts.kid {
            Some(kid) => fitting
                .filter(|key| key.kid.as_ref() == Some(kid))
                .collect(),
            None => fitting.collect(),
        };
        // A set may hold two keys of one name; a token without a name must leave no choice.
        if meant.is_empty() || (parts.kid.is_none() && meant.len() > 1) {
            return Err(TokenFault::Key);
        }
        let signed = |key: &&Key| {
            let algorithm = jwa(parts.algorithm);
            let message = parts.signed.as_bytes();
            jsonwebtoken::crypto::verify(parts.signature, message, &key.key, algorithm)
                .unwrap_or(false)
        };
        match meant.iter().any(signed) {
            true => Ok(()),
            false => Err(TokenFault::Signature),
        }
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match algorithm {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => Kind::Rsa,
            ES256 => Kind::P256,
            ES384 => Kind::P384,
            EdDSA => Kind::Ed25519,
        };
        self.kind == kind && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

fn read_key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let operations = jwk.get("key_ops").and_then(Value::as_array);
    if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
        return None;
    }
    let only = match text("alg") {
        Some(name) => Some(algorithm(name)?),
        None => None,
    };
    let (kind, key) = match (text("kty")?, text("crv")) {
        // Keys of fewer than 2048 bits are refused where they are used.
        ("RSA", _) => {
            let key = DecodingKey::from_rsa_components(text("n")?, text("e")?);
            (Kind::Rsa, key)
        }
        ("EC", Some("P-256")) => {
            let key = DecodingKey::from_ec_components(text("x")?, text("y")?);
            (Kind::P256, key)
        }
        ("EC", Some("P-384")) => {
            let key = DecodingKey::from_ec_components(text("x")?, text("y")?);
            (Kind::P384, key)
        }
        ("OKP", Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_components(text("x")?)),
        _ => return None,
    };
    Some(Key {
        kid: text("kid").map(str::to_owned),
        kind,
        algorithm: only,
        key: key.ok()?,
    })
}

fn jwa(algorithm: Algorithm) -> Jwa {
    match algorithm {
        Algorithm::RS256 => Jwa::RS256,
        Algorithm::RS384 => Jwa::RS384,
        Algorithm::RS512 => Jwa::RS512,
        Algorithm::PS256 => Jwa::PS256,
        Algorithm::PS384 => Jwa::PS384,
        Algorithm::PS512 => Jwa::PS512,
        Algorithm::ES256 => Jwa::ES256,
        Algorithm::ES384 => Jwa::ES384,
        Algorithm::EdDSA => Jwa::EdDSA,
    }
}
