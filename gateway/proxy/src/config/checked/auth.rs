//! Who may call, and what the gateway shows to servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::Secret;

/// Who may call.
#[derive(Clone, Debug)]
pub struct Auth {
    /// The gateway's public URL without a slash at its end; present where there are issuers.
    pub resource: Option<String>,
    pub issuers: Vec<Issuer>,
    pub agent: String,
    pub teams: String,
    pub subject: String,
    /// `None`: `scope`, else `scp`.
    pub scopes: Option<String>,
    pub typ: Typ,
    pub clock_skew: Duration,
    pub required_scopes: Vec<RequiredScopes>,
    pub api_keys: Vec<ApiKey>,
    pub api_key_header: http::HeaderName,
    pub certificates: Option<Certificates>,
}

/// How strictly a token must say that it is an access token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Typ {
    Strict,
    Compat,
}

/// One authorization server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// Exactly as in the claim `iss`.
    pub issuer: String,
    pub keys: KeyPlace,
    /// At least one.
    pub algorithms: Vec<Algorithm>,
    pub audiences: Vec<String>,
    pub introspection: Option<Introspection>,
    pub ca: Option<PathBuf>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyPlace {
    /// Where its metadata says.
    Metadata,
    Url(Url),
    File(PathBuf),
}

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037). There are no symmetric ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// As in the header `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// How to ask about opaque tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Introspection {
    /// `None`: where the issuer's metadata says.
    pub url: Option<Url>,
    pub client_id: String,
    pub client_secret: Secret,
}

/// Scopes that some calls need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequiredScopes {
    pub calls: Calls,
    /// At least one, each a scope-token of RFC 6749 section 3.3.
    pub scopes: Vec<String>,
}

/// The calls that a rule is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Calls {
    Every,
    At {
        server: String,
    },
    /// `tool` may hold `*`.
    Of {
        server: String,
        tool: String,
    },
}

/// A key that an agent holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    pub sha256: [u8; 32],
    pub agent: String,
    pub teams: Vec<String>,
    pub scopes: Vec<String>,
    pub claims: BTreeMap<String, String>,
}

/// Certificates of agents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificates {
    /// Parsed when it was checked.
    pub ca: PathBuf,
    pub name: CertificateName,
    /// Empty: every name is an agent.
    pub agents: BTreeMap<String, CertificateAgent>,
}

/// Which name of a certificate counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateName {
    CommonName,
    Dns,
    Uri,
}

/// The agent behind a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateAgent {
    pub agent: String,
    pub teams: Vec<String>,
    pub scopes: Vec<String>,
}

/// What the gateway shows to a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ServerAuth {
    #[default]
    None,
    Header {
        name: http::HeaderName,
        value: Secret,
    },
    ClientCredentials(TokenRequest),
    TokenExchange(TokenRequest),
}

/// How to get a token for a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenRequest {
    pub token_url: Url,
    pub client_id: String,
    pub client_secret: Secret,
    pub scopes: Vec<String>,
    pub resource: Option<String>,
    pub audience: Option<String>,
    pub ca: Option<PathBuf>,
}
