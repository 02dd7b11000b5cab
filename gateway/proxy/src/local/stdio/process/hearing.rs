//! Where everything goes that a program says.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use gantry_mcp::jsonrpc::{self, METHOD_NOT_FOUND};
use tokio::{io::BufReader, process::ChildStdout};

use super::{
    super::{
        launch::bounded_line,
        line::{self, Line, Said},
    },
    Process,
};

/// The longest line that a program may write. One that writes a longer one is ended.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Lines that are no messages and are logged.
const JUNK_MAX: u32 = 20;

impl Process {
    /// Hears a program until it ends.
    pub(super) async fn read(self: Arc<Self>, stdout: ChildStdout) {
        let mut reader = BufReader::new(stdout);
        let mut junk = 0;
        loop {
            match bounded_line(&mut reader, LINE_BYTES_MAX, false).await {
                Ok(Some(bytes)) => {
                    let heard = std::str::from_utf8(&bytes)
                        .ok()
                        .and_then(|text| self.hear(text));
                    if heard.is_none() && !bytes.is_empty() && junk < JUNK_MAX {
                        junk += 1;
                        tracing::warn!(
                            server = &*self.server,
                            bytes = bytes.len(),
                            "a local server wrote what is no message"
                        );
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(server = &*self.server, %error, "a local server cannot be read, and is ended");
                    break;
                }
            }
        }
        self.end();
    }

    /// Takes a message of the program to where it belongs; `None` where it is none.
    fn hear(&self, text: &str) -> Option<()> {
        let line = Line::read(text)?;
        match line.said()? {
            Said::Answer(number) => {
                self.answered.store(true, Relaxed);
                let pending = self.lock().pending.remove(&number);
                // Nobody may wait any more.
                if let Some(pending) = pending {
                    let text = line.restored(text, &pending.id, pending.token.as_deref());
                    let _ = pending.answer.send(text.into());
                }
            }
            Said::About(number) => {
                let state = self.lock();
                if let Some(pending) = state.pending.get(&number) {
                    let text = line.restored(text, &pending.id, pending.token.as_deref());
                    // Whoever reads too slowly misses some of it.
                    let _ = pending.notes.try_send(text.into());
                }
            }
            Said::Request(id) => self.asked(text, &line, id),
            Said::Notification => self.noted(text, &line),
        }
        Some(())
    }

    /// A request of the program goes to the client that it serves; where it serves several it is nobody's.
    fn asked(&self, text: &str, line: &Line<'_>, id: &str) {
        let passed = !self.shared && self.pass(text, true);
        if passed {
            return;
        }
        let answer = match line.method() {
            Some("ping") => {
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}").into_bytes()
            }
            _ => jsonrpc::error(Some(id), METHOD_NOT_FOUND, "no client takes requests", None),
        };
        let input = self.lock().input.clone();
        if let (Some(input), Ok(answer)) = (input, String::from_utf8(answer)) {
            let _ = input.try_send(line::line(&answer));
        }
    }

    fn noted(&self, text: &str, line: &Line<'_>) {
        let method = line.method().unwrap_or_default();
        let of_requests = [
            "notifications/message",
            "notifications/cancelled",
            "notifications/progress",
        ];
        match (self.shared, of_requests.contains(&method)) {
            // It may tell one client what another one does.
            (true, true) => {}
            (true, false) => {
                for listener in &self.lock().listeners {
                    let _ = listener.try_send(Bytes::copy_from_slice(text.as_bytes()));
                }
            }
            (false, of_request) => drop(self.pass(text, of_request)),
        }
    }

    /// Passes a message on to the only client: on the stream of its newest request, or of what is about none.
    fn pass(&self, text: &str, of_request: bool) -> bool {
        let state = self.lock();
        let newest = state
            .pending
            .values()
            .next_back()
            .map(|pending| &pending.notes);
        let listener = state.listeners.last();
        let streams = match of_request {
            true => [newest, listener],
            false => [listener, newest],
        };
        let mut streams = streams.into_iter().flatten();
        streams.any(|stream| {
            stream
                .try_send(Bytes::copy_from_slice(text.as_bytes()))
                .is_ok()
        })
    }
}
