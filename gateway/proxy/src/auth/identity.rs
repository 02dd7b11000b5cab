//! What the listener accepts as a caller, compiled from one configuration.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use gantry_analytics::record::AuthMethod;
use http::{HeaderMap, HeaderName, header};

use super::{
    Caller, Cause, Fetcher, FetcherError, InsufficientScope, PeerCertificate, Unauthenticated,
    api_key::ApiKeys,
    bearer::{Bearer, Occasion},
    certificate::CertificateAgents,
    credential::{self, Credential},
    keys::KeySource,
    resource::{Resource, Resources},
    scopes::ScopeRules,
};
use crate::config::{Auth, Checked, ServerAuth};

/// How long ago an issuer last gave its keys.
pub type KeyAge = Box<dyn Fn() -> Option<Duration> + Send + Sync>;

/// What the listener accepts as a caller.
pub struct Identity(Kind);

enum Kind {
    /// Nobody proves anything; `anywhere`, because the operator wrote `insecure: {anonymous: true}`.
    Anonymous { anywhere: bool, caller: Caller },
    /// The configuration has `auth`.
    Known(Box<Known>),
}

struct Known {
    resources: Resources,
    scopes: ScopeRules,
    bearer: Bearer,
    api_keys: ApiKeys,
    api_key_header: HeaderName,
    certificates: Option<CertificateAgents>,
}

/// What of a request says who sent it. Its body is not part of that, and has not been read.
#[derive(Debug, Clone, Copy)]
pub struct Arriving<'a> {
    /// The server that the path names; `None` at the endpoint of all servers.
    pub server: Option<&'a str>,
    /// All headers, as they came.
    pub headers: &'a HeaderMap,
    /// The query of the URL.
    pub query: Option<&'a str>,
    /// The other end of the connection.
    pub client: IpAddr,
    /// The client certificate of the connection, which TLS has verified.
    pub certificate: Option<&'a PeerCertificate>,
    /// When the request came.
    pub now: SystemTime,
}

impl Identity {
    /// Compiles a checked configuration. The keys of its issuers are fetched from now on.
    ///
    /// # Errors
    /// [`FetcherError`] when a file that it names has become unusable.
    pub fn compile(config: &Checked, fetcher: &Arc<Fetcher>) -> Result<Self, FetcherError> {
        let Some(auth) = &config.auth else {
            let local = config.listen.address.ip().is_loopback();
            let anywhere = config.insecure.anonymous && !local;
            let caller = Caller::anonymous();
            return Ok(Self(Kind::Anonymous { anywhere, caller }));
        };
        let known = Known::compile(auth, config, fetcher)?;
        Ok(Self(Kind::Known(Box::new(known))))
    }

    /// Whether callers prove who they are.
    pub fn is_known(&self) -> bool {
        matches!(self.0, Kind::Known(_))
    }

    /// How long ago each issuer last gave its keys, for whoever asks later; `None` once another
    /// configuration has done away with the issuer.
    pub fn key_ages(&self) -> Vec<(String, KeyAge)> {
        let Kind::Known(known) = &self.0 else {
            return Vec::new();
        };
        let age = |(issuer, keys): (&str, &Arc<KeySource>)| {
            let keys = Arc::downgrade(keys);
            let age: KeyAge = Box::new(move || keys.upgrade().map(|keys| keys.age()));
            (issuer.to_owned(), age)
        };
        known.bearer.keys().map(age).collect()
    }

    /// The protected resource metadata at a path of the listener (RFC 9728 section 3), in JSON.
    pub fn metadata(&self, path: &str) -> Option<&Bytes> {
        match &self.0 {
            Kind::Anonymous { .. } => None,
            Kind::Known(known) => known.resources.document(path),
        }
    }

    /// Removes what only the gateway may see. Nothing behind this stage needs it.
    pub fn strip(&self, headers: &mut HeaderMap) {
        headers.remove(header::AUTHORIZATION);
        if let Kind::Known(known) = &self.0 {
            headers.remove(&known.api_key_header);
        }
    }

    /// Whether a caller holds the scopes that a call needs. To be asked about calls that the access
    /// rules allow: a caller must not be sent for scopes that would not help it. `entrance` is the endpoint
    /// that the caller uses, for which its token is: the server's own, or one of several servers.
    ///
    /// # Errors
    /// [`InsufficientScope`] with all scopes that the call needs.
    pub fn cover(
        &self,
        caller: &Caller,
        (entrance, server): (Option<&str>, &str),
        tool: Option<&str>,
    ) -> Result<(), InsufficientScope> {
        let Kind::Known(known) = &self.0 else {
            return Ok(());
        };
        let Some(needed) = known.scopes.missing(caller.scopes(), server, tool) else {
            return Ok(());
        };
        let needed = needed.join(" ");
        // What an API key or a certificate stands for is written in the configuration.
        let curable = matches!(caller.method(), AuthMethod::Jwt | AuthMethod::Oidc);
        let resource = known.resources.at(entrance);
        Err(InsufficientScope {
            challenge: curable.then(|| resource.step_up(&needed)),
            needed,
        })
    }

    /// The caller that a token would be at a server, for `gantry explain`. With `verify`, as for a
    /// request; without, nobody is asked, and the signature is believed.
    ///
    /// # Errors
    /// [`Unauthenticated`] as a request with this token would get it.
    pub async fn examine(
        &self,
        server: Option<&str>,
        token: &str,
        verify: bool,
        now: SystemTime,
    ) -> Result<Caller, Unauthenticated> {
        let Kind::Known(known) = &self.0 else {
            return Ok(Caller::anonymous());
        };
        let resource = known.resources.at(server);
        let occasion = Occasion {
            resource,
            certificate: None,
            now: unix_seconds(now),
        };
        let found = match (known.api_keys.find(token.as_bytes()), verify) {
            (Some(caller), _) => Ok(caller),
            (None, true) => {
                let asked = known.bearer.identify(token, occasion).await;
                asked.map_err(Cause::from)
            }
            (None, false) => known.bearer.read(token, occasion).map_err(Cause::from),
        };
        found.map_err(|cause| refuse(resource, cause))
    }
}

/// Identifies the caller of a request.
///
/// # Errors
/// [`Unauthenticated`] when the request carries no identity that `identity` accepts.
pub async fn identify(
    identity: &Identity,
    arriving: &Arriving<'_>,
) -> Result<Caller, Unauthenticated> {
    match &identity.0 {
        Kind::Anonymous { anywhere, caller } => anonymous(*anywhere, caller, arriving.client),
        Kind::Known(known) => {
            let resource = known.resources.at(arriving.server);
            let found = known.identify(resource, arriving).await;
            found.map_err(|cause| refuse(resource, cause))
        }
    }
}

fn anonymous(anywhere: bool, caller: &Caller, client: IpAddr) -> Result<Caller, Unauthenticated> {
    if anywhere || client.to_canonical().is_loopback() {
        Ok(caller.clone())
    } else {
        Err(Unauthenticated::new(Cause::NotLocal(client), None))
    }
}

impl Known {
    fn compile(
        auth: &Auth,
        config: &Checked,
        fetcher: &Arc<Fetcher>,
    ) -> Result<Self, FetcherError> {
        let scopes = ScopeRules::compile(&auth.required_scopes);
        let exchanges = |auth: &ServerAuth| matches!(auth, ServerAuth::TokenExchange(_));
        let exchanged = config.servers.iter().any(|server| exchanges(&server.auth));
        Ok(Self {
            resources: Resources::compile(auth, config, &scopes),
            scopes,
            bearer: Bearer::compile(auth, exchanged, fetcher)?,
            api_keys: ApiKeys::compile(&auth.api_keys),
            api_key_header: auth.api_key_header.clone(),
            certificates: auth.certificates.as_ref().map(CertificateAgents::compile),
        })
    }

    /// A credential in the request counts before the connection's certificate, and a bad one is
    /// never overlooked.
    async fn identify(
        &self,
        resource: &Resource,
        arriving: &Arriving<'_>,
    ) -> Result<Caller, Cause> {
        let certificate = arriving.certificate;
        match credential::find(arriving.headers, arriving.query, &self.api_key_header)? {
            Credential::ApiKey(key) => self.api_keys.find(key).ok_or(Cause::ApiKey),
            Credential::Bearer(token) => {
                if let Some(caller) = self.api_keys.find(token.as_bytes()) {
                    return Ok(caller);
                }
                let occasion = Occasion {
                    resource,
                    certificate: certificate.map(PeerCertificate::sha256),
                    now: unix_seconds(arriving.now),
                };
                Ok(self.bearer.identify(token, occasion).await?)
            }
            Credential::Absent => match (&self.certificates, certificate) {
                (Some(agents), Some(one)) => agents.find(one).ok_or(Cause::Certificate),
                _ => Err(Cause::Absent),
            },
        }
    }
}

fn refuse(resource: &Resource, cause: Cause) -> Unauthenticated {
    let challenge = match &cause {
        Cause::NotLocal(_) | Cause::Unavailable(_) => None,
        Cause::Absent => Some(resource.ask()),
        Cause::Credential(_) => Some(resource.refuse("invalid_request", cause.public())),
        Cause::Token(_) | Cause::ApiKey | Cause::Certificate => {
            Some(resource.refuse("invalid_token", cause.public()))
        }
    };
    Unauthenticated::new(cause, challenge)
}

fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(anywhere: bool, client: &str, known: bool) {
        let client: IpAddr = client.parse().unwrap();
        assert_eq!(
            anonymous(anywhere, &Caller::anonymous(), client).is_ok(),
            known,
            "{client}"
        );
    }

    #[test]
    fn anonymous_callers_are_local_unless_the_operator_says_otherwise() {
        check(false, "127.0.0.1", true);
        check(false, "::1", true);
        check(false, "::ffff:127.0.0.1", true);
        check(false, "192.0.2.7", false);
        check(true, "192.0.2.7", true);
    }
}
