//! The audit trail: the gateway's name in it, where it waits, where it goes.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

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
        Some(Audit {
            gateway,
            clickhouse,
            spool: Spool {
                dir,
                bytes_max: raw.spool.bytes_max.0,
            },
        })
    }

    fn clickhouse(&mut self, raw: &raw::ClickHouse, path: &Path) -> Option<ClickHouse> {
        let at = path.key("url");
        let url = if self.is_absent(&at) {
            None
        } else {
            self.url(&raw.url, &at)
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins = raw
            .database
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins
            || raw.database.len() > DATABASE_NAME_BYTES_MAX
            || !raw.database.chars().all(is_name)
        {
            let allowed = "1 to 64 of letters, digits and `_`, not beginning with a digit";
            self.fault(
                &path.key("database"),
                "this cannot name a database",
                allowed,
            );
        }
        let password = raw
            .password
            .as_ref()
            .filter(|secret| !secret.expose().is_empty())
            .and_then(|secret| self.secret(secret, &path.key("password")));
        Some(ClickHouse {
            url: url?,
            user: raw.user.clone(),
            password,
            database: raw.database.clone(),
        })
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
