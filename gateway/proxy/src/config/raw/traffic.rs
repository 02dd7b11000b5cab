//! How calls are spread over a server's versions and endpoints, in the words of the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::local::{Command, OpenApi};
use super::{FILE, URL};
use crate::config::Secret;
use crate::config::bounds;
use crate::config::quantity::Period;

/// What a ratio looks like.
pub(in crate::config) const RATIO: &str = "a ratio such as `2x` or `1.5x`";
/// What a share looks like.
pub(in crate::config) const SHARE: &str = "a share such as `20%`";

/// One version of a server. It needs `url`, `urls`, `openapi` or `command`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Version {
    /// The version's MCP endpoint.
    #[schemars(extend("x-form" = URL))]
    pub url: Option<String>,
    /// The same version at several addresses, instead of `url`.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::URLS_MAX))]
    pub urls: Option<Vec<String>>,
    /// A REST API that becomes an MCP server here, instead of `url`.
    pub openapi: Option<OpenApi>,
    /// A program that is an MCP server over stdio, instead of `url`.
    pub command: Option<Command>,
    /// Its share of agents and of new sessions, beside the weights of the other versions. A version of weight 0 keeps
    /// the sessions it has and gets what is pinned to it.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::WEIGHT_MAX))]
    pub weight: u32,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            url: None,
            urls: None,
            openapi: None,
            command: None,
            weight: 1,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest calls under way.
    LeastLoaded,
    /// The same caller to the same endpoint, as long as it is in.
    ConsistentHash,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Check {
    /// `mcp` where a server has several endpoints, `none` where it has one.
    #[default]
    Auto,
    /// `server/discover`, else `initialize` and the end of that session.
    Mcp,
    /// A GET of `path`; every status below 400 is healthy.
    Http,
    /// No active check.
    None,
}

/// Which endpoints take calls.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Health {
    /// How an endpoint is asked whether it is there.
    pub check: Check,
    /// What `check: http` asks for.
    pub path: String,
    /// How often.
    #[schemars(extend("x-min-ms" = bounds::CHECK_MIN.ms, "x-max-ms" = bounds::CHECK_MAX.ms))]
    pub every: Period,
    /// How long the answer to a check may take.
    #[schemars(extend("x-min-ms" = bounds::CHECK_MIN.ms, "x-max-ms" = bounds::CHECK_MAX.ms))]
    pub timeout: Period,
    /// Failed checks in a row that take an endpoint out.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::COUNT_MAX))]
    pub unhealthy_after: u32,
    /// Good checks in a row that take it in again.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::COUNT_MAX))]
    pub healthy_after: u32,
    /// Calls in a row that failed (no connection, a broken one, no answer in time, a status of 500 to 599) and put an
    /// endpoint out for `eject_for`. At least half of a version's endpoints stay in. As many for the whole version, and
    /// the server is left out at once, for as long, where others would wait for its part of an answer. 0 ejects none.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::COUNT_MAX))]
    pub eject_after: u32,
    /// How long the first time; twice as long each further time, up to ten times. Then one call is let through to
    /// find out.
    #[schemars(extend("x-min-ms" = bounds::EJECT_MIN.ms, "x-max-ms" = bounds::EJECT_MAX.ms))]
    pub eject_for: Period,
    /// Calls of all endpoints of a version that failed in a row and open its circuit: for `eject_for`, calls are
    /// refused with 503 at once, then one is let through to find out. 0 never opens it.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::COUNT_MAX))]
    pub open_after: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            check: Check::Auto,
            path: "/healthz".into(),
            every: Period::from_ms(5_000),
            timeout: Period::from_ms(2_000),
            unhealthy_after: 3,
            healthy_after: 2,
            eject_after: 5,
            eject_for: Period::from_ms(10_000),
            open_after: 50,
        }
    }
}

/// What is tried again when an exchange fails. A connection that cannot be made is always tried elsewhere; a call that
/// was sent only when repeating it is safe: methods that only read, and tools that are read-only or idempotent by their
/// annotations or by `tools`. An answer that has begun is never begun again.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Retry {
    /// How often one call may be sent in all.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::ATTEMPTS_MAX))]
    pub attempts: u32,
    /// How much of the traffic may be repetitions, so that a server in trouble is not buried: a share such as `20%`.
    #[schemars(extend("x-form" = SHARE, "pattern" = "^[0-9]{1,3}%$|\\$\\{"))]
    pub budget: String,
    /// How long one try may take to begin its answer; `timeouts.answer` bounds all of them together.
    #[schemars(extend("x-min-ms" = bounds::ANSWER_MIN.ms, "x-max-ms" = bounds::ANSWER_MAX.ms))]
    pub try_timeout: Option<Period>,
    /// Tools that may be repeated whatever their annotations say; `*` stands for any text.
    #[schemars(extend("maxItems" = bounds::TOOLS_MAX))]
    pub tools: Vec<String>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            budget: "20%".into(),
            try_timeout: None,
            tools: Vec::new(),
        }
    }
}

/// The watch over a new version. It compares it with the other versions and sets its weight to 0 when it does worse;
/// so it stays, across reloads, until its weight is changed or `POST /canary/reset` is sent to the admin listener.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Canary {
    /// The version that is watched. Left out: the one with the smallest weight above 0.
    pub version: Option<String>,
    /// How far back calls count.
    #[schemars(extend("x-min-ms" = bounds::WATCH_MIN.ms, "x-max-ms" = bounds::WATCH_MAX.ms))]
    pub watch: Period,
    /// How many times as many of its calls may fail, by transport, JSON-RPC error or `isError`. One failure in a
    /// hundred is always tolerated.
    #[schemars(extend("x-form" = RATIO, "pattern" = "^[0-9]+([.][0-9]+)?x$|\\$\\{"))]
    pub max_error_ratio: String,
    /// How many times as long its calls may take, at the 95th percentile. Ten milliseconds are always tolerated.
    #[schemars(extend("x-form" = RATIO, "pattern" = "^[0-9]+([.][0-9]+)?x$|\\$\\{"))]
    pub max_p95_ratio: String,
    /// How many calls of it must be there before it is judged.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::CALLS_MAX))]
    pub min_calls: u32,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            version: None,
            watch: Period::from_ms(600_000),
            max_error_ratio: "2x".into(),
            max_p95_ratio: "2x".into(),
            min_calls: 200,
        }
    }
}

/// Calls that are copied to another version to see whether it answers alike. Only calls of tools that are read-only by
/// their annotations or by `retry.tools` are copied; the caller is never touched, and never waits.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["version"]))]
pub(in crate::config) struct Mirror {
    /// The version that gets the copies.
    pub version: String,
    /// Which share of the calls is copied. Left out: all.
    #[schemars(extend("x-form" = SHARE, "pattern" = "^[0-9]{1,3}%$|\\$\\{"))]
    pub share: Option<String>,
}

/// Callers that always get one version: an `agent`, a `team`, or requests with a `header`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["version"]))]
pub(in crate::config) struct Pin {
    /// The agent.
    pub agent: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The name of a header. Whoever can send requests can send it: it is for tests, not for separation.
    pub header: Option<String>,
    /// The value of that header. Left out: any value.
    pub value: Option<String>,
    /// The version that they get.
    pub version: String,
}

/// How much a server is given at a time. What is beyond waits in a bounded queue, then is refused with 503 and
/// `Retry-After`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Capacity {
    /// Calls under way.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::CAPACITY_MAX))]
    pub calls: u32,
    /// Calls that wait for their turn.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::CAPACITY_MAX))]
    pub queue: u32,
    /// How long one may wait.
    #[schemars(extend("x-min-ms" = bounds::QUEUE_MIN.ms, "x-max-ms" = bounds::QUEUE_MAX.ms))]
    pub queue_timeout: Period,
    /// Streams that live as long as both ends want (GET, `subscriptions/listen`); they do not count as calls.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::CAPACITY_MAX))]
    pub streams: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            calls: 4_096,
            queue: 1_024,
            queue_timeout: Period::from_ms(1_000),
            streams: 16_384,
        }
    }
}

/// The ids of sessions of the earlier revisions. A client holds an id that this gateway has sealed: it says which
/// endpoint has the session, and serves only the caller that opened it. Nothing about it is stored.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Sessions {
    /// The keys, each of at least 32 characters, as `${VARIABLE}` or `file:PATH`. The first one seals, all open, so
    /// that keys can be replaced one after the other. Gateways that share them serve each other's sessions. Left out:
    /// a random key in the folder of the audit spool.
    #[schemars(extend("maxItems" = bounds::KEYS_MAX))]
    pub keys: Vec<Secret>,
    /// How long a session may live. Then its client is told to begin a new one.
    #[schemars(extend("x-min-ms" = bounds::SESSION_MIN.ms, "x-max-ms" = bounds::SESSION_MAX.ms))]
    pub lifetime: Period,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            lifetime: Period::from_ms(86_400_000),
        }
    }
}

/// The certificate that the gateway shows to a server which asks for one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(in crate::config) struct ClientCertificate {
    /// A PEM file: the certificate, then its intermediates. A relative path begins at the folder of the configuration.
    #[schemars(extend("x-form" = FILE))]
    pub cert: String,
    /// A PEM file: the private key of that certificate.
    #[schemars(extend("x-form" = FILE))]
    pub key: String,
}

/// The versions of a server by their names.
pub(in crate::config) type Versions = BTreeMap<String, Version>;
