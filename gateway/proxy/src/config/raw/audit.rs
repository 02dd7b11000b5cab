//! The `audit` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FILE, URL};
use crate::config::{
    Secret, bounds,
    quantity::{Period, Size},
};

/// The audit trail: one record per call.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Audit {
    /// This gateway's name in every record: 1 to 64 of letters, digits, `.`, `_` and `-`. Left out: the host's name.
    /// Two gateways that share a database need two names.
    pub gateway: Option<String>,
    /// What a record has survived before the end of its answer is given.
    pub ack: Ack,
    /// What becomes of a call that the spool has no room for, or cannot be written for.
    pub on_full: OnFull,
    /// Writes down that a tool is about to be called that has not said it only reads, before it is. If the process ends
    /// before the call does, its record says `unknown`: it may have been made, and nobody knows how it ended.
    pub intent: bool,
    /// The Ed25519 key (PEM) that signs the seals of the trail. Left out: `seal.key` in the spool's folder, made at the
    /// first start; its public half is `seal.pub` beside it.
    #[schemars(extend("x-form" = FILE))]
    pub seal_key: Option<String>,
    /// A file with the secret that makes pseudonyms of persons and hashes of arguments. Gateways that share a database
    /// need the same one, or a person has several pseudonyms. Left out: `pseudonym.key` in the spool's folder, made at
    /// the first start.
    pub pseudonym_key: Option<String>,
    /// The database that the trail is delivered to. Left out: the trail stays in the spool.
    pub clickhouse: Option<ClickHouse>,
    /// Where the trail waits on disk until it is delivered.
    pub spool: Spool,
    /// Keeps arguments and results of some tools' calls for a while, in a table beside the trail. Left out: none are
    /// ever stored.
    pub capture: Option<Capture>,
}

/// What is kept of calls beside their records. Kept is what has passed the guardrails, and of that nothing which looks
/// like personal data or a secret, whatever the guardrails say.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["tools"]))]
pub(in crate::config) struct Capture {
    /// The tools whose calls are meant: `server/tool`, or `server` for all of a server. `*` stands for any run of
    /// characters.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::PATTERNS_MAX))]
    pub tools: Vec<String>,
    /// Keeps the arguments.
    pub arguments: bool,
    /// Keeps the results, and errors that servers give instead.
    pub results: bool,
    /// How much is kept of each, as JSON text. What is longer is cut, and its row says so; of what is longer than 1MiB
    /// only the length is kept.
    #[schemars(extend("minimum" = bounds::CAPTURE_BYTES_MIN, "maximum" = bounds::CAPTURE_BYTES_MAX))]
    pub bytes_max: Size,
    /// How long it is kept, in days from the call on.
    #[schemars(extend("minimum" = bounds::KEEP_DAYS_MIN, "maximum" = bounds::CAPTURE_DAYS_MAX))]
    pub keep_days: u32,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            tools: Vec::new(),
            arguments: false,
            results: false,
            bytes_max: Size(16 << 10),
            keep_days: 7,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Ack {
    /// Nothing; the end of the process can lose records.
    Memory,
    /// The end of the process by any means: it is in the page cache.
    #[default]
    Written,
    /// The loss of power: it is on the disk.
    Synced,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum OnFull {
    /// It waits for room, at most 30 seconds, and is then refused.
    Block,
    /// It is refused: a call that leaves no record is not made.
    #[default]
    FailClosed,
    /// It goes on without a record. Each is counted as dropped.
    Degrade,
}

/// A ClickHouse database, reached over its HTTP interface. It needs `url` or `shards`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ClickHouse {
    /// The HTTP interface: `http://127.0.0.1:8123`.
    #[schemars(extend("x-form" = URL))]
    pub url: Option<String>,
    /// Several servers, instead of `url`: a list for each shard, with the URLs of its replicas. A batch stays with its
    /// shard until it is delivered, so the order of the shards must not change while the spool holds records.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::SHARDS_MAX))]
    pub shards: Option<Vec<Vec<String>>>,
    /// The cluster that `gantry audit migrate` makes replicated and distributed tables on, as the servers'
    /// `remote_servers` names it. Left out: each server gets tables of its own.
    pub cluster: Option<String>,
    /// The user to sign in as.
    pub user: String,
    /// That user's password, as `${VARIABLE}` or `file:PATH` rather than in the open. It never prints.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// A PEM file with the authorities to trust instead of the system's, where the URL is `https`.
    #[schemars(extend("x-form" = FILE))]
    pub ca: Option<String>,
    /// How records travel.
    pub compression: Compression,
    /// For sending a piece of a batch, and again for the answer. What takes longer is tried again.
    #[schemars(extend("x-min-ms" = bounds::INSERT_MIN.ms, "x-max-ms" = bounds::INSERT_MAX.ms))]
    pub timeout: Period,
    /// How long records are kept, in days, by tables that `gantry audit migrate` makes.
    #[schemars(extend("minimum" = bounds::KEEP_DAYS_MIN, "maximum" = bounds::KEEP_DAYS_MAX))]
    pub keep_days: u32,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: None,
            shards: None,
            cluster: None,
            user: "gantry".into(),
            password: None,
            database: "gantry".into(),
            ca: None,
            compression: Compression::default(),
            timeout: Period::from_ms(30_000),
            keep_days: gantry_analytics::clickhouse::DAYS,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Compression {
    #[default]
    Lz4,
    None,
}

/// The write-ahead log of the trail.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Spool {
    /// Its folder. Left out: `gantry/spool` in `$XDG_STATE_HOME`, else in `~/.local/state`, else in `/var/lib`.
    /// A relative path begins at the folder of the configuration. One folder serves one gateway.
    pub dir: Option<String>,
    /// What it may hold. What happens when it is full, `on_full` says.
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
