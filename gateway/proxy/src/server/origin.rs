//! Which hosts and which web pages may use the listener.
//!
//! The check defends local gateways against DNS rebinding (2026-07-28, Streamable HTTP, "Security
//! Warning"): a page that a browser loaded from elsewhere must not reach a server on this machine.
//! Pages that are allowed get the CORS headers that their browser asks for (Fetch, "CORS protocol").

use http::{HeaderMap, HeaderValue, header};

use crate::{config::Listen, pipeline::Refusal};

/// Names that always mean this machine.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What the listener lets through its door.
#[derive(Debug, Clone)]
pub(super) struct Door {
    hosts: Vec<String>,
    origins: Vec<String>,
    local: bool,
    /// The listener's own address, as it stands in `Host`.
    own: String,
}

impl Door {
    pub(super) fn compile(listen: &Listen) -> Self {
        Self {
            hosts: listen.hosts.clone(),
            origins: listen.origins.clone(),
            local: listen.address.ip().is_loopback(),
            own: listen.address.to_string(),
        }
    }

    /// Checks `host` (of the `Host` field or the `:authority`) and `Origin`.
    pub(super) fn admit(&self, host: Option<&str>, headers: &HeaderMap) -> Result<(), Refusal> {
        self.admit_host(host)?;
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or("not text");
            if !self.trusts(origin) {
                return Err(Refusal::Origin(origin.to_owned()));
            }
        }
        Ok(())
    }

    /// Checks `host` alone.
    pub(super) fn admit_host(&self, host: Option<&str>) -> Result<(), Refusal> {
        let host = host.unwrap_or_default().to_ascii_lowercase();
        match self.serves(&host) {
            true => Ok(()),
            false => Err(Refusal::Host(host)),
        }
    }

    fn serves(&self, host: &str) -> bool {
        let name = without_port(host);
        if host == self.own {
            return true;
        }
        if self
            .hosts
            .iter()
            .any(|known| known == host || known == name)
        {
            return true;
        }
        if self.local {
            return LOCAL_NAMES.contains(&name);
        }
        self.hosts.is_empty()
    }

    fn trusts(&self, origin: &str) -> bool {
        if self.origins.iter().any(|known| known == origin) {
            return true;
        }
        let authority = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        self.local && authority.is_some_and(|name| LOCAL_NAMES.contains(&without_port(name)))
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// What a page may read of an answer and send with a request. The list is MCP's own headers.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Mcp-Session-Id, WWW-Authenticate, Gantry-Partial");
const VERBS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("600");

/// The headers that let the page of `origin`, which has been admitted, read the answer.
pub(super) fn readable_by(origin: &HeaderValue) -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
    ]
}

/// What a preflight from an admitted page is answered with, beside [`readable_by`].
pub(super) fn preflight(headers: &HeaderMap) -> Vec<(header::HeaderName, HeaderValue)> {
    let mut answer = vec![
        (header::ACCESS_CONTROL_ALLOW_METHODS, VERBS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
    ];
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.push((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(local: bool, hosts: &[&str], origins: &[&str]) -> Door {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Door {
            hosts: own(hosts),
            origins: own(origins),
            local,
            own: "127.0.0.2:8080".to_owned(),
        }
    }

    #[track_caller]
    fn check(door: &Door, host: &str, origin: Option<&str>, admitted: bool) {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(
            door.admit(Some(host), &headers).is_ok(),
            admitted,
            "{host} {origin:?}"
        );
    }

    #[test]
    fn a_local_listener_serves_local_names_and_pages() {
        let local = door(true, &[], &[]);
        check(&local, "localhost:8080", None, true);
        check(&local, "LOCALHOST", None, true);
        check(
            &local,
            "127.0.0.1:8080",
            Some("http://localhost:6274"),
            true,
        );
        check(&local, "[::1]:8080", Some("http://[::1]:3000"), true);
        check(&local, "127.0.0.2:8080", None, true);
        check(&local, "evil.example.com", None, false);
        check(
            &local,
            "evil.example.com",
            Some("http://evil.example.com"),
            false,
        );
        check(&local, "localhost", Some("http://evil.example.com"), false);
        check(
            &local,
            "localhost",
            Some("http://localhost.evil.example.com"),
            false,
        );
        check(&local, "localhost", Some("null"), false);
        check(&local, "", None, false);
    }

    #[test]
    fn a_public_listener_serves_what_is_listed() {
        let open = door(false, &[], &["https://app.example.com"]);
        check(&open, "gw.example.com", None, true);
        check(
            &open,
            "gw.example.com",
            Some("https://app.example.com"),
            true,
        );
        check(
            &open,
            "gw.example.com",
            Some("http://localhost:3000"),
            false,
        );
        let named = door(false, &["gw.example.com"], &[]);
        check(&named, "gw.example.com:443", None, true);
        check(&named, "other.example.com", None, false);
    }
}
