//! How an exchange with a server can fail.

use std::{net::SocketAddr, time::Duration};

use pingora_core::BError;

/// Why there is no answer, or no whole answer. `Display` is the operator's text: it names the
/// endpoint and the cause, and is never shown to a caller.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// None of the server's names resolves to an address.
    #[error("server {server} has no endpoint: its names do not resolve")]
    NoEndpoint {
        /// The server's name in the configuration.
        server: String,
    },
    /// No connection could be made, to any endpoint that was tried.
    #[error("cannot connect to {endpoint} of server {server}: {}", cause(source))]
    Connect {
        /// The server's name in the configuration.
        server: String,
        /// The endpoint that was tried last.
        endpoint: SocketAddr,
        /// What the connector says.
        source: BError,
    },
    /// The server did not begin to answer within its `timeouts.answer`.
    #[error("server {server} did not answer in time")]
    AnswerTimeout {
        /// The server's name in the configuration.
        server: String,
    },
    /// The server fell silent within an answer for longer than its `timeouts.idle`.
    #[error("server {server} fell silent within its answer")]
    IdleTimeout {
        /// The server's name in the configuration.
        server: String,
    },
    /// The connection broke, or what came over it is not HTTP.
    #[error("exchange with server {server} broke: {}", cause(source))]
    Broken {
        /// The server's name in the configuration.
        server: String,
        /// What the connection says.
        source: BError,
    },
    /// The server sent the client somewhere else.
    #[error("server {server} answers with a redirection: correct its url")]
    Redirected {
        /// The server's name in the configuration.
        server: String,
    },
    /// The message could not be written as an HTTP request.
    #[error("request to server {server} cannot be built: {}", cause(source))]
    Request {
        /// The server's name in the configuration.
        server: String,
        /// What is wrong with it.
        source: BError,
    },
    /// The endpoint that has the session is gone, and the session with it.
    #[error("the endpoint of server {server} that had the session is gone")]
    SessionLost {
        /// The server's name in the configuration.
        server: String,
    },
    /// The server calls its session by something that is no session id.
    #[error("server {server} sent a session id that is not visible ASCII, or is too long")]
    SessionId {
        /// The server's name in the configuration.
        server: String,
    },
    /// The server has been failing, and gets no calls for a while.
    #[error("the circuit of server {server} is open: its calls have been failing")]
    CircuitOpen {
        /// The server's name in the configuration.
        server: String,
        /// Until the next call is let through.
        left: Duration,
    },
    /// The server has as much to do as it is given.
    #[error("server {server} is full: {what}")]
    Overloaded {
        /// The server's name in the configuration.
        server: String,
        /// What there is no room in.
        what: &'static str,
    },
    /// The caller went away, which cancels a call in the revisions where closing means cancelling
    /// (2026-07-28, "Cancellation").
    #[error("the caller went away")]
    Abandoned,
}

/// What went wrong, without the context that the connection adds: that can quote what the server
/// sent.
fn cause(error: &BError) -> String {
    let kind = error.etype().as_str();
    match error.root_cause().downcast_ref::<std::io::Error>() {
        Some(io) => format!("{kind} ({})", io.kind()),
        None => kind.to_owned(),
    }
}

impl Failed {
    /// Whether no connection could be made, so that nothing of the call was sent.
    pub fn is_unreached(&self) -> bool {
        matches!(
            self,
            Self::NoEndpoint { .. }
                | Self::Connect { .. }
                | Self::SessionLost { .. }
                | Self::CircuitOpen { .. }
                | Self::Overloaded { .. }
        )
    }

    /// Whether the server had no time to answer.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::AnswerTimeout { .. } | Self::IdleTimeout { .. })
    }
}
