//! One program under way, and the requests that wait for its answers.

mod hearing;
mod tending;
mod underway;

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use gantry_mcp::frame::Call;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{launch, line};
use crate::config::{self, Sharing};
use tending::{keep, write};

pub(super) use underway::Underway;

/// Requests that may wait for one program.
const PENDING_MAX: usize = 1_024;
/// Lines that wait to be written to a program, and messages that wait to be read of it by one client.
const QUEUE_MAX: usize = 64;
const NOTES_MAX: usize = 256;
/// Streams for what is about no request.
const LISTENERS_MAX: usize = 1_024;

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
}

impl Drop for Process {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}
