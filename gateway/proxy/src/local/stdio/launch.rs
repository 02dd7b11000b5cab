//! Starting a program under its supervisor, and what it says beside its messages.
//!
//! A program is never the gateway's own child. Between them is `gantry supervise`, which ends the program and all that
//! it has started once its own input ends: when the gateway wants that, or is gone, however it went.

use std::{
    io,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
    sync::OwnedSemaphorePermit,
    time::timeout,
};

use crate::config;

/// This program itself, also when its file has been replaced.
const SELF: &str = "/proc/self/exe";

/// How long a supervisor may take to end all that it watches.
const END_TIMEOUT: Duration = Duration::from_secs(15);

/// What is kept of a line of the error output.
const COMPLAINT_BYTES_MAX: usize = 4 * 1024;
/// Lines of the error output that are logged in a window; the rest is counted.
const COMPLAINTS_MAX: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);

/// Starts the program. Its environment is what the configuration lists, and `PATH`.
pub(super) fn launch(command: &config::Command) -> io::Result<Child> {
    let mut supervisor = Command::new(SELF);
    supervisor.arg("supervise");
    if let Some(bytes) = command.memory_max {
        supervisor.args(["--memory", &bytes.to_string()]);
    }
    supervisor.arg("--").args(&command.run).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        supervisor.env("PATH", path);
    }
    for (name, value) in &command.env {
        supervisor.env(name, value.expose());
    }
    if let Some(folder) = &command.cwd {
        supervisor.current_dir(folder);
    }
    supervisor
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A signal from the terminal is for the gateway, which then ends its programs in good order.
        .process_group(0)
        .spawn()
}

/// Waits until a supervisor has ended, once its input is closed by whoever holds it or all is over.
pub(super) async fn reap(
    mut child: Child,
    server: Arc<str>,
    mut closing: tokio::sync::watch::Receiver<bool>,
    room: OwnedSemaphorePermit,
) {
    let closed = async {
        // Nobody is left to say so where the sender is gone.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        () = closed => None,
    };
    let status = match ended {
        Some(status) => status,
        None => match timeout(END_TIMEOUT, child.wait()).await {
            Ok(status) => status,
            Err(_) => match child.kill().await {
                Ok(()) => child.wait().await,
                Err(error) => Err(error),
            },
        },
    };
    match status {
        Ok(status) => tracing::info!(server = &*server, %status, "a local server has ended"),
        Err(error) => {
            tracing::warn!(server = &*server, %error, "a local server cannot be waited for")
        }
    }
    drop(room);
}

/// Logs what a program writes to its error output.
pub(super) async fn complain(stderr: ChildStderr, server: Arc<str>) {
    let mut reader = BufReader::new(stderr);
    let (mut since, mut logged, mut dropped) = (Instant::now(), 0, 0_u64);
    while let Ok(Some(line)) = bounded_line(&mut reader, COMPLAINT_BYTES_MAX, true).await {
        if since.elapsed() >= WINDOW {
            if dropped > 0 {
                tracing::warn!(
                    server = &*server,
                    dropped,
                    "lines of a local server were not logged"
                );
            }
            (since, logged, dropped) = (Instant::now(), 0, 0);
        }
        if logged == COMPLAINTS_MAX {
            dropped += 1;
            continue;
        }
        logged += 1;
        let line = String::from_utf8_lossy(&line);
        tracing::info!(
            server = &*server,
            line = line.trim_end(),
            "a local server says"
        );
    }
}

/// The next line, without its end; `None` after the last. What is beyond `bytes_max` is cut off, or an error.
pub(super) async fn bounded_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    bytes_max: usize,
    cuts: bool,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut begun = false;
    loop {
        let piece = reader.fill_buf().await?;
        if piece.is_empty() {
            return Ok(begun.then_some(line));
        }
        begun = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(piece.len());
        let kept = taken.min(bytes_max.saturating_sub(line.len()));
        if kept < taken && !cuts {
            return Err(io::Error::other("a line is too long"));
        }
        line.extend_from_slice(piece.get(..kept).unwrap_or_default());
        reader.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded() {
        let text = b"one\n\ntwo long\nlast".as_slice();
        let mut reader = BufReader::with_capacity(3, text);
        let mut lines = Vec::new();
        while let Some(line) = bounded_line(&mut reader, 5, true).await.unwrap() {
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["one", "", "two l", "last"]);
        let mut reader = BufReader::with_capacity(3, text);
        for expected in [true, true, false] {
            assert_eq!(bounded_line(&mut reader, 5, false).await.is_ok(), expected);
        }
    }
}
