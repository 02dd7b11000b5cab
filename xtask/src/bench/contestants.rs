//! Everything that takes part: the upstream, what stands in front of it, and the store that Gantry delivers to.
//!
//! All run at once, each pinned: a proxy has the first core to itself while it is measured, and the upstream, the store
//! and the load generator share the second.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::caller::Caller;
use super::{machine, measure};
use crate::cache::Cache;
use crate::process::Cast;
use crate::{command, http};

pub(crate) const DIRECT: &str = "direct";
pub(crate) const PASS_THROUGH: &str = "pass-through";
/// Gantry without an audit trail.
const GANTRY_UNRECORDED: &str = "gantry-unrecorded";
/// Gantry, its audit trail kept on disk.
const GANTRY_SPOOL: &str = "gantry-spool";
/// Gantry, its audit trail delivered to a store.
const GANTRY: &str = "gantry";
/// As `gantry-spool`, with callers that show tokens, and as many rules of access and limits as a large site has.
const GANTRY_RULES: &str = "gantry-rules";
/// As `gantry-spool`, with guardrails on every message, both ways.
const GANTRY_GUARD: &str = "gantry-guard";
pub(crate) const NAMES: [&str; 7] = [
    DIRECT,
    PASS_THROUGH,
    GANTRY_UNRECORDED,
    GANTRY_SPOOL,
    GANTRY_RULES,
    GANTRY_GUARD,
    GANTRY,
];

/// Rules of `gantry-rules`, of access and of limits each: all but a few of them are about other tools and agents.
const RULES: usize = 500;

/// The `guardrails` of `gantry-guard`.
const GUARDRAILS: &str = "guardrails: {pii: redact, secrets: block}\n";

const STORE: &str = "store";

const TOOLS: &str = "200";
/// Far more than a bench writes: a full spool refuses calls.
const SPOOL_BYTES_MAX: &str = "32GiB";
const PASSWORD: &str = "GANTRY_STORE_PASSWORD";

/// The core that proxies are pinned to, and the one for all others.
const PROXY_CORE: usize = 0;
pub(crate) const OTHER_CORE: usize = 1;

/// The packages whose programs take part.
pub(crate) fn packages(left_out: &BTreeSet<&str>) -> &'static [&'static str] {
    let kept = |name| !left_out.contains(name);
    if kept(GANTRY) {
        &["gantry-loadtest", "gantry", "gantry-store"]
    } else if [GANTRY_UNRECORDED, GANTRY_SPOOL, GANTRY_RULES, GANTRY_GUARD]
        .into_iter()
        .any(kept)
    {
        &["gantry-loadtest", "gantry"]
    } else {
        &["gantry-loadtest"]
    }
}

/// Somewhere to send the load.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// The proxy's process; None where there is no proxy.
    pub(crate) pid: Option<u32>,
    /// Who calls; None where nobody asks.
    pub(crate) caller: Option<Caller>,
}

/// The running programs.
pub(crate) struct Field {
    cast: Cast,
    contestants: Vec<Contestant>,
    bins: PathBuf,
    out: PathBuf,
    upstream: String,
    store: Option<String>,
    /// The store's, known to this run only.
    password: String,
}

impl Field {
    /// Starts everybody but those `left_out`. Logs and data go to the folder `out`, which is emptied.
    pub(crate) fn enter(
        bins: &Path,
        cache: &Cache,
        out: &Path,
        left_out: &BTreeSet<&str>,
    ) -> Result<Self> {
        if out.exists() {
            fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
        }
        fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        let cast = Cast::gather(out)?;
        let mut echo = pinned(OTHER_CORE, &bins.join("gantry-echo"));
        echo.args(["--listen", "127.0.0.1:0", "--tools", TOOLS]);
        let upstream = cast.start("echo", &echo)?;
        let mut field = Self {
            cast,
            contestants: Vec::new(),
            bins: bins.to_owned(),
            out: out.to_owned(),
            upstream,
            store: None,
            password: password(),
        };
        for name in NAMES.into_iter().filter(|name| !left_out.contains(name)) {
            match name {
                PASS_THROUGH => field.enter_pass_through()?,
                GANTRY_UNRECORDED | GANTRY_SPOOL | GANTRY_RULES | GANTRY_GUARD => {
                    field.enter_gantry(name, None)?
                }
                GANTRY => {
                    let store = field.start_store(cache)?;
                    field.enter_gantry(name, Some(&store))?;
                    field.store = Some(store);
                }
                _ => field.contestants.push(Contestant {
                    name,
                    url: field.upstream.clone(),
                    pid: None,
                    caller: None,
                }),
            }
        }
        Ok(field)
    }

    /// The store's URL and password, where it takes part.
    pub(crate) fn store(&self) -> Option<(&str, &str)> {
        let url = self.store.as_deref()?;
        Some((url, &self.password))
    }

    pub(crate) fn contestants(&self) -> &[Contestant] {
        &self.contestants
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.contestants
            .iter()
            .map(|contestant| contestant.name)
            .collect()
    }

    /// Resident memory of each proxy, in KiB.
    pub(crate) fn rss_kib(&self) -> Vec<Option<u64>> {
        self.contestants
            .iter()
            .map(|contestant| contestant.pid.and_then(measure::rss_kib))
            .collect()
    }

    /// Ends all programs, and removes what they stored; their logs and configurations stay.
    pub(crate) fn leave(self) -> Result<()> {
        drop(self.cast);
        let gantries = [
            GANTRY,
            GANTRY_SPOOL,
            GANTRY_RULES,
            GANTRY_GUARD,
            GANTRY_UNRECORDED,
        ];
        for folder in std::iter::once(STORE)
            .chain(gantries)
            .map(|name| self.out.join(name))
        {
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    fn enter_pass_through(&mut self) -> Result<()> {
        let address = http::loopback(0)?;
        let mut proxy = pinned(PROXY_CORE, &self.bins.join("gantry-passthrough"));
        proxy.args([
            "--listen",
            &address.to_string(),
            "--upstream",
            host_and_port(&self.upstream),
        ]);
        let passes =
            || http::status(address, "DELETE /mcp", "", "").is_ok_and(|status| status == 200);
        self.cast.start_until(PASS_THROUGH, &proxy, passes)?;
        self.contest(PASS_THROUGH, format!("http://{address}/mcp"), None)
    }

    /// Starts a gateway that delivers its trail to the store at the URL `store`, or keeps it.
    fn enter_gantry(&mut self, name: &'static str, store: Option<&str>) -> Result<()> {
        let (address, admin) = (http::loopback(0)?, http::loopback(0)?);
        let config = self.out.join(format!("{name}.yaml"));
        let mut text = self.configuration(name, address, admin, store);
        let mut caller = None;
        if name == GANTRY_RULES {
            let resource = format!("http://{address}");
            let known = Caller::make(&self.out, &format!("{resource}/mcp/echo"))?;
            text += &known.auth(&resource);
            text += &rules();
            caller = Some(known);
        }
        if name == GANTRY_GUARD {
            text += GUARDRAILS;
        }
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let gantry = self.bins.join("gantry");
        if store.is_some() {
            let mut migrate = Command::new(&gantry);
            migrate
                .args(["audit", "migrate", "--config"])
                .arg(&config)
                .env(PASSWORD, &self.password);
            command::capture(&mut migrate).context("cannot create the store's tables")?;
        }
        let mut run = pinned(PROXY_CORE, &gantry);
        run.args(["run", "--config"])
            .arg(&config)
            .env(PASSWORD, &self.password);
        let is_ready =
            || http::status(admin, "GET /readyz", "", "").is_ok_and(|status| status == 200);
        self.cast.start_until(name, &run, is_ready)?;
        self.contest(name, format!("http://{address}/mcp/echo"), caller)
    }

    /// Starts the store and returns its URL.
    fn start_store(&self, cache: &Cache) -> Result<String> {
        let mut store = pinned(OTHER_CORE, &self.bins.join("gantry-store"));
        store
            .arg("--data")
            .arg(self.out.join(STORE))
            .args(["--listen", "127.0.0.1:0"]);
        store
            .env(PASSWORD, &self.password)
            .env("GANTRY_ENGINE", cache.engine());
        self.cast.start(STORE, &store)
    }

    fn configuration(
        &self,
        name: &str,
        address: SocketAddr,
        admin: SocketAddr,
        store: Option<&str>,
    ) -> String {
        let upstream = &self.upstream;
        let spool = self.out.join(name);
        let clickhouse =
            store.map(|url| format!("  clickhouse: {{url: {url}, password: '${{{PASSWORD}}}'}}\n"));
        format!(
            "listen: {address}\nadmin: {admin}\nservers:\n  echo: {{url: {upstream}}}\naudit:\n  gateway: {name}\n  \
             spool: {{dir: '{}', bytes_max: {SPOOL_BYTES_MAX}}}\n{}telemetry: {{log: {{level: warn}}}}\n\
             insecure: {{unrecorded: {}}}\n",
            spool.display(),
            clickhouse.unwrap_or_default(),
            name == GANTRY_UNRECORDED
        )
    }

    fn contest(&mut self, name: &'static str, url: String, caller: Option<Caller>) -> Result<()> {
        let pid = self
            .cast
            .pid(name)
            .with_context(|| format!("{name} is not running"))?;
        self.contestants.push(Contestant {
            name,
            url,
            pid: Some(pid),
            caller,
        });
        Ok(())
    }
}

/// The `access` and `limits` of a contestant: they let everything through, at the price of being asked.
fn rules() -> String {
    let mut text = "access:\n  - {team: team-0, allow: [echo/*, 'echo/method:*']}\n".to_owned();
    for number in 1..RULES / 2 {
        text += &format!("  - {{agent: agent-{number}, allow: [echo/*]}}\n");
        text += &format!("  - {{team: team-{number}, deny: ['echo/tool-{number}*']}}\n");
    }
    text += "limits:\n  - {per: [agent, tool], calls: 100M/second}\n  \
             - {per: [agent], tool: echo/*, bytes: 1024GiB/second, concurrent: 100000}\n";
    for number in 1..RULES / 2 {
        text += &format!("  - {{per: [agent], tool: echo/tool-{number}, calls: 60/min}}\n");
        text += &format!("  - {{agent: agent-{number}, calls: 60/min}}\n");
    }
    text
}

/// The program, kept on one core where there are two and `taskset` to do it.
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    match command::find("taskset").filter(|_| machine::cores() > 1) {
        Some(taskset) => {
            let mut command = Command::new(taskset);
            command.args(["--cpu-list", &core.to_string()]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn host_and_port(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split('/').next().unwrap_or(rest)
}

/// Unguessable enough for a store on loopback that lives for minutes: two keys that the system chose.
fn password() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
