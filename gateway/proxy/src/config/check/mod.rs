//! From what the file says to what it means.
//!
//! Each part is checked on its own, so that every fault is found in one go; a fault points at the value that causes it.

mod access;
mod audit;
mod auth;
mod capture;
mod credentials;
mod edge;
mod federation;
mod guardrails;
mod hooks;
mod limits;
mod local;
mod prices;
mod servers;
mod telemetry;
mod traffic;

use std::path::{Path as FilePath, PathBuf};

use url::Url;

use super::checked::{Checked, Insecure, Requests, Streams};
use super::fault::{Findings, Path};
use super::raw;
use super::tree::Node;
use super::{Surroundings, certificate};

pub(super) use audit::is_gateway_name_char;

/// Checks everything. `None` only where a fault has been noted; faults may have been noted beside `Some`, too.
pub(super) fn check(
    raw: &raw::Gateway,
    tree: &Node,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<Checked> {
    let mut checker = Checker {
        tree,
        surroundings,
        findings,
    };
    let insecure = Insecure {
        anonymous: raw.insecure.anonymous,
        admin_remote: raw.insecure.admin_remote,
        unrecorded: raw.insecure.unrecorded,
    };
    let listen = checker.listen(&raw.listen, insecure, raw.auth.is_some());
    let admin = checker.admin(&raw.admin, insecure, listen.as_ref());
    let tls = listen.as_ref().is_some_and(|listen| listen.tls.is_some());
    let auth = checker.auth(raw, tls);
    let exchangeable = auth.as_ref().is_some_and(|auth| !auth.issuers.is_empty());
    let servers = checker.servers(&raw.servers, exchangeable);
    let federation = checker.federation(&raw.federation);
    let bundles = checker.bundles(raw);
    let access = checker.access(&raw.access, &raw.servers);
    let sessions = checker.sessions(&raw.sessions);
    let prices = raw
        .prices
        .as_ref()
        .map(|prices| checker.prices(prices, &servers));
    let limits = checker.limits(&raw.limits, &servers, prices.as_ref());
    let redis = raw.redis.as_ref().and_then(|redis| checker.redis(redis));
    let guardrails = checker.guardrails(&raw.guardrails);
    let mut audit = checker.audit(&raw.audit);
    if let (Some(audit), Some(capture)) = (&mut audit, &raw.audit.capture) {
        audit.capture = checker.capture(capture, audit, insecure.unrecorded, &raw.servers);
    }
    let telemetry = checker.telemetry(&raw.telemetry);
    Some(Checked {
        listen: listen?,
        admin: admin?,
        auth,
        servers,
        federation,
        bundles,
        access,
        sessions,
        limits,
        prices,
        redis,
        requests: requests(&raw.requests),
        streams: Streams {
            keep_alive: raw.streams.keep_alive.into(),
        },
        guardrails,
        audit: audit?,
        telemetry: telemetry?,
        insecure,
    })
}

fn requests(raw: &raw::Requests) -> Requests {
    Requests {
        body_bytes_max: raw.body_bytes_max.0,
        memory_bytes_max: raw.memory_bytes_max.0,
        header_bytes_max: raw.header_bytes_max.0,
        depth_max: raw.depth_max,
        read_timeout: raw.read_timeout.into(),
    }
}

/// What every check needs.
struct Checker<'a> {
    tree: &'a Node,
    surroundings: &'a Surroundings<'a>,
    findings: &'a mut Findings,
}

impl Checker<'_> {
    fn fault(&mut self, path: &Path, what: impl Into<String>, allowed: &str) {
        self.findings
            .add(self.tree.place_of(path), path, what, allowed);
    }

    /// Whether there is nothing to check: no value, or one that is known to be wrong. Where the
    /// value was needed, that has been noted.
    fn is_absent(&self, path: &Path) -> bool {
        !self.tree.has(path) || self.findings.touch(path)
    }

    /// Relative paths begin at the folder of the configuration.
    fn file(&self, text: &str) -> PathBuf {
        self.surroundings.folder.join(FilePath::new(text))
    }

    fn url(&mut self, text: &str, path: &Path) -> Option<Url> {
        match parse_url(text) {
            Ok(url) => Some(url),
            Err((what, allowed)) => {
                self.fault(path, what, allowed);
                None
            }
        }
    }

    fn authorities(&mut self, text: &str, path: &Path) -> Option<PathBuf> {
        let file = self.file(text);
        match certificate::check_authorities(&file) {
            Ok(()) => Some(file),
            Err(error) => {
                self.fault(
                    path,
                    error.to_string(),
                    "a PEM file with certificates of authorities",
                );
                None
            }
        }
    }
}

/// Reads the URL of a server. The fault never quotes it, because it may hold a password.
fn parse_url(text: &str) -> Result<Url, (String, &'static str)> {
    if !["http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Err((
            "this does not begin with `http://` or `https://`".into(),
            raw::URL,
        ));
    }
    let url =
        Url::parse(text).map_err(|error| (format!("this is not a URL: {error}"), raw::URL))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "a user name or password within a URL".into(),
            "keys of their own, because URLs are shown and logged",
        ));
    }
    if url.fragment().is_some() {
        return Err((
            "a URL with a `#` part, which is never sent".into(),
            raw::URL,
        ));
    }
    if url.port() == Some(0) {
        return Err(("port 0 cannot be connected to".into(), raw::URL));
    }
    Ok(url)
}
