//! Sending a call: room for it, an endpoint, a connection, and another try where that is safe.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use pingora_core::{connectors::http::Connector, upstreams::peer::HttpPeer};
use pingora_timeout::fast_timeout::fast_timeout;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Copy, Exchange, Failed, OwnHeaders, Pools, Verb,
    exchange::{Answering, is_trouble},
    head,
    pool::Went,
    transmit::HttpSession,
    tries::Call,
};
use crate::{
    guardrails::Screened,
    limits::Ticket,
    routing::{SESSION_ID, Session, Target},
};

/// The connections to all servers. One lives as long as the process; configurations come and go.
pub struct Upstream {
    connector: Connector,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            connector: Connector::new(None),
        }
    }
}

/// What one call is allowed to do with time and with a caller that leaves.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// What the client does.
    pub verb: Verb,
    /// Whether the caller's departure ends the exchange.
    pub cancellable: bool,
    /// Whether the exchange may stay silent as long as both ends want.
    pub endless: bool,
    /// Whether the call may be sent again after it broke off.
    pub repeatable: bool,
    /// Whether others wait for the answer, so that a server in trouble is rather not asked.
    pub is_part: bool,
}

/// What a call took, whether or not it was answered.
#[derive(Debug, Default, Clone)]
pub struct Effort {
    /// The endpoints that were tried, in this order.
    pub tried: Vec<Arc<str>>,
    /// When each of these tries began.
    pub started: Vec<Instant>,
    /// How long the call waited for its turn.
    pub queued: Duration,
}

impl Upstream {
    /// Sends a screened message to its target and waits for the head of the answer.
    ///
    /// `departure` resolves when the caller has gone away; it ends the exchange if `terms` say so.
    /// `effort` tells what it took, also when it failed.
    ///
    /// # Errors
    /// [`Failed`] says whether the server was unreachable, silent, broken or full.
    #[expect(clippy::too_many_arguments, reason = "each is one stage's evidence")]
    pub async fn send(
        self: &Arc<Self>,
        pools: &Pools,
        terms: Terms,
        ticket: Ticket,
        target: Target,
        screened: Screened,
        own: &OwnHeaders,
        effort: &mut Effort,
        departure: impl Future<Output = ()>,
    ) -> Result<Exchange, Failed> {
        let server = Arc::clone(target.server());
        let name = || server.name().to_string();
        let (serving, pool) = pools
            .of(&target)
            .ok_or_else(|| Failed::NoEndpoint { server: name() })?;
        let (headers, body) = prepare(&target, screened);
        let call = Call {
            upstream: self,
            serving,
            pool,
            terms,
            target: &target,
            headers,
            body,
            own,
        };
        let bounded = async {
            if terms.endless {
                return self.begin(call, ticket, effort).await;
            }
            let limit = server.timeouts().answer;
            let begun = fast_timeout(limit, self.begin(call, ticket, &mut *effort)).await;
            begun.unwrap_or_else(|_| {
                let last = effort.tried.last().and_then(|label| pool.find(label));
                if let Some(endpoint) = last {
                    pool.report(&endpoint, Went::Badly, Instant::now());
                }
                Err(Failed::AnswerTimeout { server: name() })
            })
        };
        if !terms.cancellable {
            return bounded.await;
        }
        tokio::select! {
            biased;
            answer = bounded => answer,
            () = departure => Err(Failed::Abandoned),
        }
    }

    /// Waits for room, then for the head of an answer.
    async fn begin(
        self: &Arc<Self>,
        call: Call<'_>,
        ticket: Ticket,
        effort: &mut Effort,
    ) -> Result<Exchange, Failed> {
        let room = call.serving.capacity.enter(call.terms.endless).await;
        let (room, queued) = room.map_err(|full| call.serving.overloaded(full))?;
        effort.queued = queued;
        let answering = call.send(effort).await?;
        let session = seal(call.target, &answering)?;
        let (target, endless) = (call.target.clone(), call.terms.endless);
        Ok(Exchange::new(
            self,
            answering,
            Arc::clone(call.pool),
            target,
            endless,
            ticket,
            room,
            session,
        ))
    }

    /// Sends a copy of a message and waits for the head of the answer. A copy is nobody's call: it is
    /// not charged, and it is tried once.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn copy(
        self: &Arc<Self>,
        pools: &Pools,
        target: &Target,
        screened: Screened,
        own: &OwnHeaders,
    ) -> Result<Copy, Failed> {
        let (answering, room) = self.once(pools, target, screened, own).await?;
        let server = target.server().name().to_string();
        Ok(Copy::new(answering, server, room))
    }

    /// Tells the server of a session something that is nobody's call either, at the endpoint where
    /// the session lives, and gives the answer's status.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn tell(
        self: &Arc<Self>,
        pools: &Pools,
        target: &Target,
        screened: Screened,
        own: &OwnHeaders,
    ) -> Result<StatusCode, Failed> {
        let (answering, _room) = self.once(pools, target, screened, own).await?;
        Ok(answering.status())
    }

    /// Sends a message of nobody's and waits for the head of the answer.
    async fn once(
        self: &Arc<Self>,
        pools: &Pools,
        target: &Target,
        screened: Screened,
        own: &OwnHeaders,
    ) -> Result<(Answering, OwnedSemaphorePermit), Failed> {
        let server = || target.server().name().to_string();
        let (serving, pool) = pools
            .of(target)
            .ok_or_else(|| Failed::NoEndpoint { server: server() })?;
        let (headers, body) = prepare(target, screened);
        let room = serving.capacity.enter(false).await;
        let (room, _) = room.map_err(|full| serving.overloaded(full))?;
        let call = Call {
            upstream: self,
            serving,
            pool,
            terms: Terms {
                verb: Verb::Post,
                cancellable: true,
                endless: false,
                repeatable: false,
                is_part: false,
            },
            target,
            headers,
            body,
            own,
        };
        let mut effort = Effort::default();
        let answering = match target.session() {
            Some(session) => call.send_to_session(session, &mut effort).await?,
            None => call.send_anywhere(&mut effort).await?,
        };
        if !is_trouble(answering.status()) {
            pool.report(&answering.endpoint, Went::Well, Instant::now());
        }
        Ok((answering, room))
    }

    pub(super) async fn connect(
        &self,
        peer: &HttpPeer,
    ) -> pingora_core::Result<(HttpSession, bool)> {
        // On the heap: what it takes to open a connection is most of what a call takes, and a call is moved around and
        // kept for as long as its answer streams.
        Box::pin(self.connector.get_http_session(peer)).await
    }

    /// Gives a connection back for reuse, over which a whole answer has come.
    pub(super) async fn release(&self, answering: Answering) {
        if !answering.sent {
            return;
        }
        let peer = &answering.endpoint.peer;
        self.connector
            .release_http_session(answering.session, peer, peer.options.idle_timeout)
            .await;
    }
}

/// What of a message goes to a server, with the server's own name for its session.
fn prepare(target: &Target, screened: Screened) -> (HeaderMap, Bytes) {
    let (mut headers, body) = screened.into_parts();
    head::strip(&mut headers);
    headers.remove(&SESSION_ID);
    if let Some(Session { server_id, .. }) = target.session() {
        headers.insert(SESSION_ID, server_id.clone());
    }
    (headers, body)
}

/// The id that the client gets for the session which an answer names.
fn seal(target: &Target, answering: &Answering) -> Result<Option<HeaderValue>, Failed> {
    let head = answering.session.response_header();
    let server_id = head.and_then(|head| head.headers.get(&SESSION_ID));
    let Some(server_id) = server_id.filter(|_| target.has_sessions()) else {
        return Ok(None);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_s = now.map_or(0, |age| age.as_secs());
    let sealed = target.seal(&answering.endpoint.label, server_id, now_s, rand::random());
    let server = || target.server().name().to_string();
    sealed
        .map(Some)
        .ok_or_else(|| Failed::SessionId { server: server() })
}
