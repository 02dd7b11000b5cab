//! The audit trail: the gateway's name in it, where it waits, where it goes.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use gantry_analytics::log::{Ack, OnFull};
use url::Url;

use super::Checker;
use crate::config::Secret;
use crate::config::bounds::{DATABASE_NAME_BYTES_MAX, GATEWAY_NAME_BYTES_MAX, SECRET_BYTES_MAX};
use crate::config::checked::{Audit, ClickHouse, Spool};
use crate::config::fault::Path;
use crate::config::raw;

/// The name is part of every event's id (`gateway/epoch/seq`), so it holds no slash and nothing that needs quoting.
pub(in crate::config) fn is_gateway_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl Checker<'_> {
    pub(super) fn audit(&mut self, raw: &raw::Audit) -> Option<Audit> {
        let path = Path::of("audit");
        let gateway = raw
            .gateway
            .clone()
            .unwrap_or_else(|| self.surroundings.host_name.clone());
        let fits = (1..=GATEWAY_NAME_BYTES_MAX).contains(&gateway.len());
        if !fits || !gateway.chars().all(is_gateway_name_char) {
            let allowed = "1 to 64 of letters, digits, `.`, `_` and `-`";
            self.fault(&path.key("gateway"), "this cannot name a gateway", allowed);
        }
        let clickhouse = match &raw.clickhouse {
            None => None,
            Some(raw) => Some(self.clickhouse(raw, &path.key("clickhouse"))?),
        };
        let dir = match &raw.spool.dir {
            Some(dir) => self.file(dir),
            None => self.default_spool(),
        };
        let seal_key = match &raw.seal_key {
            Some(key) => self.file(key),
            None => dir.join("seal.key"),
        };
        let pseudonym_key = match &raw.pseudonym_key {
            Some(key) => self.file(key),
            None => dir.join("pseudonym.key"),
        };
        Some(Audit {
            gateway,
            ack: match raw.ack {
                raw::Ack::Memory => Ack::Memory,
                raw::Ack::Written => Ack::Written,
                raw::Ack::Synced => Ack::Synced,
            },
            on_full: match raw.on_full {
                raw::OnFull::Block => OnFull::Block,
                raw::OnFull::FailClosed => OnFull::FailClosed,
                raw::OnFull::Degrade => OnFull::Degrade,
            },
            intent: raw.intent,
            seal_key,
            pseudonym_key,
            clickhouse,
            spool: Spool {
                dir,
                bytes_max: raw.spool.bytes_max.0,
            },
            capture: None,
        })
    }

    fn clickhouse(&mut self, raw: &raw::ClickHouse, path: &Path) -> Option<ClickHouse> {
        let shards = self.shards(raw, path);
        self.name(&raw.database, &path.key("database"), "a database");
        if let Some(cluster) = &raw.cluster {
            self.name(cluster, &path.key("cluster"), "a cluster");
        }
        let ca = raw
            .ca
            .as_ref()
            .and_then(|ca| self.authorities(ca, &path.key("ca")));
        let password = raw
            .password
            .as_ref()
            .filter(|secret| !secret.expose().is_empty())
            .and_then(|secret| self.secret(secret, &path.key("password")));
        Some(ClickHouse {
            shards: shards?,
            cluster: raw.cluster.clone(),
            user: raw.user.clone(),
            password,
            database: raw.database.clone(),
            ca,
            is_compressed: matches!(raw.compression, raw::Compression::Lz4),
            timeout: raw.timeout.into(),
            keep_days: raw.keep_days,
        })
    }

    /// The replicas of each shard: `url` is one shard with one.
    fn shards(&mut self, raw: &raw::ClickHouse, path: &Path) -> Option<Vec<Vec<Url>>> {
        let at = path.key("shards");
        match (&raw.url, &raw.shards) {
            (Some(url), None) => Some(vec![vec![self.url(url, &path.key("url"))?]]),
            (None, Some(shards)) => {
                let mut found = Vec::new();
                for (index, urls) in shards.iter().enumerate() {
                    let shard = at.index(index);
                    if urls.is_empty() {
                        self.fault(&shard, "a shard without a server", raw::URL);
                    }
                    let replicas = urls
                        .iter()
                        .enumerate()
                        .filter_map(|(index, url)| self.url(url, &shard.index(index)));
                    found.push(replicas.collect());
                }
                Some(found)
            }
            (Some(_), Some(_)) => {
                self.fault(&at, "both `url` and `shards`", "one of the two");
                None
            }
            (None, None) => {
                if !self.findings.touch(path) {
                    self.fault(path, "neither `url` nor `shards`", "one of the two");
                }
                None
            }
        }
    }

    fn name(&mut self, name: &str, path: &Path, what: &str) {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !begins || !fits || name.len() > DATABASE_NAME_BYTES_MAX {
            let allowed = "1 to 64 of letters, digits and `_`, not beginning with a digit";
            self.fault(path, format!("this cannot name {what}"), allowed);
        }
    }

    /// Follows `file:PATH`. One newline at the end of the file belongs to the editor and not to the secret.
    pub(super) fn secret(&mut self, secret: &Secret, path: &Path) -> Option<Secret> {
        let Some(file) = secret.expose().strip_prefix("file:") else {
            return Some(secret.clone());
        };
        let mut text = String::new();
        let read = File::open(self.file(file))
            .and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text));
        let wrong = match read {
            Err(error) => format!("the file of this secret cannot be read: {error}"),
            Ok(length) if length as u64 > SECRET_BYTES_MAX => {
                "the file of this secret is too large".to_owned()
            }
            Ok(_) => {
                let bare = text.strip_suffix('\n').unwrap_or(&text);
                let bare = bare.strip_suffix('\r').unwrap_or(bare);
                if !bare.is_empty() {
                    return Some(Secret::new(bare));
                }
                "the file of this secret is empty".to_owned()
            }
        };
        self.fault(
            path,
            wrong,
            "`file:PATH` of a text file of at most 64KiB, or `${VARIABLE}`",
        );
        None
    }

    fn default_spool(&self) -> PathBuf {
        let variable = |name| {
            (self.surroundings.variable)(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let state = variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")));
        state
            .unwrap_or_else(|| PathBuf::from("/var/lib"))
            .join("gantry/spool")
    }
}
