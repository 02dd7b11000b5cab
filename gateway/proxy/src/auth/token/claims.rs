//! What the claims of an access token must be (RFC 9068 section 4, RFC 7519 section 4.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{Parts, TokenFault};
use crate::config::Typ;

/// Audiences of one token.
const AUDIENCES_MAX: usize = 64;

/// What every token is measured against.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) struct Rules {
    pub typ: Typ,
    /// How far clocks may be off, in seconds.
    pub skew: u64,
}

/// What of a token's validity depends on the request: it is judged again for each one, whatever
/// has been remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) struct Standing {
    /// Whom the token is for.
    pub audiences: Vec<String>,
    /// The second after which it is void (Unix time, without skew).
    pub expires: u64,
    /// SHA-256 of the client certificate that it belongs to (RFC 8705 section 3.1).
    pub certificate: Option<[u8; 32]>,
}

/// Claims that only tokens of another kind have, and what they would be.
const FOREIGN: [(&str, &str); 6] = [
    ("nonce", "an ID token"),
    ("at_hash", "an ID token"),
    ("c_hash", "an ID token"),
    ("s_hash", "an ID token"),
    ("events", "a logout or event token"),
    ("htm", "a DPoP proof"),
];

impl Rules {
    /// Judges everything about a signed token but its signature and what depends on the request.
    pub(in crate::auth) fn check(
        &self,
        parts: &Parts<'_>,
        now: u64,
    ) -> Result<Standing, TokenFault> {
        self.check_kind(parts)?;
        if ["sub", "client_id"]
            .iter()
            .all(|name| !parts.claims.contains_key(*name))
        {
            return Err(TokenFault::Missing("sub"));
        }
        self.check_claims(&parts.claims, now)
    }

    /// Judges claims, whether a token or its issuer says them.
    pub(in crate::auth) fn check_claims(
        &self,
        claims: &Map<String, Value>,
        now: u64,
    ) -> Result<Standing, TokenFault> {
        for name in ["sub", "client_id", "azp", "jti"] {
            if claims.get(name).is_some_and(|value| !value.is_string()) {
                return Err(TokenFault::Claim("sub"));
            }
        }
        let expires = seconds(claims, "exp")?.ok_or(TokenFault::Missing("exp"))?;
        if expires.saturating_add(self.skew) <= now {
            return Err(TokenFault::Expired);
        }
        for name in ["nbf", "iat"] {
            if seconds(claims, name)?.is_some_and(|from| from > now.saturating_add(self.skew)) {
                return Err(TokenFault::NotYet);
            }
        }
        Ok(Standing {
            audiences: audiences(claims)?,
            expires,
            certificate: certificate(claims)?,
        })
    }

    fn check_kind(&self, parts: &Parts<'_>) -> Result<(), TokenFault> {
        match (parts.typ.as_deref(), self.typ) {
            (Some("at+jwt"), _) => return Ok(()),
            (_, Typ::Strict) => return Err(TokenFault::Kind("its `typ` is not `at+jwt`")),
            (None | Some("jwt"), Typ::Compat) => {}
            (Some(_), Typ::Compat) => return Err(TokenFault::Kind("its `typ` is another one")),
        }
        let foreign = FOREIGN
            .iter()
            .find(|(name, _)| parts.claims.contains_key(*name));
        if let Some((_, kind)) = foreign {
            return Err(TokenFault::Kind(kind));
        }
        // How Keycloak and Cognito mark what they sign with the same keys.
        let marks = ["typ", "token_use"].map(|name| parts.claims.get(name).and_then(Value::as_str));
        let access = |mark: &str| mark.eq_ignore_ascii_case("bearer") || mark == "access";
        match marks.into_iter().flatten().find(|mark| !access(mark)) {
            Some(_) => Err(TokenFault::Kind("its issuer marks it as another kind")),
            None => Ok(()),
        }
    }
}

impl Standing {
    /// Judges what depends on the request: the time, the audience, the connection's certificate.
    pub(in crate::auth) fn check(
        &self,
        audience: impl Fn(&str) -> bool,
        certificate: Option<&[u8; 32]>,
        now: u64,
        skew: u64,
    ) -> Result<(), TokenFault> {
        if self.expires.saturating_add(skew) <= now {
            return Err(TokenFault::Expired);
        }
        if !self.audiences.iter().any(|one| audience(one)) {
            return Err(TokenFault::Audience);
        }
        if self.certificate.is_some() && self.certificate.as_ref() != certificate {
            return Err(TokenFault::Bound);
        }
        Ok(())
    }
}

/// A NumericDate (RFC 7519 section 2) in whole seconds. Text is no number.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, TokenFault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = value.as_u64();
    let fraction = || {
        let number = value
            .as_f64()
            .filter(|number| *number >= 0.0 && *number < 1e15);
        number.map(|number| number as u64)
    };
    whole
        .or_else(fraction)
        .map(Some)
        .ok_or(TokenFault::Claim(name))
}

fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, TokenFault> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or(TokenFault::Claim("aud"))
    };
    match claims.get("aud") {
        None => Err(TokenFault::Missing("aud")),
        Some(Value::Array(items)) if (1..=AUDIENCES_MAX).contains(&items.len()) => {
            items.iter().map(text).collect()
        }
        Some(one) => Ok(vec![text(one)?]),
    }
}

/// The confirmation of a token (RFC 7800). A caller proves its key by its certificate only, so
/// that a token which belongs to any other key is of no use here.
fn certificate(claims: &Map<String, Value>) -> Result<Option<[u8; 32]>, TokenFault> {
    let Some(confirmation) = claims.get("cnf") else {
        return Ok(None);
    };
    let object = confirmation.as_object().ok_or(TokenFault::Claim("cnf"))?;
    let digest = object.get("x5t#S256").and_then(Value::as_str);
    let (Some(digest), 1) = (digest, object.len()) else {
        return Err(TokenFault::Bound);
    };
    let bytes = URL_SAFE_NO_PAD.decode(digest).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Some).ok_or(TokenFault::Claim("cnf"))
}
