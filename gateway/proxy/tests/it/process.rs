//! Programs under test: started on loopback, stopped by their handle.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// The longest that any program may take to get ready on a busy machine.
pub const READY: Duration = Duration::from_secs(60);

/// A running program that dies with its handle.
pub struct Process {
    child: Child,
    /// The address that it said it listens on.
    pub address: String,
}

impl Process {
    /// Starts a program that prints `listening on http://ADDRESS...` when it is ready.
    pub fn listening(command: &mut Command) -> Self {
        let mut child = spawn(command.stdout(Stdio::piped()));
        let stdout = child.stdout.take().unwrap();
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
                let address = url.split('/').next().unwrap().trim().to_owned();
                return Self { child, address };
            }
        }
    }

    /// Starts a program and waits until something accepts connections at `address`.
    pub fn accepting(command: &mut Command, address: SocketAddr) -> Self {
        let mut child = spawn(command);
        let deadline = Instant::now() + READY;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?} ended at once: {status}");
            }
            assert!(Instant::now() < deadline, "{command:?} did not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            address: address.to_string(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
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

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|fault| panic!("cannot start {command:?}: {fault}"))
}

/// An address on loopback that nobody uses right now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A program of this workspace, built beside the tests.
pub fn program(name: &str) -> PathBuf {
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
