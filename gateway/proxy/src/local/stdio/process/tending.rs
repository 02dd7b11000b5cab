//! What a program is given to read, and when nobody needs it any more.

use std::{
    sync::{Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    process::ChildStdin,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::Process;

/// How long a program may leave its input unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked whether a program has been idle for long enough.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Writes lines to a program until nobody has any more, or it is to end: then its input is closed.
pub(super) async fn write(
    process: Weak<Process>,
    mut stdin: ChildStdin,
    mut lines: mpsc::Receiver<String>,
    mut closing: watch::Receiver<bool>,
) {
    let mut closing = std::pin::pin!(closing.wait_for(|closing| *closing));
    while let Some(line) = lines.recv().await {
        let written = tokio::select! {
            biased;
            written = timeout(WRITE_TIMEOUT, stdin.write_all(line.as_bytes())) => written,
            _ = &mut closing => return,
        };
        if matches!(written, Ok(Ok(()))) {
            continue;
        }
        if let Some(process) = process.upgrade() {
            if !process.told.swap(true, Relaxed) {
                tracing::warn!(
                    server = &*process.server,
                    "a local server does not read, and is ended"
                );
            }
            process.end();
        }
        return;
    }
}

/// Ends a program that has had nothing to do for long enough, or is old and has nothing to do.
pub(super) async fn keep(process: Weak<Process>, idle: Duration, lifetime: Option<Duration>) {
    loop {
        sleep(LOOK_EVERY).await;
        let Some(process) = process.upgrade() else {
            return;
        };
        let (busy, active, listened) = {
            let state = process.lock();
            if state.input.is_none() {
                return;
            }
            let listened = state.listeners.iter().any(|one| !one.is_closed());
            (!state.pending.is_empty(), state.active, listened)
        };
        let old = lifetime.is_some_and(|lifetime| process.age() >= lifetime);
        let unused = !listened && active.elapsed() >= idle;
        if !busy && (old || unused) {
            process.retired.store(true, Relaxed);
            process.end();
            return;
        }
    }
}
