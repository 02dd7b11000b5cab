//! What comes in before it is a request: how many connections there may be, how long one may take to
//! say something.
//!
//! Whoever is one too many is told so with 503 before anything is read of it. It never reads a
//! request; that is `inbound`'s.

mod memory;
mod paced;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora_core::{
    apps::ServerApp,
    protocols::{ALPN, Stream, http::ServerSession},
    server::ShutdownWatch,
};
use pingora_timeout::fast_timeout::fast_timeout;
use tokio::{io::AsyncWriteExt as _, sync::Semaphore};

use crate::{config::Listen, telemetry::metrics::Metrics};
pub(super) use memory::{Full, Memory, Reserved};
pub(super) use paced::Pace;
use paced::Paced;

/// What a connection too many is answered with. Clients of HTTP/2 read it as a connection error.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// How long it may take to tell.
const TELL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection may still bring a request once the process is ending. Its answer closes the
/// connection and says so; a connection closed before that would lose a request which is on its way
/// (RFC 9112 section 9.6). Part of the time that calls under way have.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// A listener's application behind its bounds.
pub(super) struct Intake<A> {
    app: Arc<A>,
    connections: Arc<Semaphore>,
    pace: Pace,
    metrics: Arc<Metrics>,
}

impl<A> Intake<A> {
    pub(super) fn new(app: A, listen: &Listen, metrics: Arc<Metrics>) -> Self {
        Self {
            app: Arc::new(app),
            connections: Arc::new(Semaphore::new(listen.connections as usize)),
            pace: Pace {
                head: listen.header_timeout,
                idle: listen.idle_timeout,
            },
            metrics,
        }
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for Intake<A> {
    async fn process_new(
        self: &Arc<Self>,
        mut stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let Ok(_place) = self.connections.try_acquire() else {
            self.metrics.traffic().shed("", "connections");
            let told = async {
                // A client that does not listen is left.
                let _ = stream.write_all(TOO_MANY).await;
                let _ = stream.shutdown().await;
            };
            let _ = fast_timeout(TELL_TIMEOUT, told).await;
            return None;
        };
        let _open = self.metrics.connection();
        // HTTP/2 keeps its own time: it knows when a connection has no stream.
        if !matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            stream = Box::new(Paced::new(stream, self.pace));
        }
        self.app.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        tokio::time::sleep(LAST_REQUESTS).await;
        self.app.cleanup().await;
    }
}

/// The head of a request has arrived: from here on the pace is that of its body and its answer.
pub(super) fn begun(session: &ServerSession) {
    if let Some(paced) = paced(session) {
        paced.begun();
    }
}

/// A request has been answered: the next one may begin.
pub(super) fn ended(session: &ServerSession) {
    if let Some(paced) = paced(session) {
        paced.ended();
    }
}

fn paced(session: &ServerSession) -> Option<&Paced> {
    match session {
        ServerSession::H1(session) => (**session.stream()).as_any().downcast_ref(),
        _ => None,
    }
}
