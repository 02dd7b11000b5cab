//! The inner HTTP server: who may come in, and to which service.

use std::{convert::Infallible, net::TcpListener, sync::Arc, sync::PoisonError, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::{
    KEY, Registry, Service,
    message::{self, Answer},
};

/// Connections at a time. The gateway itself bounds calls, so this bounds strangers.
const CONNECTIONS_MAX: usize = 65_536;

/// How long a head may take; the other end is this process.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest body. The gateway's own bound lies far below.
const BODY_BYTES_MAX: usize = 1 << 30;

/// How long accepting pauses when the system has nothing left to accept with.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What lets requests in.
pub(super) struct Door {
    key: HeaderValue,
    services: Arc<Registry>,
    room: Arc<Semaphore>,
}

/// A request of this process.
pub(super) struct Asked {
    pub head: http::request::Parts,
    pub body: Bytes,
}

impl Door {
    pub(super) fn new(key: HeaderValue, services: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self {
            key,
            services,
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        })
    }

    /// Serves connections for as long as the process lives.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the inner HTTP server cannot listen");
                return;
            }
        };
        loop {
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(EXHAUSTED).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let door = Arc::clone(&self);
            tokio::spawn(async move {
                let _room = room;
                let answer = service_fn(|request| {
                    let door = Arc::clone(&door);
                    async move { Ok::<_, Infallible>(door.answer(request).await) }
                });
                // Whoever breaks a connection off knows it; nobody else asks.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let shown = request.headers().get(&KEY).map(HeaderValue::as_bytes);
        let known = shown.is_some_and(|shown| shown.ct_eq(self.key.as_bytes()).into());
        if !known {
            return message::plain(StatusCode::FORBIDDEN);
        }
        let Some(service) = self.find(request.uri().path()) else {
            return message::plain(StatusCode::NOT_FOUND);
        };
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return message::plain(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let asked = Asked {
            head,
            body: body.to_bytes(),
        };
        match &*service {
            Service::Rest(rest) if asked.head.method == Method::POST => rest.answer(asked).await,
            Service::Rest(_) => message::plain(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn find(&self, path: &str) -> Option<Arc<Service>> {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.get(path)?.upgrade()
    }
}
