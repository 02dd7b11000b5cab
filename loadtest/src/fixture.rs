//! The fixture: an MCP server whose answers are known in advance.
//!
//! It speaks Streamable HTTP in every revision from 2025-03-26 to 2026-07-28, exposes what the
//! official conformance suite asks of a server, and adds tools whose answers have a chosen size,
//! number of events and delay. It is a peer for tests and measurements: it keeps nothing on disk,
//! asks nobody for credentials, and never listens anywhere but where it was told.

mod calls;
mod faults;
mod media;
mod prompts;
mod resources;
mod server;
mod sessions;
mod subscriptions;
mod tools;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router, middleware,
    routing::{get, post},
    serve::ListenerExt,
};
use rmcp::{
    ServiceExt,
    service::ServerInitializeError,
    transport::{StreamableHttpServerConfig, StreamableHttpService, stdio},
};
use tokio::{net::TcpListener, task::JoinHandle};

use calls::CallCount;
pub use calls::Calls;
pub use faults::Faults;
use server::Fixture;
use sessions::Sessions;

/// Longest request body that the fixture reads, in bytes.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// Most further tools that [`Options::extra_tools`] lists.
pub const EXTRA_TOOLS_MAX: usize = 10_000;

/// What a fixture serves, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Number of tools listed beyond the built-in ones, at most [`EXTRA_TOOLS_MAX`].
    pub extra_tools: usize,
    /// Interval of the comments that keep a silent stream open; `None` sends none.
    pub keep_alive: Option<Duration>,
    /// Answer with `application/json` where nothing precedes the answer, and keep no legacy
    /// sessions. Otherwise every answer is an event stream.
    pub json: bool,
}

impl Default for Options {
    /// A free port on loopback, the built-in tools only, a comment every 15 s.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            extra_tools: 0,
            keep_alive: Some(Duration::from_secs(15)),
            json: false,
        }
    }
}

/// Serves one client over standard input and output until its input ends.
///
/// # Errors
/// [`StdioError`] when the client does not begin as the protocol asks.
pub async fn serve_stdio(extra_tools: usize) -> Result<(), StdioError> {
    let fixture = Fixture::new(extra_tools.min(EXTRA_TOOLS_MAX), CallCount::new());
    let serving = fixture.serve(stdio()).await.map_err(Box::new)?;
    serving.waiting().await?;
    Ok(())
}

/// Why a fixture no longer serves over standard input and output.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    #[error("begin with a client")]
    Begin(#[from] Box<ServerInitializeError>),
    #[error("serve a client")]
    Serve(#[from] tokio::task::JoinError),
}

/// Why a fixture did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("list {0} further tools: at most {EXTRA_TOOLS_MAX}")]
    TooManyTools(usize),
    #[error("listen on {address}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
}

/// A fixture that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    serving: JoinHandle<()>,
    calls: CallCount,
    /// Holds the token that ends sessions and streams.
    config: StreamableHttpServerConfig,
    fault: faults::Fault,
}

impl Running {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its MCP endpoint, `http://ADDRESS/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The tool calls so far; over HTTP the same is at `/calls`.
    pub fn calls(&self) -> Calls {
        self.calls.now()
    }

    /// Returns the tool calls as soon as they are as asked.
    pub async fn calls_until(&self, is_as_asked: impl Fn(&Calls) -> bool) -> Calls {
        self.calls.until(is_as_asked).await
    }

    /// Makes every exchange from now on go wrong as asked; over HTTP `POST /faults` does the same.
    pub fn set_faults(&self, faults: Faults) {
        self.fault.send_replace(faults);
    }

    /// Stops listening and ends every session and open stream.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.config.cancellation_token.cancel();
        self.serving.abort();
    }
}

/// Starts a fixture on the current Tokio runtime; it accepts connections when this returns.
pub async fn start(options: Options) -> Result<Running, StartError> {
    if options.extra_tools > EXTRA_TOOLS_MAX {
        return Err(StartError::TooManyTools(options.extra_tools));
    }
    let listen_error = |source| StartError::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;

    let config = StreamableHttpServerConfig::default()
        .with_sse_keep_alive(options.keep_alive)
        .with_sse_retry(Some(sessions::RETRY))
        .with_legacy_session_mode(!options.json)
        .with_json_response(options.json)
        .with_max_request_body_bytes(BODY_BYTES_MAX);
    let calls = CallCount::new();
    let fixture = Fixture::new(options.extra_tools, calls.clone());
    let service = StreamableHttpService::new(
        move || Ok(fixture.clone()),
        Arc::new(Sessions::new()),
        config.clone(),
    );
    let fault: faults::Fault = Arc::default();
    let counted = calls.clone();
    let router = Router::new()
        .route_service("/mcp", service)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&fault),
            faults::apply,
        ))
        .route("/faults", post(faults::set).with_state(Arc::clone(&fault)))
        .route("/calls", get(async move || Json(counted.now())));

    // Small answers must not wait for the peer's acknowledgement of the previous packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::warn!(%error, "set TCP_NODELAY");
        }
    });
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "serve");
        }
    });
    Ok(Running {
        address,
        serving,
        calls,
        config,
        fault,
    })
}
