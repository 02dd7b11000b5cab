//! The audit trail.

use std::path::PathBuf;
use std::time::Duration;

use gantry_analytics::{
    Store,
    log::{Ack, OnFull},
};
use url::Url;

use crate::config::{Secret, pattern::Pattern};

/// The audit trail.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The gateway's name in every record: `[A-Za-z0-9._-]{1,64}`.
    pub gateway: String,
    pub ack: Ack,
    pub on_full: OnFull,
    /// Calls of tools that may change something are noted before they are made.
    pub intent: bool,
    /// Signs the seals; made at the first start where it is not there.
    pub seal_key: PathBuf,
    /// Makes pseudonyms; made at the first start where it is not there.
    pub pseudonym_key: PathBuf,
    /// Without it the trail stays in the spool.
    pub clickhouse: Option<ClickHouse>,
    pub spool: Spool,
    /// What is kept of calls beside their records; nothing without it.
    pub capture: Option<Capture>,
}

/// Arguments and results that are kept for a while.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Of tools, or of all tools of a server; at least one.
    pub tools: Vec<Pattern>,
    pub arguments: bool,
    pub results: bool,
    pub bytes_max: u64,
    pub keep_days: u32,
}

/// Where the trail is delivered.
#[derive(Clone, Debug)]
pub struct ClickHouse {
    /// The replicas of each shard; at least one of each.
    pub shards: Vec<Vec<Url>>,
    pub cluster: Option<String>,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub ca: Option<PathBuf>,
    pub is_compressed: bool,
    pub timeout: Duration,
    pub keep_days: u32,
}

impl ClickHouse {
    /// The store in the terms of the trail's own crate.
    pub fn store(&self) -> Store {
        let replicas = |urls: &Vec<Url>| urls.iter().map(Url::to_string).collect();
        Store {
            shards: self.shards.iter().map(replicas).collect(),
            user: self.user.clone(),
            password: self
                .password
                .as_ref()
                .map(|secret| secret.expose().to_owned()),
            database: self.database.clone(),
            cluster: self.cluster.clone(),
            days: self.keep_days,
            ca: self.ca.clone(),
            is_compressed: self.is_compressed,
        }
    }
}

/// Where the trail waits on disk.
#[derive(Clone, Debug)]
pub struct Spool {
    pub dir: PathBuf,
    pub bytes_max: u64,
}
