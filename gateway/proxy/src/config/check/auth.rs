//! Who may call, and which scopes calls need.

use std::collections::{BTreeMap, HashSet};

use http::{HeaderName, header};
use url::{Host, Url};

use super::Checker;
use crate::config::bounds::{AGENT_NAME_BYTES_MAX, KEY_FILE_BYTES_MAX};
use crate::config::checked::{
    Algorithm, ApiKey, Auth, Calls, CertificateAgent, CertificateName, Certificates, Introspection,
    Issuer, KeyPlace, RequiredScopes, Typ,
};
use crate::config::fault::Path;
use crate::config::raw;

const SECURE: &str = "a URL with `https`, or with `http` on loopback";
const SCOPE: &str = "visible ASCII without spaces, quotes and backslashes";
const AGENT: &str = "1 to 256 bytes without control characters";

impl Checker<'_> {
    /// Checks `auth`; `tls` says whether the data listener serves HTTPS.
    pub(super) fn auth(&mut self, raw: &raw::Gateway, tls: bool) -> Option<Auth> {
        let path = Path::of("auth");
        let auth = raw.auth.as_ref()?;
        let servers = &raw.servers;
        if auth.issuers.is_empty() && auth.api_keys.is_empty() && auth.certificates.is_none() {
            let allowed = "at least one of `issuers`, `api_keys` and `certificates`";
            if !self.findings.touch(&path) {
                self.fault(&path, "nobody could call", allowed);
            }
        }
        Some(Auth {
            resource: self.resource(auth, &path),
            issuers: self.issuers(&auth.issuers, &path.key("issuers")),
            agent: auth.agent.clone(),
            teams: auth.teams.clone(),
            subject: auth.subject.clone(),
            scopes: auth.scopes.clone(),
            typ: match auth.typ {
                raw::Typ::Strict => Typ::Strict,
                raw::Typ::Compat => Typ::Compat,
            },
            clock_skew: auth.clock_skew.into(),
            required_scopes: self.required_scopes(auth, servers, &path.key("required_scopes")),
            api_keys: self.api_keys(&auth.api_keys, &path.key("api_keys")),
            api_key_header: self.key_header(&auth.api_key_header, &path.key("api_key_header")),
            certificates: auth
                .certificates
                .as_ref()
                .map(|raw| self.certificates(raw, tls, &path.key("certificates"))),
        })
    }

    fn resource(&mut self, raw: &raw::Auth, path: &Path) -> Option<String> {
        let at = path.key("resource");
        let Some(text) = &raw.resource else {
            if !raw.issuers.is_empty() && !self.findings.touch(&at) {
                let allowed = "the public URL of this gateway, such as `https://gw.example.com`";
                self.fault(&at, "`resource` is missing", allowed);
            }
            return None;
        };
        let url = self.secure_url(text, &at)?;
        if url.query().is_some() {
            self.fault(&at, "a resource with a query", "a URL without `?`");
        }
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    fn issuers(&mut self, raw: &[raw::Issuer], path: &Path) -> Vec<Issuer> {
        let (mut known, mut asked) = (HashSet::new(), 0);
        let mut issuers = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let path = path.index(index);
            if !known.insert(&raw.issuer) && !self.is_absent(&path.key("issuer")) {
                let what = "this issuer stands in the list already";
                self.fault(&path.key("issuer"), what, "each issuer once");
            }
            asked += usize::from(raw.introspection.is_some());
            if raw.introspection.is_some() && asked > 1 {
                // An opaque token does not say whose it is, and must not be shown to others.
                let what = "a second issuer that is asked about opaque tokens";
                self.fault(&path.key("introspection"), what, "at one issuer only");
            }
            issuers.extend(self.issuer(raw, &path));
        }
        issuers
    }

    fn issuer(&mut self, raw: &raw::Issuer, path: &Path) -> Option<Issuer> {
        let at = path.key("issuer");
        if self.is_absent(&at) {
            return None;
        }
        self.secure_url(&raw.issuer, &at)?;
        let introspection = match &raw.introspection {
            None => None,
            Some(raw) => Some(self.introspection(raw, &path.key("introspection"))?),
        };
        let ca = raw.ca.as_ref();
        Some(Issuer {
            issuer: raw.issuer.clone(),
            keys: self.key_place(raw.jwks.as_deref(), &path.key("jwks"))?,
            algorithms: raw.algorithms.iter().map(|one| algorithm(*one)).collect(),
            audiences: raw.audiences.clone(),
            introspection,
            ca: ca.and_then(|ca| self.authorities(ca, &path.key("ca"))),
        })
    }

    fn introspection(&mut self, raw: &raw::Introspection, path: &Path) -> Option<Introspection> {
        let url = match &raw.url {
            None => None,
            Some(url) => Some(self.secure_url(url, &path.key("url"))?),
        };
        let secret = raw.client_secret.as_ref()?;
        Some(Introspection {
            url,
            client_id: raw.client_id.clone(),
            client_secret: self.secret(secret, &path.key("client_secret"))?,
        })
    }

    fn key_place(&mut self, text: Option<&str>, path: &Path) -> Option<KeyPlace> {
        let Some(text) = text else {
            return Some(KeyPlace::Metadata);
        };
        if text.contains("://") {
            return self.secure_url(text, path).map(KeyPlace::Url);
        }
        let file = self.file(text);
        let wrong = match std::fs::metadata(&file) {
            Ok(found) if found.len() <= KEY_FILE_BYTES_MAX => return Some(KeyPlace::File(file)),
            Ok(_) => "the file is too large".to_owned(),
            Err(error) => format!("the file cannot be read: {error}"),
        };
        self.fault(path, wrong, "a URL, or the path of a JSON Web Key Set");
        None
    }

    fn required_scopes(
        &mut self,
        raw: &raw::Auth,
        servers: &BTreeMap<String, raw::Server>,
        path: &Path,
    ) -> Vec<RequiredScopes> {
        let mut rules = Vec::new();
        for (index, rule) in raw.required_scopes.iter().enumerate() {
            let path = path.index(index);
            self.scopes(&rule.scopes, &path.key("scopes"));
            let calls = self.scoped_calls(rule, servers, &path);
            rules.extend(calls.map(|calls| RequiredScopes {
                calls,
                scopes: rule.scopes.clone(),
            }));
        }
        rules
    }

    fn scoped_calls(
        &mut self,
        rule: &raw::RequiredScopes,
        servers: &BTreeMap<String, raw::Server>,
        path: &Path,
    ) -> Option<Calls> {
        let (at, server, tool) = match (&rule.server, &rule.tool) {
            (None, None) => return Some(Calls::Every),
            (Some(_), Some(_)) => {
                self.fault(
                    &path.key("server"),
                    "both `server` and `tool`",
                    "one of the two",
                );
                return None;
            }
            (Some(server), None) => (path.key("server"), server.as_str(), None),
            (None, Some(name)) => {
                let at = path.key("tool");
                let Some((server, tool)) = name.split_once('/') else {
                    self.fault(&at, "this is not a tool", raw::TOOL);
                    return None;
                };
                (at, server, Some(tool.to_owned()))
            }
        };
        let is_pattern = tool.is_some() && server.contains('*');
        if !is_pattern && !servers.contains_key(server) {
            self.fault(&at, "no such server", "a name of `servers`");
            return None;
        }
        let server = server.to_owned();
        Some(match tool {
            None => Calls::At { server },
            Some(tool) => Calls::Of { server, tool },
        })
    }

    fn api_keys(&mut self, raw: &[raw::ApiKey], path: &Path) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = Vec::new();
        let mut known = HashSet::new();
        for (index, raw) in raw.iter().enumerate() {
            let path = path.index(index);
            if self.is_absent(&path.key("sha256")) || self.is_absent(&path.key("agent")) {
                continue;
            }
            self.agent(&raw.agent, &path.key("agent"));
            self.scopes(&raw.scopes, &path.key("scopes"));
            match read_digest(&raw.sha256) {
                None => self.fault(
                    &path.key("sha256"),
                    "this is not a SHA-256 digest",
                    "64 hexadecimal digits",
                ),
                Some(digest) if !known.insert(digest) => self.fault(
                    &path.key("sha256"),
                    "this key stands in the list already",
                    "each key once",
                ),
                Some(sha256) => keys.push(ApiKey {
                    sha256,
                    agent: raw.agent.clone(),
                    teams: raw.teams.clone(),
                    scopes: raw.scopes.clone(),
                    claims: raw.claims.clone(),
                }),
            }
            for (name, value) in &raw.claims {
                let fits = |text: &str| {
                    (1..=AGENT_NAME_BYTES_MAX).contains(&text.len())
                        && !text.chars().any(char::is_control)
                };
                if !fits(name) || !fits(value) {
                    let what = "a claim that no token would have";
                    let allowed = "a name and a value of 1 to 256 bytes without control characters";
                    self.fault(&path.key("claims").key(name), what, allowed);
                }
            }
        }
        keys
    }

    fn key_header(&mut self, text: &str, path: &Path) -> HeaderName {
        let taken = [
            header::AUTHORIZATION,
            header::HOST,
            header::COOKIE,
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::ACCEPT,
        ];
        match text.parse::<HeaderName>() {
            Ok(name) if !taken.contains(&name) && !name.as_str().starts_with("mcp-") => name,
            _ => {
                let allowed = "a header of its own, such as `x-api-key`";
                self.fault(path, "this header cannot carry a key", allowed);
                HeaderName::from_static("x-api-key")
            }
        }
    }

    fn certificates(&mut self, raw: &raw::Certificates, tls: bool, path: &Path) -> Certificates {
        if !tls && !self.findings.touch(&Path::of("listen")) {
            let allowed = "`listen: {address: …, tls: {cert: …, key: …}}`";
            self.fault(path, "certificates without `listen.tls`", allowed);
        }
        let at = path.key("ca");
        let ca = match self.is_absent(&at) {
            true => None,
            false => self.authorities(&raw.ca, &at),
        };
        let mut agents = BTreeMap::new();
        for (name, one) in &raw.agents {
            let at = path.key("agents").key(name);
            let agent = one.agent.clone().unwrap_or_else(|| name.clone());
            self.agent(&agent, &at);
            self.scopes(&one.scopes, &at.key("scopes"));
            let (teams, scopes) = (one.teams.clone(), one.scopes.clone());
            agents.insert(
                name.clone(),
                CertificateAgent {
                    agent,
                    teams,
                    scopes,
                },
            );
        }
        Certificates {
            ca: ca.unwrap_or_default(),
            name: match raw.name {
                raw::CertificateName::CommonName => CertificateName::CommonName,
                raw::CertificateName::Dns => CertificateName::Dns,
                raw::CertificateName::Uri => CertificateName::Uri,
            },
            agents,
        }
    }

    fn agent(&mut self, name: &str, path: &Path) {
        let fits = (1..=AGENT_NAME_BYTES_MAX).contains(&name.len());
        if !fits || name.chars().any(char::is_control) {
            self.fault(path, "this cannot name an agent", AGENT);
        }
    }

    pub(super) fn scopes(&mut self, scopes: &[String], path: &Path) {
        for (index, scope) in scopes.iter().enumerate() {
            if !is_scope(scope) {
                self.fault(&path.index(index), "this is not a scope", SCOPE);
            }
        }
    }

    /// A URL over which credentials travel.
    pub(super) fn secure_url(&mut self, text: &str, path: &Path) -> Option<Url> {
        let url = self.url(text, path)?;
        if url.scheme() == "https" || is_loopback(&url) {
            return Some(url);
        }
        self.fault(path, "credentials would travel in the open", SECURE);
        None
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A scope-token (RFC 6749 section 3.3), which fits between quotes as it is.
fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(fits)
}

fn read_digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

fn algorithm(raw: raw::Algorithm) -> Algorithm {
    match raw {
        raw::Algorithm::RS256 => Algorithm::RS256,
        raw::Algorithm::RS384 => Algorithm::RS384,
        raw::Algorithm::RS512 => Algorithm::RS512,
        raw::Algorithm::PS256 => Algorithm::PS256,
        raw::Algorithm::PS384 => Algorithm::PS384,
        raw::Algorithm::PS512 => Algorithm::PS512,
        raw::Algorithm::ES256 => Algorithm::ES256,
        raw::Algorithm::ES384 => Algorithm::ES384,
        raw::Algorithm::EdDSA => Algorithm::EdDSA,
    }
}
