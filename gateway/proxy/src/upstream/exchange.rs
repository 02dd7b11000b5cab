//! One exchange with a server whose answer has begun: its head, then its body in chunks.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gantry_mcp::answer::Format;
use http::{HeaderMap, HeaderValue, StatusCode};
use pingora_core::{BError, Error, ErrorType};
use pingora_timeout::fast_timeout::fast_timeout;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Failed, Upstream,
    endpoint::{Endpoint, Load},
    pool::{Pool, Went},
    transmit::HttpSession,
};
use crate::{limits::Ticket, routing::Target};

/// An answer under way. Dropping it closes the exchange at once, which cancels the call at the
/// server; [`Exchange::finish`] gives the connection back for reuse.
pub struct Exchange {
    upstream: Arc<Upstream>,
    answering: Answering,
    pool: Arc<Pool>,
    target: Target,
    endless: bool,
    client_session: Option<HeaderValue>,
    _ticket: Ticket,
    _room: OwnedSemaphorePermit,
}

/// A connection over which the head of an answer has come.
pub(super) struct Answering {
    pub session: HttpSession,
    pub endpoint: Arc<Endpoint>,
    /// Whether the request has left whole. What is left of one must never be read as the
    /// beginning of the next.
    pub sent: bool,
    pub _load: Load,
}

impl Answering {
    pub(super) fn status(&self) -> StatusCode {
        self.session
            .response_header()
            .map_or(StatusCode::BAD_GATEWAY, |head| head.status)
    }

    pub(super) async fn read_head(&mut self, server: &str) -> Result<(), Failed> {
        loop {
            let read = self.session.read_response_header().await;
            read.map_err(|source| broken(server, source))?;
            match self.status() {
                StatusCode::SWITCHING_PROTOCOLS => {
                    let source =
                        Error::explain(ErrorType::H1Error, "an upgrade that nobody asked for");
                    return Err(broken(server, source));
                }
                status if status.is_informational() => {}
                StatusCode::NOT_MODIFIED => return Ok(()),
                // A client that followed it would pass the gateway by.
                status if status.is_redirection() => {
                    return Err(Failed::Redirected {
                        server: server.to_owned(),
                    });
                }
                _ => return Ok(()),
            }
        }
    }
}

pub(super) fn broken(server: &str, source: BError) -> Failed {
    Failed::Broken {
        server: server.to_owned(),
        source,
    }
}

impl Exchange {
    #[expect(
        clippy::too_many_arguments,
        reason = "it holds all that the call needs"
    )]
    pub(super) fn new(
        upstream: &Arc<Upstream>,
        answering: Answering,
        pool: Arc<Pool>,
        target: Target,
        endless: bool,
        ticket: Ticket,
        room: OwnedSemaphorePermit,
        client_session: Option<HeaderValue>,
    ) -> Self {
        Self {
            upstream: Arc::clone(upstream),
            answering,
            pool,
            target,
            endless,
            client_session,
            _ticket: ticket,
            _room: room,
        }
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.answering.status()
    }

    /// The answer's headers, as the server sent them.
    pub fn headers(&self) -> Option<&HeaderMap> {
        let head = self.answering.session.response_header();
        head.map(|head| &head.headers)
    }

    /// The session's id for the client, where the server's answer names the session.
    pub fn client_session(&self) -> Option<&HeaderValue> {
        self.client_session.as_ref()
    }

    /// Whether the call belongs to a session.
    pub fn is_in_session(&self) -> bool {
        self.target.session().is_some()
    }

    /// The endpoint that answers, as the record and the metrics name it.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.answering.endpoint.label
    }

    /// The next piece of the answer's body, as it arrived; `None` at its end.
    ///
    /// # Errors
    /// [`Failed::IdleTimeout`] after a longer silence than the server is allowed,
    /// [`Failed::Broken`] when the connection ends within the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failed> {
        let limit = self.target.server().timeouts().idle;
        let read = self.answering.session.read_response_body();
        let chunk = if self.endless {
            read.await
        } else {
            match fast_timeout(limit, read).await {
                Ok(chunk) => chunk,
                Err(_) => {
                    self.report(Went::Badly);
                    return Err(Failed::IdleTimeout {
                        server: self.name().to_owned(),
                    });
                }
            }
        };
        chunk.map_err(|source| self.broke(source))
    }

    /// As [`Exchange::chunk`], of what has already arrived; `None` where that would be to wait.
    pub async fn arrived(&mut self) -> Option<Result<Option<Bytes>, Failed>> {
        let read = tokio::select! {
            biased;
            read = self.answering.session.read_response_body() => read,
            () = std::future::ready(()) => return None,
        };
        Some(read.map_err(|source| self.broke(source)))
    }

    /// What was asked for is here, whatever else the server may say.
    pub fn answered(&self) {
        if !is_trouble(self.status()) {
            self.report(Went::Well);
        }
    }

    /// Ends an exchange whose answer has been read whole.
    pub async fn finish(self) {
        if !self.endless {
            self.answered();
        }
        self.upstream.release(self.answering).await;
    }

    fn broke(&self, source: BError) -> Failed {
        self.report(Went::Badly);
        broken(self.name(), source)
    }

    fn report(&self, went: Went) {
        self.pool
            .report(&self.answering.endpoint, went, Instant::now());
    }

    fn name(&self) -> &str {
        self.target.server().name()
    }
}

/// The answer to a copy, read and never passed on.
pub struct Copy {
    answering: Answering,
    server: String,
    _room: OwnedSemaphorePermit,
}

impl Copy {
    pub(super) fn new(answering: Answering, server: String, room: OwnedSemaphorePermit) -> Self {
        Self {
            answering,
            server,
            _room: room,
        }
    }

    /// How the body is framed; `None` where it is no message.
    pub fn format(&self) -> Option<Format> {
        let head = self.answering.session.response_header()?;
        super::format(&head.headers)
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Failed::Broken`] when the connection ends within the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failed> {
        let read = self.answering.session.read_response_body().await;
        read.map_err(|source| broken(&self.server, source))
    }
}

/// Whether an answer with this status is a sign of trouble. What a server does not implement (501)
/// is none.
pub(super) fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}
