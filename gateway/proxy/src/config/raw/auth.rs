//! `auth:`, and what a server says about callers' tokens and about its own credentials.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FILE, URL};
use crate::config::Secret;
use crate::config::bounds;
use crate::config::quantity::Period;

/// What a claim path looks like.
const CLAIM: &str = "a claim such as `sub`, or a path such as `realm_access.roles`";
/// What a digest looks like.
const DIGEST: &str = "64 hexadecimal digits: `printf %s KEY | sha256sum`";
/// What a tool looks like.
pub(in crate::config) const TOOL: &str = "`server/tool`, where `*` stands for any text";

/// Who may call. With it the data listener may be reached from other machines; without it callers have no identity and
/// come from this machine.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Auth {
    /// The public URL of this gateway: `https://gw.example.com`. The resource of a server is this and `/mcp/NAME`: the
    /// audience of its tokens, and what its OAuth metadata (RFC 9728) says. A token for this URL itself is for every server.
    #[schemars(extend("x-form" = URL))]
    pub resource: Option<String>,
    /// The authorization servers whose access tokens are accepted.
    #[schemars(extend("maxItems" = bounds::ISSUERS_MAX))]
    pub issuers: Vec<Issuer>,
    /// The claim that names the agent: a claim, or a path such as `client.name`. A token without it is refused.
    #[schemars(extend("x-form" = CLAIM))]
    pub agent: String,
    /// The claim with the agent's teams, a text or a list of texts.
    #[schemars(extend("x-form" = CLAIM))]
    pub teams: String,
    /// The claim that names on whose behalf the agent calls.
    #[schemars(extend("x-form" = CLAIM))]
    pub subject: String,
    /// The claim with the scopes, a list or a text with spaces. Left out: `scope`, else `scp`.
    #[schemars(extend("x-form" = CLAIM))]
    pub scopes: Option<String>,
    /// How strictly a token must say that it is an access token.
    pub typ: Typ,
    /// How far the clocks of the issuers may be off.
    #[schemars(extend("x-min-ms" = 0, "x-max-ms" = bounds::SKEW_MAX.ms))]
    pub clock_skew: Period,
    /// Scopes that calls need. A call whose caller lacks some is refused with 403 and all that it needs.
    #[schemars(extend("maxItems" = bounds::SCOPE_RULES_MAX))]
    pub required_scopes: Vec<RequiredScopes>,
    /// Keys for agents that cannot do OAuth. They are sent as `api_key_header`, or as a bearer token.
    #[schemars(extend("maxItems" = bounds::API_KEYS_MAX))]
    pub api_keys: Vec<ApiKey>,
    /// The header that carries an API key.
    pub api_key_header: String,
    /// Agents that prove who they are with a certificate of their own. It needs `listen.tls`.
    pub certificates: Option<Certificates>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            resource: None,
            issuers: Vec::new(),
            agent: "sub".into(),
            teams: "groups".into(),
            subject: "sub".into(),
            scopes: None,
            typ: Typ::Strict,
            clock_skew: Period::from_ms(30_000),
            required_scopes: Vec::new(),
            api_keys: Vec::new(),
            api_key_header: "x-api-key".into(),
            certificates: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Typ {
    /// Its `typ` is `at+jwt` (RFC 9068).
    #[default]
    Strict,
    /// Its `typ` may be `JWT` or absent, as many issuers send it; tokens that are visibly something else are refused.
    Compat,
}

/// An authorization server.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer"]))]
pub(in crate::config) struct Issuer {
    /// Its identifier, as in the claim `iss`: `https://idp.example.com`. HTTPS, but on loopback.
    #[schemars(extend("x-form" = URL))]
    pub issuer: String,
    /// Where its keys are: a URL, or the path of a file. Left out: found by its metadata (OpenID Connect or RFC 8414).
    pub jwks: Option<String>,
    /// The signature algorithms that its tokens may use. Never symmetric ones.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::ALGORITHMS_MAX))]
    pub algorithms: Vec<Algorithm>,
    /// Audiences that are accepted at every server beside the server's own resource, for issuers that cannot put that into
    /// a token. A token for one server is then good for all of them.
    #[schemars(extend("maxItems" = bounds::AUDIENCES_MAX))]
    pub audiences: Vec<String>,
    /// Ask the issuer about tokens that are not JWT (RFC 7662). One issuer may have this.
    pub introspection: Option<Introspection>,
    /// A PEM file with the authorities to trust instead of the system's.
    #[schemars(extend("x-form" = FILE))]
    pub ca: Option<String>,
}

impl Default for Issuer {
    fn default() -> Self {
        use Algorithm::{ES256, EdDSA, PS256, RS256};
        Self {
            issuer: String::new(),
            jwks: None,
            algorithms: vec![RS256, PS256, ES256, EdDSA],
            audiences: Vec::new(),
            introspection: None,
            ca: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(in crate::config) enum Algorithm {
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

/// How to ask an issuer about opaque tokens.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["client_id", "client_secret"]))]
pub(in crate::config) struct Introspection {
    /// The introspection endpoint. Left out: found by the issuer's metadata.
    #[schemars(extend("x-form" = URL))]
    pub url: Option<String>,
    /// This gateway's client id at the issuer.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Option<Secret>,
}

/// Scopes that some calls need.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["scopes"]))]
pub(in crate::config) struct RequiredScopes {
    /// Every call at this server. Without `server` and `tool`: every call.
    pub server: Option<String>,
    /// Calls of this tool only: `orders/orders_refund`, `orders/*_delete`.
    #[schemars(extend("x-form" = TOOL))]
    pub tool: Option<String>,
    /// What a caller must hold.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::SCOPES_MAX))]
    pub scopes: Vec<String>,
}

/// A key that an agent holds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["sha256", "agent"]))]
pub(in crate::config) struct ApiKey {
    /// SHA-256 of the key in hexadecimal. A key should be random and of at least 128 bits: `openssl rand -hex 32`.
    #[schemars(extend("x-form" = DIGEST))]
    pub sha256: String,
    /// The agent's name.
    pub agent: String,
    /// Its teams.
    #[schemars(extend("maxItems" = bounds::TEAMS_MAX))]
    pub teams: Vec<String>,
    /// The scopes that it holds.
    #[schemars(extend("maxItems" = bounds::SCOPES_MAX))]
    pub scopes: Vec<String>,
    /// What a token would say of it beside that, for access rules and for `prices.tenant_claim`: `{tid: acme}`.
    #[schemars(extend("maxProperties" = bounds::CLAIMS_MAX))]
    pub claims: BTreeMap<String, String>,
}

/// Certificates of agents.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["ca"]))]
pub(in crate::config) struct Certificates {
    /// A PEM file with the authorities that certify agents, and nobody else.
    #[schemars(extend("x-form" = FILE))]
    pub ca: String,
    /// Which name of a certificate counts.
    pub name: CertificateName,
    /// Agents by that name. Left out: the name is the agent's own.
    #[schemars(extend("maxProperties" = bounds::API_KEYS_MAX))]
    pub agents: BTreeMap<String, CertificateAgent>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum CertificateName {
    /// The subject's common name.
    #[default]
    CommonName,
    /// The first DNS name.
    Dns,
    /// The first URI, as SPIFFE uses it.
    Uri,
}

/// The agent behind a certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CertificateAgent {
    /// The agent's name. Left out: the certificate's.
    pub agent: Option<String>,
    /// Its teams.
    #[schemars(extend("maxItems" = bounds::TEAMS_MAX))]
    pub teams: Vec<String>,
    /// The scopes that it holds.
    #[schemars(extend("maxItems" = bounds::SCOPES_MAX))]
    pub scopes: Vec<String>,
}

/// What the gateway itself shows to a server. The caller's own credentials never get there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ServerAuth {
    /// The same secret with every call.
    pub header: Option<SecretHeader>,
    /// A token of the gateway's own (RFC 6749 section 4.4).
    pub client_credentials: Option<TokenRequest>,
    /// A token for each caller, in exchange for the one that it called with (RFC 8693).
    pub token_exchange: Option<TokenRequest>,
}

/// A header with a secret.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["value"]))]
pub(in crate::config) struct SecretHeader {
    /// The header.
    pub name: String,
    /// Its whole value, such as `Bearer ${ORDERS_TOKEN}`.
    pub value: Option<Secret>,
}

impl Default for SecretHeader {
    fn default() -> Self {
        Self {
            name: "authorization".into(),
            value: None,
        }
    }
}

/// How to get a token for a server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["token_url", "client_id", "client_secret"]))]
pub(in crate::config) struct TokenRequest {
    /// The token endpoint: `https://idp.example.com/token`. HTTPS, but on loopback.
    #[schemars(extend("x-form" = URL))]
    pub token_url: String,
    /// This gateway's client id there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// The scopes to ask for.
    #[schemars(extend("maxItems" = bounds::SCOPES_MAX))]
    pub scopes: Vec<String>,
    /// The resource to ask for (RFC 8707). Left out: the server's first URL, unless there is an `audience`.
    pub resource: Option<String>,
    /// The audience to ask for, at issuers that know no resources.
    pub audience: Option<String>,
    /// A PEM file with the authorities to trust instead of the system's.
    #[schemars(extend("x-form" = FILE))]
    pub ca: Option<String>,
}
