//! The running parts and the gateway in front of them, with its configuration.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::agents::{Agents, Callers, SUPPORT};
use super::parts::{Parts, password_file};
use crate::cache::Cache;
use crate::process::Cast;
use crate::{command, environment, http};

const PORT: u16 = 8080;
const ADMIN_PORT: u16 = 9090;

pub(crate) struct Site {
    cast: Cast,
    agents: Agents,
    gantry: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    store: String,
    out: PathBuf,
}

impl Site {
    pub(crate) fn start(root: &Path, cache: &Cache) -> Result<Site> {
        let parts = Parts {
            root,
            cache,
            bins: environment::bin_folder()?,
            out: empty(root.join("out/demo"))?,
        };
        let cast = Cast::gather(&parts.out)?;
        let store = cast.start("store", &parts.store()?)?;
        let servers = [
            ("fixture", cast.start("fixture", &parts.fixture())?),
            ("everything", cast.start("everything", &parts.everything())?),
            ("crm", cast.start("crm", &parts.crm())?),
        ];
        let issuer = cast.start("issuer", &parts.issuer()?)?;
        let services = Services {
            httpbin: cast.start("httpbin", &parts.httpbin())?,
            orders: cast.start("orders", &parts.orders(&issuer))?,
            issuer,
        };
        let (address, admin) = (http::loopback(PORT)?, http::loopback(ADMIN_PORT)?);
        let site = Site {
            cast,
            agents: Agents::make(parts.out.join("keys"))?,
            gantry: parts.bins.join("gantry"),
            address,
            admin,
            store,
            out: parts.out,
        };
        secret(&credential_file(&site.out), &random()?)?;
        secret(&client_secret_file(&site.out), CLIENT_SECRET)?;
        write(&site.config(), &configuration(&site, &servers, &services)?)?;
        write(&site.call(), CALL)?;

        command::capture(&mut site.audit("migrate")).context("cannot create the tables")?;
        let mut gateway = Command::new(&site.gantry);
        gateway.arg("run").arg("--config").arg(site.config());
        let is_ready =
            || http::status(admin, "GET /readyz", "", "").is_ok_and(|status| status == 200);
        site.cast.start_until("gantry", &gateway, is_ready)?;
        Ok(site)
    }

    /// Where the servers are, each under its name.
    pub(crate) fn base(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The URL of the store.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// The store's password.
    pub(crate) fn password(&self) -> Result<String> {
        let path = password_file(&self.out);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// What a reader of `/usage` signs in with.
    pub(crate) fn credential(&self) -> Result<String> {
        let path = credential_file(&self.out);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Who calls, and where.
    pub(crate) fn callers(&self) -> Callers<'_> {
        Callers {
            agents: &self.agents,
            address: self.address,
        }
    }

    /// The folder with the site's files.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// The running parts, to add more to them.
    pub(crate) fn cast(&self) -> &Cast {
        &self.cast
    }

    /// `gantry audit VERB` on this site's trail.
    pub(crate) fn audit(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.gantry);
        command.args(["audit", verb, "--config"]).arg(self.config());
        command
    }

    fn config(&self) -> PathBuf {
        self.out.join("gantry.yaml")
    }

    fn call(&self) -> PathBuf {
        self.out.join("call.json")
    }

    /// What to try by hand.
    pub(crate) fn invitation(&self) -> String {
        let (base, admin) = (self.base(), self.admin);
        let (gantry, config, call) = (self.gantry.display(), self.config(), self.call());
        let (config, call) = (config.display(), call.display());
        let key = self.agents.file(SUPPORT);
        let key = key.display();
        format!(
            "MCP servers:  {base}/fixture  {base}/everything  {base}/crm  {base}/httpbin  {base}/orders\n\
             Admin:        http://{admin}/metrics  /healthz  /readyz  /config\n\
             Usage:        http://{admin}/usage (any name; the password is in {})\n\
             Files:        {}\n\n\
             Try:\n\
             curl -s {base}/crm -H \"x-api-key: $(cat {key})\" -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \
             -H 'mcp-protocol-version: 2026-07-28' -H 'mcp-method: tools/call' -H 'mcp-name: add' -d @{call}\n\
             {gantry} audit tail --config {config}\n\
             {gantry} audit query --config {config} 'SELECT event_id, direction, payload FROM audit_payload LIMIT 4'\n\
             curl -s http://{admin}/metrics | grep mcp_gateway_requests_total\n",
            credential_file(&self.out).display(),
            self.out.display()
        )
    }

    /// Waits until a part ends by itself.
    pub(crate) fn wait(&self) -> Result<()> {
        self.cast.wait()
    }
}

/// The call that is suggested to try.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"curl","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// What gives the dashboards something to show: what calls cost, and what the guardrails would have found.
const EXTRAS: &str = "guardrails: {pii: monitor, injection: monitor}\n\
    prices: {currency: USD, tenant_claim: tenant, books: {demo: {prices: [{per_call: 0.002}, {server: crm, per_call: 0.001, per_1k_in: 0.2, per_1k_out: 0.8}]}}}\n";

/// What the gateway is known by to the issuer.
const CLIENT: &str = "gateway";
const CLIENT_SECRET: &str = "gateway-secret";

/// Where the REST services are, and who issues the tokens for the one that asks for them.
struct Services {
    httpbin: String,
    issuer: String,
    orders: String,
}

impl Services {
    /// Both as tools. To the one the gateway signs in by itself (`client_credentials`).
    fn configuration(&self, secret: &Path) -> String {
        let (httpbin, orders) = (
            self.httpbin.trim_end_matches('/'),
            self.orders.trim_end_matches('/'),
        );
        format!(
            "  httpbin: {{openapi: {{spec: {httpbin}/spec.json, base_url: {httpbin}, exclude: [/delay/*]}}}}\n  \
             orders:\n    openapi: {{spec: {orders}/openapi.json, base_url: {orders}/v1}}\n    \
             auth: {{client_credentials: {{token_url: {}/token, client_id: {CLIENT}, client_secret: 'file:{}'}}}}\n",
            self.issuer,
            secret.display()
        )
    }
}

fn configuration(site: &Site, servers: &[(&str, String)], services: &Services) -> Result<String> {
    let mut servers: String = servers
        .iter()
        .map(|(name, url)| format!("  {name}: {{url: {url}}}\n"))
        .collect();
    servers.push_str(&services.configuration(&client_secret_file(&site.out)));
    let (address, admin, store) = (site.address, site.admin, &site.store);
    let (password, spool) = (password_file(&site.out), site.out.join("spool"));
    let callers = site.agents.configuration()?;
    Ok(format!(
        "listen: {address}\nadmin: {{address: {admin}, credential: 'file:{}'}}\nservers:\n{servers}{callers}{EXTRAS}audit:\n  gateway: demo\n  \
         clickhouse: {{url: {store}, user: gantry, password: 'file:{}'}}\n  spool: {{dir: '{}'}}\n  \
         capture: {{tools: [crm], arguments: true, results: true, keep_days: 1}}\n",
        credential_file(&site.out).display(),
        password.display(),
        spool.display()
    ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Others on this machine must not read it.
pub(super) fn secret(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn credential_file(out: &Path) -> PathBuf {
    out.join("admin.credential")
}

fn client_secret_file(out: &Path) -> PathBuf {
    out.join("issuer.secret")
}

fn empty(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

pub(super) fn random() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
