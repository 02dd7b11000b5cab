//! Real MCP servers and clients from npm, PyPI and this workspace, as processes on the loopback interface.
//!
//! Knows nothing of the gateway: a session is run against any URL. What is not installed fails with what to run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{Process, program};

/// How long one session may take.
const SESSION_DEADLINE: Duration = Duration::from_secs(120);

/// A server to put behind the gateway. Each has a session of its own in `tests/peers/sessions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// This workspace's fixture, on the crate `rmcp`: both eras.
    Fixture,
    /// npm `@modelcontextprotocol/server-everything`: legacy only.
    Everything,
    /// PyPI `fastmcp`: both eras.
    FastMcp,
}

/// A client that holds a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// The command line of npm `@modelcontextprotocol/inspector`.
    Inspector,
    /// PyPI `mcp`.
    Sdk,
    /// PyPI `fastmcp`.
    FastMcp,
}

/// How a client finds out what the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
    Auto,
}

impl Server {
    /// Starts it on a free port; its endpoint is `/mcp`.
    pub(crate) fn start(self) -> Process {
        self.start_on(0)
    }

    /// Starts it on this port.
    pub(crate) fn start_on(self, port: u16) -> Process {
        Process::listening(&mut self.command(port))
    }

    /// Starts it on a free port, with these variables in its environment.
    pub(crate) fn start_with(self, variables: &[(&str, &str)]) -> Process {
        Process::listening(self.command(0).envs(variables.iter().copied()))
    }

    fn command(self, port: u16) -> std::process::Command {
        let port = port.to_string();
        match self {
            Server::Fixture => {
                let mut command = std::process::Command::new(program("gantry-fixture"));
                command.args(["--listen", &format!("127.0.0.1:{port}"), "--quiet"]);
                command
            }
            Server::Everything => {
                let package = "npm/servers/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
                let mut command = std::process::Command::new(node());
                command
                    .arg("--import")
                    .arg(workspace().join("xtask/peers/loopback.mjs"));
                command
                    .arg(installed(package))
                    .arg("streamableHttp")
                    .env("PORT", port);
                command
            }
            Server::FastMcp => {
                let mut command = std::process::Command::new(python());
                command
                    .arg(workspace().join("xtask/peers/fastmcp_server.py"))
                    .arg(port);
                command
            }
        }
    }

    fn session(self) -> PathBuf {
        let name = match self {
            Server::Fixture => "fixture.json",
            Server::Everything => "everything.json",
            Server::FastMcp => "fastmcp.json",
        };
        scripts().join("sessions").join(name)
    }
}

impl Client {
    /// Holds the session that belongs to `server` with whatever answers at `url`; returns what the client saw, a value a
    /// step. Fails where a step did not go as the session expects.
    pub(crate) async fn hold(self, url: &str, era: Era, server: Server) -> Vec<Value> {
        self.hold_session(url, era, server.session()).await
    }

    /// Holds the session that is called `name`, as [`Client::hold`] does.
    pub(crate) async fn hold_named(self, url: &str, era: Era, name: &str) -> Vec<Value> {
        let session = scripts().join("sessions").join(name).with_extension("json");
        self.hold_session(url, era, session).await
    }

    /// Holds the session in this file, as [`Client::hold`] does.
    pub(crate) async fn hold_steps(self, url: &str, era: Era, session: PathBuf) -> Vec<Value> {
        self.hold_session(url, era, session).await
    }

    async fn hold_session(self, url: &str, era: Era, session: PathBuf) -> Vec<Value> {
        let mut command = self.command();
        command
            .arg(url)
            .arg(era.as_str())
            .arg(&session)
            .env("GANTRY_CACHE", cache());
        let output = timeout(
            SESSION_DEADLINE,
            command.stdin(Stdio::null()).kill_on_drop(true).output(),
        );
        let output = output
            .await
            .unwrap_or_else(|_| {
                panic!("{self:?} {era:?} with {session:?} took more than {SESSION_DEADLINE:?}")
            })
            .unwrap_or_else(|error| panic!("cannot start {self:?} as {command:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{self:?} {era:?} with {session:?} at {url}: {}\n{said}\n{complained}",
            output.status
        );
        said.lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    fn command(self) -> Command {
        let script = |interpreter: PathBuf, name: &str| {
            let mut command = Command::new(interpreter);
            command
                .arg(scripts().join(name))
                .env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        match self {
            Client::TypeScript => script(node(), "typescript_client.mjs"),
            Client::Inspector => script(node(), "inspector_client.mjs"),
            Client::Sdk => script(python(), "sdk_client.py"),
            Client::FastMcp => script(python(), "fastmcp_client.py"),
        }
    }
}

impl Era {
    fn as_str(self) -> &'static str {
        match self {
            Era::Modern => "modern",
            Era::Legacy => "legacy",
            Era::Auto => "auto",
        }
    }
}

/// The server whose tool `look_up` has this description and gives this answer.
pub(crate) fn changing_server(port: u16, description: &str, answer: &str) -> Process {
    let mut command = std::process::Command::new(python());
    command
        .arg(workspace().join("xtask/peers/changing_server.py"))
        .arg(port.to_string())
        .env("DESCRIPTION", description)
        .env("ANSWER", answer);
    Process::listening(&mut command)
}

/// PyPI `httpbin`, a REST service.
pub(crate) fn httpbin() -> Process {
    let mut command = std::process::Command::new(python());
    command.arg(workspace().join("xtask/peers/httpbin_server.py"));
    Process::listening(&mut command)
}

/// A REST service that answers only those who come with a token of `issuer`.
pub(crate) fn orders_api(issuer: &str) -> Process {
    let mut command = std::process::Command::new(python());
    command.arg(scripts().join("orders_api.py")).arg(issuer);
    Process::listening(&mut command)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Something that `cargo xtask setup` put into the cache.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = cache().join(path);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask setup`",
        path.display()
    );
    path
}

pub(crate) fn cache() -> PathBuf {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("GANTRY_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|path| path.join("gantry")))
        .or_else(|| from("HOME").map(|path| path.join(".cache/gantry")))
        .expect("GANTRY_CACHE or HOME is set")
}

/// The pinned Node binary: the system's may be too old.
pub(crate) fn node() -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    installed(&format!("npm/node/node_modules/node-linux-{arch}/bin/node"))
}

/// The interpreter of the environment with the Python peers.
pub(crate) fn python() -> PathBuf {
    installed("venv/bin/python")
}
