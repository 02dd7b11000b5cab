//! Where the calls go: an `http://` URL cut into what a request line, a `Host` header and a socket need.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::Fault;

/// An MCP endpoint over plain HTTP. TLS is left out on purpose: its cost is the same for every contestant.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port` as written, for the `Host` header.
    pub(super) authority: String,
    /// Path and query, at least `/`.
    pub(super) path: String,
    port_known: bool,
    address: Option<SocketAddr>,
}

impl Target {
    /// Looks the host's first address up.
    pub(super) async fn resolve(mut self) -> Result<Self, Fault> {
        let host = if self.port_known {
            self.authority.clone()
        } else {
            format!("{}:80", self.authority)
        };
        let failed = |source| Fault::Resolve {
            host: host.clone(),
            source,
        };
        let found = tokio::net::lookup_host(&host).await.map_err(failed)?.next();
        self.address = Some(found.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?);
        Ok(self)
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl FromStr for Target {
    type Err = Fault;

    fn from_str(url: &str) -> Result<Self, Fault> {
        let wrong = |why| Fault::Url(url.to_owned(), why);
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| wrong("must begin with http://"))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if authority.is_empty() || authority.contains('@') {
            return Err(wrong("must name a host, and no user"));
        }
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("must be printable ASCII without spaces"));
        }
        let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
        let port_known = match after_brackets.split_once(':') {
            Some((_, port)) => {
                port.parse::<u16>()
                    .map_err(|_| wrong("the port must be a number up to 65535"))?;
                true
            }
            None => false,
        };
        Ok(Self {
            authority: authority.to_owned(),
            path: path.to_owned(),
            port_known,
            address: None,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let table = [
            (
                "http://127.0.0.1:8080/mcp/orders",
                Ok(("127.0.0.1:8080", "/mcp/orders")),
            ),
            ("http://localhost", Ok(("localhost", "/"))),
            ("http://[::1]:99/mcp?x=1", Ok(("[::1]:99", "/mcp?x=1"))),
            ("http://[::1]/mcp", Ok(("[::1]", "/mcp"))),
            ("https://a/mcp", Err(())),
            ("http:///mcp", Err(())),
            ("http://u:p@a/mcp", Err(())),
            ("http://a:99999/mcp", Err(())),
            ("http://a/m\r\nX: y", Err(())),
        ];
        for (url, expected) in table {
            let got = url.parse::<Target>();
            let got = got
                .as_ref()
                .map(|t| (t.authority.as_str(), t.path.as_str()))
                .map_err(|_| ());
            assert_eq!(got, expected, "{url}");
        }
    }
}
