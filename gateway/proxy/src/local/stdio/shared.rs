//! Programs that several clients share: started when they are needed, once, and again after a while when they fail.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gantry_mcp::{
    frame::{self, Call, Frame},
    revision::Revision,
};
use serde_json::Value;
use tokio::{
    sync::{Mutex as Turn, Semaphore},
    time::timeout,
};

use super::{BOUNDS, line::Line, process::Process};
use crate::config::Command;

/// How long a program may take to answer the handshake.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A program that has not lived for so long has failed, and is not started again at once.
const STEADY: Duration = Duration::from_secs(10);

/// The first pause before a program is started again; it doubles up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"gantry","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Why there is no program to ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unstarted {
    #[error("as many programs as there may be are under way")]
    Full,
    #[error("it has failed, and is started again in a while")]
    Waits,
    #[error("it did not answer the handshake")]
    Silent,
    #[error("it cannot be started: {0}")]
    System(#[from] io::Error),
}

/// The shared programs of one server.
pub(super) struct Shared {
    server: Arc<str>,
    command: Arc<Command>,
    room: Arc<Semaphore>,
    slots: Mutex<Slots>,
}

/// By whose it is, and whether it gets modern messages.
type Slots = HashMap<(Arc<str>, bool), Arc<Slot>>;

/// Where one program is, or was, or will be.
#[derive(Default)]
struct Slot {
    /// Held while it is started, so that it is started once.
    turn: Turn<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Option<Arc<Process>>,
    /// What a program of an earlier revision answered to the handshake, as JSON.
    hello: Arc<str>,
    failures: u32,
    waits_until: Option<Instant>,
}

impl Shared {
    pub(super) fn new(server: &Arc<str>, command: &Arc<Command>, room: &Arc<Semaphore>) -> Self {
        Self {
            server: Arc::clone(server),
            command: Arc::clone(command),
            room: Arc::clone(room),
            slots: Mutex::default(),
        }
    }

    /// The program that gets the modern messages of `who`.
    ///
    /// # Errors
    /// [`Unstarted`]
    pub(super) async fn modern(&self, who: &Arc<str>) -> Result<Arc<Process>, Unstarted> {
        Ok(self.obtain(who, true).await?.0)
    }

    /// The program that gets the messages of earlier revisions of `who`, and its answer to the handshake.
    ///
    /// # Errors
    /// [`Unstarted`]
    pub(super) async fn legacy(
        &self,
        who: &Arc<str>,
    ) -> Result<(Arc<Process>, Arc<str>), Unstarted> {
        self.obtain(who, false).await
    }

    /// The program of an earlier revision, if it is under way.
    pub(super) fn running(&self, who: &Arc<str>) -> Option<Arc<Process>> {
        let slot = self.slots().get(&(Arc::clone(who), false)).cloned()?;
        slot.alive().map(|(process, _)| process)
    }

    /// Cancels a request of `who`, in whichever era it was made.
    pub(super) fn cancel(&self, who: &Arc<str>, id: &str) {
        if let Some(process) = self.running(who) {
            process.cancel(who, id);
        }
    }

    async fn obtain(
        &self,
        who: &Arc<str>,
        modern: bool,
    ) -> Result<(Arc<Process>, Arc<str>), Unstarted> {
        let slot = {
            let mut slots = self.slots();
            // One that somebody is about to use is held by more than the map.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.is_over());
            Arc::clone(slots.entry((Arc::clone(who), modern)).or_default())
        };
        if let Some(alive) = slot.alive() {
            return Ok(alive);
        }
        let _turn = slot.turn.lock().await;
        if let Some(alive) = slot.alive() {
            return Ok(alive);
        }
        if slot.waits() {
            return Err(Unstarted::Waits);
        }
        let started = self.start(modern).await;
        slot.lock().take(&started);
        started
    }

    async fn start(&self, modern: bool) -> Result<(Arc<Process>, Arc<str>), Unstarted> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Unstarted::Full)?;
        let process = Process::start(&self.server, &self.command, true, room)?;
        if modern {
            return Ok((process, "".into()));
        }
        match timeout(START_TIMEOUT, greet(&process)).await.ok().flatten() {
            Some(hello) => Ok((process, hello)),
            None => {
                process.end();
                Err(Unstarted::Silent)
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Option<(Arc<Process>, Arc<str>)> {
        let state = self.lock();
        let process = state
            .process
            .as_ref()
            .filter(|process| process.is_alive())?;
        Some((Arc::clone(process), Arc::clone(&state.hello)))
    }

    /// Whether its program has failed a moment ago.
    fn waits(&self) -> bool {
        let mut state = self.lock();
        if let Some(process) = state.process.take() {
            match process.age() < STEADY && !process.has_retired() {
                true => state.failed(),
                false => state.failures = 0,
            }
        }
        state
            .waits_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Whether nothing of it needs to be remembered.
    fn is_over(&self) -> bool {
        let state = self.lock();
        let mut process = state.process.iter();
        process.all(|process| !process.is_alive() && process.age() > STEADY)
            && state
                .waits_until
                .is_none_or(|until| Instant::now() > until + PAUSE_MAX)
    }
}

impl State {
    fn take(&mut self, started: &Result<(Arc<Process>, Arc<str>), Unstarted>) {
        match started {
            Ok((process, hello)) => {
                self.process = Some(Arc::clone(process));
                self.hello = Arc::clone(hello);
            }
            Err(Unstarted::Full | Unstarted::Waits) => {}
            Err(Unstarted::Silent | Unstarted::System(_)) => self.failed(),
        }
    }

    fn failed(&mut self) {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(16));
        self.waits_until = Some(Instant::now() + pause.min(PAUSE_MAX));
        self.failures = self.failures.saturating_add(1);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for slot in self.slots().values() {
            if let Some(process) = &slot.lock().process {
                process.end();
            }
        }
    }
}

/// Makes the handshake; its answer as JSON.
async fn greet(process: &Arc<Process>) -> Option<Arc<str>> {
    let Ok(Frame::Request(call)) = frame::parse(INITIALIZE.as_bytes(), &BOUNDS) else {
        return None;
    };
    let nobody: Arc<str> = "".into();
    let mut underway = process.ask(INITIALIZE, &call, &nobody).await.ok()?;
    let answer = (&mut underway.answer).await.ok()?;
    let hello: Arc<str> = Line::read(std::str::from_utf8(&answer).ok()?)?
        .result()?
        .into();
    process.tell(INITIALIZED).await.ok()?;
    Some(hello)
}

/// The answer to a client's handshake: the program's own, with a revision that the client may have asked for.
pub(super) fn greeting(hello: &str, call: &Call<'_>) -> String {
    let Ok(Value::Object(mut hello)) = serde_json::from_str(hello) else {
        return "{}".to_owned();
    };
    let spoken = hello
        .get("protocolVersion")
        .and_then(Value::as_str)
        .and_then(Revision::parse);
    let wanted = call
        .params
        .protocol_version
        .as_deref()
        .and_then(Revision::parse);
    // Earlier revisions lack what later ones add, and a client ignores what it does not know.
    if let (Some(spoken), Some(wanted)) = (spoken, wanted) {
        hello.insert("protocolVersion".into(), spoken.min(wanted).as_str().into());
    }
    Value::Object(hello).to_string()
}
