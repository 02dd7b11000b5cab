//! How calls are spread over a server's versions and endpoints.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Source;
use crate::config::Secret;

/// One version of a server.
#[derive(Clone, Debug)]
pub struct Version {
    /// `[A-Za-z0-9._-]{1,64}`; empty for a server that has no versions.
    pub name: String,
    /// At least one for a server on the network, else none. `http` or `https`, with a host, without user information or
    /// fragment.
    pub urls: Vec<Url>,
    pub source: Source,
    /// Beside the weights of the other versions, of which at least one is above 0.
    pub weight: u32,
}

impl Version {
    /// The addresses to which its calls go in the end: those of a REST API, too.
    pub fn addresses(&self) -> &[Url] {
        match &self.source {
            Source::Network => &self.urls,
            Source::Rest(rest) => std::slice::from_ref(&rest.base_url),
        }
    }
}

/// Which endpoint of a version takes a call that belongs to none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Balance {
    RoundRobin,
    LeastLoaded,
    ConsistentHash,
}

/// How an endpoint is asked whether it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Check {
    /// As [`Check::Mcp`] where the server has several endpoints, else as [`Check::None`].
    Auto,
    Mcp,
    /// By a GET of this path.
    Http(String),
    None,
}

/// Which endpoints take calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    pub check: Check,
    pub every: Duration,
    pub timeout: Duration,
    pub unhealthy_after: u32,
    pub healthy_after: u32,
    /// 0: nothing is ejected.
    pub eject_after: u32,
    pub eject_for: Duration,
    /// 0: the circuit never opens.
    pub open_after: u32,
}

/// What is tried again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retry {
    /// At least one.
    pub attempts: u32,
    /// Repetitions per hundred calls.
    pub budget_percent: u32,
    pub try_timeout: Option<Duration>,
    /// Patterns of tool names, in which `*` stands for any text.
    pub tools: Vec<String>,
}

/// The watch over a new version.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// One of the server's versions, with a weight above 0.
    pub version: String,
    pub watch: Duration,
    /// At least 1.
    pub max_error_ratio: f64,
    /// At least 1.
    pub max_p95_ratio: f64,
    pub min_calls: u32,
}

/// Calls that are copied to another version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mirror {
    /// One of the server's versions.
    pub version: String,
    /// Copies per hundred calls that may be copied.
    pub percent: u32,
}

/// Whom a pin is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pinned {
    Agent(String),
    Team(String),
    Header {
        name: http::HeaderName,
        value: Option<String>,
    },
}

/// Callers that always get one version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pin {
    pub who: Pinned,
    /// One of the server's versions.
    pub version: String,
}

/// How much a server is given at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capacity {
    pub calls: u32,
    pub queue: u32,
    pub queue_timeout: Duration,
    pub streams: u32,
}

/// Session ids of the earlier revisions.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Each of at least 32 characters. Empty: a random key that is kept beside the audit spool.
    pub keys: Vec<Secret>,
    pub lifetime: Duration,
}

/// The certificate that the gateway shows to a server. Both files were parsed, and the key belongs to the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}
