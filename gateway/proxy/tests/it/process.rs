//! Programs under test: started on loopback, stopped by their handle.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

/// The longest that any program may take to get ready on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(60);

/// A running program that dies with its handle.
pub(crate) struct Process {
    child: Child,
    /// The address that it said it listens on.
    pub(crate) address: String,
}

impl Process {
    /// Starts a program that prints `listening on http://ADDRESS...` when it is ready.
    pub(crate) fn listening(command: &mut Command) -> Self {
        let mut process = Self::spawn(command.stdout(Stdio::piped()));
        let stdout = process.child.stdout.take().unwrap();
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let deadline = Instant::now() + READY;
        loop {
            let line = heard
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .unwrap_or_else(|fault| panic!("{command:?} did not get ready: {fault}"));
            if let Some((_, url)) = line.split_once("listening on http://") {
                process.address = url.split('/').next().unwrap().trim().to_owned();
                return process;
            }
        }
    }

    /// Starts a program and waits until something accepts connections at `address`.
    pub(crate) fn accepting(command: &mut Command, address: SocketAddr) -> Self {
        let mut process = Self::spawn(command);
        process.address = address.to_string();
        process.accepts(address);
        process
    }

    /// Waits until something accepts connections at `address`.
    pub(crate) fn accepts(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + READY;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("what should listen on {address} ended at once: {status}");
            }
            assert!(Instant::now() < deadline, "nobody listens on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts a program and waits for nothing.
    pub(crate) fn spawned(command: &mut Command) -> Self {
        Self::spawn(command)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|fault| panic!("cannot start {command:?}: {fault}"));
        Self {
            child,
            address: String::new(),
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP: it stands still, and its connections stay open.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// The memory that it holds right now (proc(5), `VmRSS`).
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The ports of IPv4 on which it listens (proc(5), `net/tcp`).
    pub(crate) fn listens(&self) -> Vec<u16> {
        let folder = format!("/proc/{}", self.child.id());
        let open = std::fs::read_dir(format!("{folder}/fd")).unwrap();
        let open: Vec<String> = open
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .map(|link| link.display().to_string())
            .collect();
        let table = std::fs::read_to_string(format!("{folder}/net/tcp")).unwrap();
        let port = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let own = open.contains(&format!("socket:[{}]", fields[9]));
            let port = fields[1].rsplit(':').next().unwrap();
            (own && fields[3] == "0A").then(|| u16::from_str_radix(port, 16).unwrap())
        };
        table.lines().skip(1).filter_map(port).collect()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let (name, pid) = (format!("-{name}"), self.child.id().to_string());
        let sent = Command::new("kill").args([name, pid]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg(pid).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address that nobody listens at, for a program that is told where to. It is below the ports that the system gives
/// to connections and to whoever asks for any, and of this process's own: another test would else have it by the time
/// that the program listens.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 20_000;
    const EACH: u32 = 64;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(EACH);
    loop {
        let port = FIRST + own.wrapping_add(NEXT.fetch_add(1, Relaxed)) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A program of this workspace, built beside the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let variable = format!("{}_BIN", name.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_gantry")).with_file_name(name);
    assert!(
        beside.exists(),
        "{} is missing: `cargo xtask test` builds it, or `cargo build --workspace`",
        beside.display()
    );
    beside
}
