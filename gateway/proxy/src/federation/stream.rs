//! Streams of several members as one.
//!
//! Each member's stream is read by itself, reviewed and translated like any other answer, and recorded
//! under its member. What the client gets of them goes through one bounded queue: a client that reads
//! slowly slows the members down. Events lose their ids, since what has passed is not given again.

use std::{ops::ControlFlow, pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use gantry_mcp::{
    mentions::{self, What},
    messages::{Messages, Part},
};
use http::StatusCode;
use tokio::{
    sync::{
        mpsc::{self, Sender},
        watch,
    },
    time::sleep,
};

use super::{
    ask::{self, Question, Unheard},
    sessions, translate,
    visit::Visit,
};
use crate::{
    pipeline::{
        self, Ending, Gateway, Refusal, Reply, Request, Review, Reviewed, Trail, Unreviewable,
        settle,
    },
    upstream::{self, Verb},
};

/// Messages that wait for a client to read them.
const WAITING_MAX: usize = 64;

/// The largest message of a stream that others share.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a member's stream that has ended is left alone, at first and at last.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(30);

/// One stream for the client.
#[derive(Debug)]
pub struct Stream {
    /// What the client gets, event by event.
    pub events: mpsc::Receiver<Bytes>,
    /// What it gets when there is nothing more to come.
    pub farewell: Option<Bytes>,
    /// Keeps the stream open while no member has one.
    _open: Option<Sender<Bytes>>,
}

impl Stream {
    pub(super) fn new(events: mpsc::Receiver<Bytes>, farewell: Option<Bytes>) -> Self {
        Self {
            events,
            farewell,
            _open: None,
        }
    }
}

/// One message as an event.
pub(super) fn event(json: &[u8]) -> Bytes {
    let mut event = BytesMut::from(&b"event: message\n"[..]);
    // White space of JSON may hold line ends, which end a line of an event.
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.extend_from_slice(b"\n");
    }
    event.extend_from_slice(b"\n");
    event.freeze()
}

/// The stream of everything that the members say on their own account (revisions with sessions).
pub(super) fn notices(visit: &Arc<Visit>) -> Stream {
    let (tx, events) = mpsc::channel(WAITING_MAX);
    for at in visit.usable() {
        tokio::spawn(follow_notices(Arc::clone(visit), at, tx.clone()));
    }
    Stream {
        _open: Some(tx),
        ..Stream::new(events, None)
    }
}

/// Follows one member for as long as the client listens.
async fn follow_notices(visit: Arc<Visit>, at: usize, tx: Sender<Bytes>) {
    let mut again_after = AGAIN_AFTER;
    loop {
        match follow_once(&visit, at, &tx).await {
            Ok(()) => again_after = AGAIN_AFTER,
            // It offers no such stream.
            Err(None) => return,
            Err(Some(_)) => again_after = (2 * again_after).min(AGAIN_MAX),
        }
        tokio::select! {
            () = tx.closed() => return,
            () = sleep(again_after) => {}
        }
    }
}

/// Follows a member's stream to its end; nothing where it has none.
async fn follow_once(visit: &Visit, at: usize, tx: &Sender<Bytes>) -> Result<(), Option<Unheard>> {
    let session = visit.session.as_ref().ok_or(None)?;
    let open = sessions::at_member(visit, session, at)
        .await
        .map_err(Some)?;
    let mut headers = visit.own("", Some(&open));
    headers.remove(http::header::CONTENT_TYPE);
    let question = Question::of(Verb::Get, headers);
    let ear = Ear {
        tx: tx.clone(),
        beginning: None,
    };
    let followed = follow(visit, at, question, &ear).await?;
    if followed.is_lost
        && let Some(member) = visit.member(at)
    {
        let sessions = &visit.fronts.sessions;
        sessions.forget(session, &member.server, &open).await;
        return Err(Some(Unheard::error()));
    }
    match followed.status {
        status if status.is_success() => Ok(()),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Err(None),
        _ => Err(Some(Unheard::error())),
    }
}

/// How following a member has ended.
pub(super) struct Followed {
    pub status: StatusCode,
    pub is_lost: bool,
}

/// Reads a member's stream message by message, as long as it lasts and the client listens.
pub(super) async fn follow(
    visit: &Visit,
    at: usize,
    question: Question,
    ear: &Ear,
) -> Result<Followed, Unheard> {
    let request = ask::part(visit, at, question)?;
    let gateway = &visit.gateway;
    let mut trail = ask::begin(visit, &request);
    let mut stop = visit.stop.clone();
    let outcome = tokio::select! {
        outcome = read(visit, at, request, &mut trail, ear) => outcome,
        _ = stop.wait_for(|stop| *stop) => Err(Refusal::Stopping),
    };
    let (ending, followed) = match outcome {
        Ok(followed) => (Ending::answered(followed.status, None, false), Ok(followed)),
        // Being ended is how a stream without an end of its own ends.
        Err(Refusal::Stopping) if trail.is_sent() => (
            Ending::answered(StatusCode::OK, None, false),
            Err(Unheard::of(&Refusal::Stopping)),
        ),
        Err(refusal) => (Ending::refused(&refusal), Err(Unheard::of(&refusal))),
    };
    close(gateway, trail, ending).await;
    followed
}

async fn close(gateway: &Gateway, trail: Trail, ending: Ending) {
    if let Err(fault) = settle(gateway, trail.close(ending)).await {
        tracing::error!(%fault, "the end of a server's stream is not in the trail");
    }
}

async fn read(
    visit: &Visit,
    at: usize,
    request: Request,
    trail: &mut Trail,
    ear: &Ear,
) -> Result<Followed, Refusal> {
    let gateway = &visit.gateway;
    let Reply {
        mut exchange,
        review,
        ..
    } = pipeline::run(gateway, request, trail, ear.tx.closed()).await?;
    let status = exchange.status();
    let in_session = exchange.is_in_session();
    let followed = |glance: &[u8]| Followed {
        status,
        is_lost: in_session
            && (status == StatusCode::NOT_FOUND || upstream::is_session_unknown(status, glance)),
    };
    if exchange.headers().is_some_and(upstream::is_encoded) {
        return Err(Unreviewable::Encoded.into());
    }
    let format = exchange.headers().and_then(upstream::format);
    let (Some(format), true) = (format, status.is_success()) else {
        let glance = exchange.chunk().await?.unwrap_or_default();
        return Ok(followed(&glance));
    };
    trail.answers_in(format);
    let _open = visit
        .member(at)
        .map(|member| gateway.metrics.open_stream(&member.server));
    let mut review = match translate::translation(&visit.fronts, &visit.front, at) {
        Some(translation) => Some(Review::then(review, translation)),
        None => review,
    };
    let mut messages = Messages::new(format, MESSAGE_BYTES_MAX);
    loop {
        let chunk = {
            let mut next = pin!(exchange.chunk());
            tokio::select! {
                biased;
                chunk = &mut next => chunk?,
                () = ear.tx.closed() => return Ok(followed(&[])),
            }
        };
        let Some(chunk) = chunk else {
            exchange.finish().await;
            return Ok(followed(&[]));
        };
        trail.answered(&chunk);
        messages.feed(chunk);
        while let Some(message) = next(&mut messages, review.as_mut(), trail).await? {
            if ear.hear(message).await.is_break() {
                return Ok(followed(&[]));
            }
        }
    }
}

/// The next message that may be passed on.
async fn next(
    messages: &mut Messages,
    mut review: Option<&mut Review>,
    trail: &mut Trail,
) -> Result<Option<Vec<u8>>, Refusal> {
    let too_large = |fault: gantry_mcp::messages::TooLarge| Unreviewable::TooLarge {
        bytes_max: fault.bytes_max,
    };
    while let Some(part) = messages.next_part().map_err(too_large)? {
        let Part::Message(message) = part else {
            continue;
        };
        let json = message.json();
        let reviewed = match review.as_deref_mut() {
            Some(review) => review.message(Some(&mut *trail), &json).await?,
            None => Reviewed::Kept,
        };
        match reviewed {
            Reviewed::Kept => return Ok(Some(json.into_owned())),
            Reviewed::Replaced(json) => return Ok(Some(json)),
            Reviewed::Dropped => {}
        }
    }
    Ok(None)
}

/// Where the messages of one member's stream go.
pub(super) struct Ear {
    pub tx: Sender<Bytes>,
    /// How a subscription begins; none for a stream that is no subscription.
    pub beginning: Option<Beginning>,
}

/// What is to be known of a subscription before the client hears of it.
pub(super) struct Beginning {
    pub at: usize,
    /// Takes what the member agrees to, or why it does not.
    pub begun: Sender<(usize, Result<Vec<u8>, Unheard>)>,
    /// True once the client knows that it is listening.
    pub go: watch::Receiver<bool>,
}

impl Ear {
    async fn hear(&self, message: Vec<u8>) -> ControlFlow<()> {
        if let Some(Beginning { at, begun, go }) = &self.beginning {
            match Told::of(&message) {
                Told::Begun => {
                    // Whoever has waited long enough is gone.
                    let _ = begun.send((*at, Ok(message))).await;
                    return ControlFlow::Continue(());
                }
                Told::Ended => return ControlFlow::Break(()),
                Told::News if go.clone().wait_for(|go| *go).await.is_err() => {
                    return ControlFlow::Break(());
                }
                Told::News => {}
            }
        }
        match self.tx.send(event(&message)).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// What a message of a subscription is.
enum Told {
    /// The member begins to tell.
    Begun,
    /// The member has nothing more to tell, or cannot.
    Ended,
    /// Something that the client wants to know.
    News,
}

impl Told {
    fn of(message: &[u8]) -> Self {
        let mentions = mentions::of_server(message).unwrap_or_default();
        let ended = |what| matches!(what, What::Result | What::Error);
        if mentions.iter().any(|mention| ended(mention.what)) {
            return Self::Ended;
        }
        let method = mentions.iter().find(|mention| mention.what == What::Method);
        let method = method.and_then(mentions::Mention::text);
        match method.as_deref() {
            Some("notifications/subscriptions/acknowledged") => Self::Begun,
            _ => Self::News,
        }
    }
}

/// A channel for what a client is told.
pub(super) fn channel() -> (Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(WAITING_MAX)
}
