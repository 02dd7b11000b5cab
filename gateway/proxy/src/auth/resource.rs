//! The gateway as protected resources: their identifiers, their metadata (RFC 9728), and the
//! challenges that lead clients there (RFC 6750 section 3, RFC 9728 section 5.1).
//!
//! Everything is built from the configuration, never from what a request says about its host.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::json;
use url::Url;

use super::scopes::ScopeRules;
use crate::config::{Auth, Bundle, Checked, Server};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path of the endpoint that stands for all servers.
const MOUNT: &str = "/mcp";

/// What one endpoint is to an authorization server.
#[derive(Debug)]
pub(super) struct Resource {
    /// What the audience of a token may be.
    audiences: Vec<String>,
    /// `resource_metadata="…"`, or nothing where no authorization server could be named.
    metadata: String,
    /// The scopes that a client ordinarily needs, with spaces between.
    scopes: String,
    document: Bytes,
}

/// The endpoints of one configuration.
#[derive(Debug)]
pub(super) struct Resources {
    /// What stands before `/mcp` in the path of the public URL.
    prefix: String,
    /// The gateway as a whole.
    whole: Resource,
    /// `/mcp`
    federated: Resource,
    /// `/mcp/{server}`, of bundles too.
    servers: HashMap<String, Resource>,
}

impl Resources {
    pub(super) fn compile(auth: &Auth, config: &Checked, scopes: &ScopeRules) -> Self {
        let base = auth.resource.as_deref().unwrap_or_default();
        let url = Url::parse(base).ok();
        let path = url.as_ref().map_or("", Url::path);
        let prefix = path.trim_end_matches('/').to_owned();
        let origin = base.strip_suffix(prefix.as_str()).unwrap_or(base);
        let build = |path: &str, name: &str, server: Option<&str>, others: &[String]| {
            let id = format!("{base}{path}");
            let place = format!("{origin}{WELL_KNOWN}{prefix}{path}");
            let scopes = scopes.ordinary(server);
            let mut audiences = vec![id.clone(), base.to_owned(), format!("{base}/")];
            audiences.extend_from_slice(others);
            Resource {
                document: document(auth, &id, name, &scopes),
                metadata: match auth.issuers.is_empty() {
                    true => String::new(),
                    false => format!("resource_metadata=\"{place}\""),
                },
                scopes: scopes.join(" "),
                audiences: match auth.issuers.is_empty() {
                    true => Vec::new(),
                    false => audiences,
                },
            }
        };
        let of_server = |server: &Server| {
            let path = format!("{MOUNT}/{}", server.name);
            let name = server.name.as_str();
            let resource = build(&path, name, Some(name), &server.audiences);
            (server.name.clone(), resource)
        };
        let of_bundle = |bundle: &Bundle| {
            let path = format!("{MOUNT}/{}", bundle.name);
            let resource = build(&path, &bundle.name, None, &[]);
            (bundle.name.clone(), resource)
        };
        let servers = config.servers.iter().map(of_server);
        Self {
            whole: build("", "gantry", None, &[]),
            federated: build(MOUNT, "gantry", None, &[]),
            servers: servers
                .chain(config.bundles.iter().map(of_bundle))
                .collect(),
            prefix,
        }
    }

    /// The endpoint of a server, or the one of all servers.
    pub(super) fn at(&self, server: Option<&str>) -> &Resource {
        let known = server.and_then(|server| self.servers.get(server));
        known.unwrap_or(&self.federated)
    }

    /// The metadata document at a path of the listener.
    pub(super) fn document(&self, path: &str) -> Option<&Bytes> {
        let rest = path.strip_prefix(WELL_KNOWN)?;
        // What stands in front of the gateway may have taken its own part of the path away.
        let rest = rest.strip_prefix(self.prefix.as_str()).unwrap_or(rest);
        let resource = match rest {
            "" => &self.whole,
            MOUNT => &self.federated,
            _ => {
                let server = rest.strip_prefix(MOUNT)?.strip_prefix('/')?;
                self.servers.get(server)?
            }
        };
        Some(&resource.document)
    }
}

impl Resource {
    /// Whether a token with this audience is for this endpoint.
    pub(super) fn accepts(&self, audience: &str) -> bool {
        self.audiences.iter().any(|one| one == audience)
    }

    /// The challenge to a request without any credential.
    pub(super) fn ask(&self) -> String {
        self.challenge(&[])
    }

    /// The challenge to a request that was refused; the texts are constants.
    pub(super) fn refuse(&self, error: &str, description: &str) -> String {
        let error = format!("error=\"{error}\"");
        let description = format!("error_description=\"{description}\"");
        self.challenge(&[&error, &description])
    }

    /// The challenge to a caller whose token does not go far enough.
    pub(super) fn step_up(&self, needed: &str) -> String {
        let parts = [
            "error=\"insufficient_scope\"",
            &format!("scope=\"{needed}\""),
            "error_description=\"the call needs more scopes\"",
            &self.metadata,
        ];
        join(&parts)
    }

    fn challenge(&self, first: &[&str]) -> String {
        let scope = match self.scopes.as_str() {
            "" => String::new(),
            scopes => format!("scope=\"{scopes}\""),
        };
        let mut parts = first.to_vec();
        parts.extend([self.metadata.as_str(), &scope]);
        join(&parts)
    }
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    format!("Bearer {}", parts.join(", ")).trim_end().to_owned()
}

fn document(auth: &Auth, id: &str, name: &str, scopes: &[String]) -> Bytes {
    let issuers: Vec<&str> = auth.issuers.iter().map(|one| one.issuer.as_str()).collect();
    let mut document = json!({
        "resource": id,
        "resource_name": name,
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
    });
    if let Some(fields) = document.as_object_mut() {
        if !scopes.is_empty() {
            fields.insert("scopes_supported".to_owned(), json!(scopes));
        }
        if auth.certificates.is_some() {
            fields.insert(
                "tls_client_certificate_bound_access_tokens".to_owned(),
                json!(true),
            );
        }
    }
    document.to_string().into()
}
