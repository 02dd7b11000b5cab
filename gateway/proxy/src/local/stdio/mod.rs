//! Programs that are MCP servers over stdio, for clients over HTTP.
//!
//! A client of an earlier revision has a program of its own for its session, or shares one with others: then the
//! handshake is made once, and what the program answered to it is what every client gets. Messages of 2026-07-28 stand
//! alone; those of one caller, or of all, go to one program that speaks that revision. One program never gets messages
//! of both eras.

mod launch;
mod line;
mod mirrored;
mod process;
mod refusal;
mod shared;
mod stream;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gantry_mcp::{
    frame::{self, Bounds, Call, Frame},
    jsonrpc::{HEADER_MISMATCH, INVALID_REQUEST},
    method::Method,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, StatusCode};
use rand::Rng as _;
use tokio::sync::Semaphore;

use super::{
    CALLER,
    door::Asked,
    message::{self, Answer, Asking},
};
use crate::config::{Command, Sharing};
use line::Line;
use mirrored::Mirrored;
use process::{Process, Unasked, Underway};
use shared::{Shared, Unstarted};

/// How messages are read. The gateway has read them within its own bounds before.
const BOUNDS: Bounds = Bounds { depth_max: 1_024 };

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// One server over stdio: its programs.
pub(super) struct Stdio {
    server: Arc<str>,
    version: String,
    command: Arc<Command>,
    /// For programs.
    room: Arc<Semaphore>,
    /// Programs of one client each, by the session's id.
    sessions: Mutex<HashMap<Arc<str>, Arc<Process>>>,
    /// Programs of several, by whose they are.
    shared: Shared,
    /// What headers have to say the same as messages.
    mirrored: Arc<Mirrored>,
}

impl Stdio {
    pub(super) fn new(server: &str, version: &str, command: &Arc<Command>) -> Self {
        let server: Arc<str> = server.into();
        let room = Arc::new(Semaphore::new(command.processes_max as usize));
        Self {
            version: version.to_owned(),
            sessions: Mutex::default(),
            shared: Shared::new(&server, command, &room),
            mirrored: Arc::default(),
            command: Arc::clone(command),
            server,
            room,
        }
    }

    /// Whether it is this version of this server, as it is configured.
    pub(super) fn is(&self, server: &str, version: &str, command: &Command) -> bool {
        &*self.server == server && self.version == version && *self.command == *command
    }

    /// Answers a request of a client.
    pub(super) async fn answer(&self, asked: Asked) -> Answer {
        let session = asked.head.headers.get(&SESSION_ID);
        let session = session.and_then(|id| id.to_str().ok());
        let who = self.who(&asked.head.headers);
        match asked.head.method {
            Verb::POST => self.post(&asked, session, &who).await,
            Verb::GET => self.listen(session, &who),
            Verb::DELETE => self.close(session),
            _ => message::plain(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Whose program a request without a session goes to.
    fn who(&self, headers: &HeaderMap) -> Arc<str> {
        match self.command.per {
            Sharing::Gateway => "".into(),
            Sharing::Session | Sharing::Caller => {
                let who = headers.get(&CALLER).and_then(|who| who.to_str().ok());
                who.unwrap_or_default().into()
            }
        }
    }

    async fn post(&self, asked: &Asked, session: Option<&str>, who: &Arc<str>) -> Answer {
        let (Ok(text), Ok(frame)) = (
            std::str::from_utf8(&asked.body),
            frame::parse(&asked.body, &BOUNDS),
        ) else {
            return message::plain(StatusCode::BAD_REQUEST);
        };
        let Some(asking) = frame.call().and_then(Asking::new) else {
            return self.tell(text, &frame, session, who).await;
        };
        let call = asking.call;
        if asking.modern {
            if let Some(told) = self.mirrored.difference(call, &asked.head.headers) {
                return asking.error(StatusCode::BAD_REQUEST, HEADER_MISMATCH, &told);
            }
            return match self.shared.modern(who).await {
                Ok(process) => self.ask(&process, text, &asking, who).await,
                Err(fault) => self.unstarted(&asking, &fault),
            };
        }
        match (self.command.per, call.known()) {
            (Sharing::Session, Some(Method::Initialize)) => self.open(text, &asking).await,
            (Sharing::Session, _) => match self.session(session) {
                Ok((owner, process)) => self.ask(&process, text, &asking, &owner).await,
                Err(status) => asking.error(status, INVALID_REQUEST, "there is no such session"),
            },
            (_, Some(Method::Ping)) => asking.result("{}", &self.server),
            (_, known) => match self.shared.legacy(who).await {
                Ok((_, hello)) if known == Some(Method::Initialize) => {
                    asking.result(&shared::greeting(&hello, call), &self.server)
                }
                Ok((process, _)) => self.ask(&process, text, &asking, who).await,
                Err(fault) => self.unstarted(&asking, &fault),
            },
        }
    }

    async fn ask(
        &self,
        process: &Arc<Process>,
        text: &str,
        asking: &Asking<'_>,
        owner: &Arc<str>,
    ) -> Answer {
        let discovers = asking.call.known() == Some(Method::Discover);
        match process.ask(text, asking.call, owner).await {
            Ok(underway) => {
                let underway = self.overheard(underway, asking);
                stream::answer(underway, asking.modern, discovers).await
            }
            Err(fault) => self.unasked(asking, fault),
        }
    }

    /// A list of tools is learned from as it passes.
    fn overheard(&self, underway: Underway, asking: &Asking<'_>) -> Underway {
        if !asking.modern || asking.call.known() != Some(Method::ToolsList) {
            return underway;
        }
        let mirrored = Arc::clone(&self.mirrored);
        underway.overheard(move |answer| mirrored.learn(answer))
    }

    /// Opens a session: a program of its own, which answers the handshake itself.
    async fn open(&self, text: &str, asking: &Asking<'_>) -> Answer {
        let started = Arc::clone(&self.room)
            .try_acquire_owned()
            .map_err(|_| Unstarted::Full);
        let started = started.and_then(|room| {
            Process::start(&self.server, &self.command, false, room).map_err(Unstarted::from)
        });
        let opening = match started {
            Ok(process) => Opening {
                process,
                kept: false,
            },
            Err(fault) => return self.unstarted(asking, &fault),
        };
        let id: [u8; 16] = rand::rng().random();
        let id = hex::encode(id);
        let owner: Arc<str> = id.as_str().into();
        let mut underway = match opening.process.ask(text, asking.call, &owner).await {
            Ok(underway) => underway,
            Err(fault) => return self.unasked(asking, fault),
        };
        let Ok(answer) = (&mut underway.answer).await else {
            return self.unasked(asking, Unasked::Ended);
        };
        let is_result = std::str::from_utf8(&answer)
            .ok()
            .and_then(Line::read)
            .is_some_and(|line| line.is_result());
        let mut told = message::json(StatusCode::OK, answer.into());
        if let (true, Ok(value)) = (is_result, HeaderValue::from_str(&id)) {
            told.headers_mut().insert(SESSION_ID, value);
            let mut sessions = self.sessions();
            sessions.retain(|_, process| process.is_alive());
            sessions.insert(owner, opening.keep());
        }
        told
    }

    /// A notification, or an answer to a request of the program.
    async fn tell(
        &self,
        text: &str,
        frame: &Frame<'_>,
        session: Option<&str>,
        who: &Arc<str>,
    ) -> Answer {
        let accepted = message::plain(StatusCode::ACCEPTED);
        let own = match (self.command.per, session) {
            (Sharing::Session, Some(_)) => match self.session(session) {
                Ok(own) => Some(own),
                Err(status) => return message::plain(status),
            },
            _ => None,
        };
        let cancelled = frame
            .call()
            .filter(|call| call.known() == Some(Method::Cancelled));
        let cancelled = cancelled.and_then(|call: &Call<'_>| call.params.request_id.as_ref());
        match (own, cancelled) {
            (Some((owner, process)), Some(id)) => process.cancel(&owner, id.as_raw()),
            (Some((_, process)), None) => {
                if process.tell(text).await.is_err() {
                    return message::plain(StatusCode::NOT_FOUND);
                }
            }
            (None, Some(id)) => self.shared.cancel(who, id.as_raw()),
            // What one client tells is not true of the others.
            (None, None) => {}
        }
        accepted
    }

    fn listen(&self, session: Option<&str>, who: &Arc<str>) -> Answer {
        let process = match self.command.per {
            Sharing::Session => match self.session(session) {
                Ok((_, process)) => Some(process),
                Err(status) => return message::plain(status),
            },
            Sharing::Gateway | Sharing::Caller => self.shared.running(who),
        };
        match process.and_then(|process| process.listen()) {
            Some(heard) => stream::listening(heard),
            None => message::plain(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn close(&self, session: Option<&str>) -> Answer {
        if self.command.per != Sharing::Session {
            return message::plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        match self.session(session) {
            Ok((owner, process)) => {
                self.sessions().remove(&owner);
                process.end();
                message::plain(StatusCode::OK)
            }
            Err(status) => message::plain(status),
        }
    }

    /// The program of a session.
    fn session(&self, id: Option<&str>) -> Result<(Arc<str>, Arc<Process>), StatusCode> {
        let id = id.ok_or(StatusCode::BAD_REQUEST)?;
        let sessions = self.sessions();
        let (owner, process) = sessions.get_key_value(id).ok_or(StatusCode::NOT_FOUND)?;
        match process.is_alive() {
            true => Ok((Arc::clone(owner), Arc::clone(process))),
            false => Err(StatusCode::NOT_FOUND),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Process>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program whose session may not come about: then it ends.
struct Opening {
    process: Arc<Process>,
    kept: bool,
}

impl Opening {
    fn keep(mut self) -> Arc<Process> {
        self.kept = true;
        Arc::clone(&self.process)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.kept {
            self.process.end();
        }
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        for process in self.sessions().values() {
            process.end();
        }
    }
}
