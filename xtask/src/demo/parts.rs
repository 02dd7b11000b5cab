//! The programs that stand behind the gateway: the store, three MCP servers, two REST services, and the authorization
//! server that one of these trusts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::site::{random, secret};
use crate::cache::Cache;
use crate::http;

/// The programs and files that the parts are started from.
pub(super) struct Parts<'a> {
    pub(super) root: &'a Path,
    pub(super) cache: &'a Cache,
    pub(super) bins: PathBuf,
    pub(super) out: PathBuf,
}

impl Parts<'_> {
    pub(super) fn store(&self) -> Result<Command> {
        let password = random()?;
        secret(&password_file(&self.out), &password)?;
        let mut command = Command::new(self.bins.join("gantry-store"));
        command
            .arg("--data")
            .arg(self.out.join("store"))
            .args(["--listen", "127.0.0.1:0"]);
        command
            .env("GANTRY_STORE_PASSWORD", password)
            .env("GANTRY_ENGINE", self.cache.engine());
        Ok(command)
    }

    pub(super) fn fixture(&self) -> Command {
        let mut command = Command::new(self.bins.join("gantry-fixture"));
        command.args(["--listen", "127.0.0.1:0"]);
        command
    }

    pub(super) fn everything(&self) -> Command {
        let package =
            "npm/servers/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        let mut command = Command::new(self.cache.node());
        command
            .arg("--import")
            .arg(self.root.join("xtask/peers/loopback.mjs"));
        command
            .arg(self.cache.root().join(package))
            .arg("streamableHttp")
            .env("PORT", "0");
        command
    }

    pub(super) fn crm(&self) -> Command {
        let mut command = Command::new(self.cache.python());
        command.arg(self.root.join("xtask/peers/fastmcp_server.py"));
        command
    }

    pub(super) fn httpbin(&self) -> Command {
        let mut command = Command::new(self.cache.python());
        command.arg(self.root.join("xtask/peers/httpbin_server.py"));
        command
    }

    /// An authorization server.
    pub(super) fn issuer(&self) -> Result<Command> {
        let mut command = Command::new(self.cache.node());
        // It has to know where it will be before it listens.
        let port = http::loopback(0)?.port().to_string();
        command
            .arg(self.peers().join("issuer.mjs"))
            .arg(port)
            .env("GANTRY_CACHE", self.cache.root());
        Ok(command)
    }

    /// A REST service that answers only those who come with a token of the issuer.
    pub(super) fn orders(&self, issuer: &str) -> Command {
        let mut command = Command::new(self.cache.python());
        command.arg(self.peers().join("orders_api.py")).arg(issuer);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn peers(&self) -> PathBuf {
        self.root.join("gateway/proxy/tests/peers")
    }
}

pub(super) fn password_file(out: &Path) -> PathBuf {
    out.join("store.password")
}
