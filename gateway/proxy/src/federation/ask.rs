//! One question to one member, and its answer as a whole.
//!
//! A question goes through the pipeline like a caller's own message at that member's endpoint, and has a
//! record of its own, which is written before the answer is used. It runs by itself: a caller that
//! leaves, or another member that fails, does not take its record away.

use std::{future::pending, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use gantry_mcp::{
    answer::Answer,
    mentions::{self, What},
    messages::{Messages, Part},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::timeout;

use super::{
    sessions::{self, MemberSession},
    visit::Visit,
};
use crate::{
    pipeline::{
        self, Ending, Gateway, Refusal, Reply, Request, Reviewed, Trail, Unreviewable, settle,
    },
    upstream::{self, Failed, Verb},
};

/// The largest part that a member contributes to an answer.
const PART_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much of an answer is looked at to see whether a session is unknown.
const GLANCE_BYTES_MAX: usize = 4 * 1024;

/// How long the end of an answer is waited for once all of it is here, for the connection's sake.
const END_MAX: Duration = Duration::from_millis(100);

/// What a member is asked.
pub(super) struct Question {
    pub verb: Verb,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Question {
    pub(super) fn of(verb: Verb, headers: HeaderMap) -> Self {
        Self {
            verb,
            headers,
            body: Bytes::new(),
        }
    }

    pub(super) fn post(headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self {
            verb: Verb::Post,
            headers,
            body: body.into(),
        }
    }
}

/// What a member has answered.
#[derive(Debug)]
pub(super) struct Heard {
    pub status: StatusCode,
    /// The session that it names, as its client would get it.
    pub session: Option<HeaderValue>,
    /// The response, reviewed; none where the answer holds none.
    pub message: Option<Bytes>,
    /// The session of the question is unknown to it.
    pub is_lost: bool,
}

/// Why nothing was heard of a member.
#[derive(Debug, Clone)]
pub(super) struct Unheard {
    /// For whoever asked: one of a few words.
    pub reason: &'static str,
    /// The session of the question is unknown.
    pub is_lost: bool,
    /// Its record could not be written.
    pub unrecorded: bool,
}

impl Unheard {
    fn because(reason: &'static str) -> Self {
        Self {
            reason,
            is_lost: false,
            unrecorded: false,
        }
    }

    /// It answers with something else than was asked.
    pub(super) fn error() -> Self {
        Self::because("error")
    }

    /// It does not speak the revision of the question.
    pub(super) fn unsupported() -> Self {
        Self::because("unsupported")
    }

    /// The gateway does not let the question through.
    pub(super) fn refused() -> Self {
        Self::because("refused")
    }

    /// It takes longer than the others are kept waiting.
    pub(super) fn late() -> Self {
        Self::because("timeout")
    }

    pub(super) fn of(refusal: &Refusal) -> Self {
        let reason = match refusal {
            Refusal::Failed(fault) if fault.is_timeout() => "timeout",
            Refusal::Failed(Failed::CircuitOpen { .. }) => "failing",
            Refusal::Failed(Failed::Overloaded { .. }) => "busy",
            Refusal::Failed(fault) if fault.is_unreached() => "unreachable",
            Refusal::Failed(_) | Refusal::Unreviewable(_) | Refusal::Rejected => "error",
            Refusal::Stopping => "stopping",
            _ => "refused",
        };
        Self {
            is_lost: matches!(
                refusal,
                Refusal::UnknownSession(_) | Refusal::Failed(Failed::SessionLost { .. })
            ),
            ..Self::because(reason)
        }
    }
}

/// Asks within the client's session, where the revision has them: a member's session is opened where
/// there is none, and once more where the member has forgotten it.
pub(super) async fn ask_in_session(
    visit: &Visit,
    at: usize,
    question: impl Fn(Option<&MemberSession>) -> Option<Question>,
) -> Result<Option<Heard>, Unheard> {
    let Some(session) = &visit.session else {
        return match question(None) {
            Some(question) => ask(visit, at, question).await.map(Some),
            None => Ok(None),
        };
    };
    let mut repeats = false;
    loop {
        let open = sessions::at_member(visit, session, at).await?;
        let Some(question) = question(Some(&open)) else {
            return Ok(None);
        };
        let heard = ask(visit, at, question).await;
        let is_lost = match &heard {
            Ok(heard) => heard.is_lost,
            Err(fault) => fault.is_lost,
        };
        if !is_lost || repeats {
            return heard.map(Some);
        }
        repeats = true;
        if let Some(member) = visit.member(at) {
            let sessions = &visit.fronts.sessions;
            sessions.forget(session, &member.server, &open).await;
        }
    }
}

/// Asks a member.
pub(super) async fn ask(visit: &Visit, at: usize, question: Question) -> Result<Heard, Unheard> {
    let request = part(visit, at, question)?;
    let trail = begin(visit, &request);
    let (gateway, deadline) = (Arc::clone(&visit.gateway), visit.front.deadline);
    let mut stop = visit.stop.clone();
    let asking = tokio::spawn(async move {
        let mut trail = trail;
        let _in_flight = gateway.metrics.in_flight(&request.server);
        let server = request.server.clone();
        let outcome = tokio::select! {
            outcome = timeout(deadline, exchange(&gateway, request, &mut trail)) => outcome,
            // The sender lives as long as the process.
            _ = stop.wait_for(|stop| *stop) => Ok(Err(Refusal::Stopping)),
        };
        let outcome = outcome.unwrap_or_else(|_| {
            if let Some((server, version, endpoint)) = trail.place() {
                gateway.pools.gave_up(server, version, endpoint);
            }
            Err(Failed::AnswerTimeout { server }.into())
        });
        let (ending, heard) = match outcome {
            Ok((ending, heard)) => (ending, Ok(heard)),
            Err(refusal) => (Ending::refused(&refusal), Err(Unheard::of(&refusal))),
        };
        match settle(&gateway, trail.close(ending)).await {
            Ok(()) => heard,
            Err(fault) => {
                tracing::error!(%fault, "a server's part of an answer is withheld");
                Err(Unheard {
                    unrecorded: true,
                    ..Unheard::refused()
                })
            }
        }
    });
    asking.await.unwrap_or_else(|_| Err(Unheard::error()))
}

/// A question whose answer becomes a part of another one.
pub(super) fn part(visit: &Visit, at: usize, question: Question) -> Result<Request, Unheard> {
    let request = visit.request(at, question).ok_or_else(Unheard::refused)?;
    Ok(Request {
        is_part: true,
        ..request
    })
}

/// The trail of a question.
pub(super) fn begin(visit: &Visit, request: &Request) -> Trail {
    let mut trail = Trail::begin(visit.client, &request.headers);
    if let Ok(server) = visit.gateway.routes.find(&request.server) {
        trail.addressed(server);
    }
    trail.identified(
        &visit.caller,
        pipeline::tenant(&visit.gateway, &visit.caller),
    );
    trail.received(request.body.len());
    trail
}

async fn exchange(
    gateway: &Gateway,
    request: Request,
    trail: &mut Trail,
) -> Result<(Ending, Heard), Refusal> {
    let expects = request.verb == Verb::Post;
    let reply = pipeline::run(gateway, request, trail, pending()).await?;
    let mut gathering = Gathering::begin(trail, reply)?;
    let ended = gathering.read().await?;
    let Gathering {
        reply,
        reading,
        found,
        glance,
        ..
    } = gathering;
    let status = reply.exchange.status();
    let expected = expects && trail.id().is_some();
    let verdict = reading.as_ref().and_then(Answer::verdict);
    let in_session = reply.exchange.is_in_session();
    let heard = Heard {
        status,
        session: reply.exchange.client_session().cloned(),
        message: found,
        is_lost: in_session
            && (status == StatusCode::NOT_FOUND || upstream::is_session_unknown(status, &glance)),
    };
    if ended {
        reply.exchange.finish().await;
    } else if heard.message.is_some() {
        reply.exchange.answered();
    }
    Ok((Ending::answered(status, verdict.as_ref(), expected), heard))
}

/// An answer on its way.
struct Gathering<'a> {
    trail: &'a mut Trail,
    reply: Reply,
    reading: Option<Answer>,
    messages: Option<Messages>,
    listening: Option<pipeline::Listening>,
    found: Option<Bytes>,
    glance: BytesMut,
}

impl<'a> Gathering<'a> {
    fn begin(trail: &'a mut Trail, mut reply: Reply) -> Result<Self, Refusal> {
        let headers = reply.exchange.headers();
        if headers.is_some_and(upstream::is_encoded) {
            return Err(Unreviewable::Encoded.into());
        }
        let format = headers.and_then(upstream::format);
        let lesson = reply.lesson.take().zip(format);
        Ok(Self {
            trail,
            reading: format.map(Answer::new),
            messages: format.map(|format| Messages::new(format, PART_BYTES_MAX)),
            listening: lesson.map(|(lesson, format)| lesson.listen(format)),
            found: None,
            glance: BytesMut::new(),
            reply,
        })
    }

    /// Reads until the response is here. True when the answer has ended with it.
    async fn read(&mut self) -> Result<bool, Refusal> {
        let mut bytes = 0;
        loop {
            let chunk = self.reply.exchange.chunk().await?;
            let last = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            bytes += chunk.len();
            if bytes > 2 * PART_BYTES_MAX {
                return Err(Unreviewable::TooLarge {
                    bytes_max: PART_BYTES_MAX,
                }
                .into());
            }
            self.take(&chunk, last).await?;
            if last {
                return Ok(true);
            }
            if self.found.is_some() {
                let end = timeout(END_MAX, self.reply.exchange.chunk()).await;
                return Ok(matches!(end, Ok(Ok(None))));
            }
        }
    }

    async fn take(&mut self, chunk: &Bytes, last: bool) -> Result<(), Refusal> {
        self.trail.answered(chunk);
        let room = GLANCE_BYTES_MAX.saturating_sub(self.glance.len());
        let glance = chunk.get(..room.min(chunk.len()));
        self.glance.extend_from_slice(glance.unwrap_or_default());
        if let Some(reading) = &mut self.reading {
            reading.feed(chunk);
        }
        if let Some(listening) = &mut self.listening {
            listening.read(chunk, last);
        }
        let Some(messages) = &mut self.messages else {
            return Ok(());
        };
        messages.feed(chunk.clone());
        if last {
            messages.end();
        }
        let too_large = |fault: gantry_mcp::messages::TooLarge| Unreviewable::TooLarge {
            bytes_max: fault.bytes_max,
        };
        while let Some(part) = messages.next_part().map_err(too_large)? {
            let Part::Message(message) = part else {
                continue;
            };
            let json = message.json();
            let reviewed = match &mut self.reply.review {
                Some(review) => review.message(Some(&mut *self.trail), &json).await?,
                None => Reviewed::Kept,
            };
            let seen = match reviewed {
                Reviewed::Kept => Bytes::copy_from_slice(&json),
                Reviewed::Replaced(json) => json.into(),
                Reviewed::Dropped => continue,
            };
            if self.found.is_none() && is_response(&seen) {
                self.found = Some(seen);
            }
        }
        Ok(())
    }
}

/// Whether a message answers a request.
fn is_response(message: &[u8]) -> bool {
    let mentions = mentions::of_server(message).unwrap_or_default();
    let answers = |what| matches!(what, What::Result | What::Error);
    mentions.iter().any(|mention| answers(mention.what))
}
