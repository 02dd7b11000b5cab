//! What the file says, word for word: the shapes of the configuration with their defaults.
//!
//! The doc comments below are the reference that users read, and the JSON Schema is generated from these types.
//! Nothing here is checked against anything else, and nothing outside this folder sees these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::bounds;
use super::quantity::{Period, Size};

mod access;

pub(super) use access::{AccessRule, OneOrMany, PATTERN};

/// What an address looks like, for whoever wrote something else.
pub(super) const ADDRESS: &str = "an IP address and port such as `127.0.0.1:8080` or `[::]:8080`";
/// What a URL looks like.
pub(super) const URL: &str = "a URL such as `http://127.0.0.1:8000/mcp`";
/// What a file looks like.
const FILE: &str = "the path of a PEM file";

/// The configuration of one gateway. Only `servers` is needed.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["servers"]))]
pub(super) struct Gateway {
    /// Where clients connect: an address with its port, or a map.
    pub listen: Listen,
    /// Where operators look: `/metrics`, `/healthz`, `/readyz`, `/config`. An address with its port, or a map.
    pub admin: Admin,
    /// The MCP servers by name. A client reaches `orders` at `/mcp/orders`.
    /// A name is 1 to 63 of `a` to `z`, `0` to `9` and `-`, and does not begin with `-`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = bounds::SERVERS_MAX))]
    pub servers: BTreeMap<String, Server>,
    /// Who may do what. A rule that denies wins over all that allow, and what no rule allows is denied. Without rules and
    /// without `auth` everything is allowed.
    #[schemars(extend("maxItems" = bounds::ACCESS_RULES_MAX))]
    pub access: Vec<AccessRule>,
    /// What one request may be. What is larger or slower is refused.
    pub requests: Requests,
    /// Streams of server-sent events.
    pub streams: Streams,
    /// The audit trail: one record per call.
    pub audit: Audit,
    /// What the gateway says about itself.
    pub telemetry: Telemetry,
    /// Everything dangerous, by name. All of it is off unless it is written here.
    pub insecure: Insecure,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: Listen::Address("127.0.0.1:8080".into()),
            admin: Admin::Address("127.0.0.1:9090".into()),
            servers: BTreeMap::new(),
            access: Vec::new(),
            requests: Requests::default(),
            streams: Streams::default(),
            audit: Audit::default(),
            telemetry: Telemetry::default(),
            insecure: Insecure::default(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(untagged)]
pub(super) enum Listen {
    /// An IP address and port such as `127.0.0.1:8080` or `[::]:8080`.
    #[schemars(extend("x-form" = ADDRESS))]
    Address(String),
    Detailed(ListenDetails),
}

/// The data listener in detail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct ListenDetails {
    /// An IP address and port such as `127.0.0.1:8080` or `[::]:8080`.
    #[schemars(extend("x-form" = ADDRESS))]
    pub address: String,
    /// Host names by which clients may call the gateway, each with or without a port: `gw.example.com`.
    /// With an empty list a loopback listener answers to loopback names only, and any other listener to every name.
    #[schemars(extend("maxItems" = bounds::HOSTS_MAX))]
    pub hosts: Vec<String>,
    /// Web origins whose pages may call the gateway: `https://app.example.com`. A loopback listener answers to pages of
    /// this machine, too. A request with any other `Origin` gets 403.
    #[schemars(extend("maxItems" = bounds::ORIGINS_MAX))]
    pub origins: Vec<String>,
    /// Serve HTTPS with this certificate.
    pub tls: Option<ListenTls>,
}

/// The certificate of the data listener.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(super) struct ListenTls {
    /// A PEM file: the certificate, then its intermediates. A relative path begins at the folder of the configuration.
    #[schemars(extend("x-form" = FILE))]
    pub cert: String,
    /// A PEM file: the private key of that certificate.
    #[schemars(extend("x-form" = FILE))]
    pub key: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(untagged)]
pub(super) enum Admin {
    /// An IP address and port such as `127.0.0.1:9090`. Loopback, unless `insecure.admin_remote` is set.
    #[schemars(extend("x-form" = ADDRESS))]
    Address(String),
    Detailed(AdminDetails),
}

/// The admin listener in detail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct AdminDetails {
    /// An IP address and port such as `127.0.0.1:9090`. Loopback, unless `insecure.admin_remote` is set.
    #[schemars(extend("x-form" = ADDRESS))]
    pub address: String,
    /// What a reader of `/usage` signs in with, under any user name: 16 characters or more, as `${VARIABLE}` or
    /// `file:PATH` rather than in the open. Left out: `/usage` is closed. It never prints.
    pub credential: Option<Secret>,
}

/// One MCP server behind the gateway. It needs `url` or `urls`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    /// The server's MCP endpoint: `http://orders:8000/mcp`.
    #[schemars(extend("x-form" = URL))]
    pub url: Option<String>,
    /// The same server at several addresses, instead of `url`.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::URLS_MAX))]
    pub urls: Option<Vec<String>>,
    /// How to speak HTTP to it.
    pub protocol: Protocol,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How to trust it, where its URL is `https`.
    pub tls: ServerTls,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// What TLS negotiates on `https`, HTTP/1.1 on `http`.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, on `http` without any negotiation.
    Http2,
}

/// How long a server may take.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Timeouts {
    /// Until the connection stands, TLS included.
    #[schemars(extend("x-min-ms" = bounds::CONNECT_MIN.ms, "x-max-ms" = bounds::CONNECT_MAX.ms))]
    pub connect: Period,
    /// From the beginning of the call to the head of the answer, connecting included.
    #[schemars(extend("x-min-ms" = bounds::ANSWER_MIN.ms, "x-max-ms" = bounds::ANSWER_MAX.ms))]
    pub answer: Period,
    /// Silence within the body of an answer. GET streams and `subscriptions/listen` may be silent for as long as both ends want.
    #[schemars(extend("x-min-ms" = bounds::IDLE_MIN.ms, "x-max-ms" = bounds::IDLE_MAX.ms))]
    pub idle: Period,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Period::from_ms(5_000),
            answer: Period::from_ms(60_000),
            idle: Period::from_ms(300_000),
        }
    }
}

/// How to trust a server behind `https`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ServerTls {
    /// A PEM file with the authorities to trust instead of the system's. A relative path begins at the folder of the configuration.
    #[schemars(extend("x-form" = FILE))]
    pub ca: Option<String>,
    /// The name to ask for and to find in the certificate, instead of the URL's host.
    pub server_name: Option<String>,
}

/// What one request may be.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Requests {
    /// The largest body.
    #[schemars(extend("minimum" = bounds::BODY_BYTES_MIN, "maximum" = bounds::BODY_BYTES_MAX))]
    pub body_bytes_max: Size,
    /// The largest head: the names and values of all headers. There are at most 256 of them, whatever their size.
    #[schemars(extend("minimum" = bounds::HEADER_BYTES_MIN, "maximum" = bounds::HEADER_BYTES_MAX))]
    pub header_bytes_max: Size,
    /// The deepest nesting of JSON.
    #[schemars(extend("minimum" = bounds::DEPTH_MIN, "maximum" = bounds::DEPTH_MAX))]
    pub depth_max: u32,
    /// How long a client may take to send the body.
    #[schemars(extend("x-min-ms" = bounds::READ_MIN.ms, "x-max-ms" = bounds::READ_MAX.ms))]
    pub read_timeout: Period,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            body_bytes_max: Size(16 << 20),
            header_bytes_max: Size(64 << 10),
            depth_max: 128,
            read_timeout: Period::from_ms(30_000),
        }
    }
}

/// Streams of server-sent events.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Streams {
    /// After this much silence of the server, the gateway sends a comment, so that nothing between it and the client
    /// takes the connection for dead.
    #[schemars(extend("x-min-ms" = bounds::KEEP_ALIVE_MIN.ms, "x-max-ms" = bounds::KEEP_ALIVE_MAX.ms))]
    pub keep_alive: Period,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            keep_alive: Period::from_ms(15_000),
        }
    }
}

/// The audit trail: one record per call.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Audit {
    /// This gateway's name in every record: 1 to 64 of letters, digits, `.`, `_` and `-`. Left out: the host's name.
    /// Two gateways that share a database need two names.
    pub gateway: Option<String>,
    /// The database that the trail is delivered to. Left out: the trail stays in the spool.
    pub clickhouse: Option<ClickHouse>,
    /// Where the trail waits on disk until it is delivered.
    pub spool: Spool,
}

/// A ClickHouse database, reached over its HTTP interface.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(super) struct ClickHouse {
    /// The HTTP interface: `http://127.0.0.1:8123`.
    #[schemars(extend("x-form" = URL))]
    pub url: String,
    /// The user to sign in as.
    pub user: String,
    /// That user's password, as `${VARIABLE}` or `file:PATH` rather than in the open. It never prints.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: "gantry".into(),
            password: None,
            database: "gantry".into(),
        }
    }
}

/// The write-ahead log of the trail.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Spool {
    /// Its folder. Left out: `gantry/spool` in `$XDG_STATE_HOME`, else in `~/.local/state`, else in `/var/lib`.
    /// A relative path begins at the folder of the configuration. One folder serves one gateway.
    pub dir: Option<String>,
    /// What it may hold. When it is full, calls are refused: a call that leaves no record is not made.
    #[schemars(extend("minimum" = bounds::SPOOL_BYTES_MIN, "maximum" = bounds::SPOOL_BYTES_MAX))]
    pub bytes_max: Size,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            dir: None,
            bytes_max: Size(1 << 30),
        }
    }
}

/// What the gateway says about itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Telemetry {
    /// The log on standard error.
    pub log: Log,
}

/// The log on standard error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// The least important events that are written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Everything dangerous, by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Insecure {
    /// Let callers without an identity in from other machines. Without it the data listener must be on loopback.
    pub anonymous: bool,
    /// Let the admin listener be reached from other machines. It asks nobody who they are.
    pub admin_remote: bool,
}
