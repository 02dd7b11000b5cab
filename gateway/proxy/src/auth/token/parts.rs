//! A token taken apart, nothing of it believed yet.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{TokenFault, json};
use crate::config::Algorithm;

/// The longest token that is read.
pub(in crate::auth) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The longest header of a token, as it is encoded.
const HEADER_BYTES_MAX: usize = 4 * 1024;

/// A token in its parts.
#[derive(Debug)]
pub(in crate::auth) struct Parts<'a> {
    /// What is signed: header and claims, encoded.
    pub signed: &'a str,
    /// The signature, encoded.
    pub signature: &'a str,
    pub algorithm: Algorithm,
    /// The name of the key that signed it.
    pub kid: Option<String>,
    /// The media type, in lower case and without `application/`.
    pub typ: Option<String>,
    pub claims: Map<String, Value>,
}

/// Whether a token claims to be a JWT: three parts, the first of which is a JSON object. Any other
/// token means something to its issuer only.
pub(in crate::auth) fn looks_like_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let header = parts.next().unwrap_or_default();
    parts.count() == 2 && header.starts_with("ey")
}

impl<'a> Parts<'a> {
    /// Takes a token apart.
    pub(in crate::auth) fn read(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::TooLong);
        }
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(TokenFault::Malformed("it has no signature"))?;
        let (header, claims) = signed
            .split_once('.')
            .filter(|(_, claims)| !claims.contains('.'))
            .ok_or(TokenFault::Malformed("it has not three parts"))?;
        if header.len() > HEADER_BYTES_MAX {
            return Err(TokenFault::TooLong);
        }
        let header = decode(header).ok_or(TokenFault::Malformed("its header"))?;
        let claims = decode(claims).ok_or(TokenFault::Malformed("its claims"))?;
        if ["crit", "b64"]
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err(TokenFault::Critical);
        }
        let text = |name: &'static str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(TokenFault::Malformed("its header")),
        };
        Ok(Self {
            signed,
            signature,
            algorithm: text("alg")?
                .as_deref()
                .and_then(algorithm)
                .ok_or(TokenFault::Algorithm)?,
            kid: text("kid")?,
            typ: text("typ")?.map(|typ| {
                let typ = typ.to_ascii_lowercase();
                typ.strip_prefix("application/")
                    .map_or(typ.clone(), str::to_owned)
            }),
            claims,
        })
    }
}

fn decode(part: &str) -> Option<Map<String, Value>> {
    json::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}

/// The asymmetric algorithms. `none` and the symmetric ones do not exist here.
pub(in crate::auth) fn algorithm(name: &str) -> Option<Algorithm> {
    use Algorithm::*;
    let all = [
        RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA,
    ];
    all.into_iter().find(|one| one.as_str() == name)
}
