//! The agents of the demo: each with a key of its own, a team and a tenant, so that the dashboards have somebody to tell
//! apart. Keys are made when the demo starts; the configuration holds their digests only.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ring::digest::{SHA256, digest};

use super::site::{random, secret};

/// Who calls, in which team, of which tenant.
const AGENTS: [(&str, &str, &str); 4] = [
    (SUPPORT, "support", "acme"),
    (RESEARCH, "research", "acme"),
    (BILLING, "finance", "globex"),
    (SALES, "sales", "globex"),
];

pub(crate) const SUPPORT: &str = "support-bot";
pub(crate) const RESEARCH: &str = "research-bot";
pub(crate) const BILLING: &str = "billing-bot";
pub(crate) const SALES: &str = "sales-bot";

/// The agents' keys, as files.
pub(crate) struct Agents {
    folder: PathBuf,
}

/// The agents before the gateway at an address.
#[derive(Clone, Copy)]
pub(crate) struct Callers<'a> {
    pub(crate) agents: &'a Agents,
    pub(crate) address: SocketAddr,
}

impl Agents {
    /// Makes a key for each agent, in `folder`.
    pub(crate) fn make(folder: PathBuf) -> Result<Agents> {
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let agents = Agents { folder };
        for (name, ..) in AGENTS {
            secret(&agents.file(name), &random()?)?;
        }
        Ok(agents)
    }

    /// Where the key of an agent is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// The key of an agent.
    pub(crate) fn key(&self, name: &str) -> Result<String> {
        read(&self.file(name))
    }

    /// The sections of the gateway's configuration that are about callers: everybody may do everything, but finance has
    /// no business with the fixture.
    pub(crate) fn configuration(&self) -> Result<String> {
        let mut text = String::from("auth:\n  api_keys:\n");
        for (name, team, tenant) in AGENTS {
            let key = self.key(name)?;
            let digest = digest(&SHA256, key.as_bytes());
            let digits: String = digest
                .as_ref()
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect();
            writeln!(
                text,
                "    - {{sha256: '{digits}', agent: {name}, teams: [{team}], claims: {{tenant: {tenant}}}}}"
            )?;
        }
        text.push_str("access:\n  - {id: everybody, allow: ['*']}\n  - {id: not-finance, team: finance, deny: ['fixture/*']}\n");
        Ok(text)
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
