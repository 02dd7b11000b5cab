//! One program under way: requests that wait for their answers, and where everything goes that it says.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use gantry_mcp::{
    frame::Call,
    jsonrpc::{self, METHOD_NOT_FOUND},
};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{OwnedSemaphorePermit, mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    launch::{self, bounded_line},
    line::{self, Line, Said},
};
use crate::config::{self, Sharing};

/// The longest line that a program may write. One that writes a longer one is ended.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Requests that may wait for one program.
const PENDING_MAX: usize = 1_024;
/// Lines that wait to be written to a program, and messages that wait to be read of it by one client.
const QUEUE_MAX: usize = 64;
const NOTES_MAX: usize = 256;
/// Streams for what is about no request.
const LISTENERS_MAX: usize = 1_024;
/// How long a program may leave its input unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked whether a program has been idle for long enough.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Lines that are no messages and are logged.
const JUNK_MAX: u32 = 20;

/// Why a program was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unasked {
    #[error("the program has ended")]
    Ended,
    #[error("the program has too many requests to answer")]
    Full,
}

/// A program under way.
pub(super) struct Process {
    server: Arc<str>,
    /// Whether it serves several clients, so that nothing it asks for can be anybody's.
    shared: bool,
    /// Whether it serves everybody, so that its end concerns more than one caller.
    for_all: bool,
    closing: watch::Sender<bool>,
    begun: Instant,
    told: AtomicBool,
    /// Whether it was ended because nobody needed it.
    retired: AtomicBool,
    /// Whether it has answered anything.
    answered: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// `None` once it is to end.
    input: Option<mpsc::Sender<String>>,
    /// By number, so that the newest is the last.
    pending: BTreeMap<u64, Pending>,
    next: u64,
    listeners: Vec<mpsc::Sender<Bytes>>,
    active: Instant,
}

/// A request that waits for its answer.
struct Pending {
    owner: Arc<str>,
    /// The client's own id and token, as JSON.
    id: Box<str>,
    token: Option<Box<str>>,
    notes: mpsc::Sender<Bytes>,
    answer: oneshot::Sender<Bytes>,
}

/// A request under way. Dropping it before its answer has come cancels it.
pub(super) struct Underway {
    process: Arc<Process>,
    number: u64,
    pub id: Box<str>,
    pub notes: mpsc::Receiver<Bytes>,
    pub answer: oneshot::Receiver<Bytes>,
}

impl Underway {
    /// The same, whose answer `hear` gets as well.
    pub(super) fn overheard(mut self, hear: impl FnOnce(&Bytes) + Send + 'static) -> Self {
        let (pass, passed) = oneshot::channel();
        let answer = std::mem::replace(&mut self.answer, passed);
        tokio::spawn(async move {
            if let Ok(answer) = answer.await {
                hear(&answer);
                // Whoever has asked may be gone.
                let _ = pass.send(answer);
            }
        });
        self
    }
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn start(
        server: &Arc<str>,
        command: &config::Command,
        shared: bool,
        room: OwnedSemaphorePermit,
    ) -> io::Result<Arc<Self>> {
        let mut child = launch::launch(command)?;
        let (input, lines) = mpsc::channel(QUEUE_MAX);
        let now = Instant::now();
        let process = Arc::new(Self {
            server: Arc::clone(server),
            shared,
            for_all: command.per == Sharing::Gateway,
            closing: watch::Sender::new(false),
            begun: now,
            told: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            state: Mutex::new(State {
                input: Some(input),
                pending: BTreeMap::new(),
                next: 1,
                listeners: Vec::new(),
                active: now,
            }),
        });
        if let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        {
            let closing = process.closing.subscribe();
            tokio::spawn(write(Arc::downgrade(&process), stdin, lines, closing));
            tokio::spawn(Arc::clone(&process).read(stdout));
            tokio::spawn(launch::complain(stderr, Arc::clone(server)));
        }
        tokio::spawn(launch::reap(
            child,
            Arc::clone(server),
            process.closing.subscribe(),
            room,
        ));
        tokio::spawn(keep(
            Arc::downgrade(&process),
            command.idle,
            command.lifetime,
        ));
        tracing::info!(
            server = &**server,
            program = command.run.first(),
            "a local server starts"
        );
        Ok(process)
    }

    /// Whether it can be asked something.
    pub(super) fn is_alive(&self) -> bool {
        self.lock().input.is_some()
    }

    /// Whether it ended because nobody needed it.
    pub(super) fn has_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// How long ago it began.
    pub(super) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Sends a request of `owner`, whose body is `text`.
    ///
    /// # Errors
    /// [`Unasked`]
    pub(super) async fn ask(
        self: &Arc<Self>,
        text: &str,
        call: &Call<'_>,
        owner: &Arc<str>,
    ) -> Result<Underway, Unasked> {
        let raw = |id: &gantry_mcp::frame::Id<'_>| Box::from(id.as_raw());
        let id: Box<str> = call.id.as_ref().map(raw).unwrap_or_default();
        let (notes, heard) = mpsc::channel(NOTES_MAX);
        let (answer, answered) = oneshot::channel();
        let (input, number) = {
            let mut state = self.lock();
            let input = state.input.clone().ok_or(Unasked::Ended)?;
            if state.pending.len() >= PENDING_MAX {
                return Err(Unasked::Full);
            }
            let number = state.next;
            state.next += 1;
            state.active = Instant::now();
            let pending = Pending {
                owner: Arc::clone(owner),
                id: id.clone(),
                token: call.params.meta.progress_token.as_ref().map(raw),
                notes,
                answer,
            };
            state.pending.insert(number, pending);
            (input, number)
        };
        let underway = Underway {
            process: Arc::clone(self),
            number,
            id,
            notes: heard,
            answer: answered,
        };
        let sent = input.send(line::numbered(text, call, number)).await;
        sent.map_err(|_| Unasked::Ended)?;
        Ok(underway)
    }

    /// Sends a message that nobody waits for an answer to.
    ///
    /// # Errors
    /// [`Unasked`]
    pub(super) async fn tell(&self, text: &str) -> Result<(), Unasked> {
        let input = {
            let mut state = self.lock();
            state.active = Instant::now();
            state.input.clone().ok_or(Unasked::Ended)?
        };
        input
            .send(line::line(text))
            .await
            .map_err(|_| Unasked::Ended)
    }

    /// Cancels a request of `owner` that is called `id` by it.
    pub(super) fn cancel(&self, owner: &str, id: &str) {
        let number = {
            let state = self.lock();
            let mut pending = state.pending.iter();
            pending
                .find(|(_, one)| &*one.owner == owner && &*one.id == id)
                .map(|(number, _)| *number)
        };
        if let Some(number) = number {
            self.withdraw(number, false);
        }
    }

    /// What it says that is about no request; `None` when there is no room for one more listener.
    pub(super) fn listen(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut state = self.lock();
        state.listeners.retain(|listener| !listener.is_closed());
        if state.input.is_none() || state.listeners.len() >= LISTENERS_MAX {
            return None;
        }
        let (listener, heard) = mpsc::channel(NOTES_MAX);
        state.listeners.push(listener);
        Some(heard)
    }

    /// Has the program end, and all that it has started.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        // The last holder of the input closes it, which the supervisor sees.
        state.input = None;
        state.pending.clear();
        state.listeners.clear();
        drop(state);
        self.closing.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the program that nobody waits for an answer any more. It may still be answered where `forgets` is false.
    fn withdraw(&self, number: u64, forgets: bool) {
        let input = {
            let mut state = self.lock();
            let known = match forgets {
                true => state.pending.remove(&number).is_some(),
                false => state.pending.contains_key(&number),
            };
            state.input.clone().filter(|_| known)
        };
        let told = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}}}}}"#
        );
        if let Some(input) = input {
            // A program that reads nothing cannot be told either.
            let _ = input.try_send(line::line(&told));
        }
    }

    async fn read(self: Arc<Self>, stdout: ChildStdout) {
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

impl Drop for Process {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

impl Underway {
    /// Whether the end of the program says something about the server, and not only about what this caller did to its
    /// own one.
    pub(super) fn concerns_all(&self) -> bool {
        self.process.for_all || !self.process.answered.load(Relaxed)
    }

    /// Whether the program is still there to answer.
    pub(super) fn ended(&self) -> bool {
        !self.process.is_alive()
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.process.withdraw(self.number, true);
    }
}

/// Writes lines to a program until nobody has any more, or it is to end: then its input is closed.
async fn write(
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
async fn keep(process: Weak<Process>, idle: Duration, lifetime: Option<Duration>) {
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
