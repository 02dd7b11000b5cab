//! What the file says, word for word: the shapes of the configuration with their defaults.
//!
//! The doc comments below are the reference that users read, and the JSON Schema is generated from these types.
//! Nothing here is checked against anything else, and nothing outside this folder sees these types.

mod access;
mod audit;
mod auth;
pub(super) mod federation;
pub(super) mod guardrails;
mod limits;
pub(super) mod local;
mod telemetry;
pub(super) mod traffic;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::quantity::{Period, Size};
use super::secret::Secret;

pub(super) use access::{AccessRule, OneOrMany, PATTERN};
pub(super) use audit::{Ack, Audit, Capture, ClickHouse, Compression, OnFull};
pub(super) use auth::*;
pub(super) use limits::*;
pub(super) use telemetry::{LogFormat, LogLevel, Otlp, OtlpProtocol, Telemetry};

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
    /// Who may call. Left out: callers have no identity and come from this machine.
    pub auth: Option<Auth>,
    /// The MCP servers by name. A client reaches `orders` at `/mcp/orders`.
    /// A name is 1 to 63 of `a` to `z`, `0` to `9` and `-`, and does not begin with `-`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = bounds::SERVERS_MAX))]
    pub servers: BTreeMap<String, Server>,
    /// One endpoint for all servers, `/mcp`.
    pub federation: federation::Federation,
    /// Chosen sets of servers and tools by name, each at an endpoint of its own, `/mcp/{name}`. Names are as those of
    /// servers, and none is a server's.
    #[schemars(extend("maxProperties" = bounds::SERVERS_MAX))]
    pub bundles: BTreeMap<String, federation::Bundle>,
    /// Who may do what. A rule that denies wins over all that allow, and what no rule allows is denied. Without rules and
    /// without `auth` everything is allowed.
    #[schemars(extend("maxItems" = bounds::ACCESS_RULES_MAX))]
    pub access: Vec<AccessRule>,
    /// The ids of sessions of the earlier revisions.
    pub sessions: traffic::Sessions,
    /// How much callers may do. Several rules may be about one call; all of them must let it through.
    #[schemars(extend("maxItems" = bounds::LIMITS_MAX))]
    pub limits: Vec<Limit>,
    /// What calls cost.
    pub prices: Option<Prices>,
    /// Shares limits between the replicas of a gateway. Left out: each counts for itself.
    pub redis: Option<Redis>,
    /// What one request may be. What is larger or slower is refused.
    pub requests: Requests,
    /// Streams of server-sent events.
    pub streams: Streams,
    /// What may pass in messages, in both directions.
    pub guardrails: guardrails::Guardrails,
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
            auth: None,
            servers: BTreeMap::new(),
            federation: federation::Federation::default(),
            bundles: BTreeMap::new(),
            access: Vec::new(),
            sessions: traffic::Sessions::default(),
            limits: Vec::new(),
            prices: None,
            redis: None,
            requests: Requests::default(),
            streams: Streams::default(),
            guardrails: guardrails::Guardrails::default(),
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
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
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
    /// Connections at a time. One too many is answered with 503 and `Retry-After`.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::CAPACITY_MAX))]
    pub connections: u32,
    /// How long a client may take from the first byte of a request's head to its last.
    #[schemars(extend("x-min-ms" = bounds::READ_MIN.ms, "x-max-ms" = bounds::READ_MAX.ms))]
    pub header_timeout: Period,
    /// How long a connection may be idle before and between requests.
    #[schemars(extend("x-min-ms" = bounds::READ_MIN.ms, "x-max-ms" = bounds::READ_MAX.ms))]
    pub idle_timeout: Period,
}

impl Default for ListenDetails {
    fn default() -> Self {
        Self {
            address: String::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            tls: None,
            connections: 20_000,
            header_timeout: Period::from_ms(10_000),
            idle_timeout: Period::from_ms(60_000),
        }
    }
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
    /// Further certificates. A client gets the first one that has the name it asks for, else the one above.
    #[schemars(extend("maxItems" = bounds::CERTIFICATES_MAX))]
    pub further: Vec<FurtherCertificate>,
}

/// One more certificate of the data listener.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(super) struct FurtherCertificate {
    /// A PEM file: the certificate, then its intermediates.
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

/// One MCP server behind the gateway. It needs `url`, `urls`, `openapi` or `versions`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    /// The server's MCP endpoint: `http://orders:8000/mcp`.
    #[schemars(extend("x-form" = URL))]
    pub url: Option<String>,
    /// The same server at several addresses, instead of `url`.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::URLS_MAX))]
    pub urls: Option<Vec<String>>,
    /// A REST API that becomes an MCP server here, instead of `url`.
    pub openapi: Option<local::OpenApi>,
    /// Several versions of the server side by side, instead of `url`. A caller sees one of them: its session stays on
    /// the version on which it began, and an agent without a session is given one by its name.
    #[schemars(extend("minProperties" = 1, "maxProperties" = bounds::VERSIONS_MAX))]
    pub versions: Option<traffic::Versions>,
    /// Which endpoint of a version takes a call that belongs to none.
    pub balance: traffic::Balance,
    /// Which endpoints take calls.
    pub health: traffic::Health,
    /// What is tried again when an exchange fails.
    pub retry: traffic::Retry,
    /// The watch over a new version.
    pub canary: Option<traffic::Canary>,
    /// Calls that are copied to another version.
    pub mirror: Option<traffic::Mirror>,
    /// Callers that always get one version. The first pin that fits decides.
    #[schemars(extend("maxItems" = bounds::PINS_MAX))]
    pub pins: Vec<traffic::Pin>,
    /// How much the server is given at a time.
    pub capacity: traffic::Capacity,
    /// How to speak HTTP to it.
    pub protocol: Protocol,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How to trust it, where its URL (of a REST API, `base_url`) is `https`.
    pub tls: ServerTls,
    /// What the gateway itself shows to it. Left out: nothing.
    pub auth: ServerAuth,
    /// Audiences of tokens for this server that are accepted beside its resource, for issuers that use names of their own:
    /// `api://orders`.
    #[schemars(extend("maxItems" = bounds::AUDIENCES_MAX))]
    pub audiences: Vec<String>,
    /// How clients see single tools of it, by the server's own names.
    #[schemars(extend("maxProperties" = bounds::TOOLS_MAX))]
    pub tools: BTreeMap<String, federation::Tool>,
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
    /// The certificate that the gateway shows to a server which asks for one.
    pub client: Option<traffic::ClientCertificate>,
}

/// What one request may be.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Requests {
    /// The largest body.
    #[schemars(extend("minimum" = bounds::BODY_BYTES_MIN, "maximum" = bounds::BODY_BYTES_MAX))]
    pub body_bytes_max: Size,
    /// The memory for the bodies of all requests that are under way. When it is full, further ones are refused with 503
    /// and `Retry-After`.
    #[schemars(extend("minimum" = bounds::SPOOL_BYTES_MIN, "maximum" = bounds::SPOOL_BYTES_MAX))]
    pub memory_bytes_max: Size,
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
            memory_bytes_max: Size(512 << 20),
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

/// Everything dangerous, by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Insecure {
    /// Let callers without an identity in from other machines. Without it the data listener must be on loopback.
    pub anonymous: bool,
    /// Let the admin listener be reached from other machines. It asks nobody who they are.
    pub admin_remote: bool,
    /// Make no records. It is there to measure what records cost.
    pub unrecorded: bool,
}
