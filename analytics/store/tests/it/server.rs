//! Starting, speaking to, and ending a store.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) const PASSWORD: &str = "a \"long\" pass:word/ü";

/// A running store; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// The program, with its password in the environment.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gantry-store"));
    command
        .arg("--data")
        .arg(data)
        .args(["--listen", "127.0.0.1:0"])
        .env("GANTRY_STORE_PASSWORD", PASSWORD)
        .env("RUST_LOG", "warn");
    command
}

impl Server {
    /// Starts a store and waits until it says that it listens.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = command(data).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("the store did not start: {line:?}"))
            .to_owned();
        Self { child, address }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks the store to stop, and waits.
    pub(crate) fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Kills the store without a warning, as `kill -9` does.
    pub(crate) fn kill_now(&self) {
        kill_process(Pid::from_child(&self.child), Signal::KILL).unwrap();
    }

    /// A client for the store's user.
    pub(crate) fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(self.url())
            .with_user("gantry")
            .with_password(PASSWORD)
    }

    /// Sends a statement as curl does, with more URL pairs (`a=1&b=2`, encoded) and more arguments.
    pub(crate) fn curl(&self, pairs: &str, body: &[u8], arguments: &[&str]) -> Reply {
        let url = format!("{}/?{pairs}", self.url());
        let user = format!("gantry:{PASSWORD}");
        let mut all = vec!["-u", &user, "--data-binary", "@-"];
        all.extend_from_slice(arguments);
        curl(&url, body, &all)
    }

    /// Sends a statement that must succeed, and gives its answer.
    pub(crate) fn sql(&self, text: &str) -> String {
        let reply = self.curl("", text.as_bytes(), &[]);
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
        reply.text()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What curl received.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// curl's own exit code; 18 is a body cut short.
    pub(crate) exit: i32,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    /// A count out of `X-ClickHouse-Summary`.
    pub(crate) fn summary(&self, name: &str) -> u64 {
        let marker = format!("\"{name}\":\"");
        let (_, rest) = self
            .header("x-clickhouse-summary")
            .split_once(&marker)
            .unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    }
}

/// Runs curl with `body` on its stdin.
pub(crate) fn curl(url: &str, body: &[u8], arguments: &[&str]) -> Reply {
    let mut child = Command::new("curl")
        .args(["-sS", "-i", "--max-time", "120", "-H", "Expect:"])
        .args(arguments)
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A refusal may close the pipe early.
    drop(stdin.write_all(body));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let split = output
        .stdout
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap_or(0);
    let headers = String::from_utf8_lossy(&output.stdout[..split]).into_owned();
    let status = headers
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = output.stdout.get(split + 4..).unwrap_or_default().to_vec();
    Reply {
        status,
        headers,
        body,
        exit: output.status.code().unwrap(),
    }
}
