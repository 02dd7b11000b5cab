//! A caller with an access token, for the contestant that asks who calls.
//!
//! The issuer is a file with its key: what is measured is the gateway, not an authorization server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

const ISSUER: &str = "https://issuer.example.com";
const KEY_ID: &str = "bench";
/// Longer than a bench takes.
const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// An issuer and one token of it.
pub(crate) struct Caller {
    key_set: PathBuf,
    token: String,
}

impl Caller {
    /// Writes the issuer's keys into the folder, and signs a token for the server at `resource` (RFC 9068, ES256).
    pub(crate) fn make(folder: &Path, resource: &str) -> Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let refused = |error| anyhow!("cannot make a key: {error}");
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(refused)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .map_err(|error| anyhow!("cannot use a key: {error}"))?;
        // An uncompressed point: a byte that says so, then both coordinates (SEC 1, section 2.3.3).
        let (x, y) = key
            .public_key()
            .as_ref()
            .get(1..)
            .and_then(|point| point.split_at_checked(32))
            .context("not a P-256 point")?;
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID,
            "x": encode(x), "y": encode(y),
        });
        let key_set = folder.join("keys.json");
        fs::write(&key_set, json!({"keys": [public]}).to_string())
            .with_context(|| format!("cannot write {}", key_set.display()))?;

        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID});
        let claims = json!({
            "iss": ISSUER, "aud": resource, "sub": "agent-0", "client_id": "agent-0", "jti": "bench",
            "iat": now, "exp": now + LIFETIME_SECONDS, "groups": ["team-0"], "scope": "mcp:use",
        });
        let signed = [header, claims]
            .map(|part| encode(part.to_string().as_bytes()))
            .join(".");
        let signature = key.sign(&random, signed.as_bytes()).map_err(refused)?;
        Ok(Self {
            key_set,
            token: format!("{signed}.{}", encode(signature.as_ref())),
        })
    }

    /// The gateway's `auth`, for its `resource`.
    pub(crate) fn auth(&self, resource: &str) -> String {
        let key_set = self.key_set.display();
        format!(
            "auth: {{resource: '{resource}', issuers: [{{issuer: '{ISSUER}', jwks: '{key_set}'}}]}}\n"
        )
    }

    /// The header that its calls carry.
    pub(crate) fn header(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }
}
