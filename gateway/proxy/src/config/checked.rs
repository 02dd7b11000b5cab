//! What the configuration means: addresses, URLs, durations and sizes, already checked.
//!
//! Nothing here can be read from or written to a file, and nothing here is optional because a key was left out:
//! defaults are filled in. Each stage compiles its own table from this. It never holds text that has yet to be parsed.

mod audit;
mod auth;
mod federation;
pub mod guardrails;
mod limits;
mod local;
mod telemetry;
mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::condition::Condition;
use super::pattern::Pattern;
use super::secret::Secret;
pub use audit::{Audit, Capture, ClickHouse, Spool};
pub use telemetry::{Log, LogFormat, LogLevel, Otlp, OtlpProtocol, Telemetry};

pub use auth::*;
pub use federation::*;
pub use limits::*;
pub use local::*;
pub use traffic::*;

/// The whole configuration of one gateway.
#[derive(Clone, Debug)]
pub struct Checked {
    pub listen: Listen,
    pub admin: Admin,
    /// `None`: callers have no identity.
    pub auth: Option<Auth>,
    /// In the order of their names, at least one.
    pub servers: Vec<Server>,
    pub federation: Federation,
    /// In the order of their names.
    pub bundles: Vec<Bundle>,
    /// In the order of the file.
    pub access: Vec<AccessRule>,
    pub sessions: Sessions,
    pub limits: Vec<Limit>,
    pub prices: Option<Prices>,
    pub redis: Option<Redis>,
    pub requests: Requests,
    pub streams: Streams,
    pub guardrails: guardrails::Guardrails,
    pub audit: Audit,
    pub telemetry: Telemetry,
    pub insecure: Insecure,
}

impl Checked {
    /// The server of that name, as in `/mcp/{server}`.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == name)
    }
}

/// The data listener.
#[derive(Clone, Debug)]
pub struct Listen {
    pub address: SocketAddr,
    /// Accepted values of `Host`, in lower case, with the port where one was written. Empty: loopback names where
    /// the address is loopback, every name elsewhere.
    pub hosts: Vec<String>,
    /// Accepted values of `Origin` beside the listener's own, as browsers serialise them (`https://app.example.com`).
    pub origins: Vec<String>,
    pub tls: Option<ListenTls>,
    /// At a time.
    pub connections: u32,
    /// From the first byte of a head to its last.
    pub header_timeout: Duration,
    /// Before and between requests.
    pub idle_timeout: Duration,
}

/// Certificate files of the data listener. Both were parsed, and the key belongs to the certificate.
#[derive(Clone, Debug)]
pub struct ListenTls {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Further certificates with their keys, for clients that ask for another name.
    pub further: Vec<(PathBuf, PathBuf)>,
}

impl ListenTls {
    /// Every certificate with its key, the one for everybody first.
    pub fn pairs(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let further = self.further.iter();
        let further = further.map(|(cert, key)| (cert.as_path(), key.as_path()));
        std::iter::once((self.cert.as_path(), self.key.as_path())).chain(further)
    }
}

/// The admin listener.
#[derive(Clone, Debug)]
pub struct Admin {
    pub address: SocketAddr,
    /// Without it `/usage` is closed.
    pub credential: Option<Secret>,
}

/// One MCP server behind the gateway.
#[derive(Clone, Debug)]
pub struct Server {
    /// `[a-z0-9][a-z0-9-]{0,62}`
    pub name: String,
    /// At least one.
    pub versions: Vec<Version>,
    pub balance: Balance,
    pub health: Health,
    pub retry: Retry,
    pub canary: Option<Canary>,
    pub mirror: Option<Mirror>,
    pub pins: Vec<Pin>,
    pub capacity: Capacity,
    pub protocol: Protocol,
    pub timeouts: Timeouts,
    pub tls: ServerTls,
    pub auth: ServerAuth,
    /// Audiences that are accepted beside the server's resource.
    pub audiences: Vec<String>,
    /// In the order of their own names.
    pub tools: Vec<ToolView>,
}

/// How to speak HTTP to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// By ALPN on `https`, HTTP/1.1 on `http`.
    Auto,
    Http1,
    /// By ALPN on `https`, with prior knowledge on `http`.
    Http2,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the beginning of the call to the head of the answer, connecting included.
    pub answer: Duration,
    /// Silence within the body of an answer. Streams that are meant to be silent (GET, `subscriptions/listen`) are exempt.
    pub idle: Duration,
}

/// How to trust a server behind `https`.
#[derive(Clone, Debug, Default)]
pub struct ServerTls {
    /// A PEM bundle used instead of the system's roots; parsed when it was checked.
    pub ca: Option<PathBuf>,
    /// The name sent as SNI and looked for in the certificate, instead of the URL's host.
    pub server_name: Option<String>,
    pub client: Option<ClientCertificate>,
}

/// One access rule.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// Unique among the rules.
    pub id: String,
    /// The line of the file on which the rule begins.
    pub line: usize,
    /// Whether the file gives the id.
    pub named: bool,
    /// Of these agents, where there are any.
    pub agents: Vec<String>,
    /// Of these teams, where there are any.
    pub teams: Vec<String>,
    /// With all of these claims.
    pub claims: Vec<Claim>,
    pub allow: Vec<Pattern>,
    pub deny: Vec<Pattern>,
    pub when: Option<Condition>,
}

/// A claim that has one of these values.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The claim's name, or the way to it with dots.
    pub path: String,
    /// At least one.
    pub values: Vec<String>,
}

/// What one request may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Requests {
    pub body_bytes_max: u64,
    /// Of all bodies together.
    pub memory_bytes_max: u64,
    pub header_bytes_max: u64,
    pub depth_max: u32,
    /// For the body of a request.
    pub read_timeout: Duration,
}

/// Streams of server-sent events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Streams {
    /// The silence after which a comment is sent.
    pub keep_alive: Duration,
}

/// Everything dangerous, by name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Insecure {
    pub anonymous: bool,
    pub admin_remote: bool,
    pub unrecorded: bool,
}
