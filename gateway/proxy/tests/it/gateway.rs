//! A real gateway in front of a real server, and what it wrote down.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, free_address, program};

/// The password of the stores that tests start.
pub(crate) const STORE_PASSWORD: &str = "only-for-tests";

/// A gateway process with its own configuration, spool and ports.
pub(crate) struct Gateway {
    process: Option<Process>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) folder: TempDir,
    scheme: &'static str,
}

impl Gateway {
    /// Starts a gateway; `rest` is the configuration after `listen`. In it SPOOL, ADDRESS and ADMIN stand for
    /// the folder and the addresses of this gateway; `admin` is its address alone unless `rest` has the section.
    pub(crate) fn start(rest: &str) -> Self {
        Self::listening(rest, "", "http")
    }

    /// As [`Gateway::start`], with what `listen` holds beside its address.
    pub(crate) fn listening(rest: &str, listen: &str, scheme: &'static str) -> Self {
        let mut gateway = Self::configured(rest, listen, scheme);
        gateway.restart();
        gateway
    }

    /// What a gateway logs that refuses to start with this configuration.
    pub(crate) fn refused(rest: &str) -> String {
        let gateway = Self::configured(rest, "", "http");
        let status = gateway.command().status().unwrap();
        let log = gateway.log();
        assert!(!status.success(), "{log}");
        log
    }

    fn configured(rest: &str, listen: &str, scheme: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, admin) = (free_address(), free_address());
        let plain = if rest.contains("\nadmin: ") {
            ""
        } else {
            "admin: 'ADMIN'\n"
        };
        let text = format!("listen: {{address: '{address}'{listen}}}\n{plain}{rest}\n")
            .replace("SPOOL", &folder.path().join("spool").display().to_string())
            .replace("ADDRESS", &address.to_string())
            .replace("ADMIN", &admin.to_string());
        std::fs::write(folder.path().join("gantry.yaml"), text).unwrap();
        Self {
            process: None,
            address,
            admin,
            folder,
            scheme,
        }
    }

    /// A gateway in front of one server called `server`, without ClickHouse.
    pub(crate) fn before(url: &str) -> Self {
        Self::start(&format!(
            "servers: {{server: {{url: '{url}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}"
        ))
    }

    /// A gateway in front of one server called `server`, delivering to `store`.
    pub(crate) fn recording(url: &str, store: &Store) -> Self {
        Self::start(&format!(
            "servers: {{server: {{url: '{url}'}}}}\n{}",
            store.audit()
        ))
    }

    /// Starts the process again, with the same configuration, ports and spool.
    pub(crate) fn restart(&mut self) {
        self.process = None;
        let mut process = Process::accepting(&mut self.command(), self.address);
        // The listeners open each in its own time.
        process.accepts(self.admin);
        self.process = Some(process);
    }

    /// Starts another process that takes over from this one, which is told to hand over; returns the
    /// old one, which ends by itself.
    pub(crate) fn take_over(&mut self) -> Process {
        let mut command = self.command();
        let new = Process::spawned(command.arg("--upgrade"));
        let old = self.process.replace(new).unwrap();
        old.signal("QUIT");
        old
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        command
            .args(["run", "--config"])
            .arg(self.folder.path().join("gantry.yaml"))
            .current_dir(self.folder.path())
            .stderr(log);
        command
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// The MCP endpoint of the server called `name`.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}://{}/mcp/{name}", self.scheme, self.address)
    }

    /// What the gateway has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log has this text: a thread of its own writes it.
    pub(crate) async fn logs(&self, text: &str) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(10);
        while !self.log().contains(text) {
            let log = self.log();
            assert!(tokio::time::Instant::now() < patience, "no {text}: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every record has been delivered.
    pub(crate) async fn delivered(&self) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (_, metrics) = self.admin("/metrics").await;
            if metrics
                .lines()
                .any(|line| line == "mcp_gateway_audit_unsent_records 0")
            {
                return;
            }
            assert!(tokio::time::Instant::now() < patience, "{metrics}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// GET on the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let response = client()
            .get(format!("http://{}{path}", self.admin))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

/// The fixture server.
pub(crate) fn fixture() -> Process {
    fixture_with(&[])
}

/// The fixture server, with further arguments.
pub(crate) fn fixture_with(arguments: &[&str]) -> Process {
    let mut command = Command::new(program("gantry-fixture"));
    command
        .args(["--listen", "127.0.0.1:0", "--quiet"])
        .args(arguments);
    Process::listening(&mut command)
}

/// The URL of a fixture's endpoint.
pub(crate) fn endpoint(fixture: &Process) -> String {
    format!("http://{}/mcp", fixture.address)
}

/// A real ClickHouse engine with the gateway's tables.
pub(crate) struct Store {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Store {
    /// Starts an empty store and migrates it.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let process = Self::spawn(folder.path(), address);
        let store = Self {
            process,
            address,
            folder,
        };
        let applied = gantry_analytics::migrate::migrate(&store.client(), false).await;
        assert!(!applied.unwrap().is_empty());
        store
    }

    fn spawn(folder: &Path, address: SocketAddr) -> Process {
        let mut command = Command::new(program("gantry-store"));
        command
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--listen", &address.to_string()])
            .env("GANTRY_STORE_PASSWORD", STORE_PASSWORD);
        Process::listening(&mut command)
    }

    /// SIGKILL. [`Store::restart`] brings it back.
    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    /// SIGKILL, then a new start on the same data and port.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(self.folder.path(), self.address);
    }

    /// As the gateway's sink sees it.
    pub(crate) fn client(&self) -> gantry_analytics::Store {
        gantry_analytics::Store {
            password: Some(STORE_PASSWORD.to_owned()),
            ..gantry_analytics::Store::new(format!("http://{}", self.address))
        }
    }

    /// Its HTTP interface.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The `audit:` section that delivers here.
    pub(crate) fn audit(&self) -> String {
        format!(
            "audit: {{gateway: test, clickhouse: {{url: 'http://{}', user: gantry, password: {STORE_PASSWORD}}}, spool: {{dir: SPOOL}}}}",
            self.address
        )
    }

    /// The rows of a SELECT.
    pub(crate) async fn select(&self, sql: &str) -> Vec<Value> {
        let response = client()
            .post(format!(
                "http://{}/?default_format=JSONEachRow",
                self.address
            ))
            .basic_auth("gantry", Some(STORE_PASSWORD))
            .body(sql.to_owned())
            .send()
            .await
            .unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{sql}: {text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits until at least `count` rows of the log fulfil `condition`, and returns them in order.
    pub(crate) async fn rows(&self, condition: &str, count: usize) -> Vec<Value> {
        let sql = format!(
            "SELECT *, trace_hex FROM gantry.audit_log WHERE {condition} ORDER BY epoch, seq"
        );
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let rows = self.select(&sql).await;
            if rows.len() >= count {
                return rows;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "{} of {count} rows: {rows:#?}",
                rows.len()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// An HTTP client without a pool, so that each request has its own connection.
pub(crate) fn client() -> reqwest::Client {
    client_builder().pool_max_idle_per_host(0).build().unwrap()
}

/// The beginning of an HTTP client that talks to this machine only.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    // Only the first call in a process installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}
