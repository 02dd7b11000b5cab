//! One exchange with a server: the request out, the head of the answer, then its body in chunks.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pingora_core::{
    BError, Error, ErrorType, OrErr,
    connectors::http::Connector,
    protocols::{
        Stream,
        http::{
            client::HttpSession as AnyHttpSession,
            v1::client::{HttpSession as Http1Session, http_req_header_to_wire},
        },
    },
};
use pingora_http::RequestHeader;
use pingora_timeout::fast_timeout::fast_timeout;
use tokio::io::AsyncWriteExt;

use super::{Failed, OwnHeaders, Pools, Verb, discovery::Endpoint, head, pools::WRITE_TIMEOUT};
use crate::{guardrails::Screened, limits::Ticket, routing::Target};

type HttpSession = AnyHttpSession<()>;

/// Endpoints that are tried for one call when connections cannot be made. Nothing of the call has
/// been sent then, so that trying again is always safe.
const CONNECT_ATTEMPTS_MAX: usize = 3;

/// The largest body that is copied behind its head to leave in one write.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

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
}

impl Upstream {
    /// Sends a screened message to its target and waits for the head of the answer.
    ///
    /// `departure` resolves when the caller has gone away; it ends the exchange if `terms` say so.
    /// `attempts` counts the endpoints that were tried.
    ///
    /// # Errors
    /// [`Failed`] says whether the server was unreachable, silent or broken.
    #[expect(clippy::too_many_arguments, reason = "each is one stage's evidence")]
    pub async fn send(
        self: &Arc<Self>,
        pools: &Pools,
        terms: Terms,
        ticket: Ticket,
        target: Target,
        screened: Screened,
        own: &OwnHeaders,
        attempts: &mut u8,
        departure: impl Future<Output = ()>,
    ) -> Result<Exchange, Failed> {
        let server = Arc::clone(target.server());
        let (mut headers, body) = screened.into_parts();
        head::strip(&mut headers);
        let exchange = async {
            let (session, endpoint) = self.connect(pools, server.name(), attempts).await?;
            let request =
                head::build(terms.verb, &endpoint.url, headers, &body, own).map_err(|source| {
                    Failed::Request {
                        server: server.name().to_string(),
                        source,
                    }
                })?;
            let (session, sent) = transmit(session, terms.verb, request, body).await;
            let mut exchange = Exchange {
                upstream: Arc::clone(self),
                session,
                endpoint,
                target: target.clone(),
                endless: terms.endless,
                sent: sent.is_ok(),
                _ticket: ticket,
            };
            let sent = sent.map_err(|source| exchange.broken(source));
            // A server may answer before it has read everything (413, 401) and close: its answer
            // says more than the broken write does.
            match (sent, exchange.read_head().await) {
                (_, Ok(())) => Ok(exchange),
                (Err(fault), Err(_)) | (Ok(()), Err(fault)) => Err(fault),
            }
        };
        let limit = server.timeouts().answer;
        let bounded = async {
            if terms.endless {
                return exchange.await;
            }
            fast_timeout(limit, exchange).await.unwrap_or_else(|_| {
                Err(Failed::AnswerTimeout {
                    server: server.name().to_string(),
                })
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

    async fn connect(
        &self,
        pools: &Pools,
        server: &str,
        attempts: &mut u8,
    ) -> Result<(HttpSession, Arc<Endpoint>), Failed> {
        let tries = pools.size(server).clamp(1, CONNECT_ATTEMPTS_MAX);
        let mut failed = Failed::NoEndpoint {
            server: server.to_owned(),
        };
        let mut tried = Vec::new();
        for _ in 0..tries {
            let Some(endpoint) = pools.pick(server, &tried) else {
                break;
            };
            tried.push(endpoint.address);
            *attempts = attempts.saturating_add(1);
            match self.connector.get_http_session(&endpoint.peer).await {
                Ok((session, _reused)) => return Ok((session, endpoint)),
                Err(source) => {
                    failed = Failed::Connect {
                        server: server.to_owned(),
                        endpoint: endpoint.address,
                        source,
                    };
                }
            }
        }
        Err(failed)
    }
}

/// An answer under way. Dropping it closes the exchange at once, which cancels the call at the
/// server; [`Exchange::finish`] gives the connection back for reuse.
pub struct Exchange {
    upstream: Arc<Upstream>,
    session: HttpSession,
    endpoint: Arc<Endpoint>,
    target: Target,
    endless: bool,
    /// Whether the request has left whole. What is left of one must never be read as the
    /// beginning of the next.
    sent: bool,
    _ticket: Ticket,
}

impl Exchange {
    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.session
            .response_header()
            .map_or(StatusCode::BAD_GATEWAY, |head| head.status)
    }

    /// The answer's headers, as the server sent them.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.session.response_header().map(|head| &head.headers)
    }

    /// The endpoint that answers, as the record and the metrics name it.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint.label
    }

    /// The next piece of the answer's body, as it arrived; `None` at its end.
    ///
    /// # Errors
    /// [`Failed::IdleTimeout`] after a longer silence than the server is allowed,
    /// [`Failed::Broken`] when the connection ends within the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failed> {
        let limit = self.target.server().timeouts().idle;
        let read = self.session.read_response_body();
        let chunk = if self.endless {
            read.await
        } else {
            match fast_timeout(limit, read).await {
                Ok(chunk) => chunk,
                Err(_) => {
                    return Err(Failed::IdleTimeout {
                        server: self.name(),
                    });
                }
            }
        };
        chunk.map_err(|source| self.broken(source))
    }

    /// As [`Exchange::chunk`], of what has already arrived; `None` where that would be to wait.
    pub async fn arrived(&mut self) -> Option<Result<Option<Bytes>, Failed>> {
        let read = tokio::select! {
            biased;
            read = self.session.read_response_body() => read,
            () = std::future::ready(()) => return None,
        };
        Some(read.map_err(|source| self.broken(source)))
    }

    /// Ends an exchange whose answer has been read whole.
    pub async fn finish(self) {
        if !self.sent {
            return;
        }
        let peer = &self.endpoint.peer;
        self.upstream
            .connector
            .release_http_session(self.session, peer, peer.options.idle_timeout)
            .await;
    }

    fn name(&self) -> String {
        self.target.server().name().to_string()
    }

    fn broken(&self, source: BError) -> Failed {
        Failed::Broken {
            server: self.name(),
            source,
        }
    }

    async fn read_head(&mut self) -> Result<(), Failed> {
        loop {
            let read = self.session.read_response_header().await;
            read.map_err(|source| self.broken(source))?;
            match self.status() {
                StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(self.broken(Error::explain(
                        ErrorType::H1Error,
                        "an upgrade that nobody asked for",
                    )));
                }
                status if status.is_informational() => {}
                StatusCode::NOT_MODIFIED => return Ok(()),
                // A client that followed it would pass the gateway by.
                status if status.is_redirection() => {
                    return Err(Failed::Redirected {
                        server: self.name(),
                    });
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Sends a request. In HTTP/1.1, head and body leave in one write where Pingora's own session
/// would flush in between: each write is a system call and a packet, and most messages are smaller
/// than one packet.
async fn transmit(
    session: HttpSession,
    verb: Verb,
    request: RequestHeader,
    body: Bytes,
) -> (HttpSession, pingora_core::Result<()>) {
    match session {
        HttpSession::H1(session) => {
            let mut stream = session.into_inner();
            let sent = match fast_timeout(WRITE_TIMEOUT, write(&mut stream, &request, &body)).await
            {
                Ok(sent) => sent,
                Err(_) => Error::e_explain(ErrorType::WriteTimedout, "sending a request"),
            };
            (HttpSession::H1(Http1Session::new(stream)), sent)
        }
        mut session => {
            let sent = async {
                session.write_request_header(Box::new(request)).await?;
                if verb == Verb::Post {
                    session.write_request_body(body, true).await?;
                }
                session.finish_request_body().await
            };
            let sent = sent.await;
            (session, sent)
        }
    }
}

async fn write(
    stream: &mut Stream,
    request: &RequestHeader,
    body: &[u8],
) -> pingora_core::Result<()> {
    let Some(mut head) = http_req_header_to_wire(request) else {
        return Error::e_explain(
            ErrorType::InvalidHTTPHeader,
            "the request line is not valid",
        );
    };
    let sent = async {
        if body.len() <= TOGETHER_BYTES_MAX {
            // Copying a small body costs less than a second system call.
            head.extend_from_slice(body);
            stream.write_all(&head).await?;
        } else {
            stream.write_all(&head).await?;
            stream.write_all(body).await?;
        }
        stream.flush().await
    };
    sent.await
        .or_err(ErrorType::WriteError, "sending a request")
}
