//! HTTP to authorization servers: metadata, keys, introspection, tokens.
//!
//! It runs on a thread of its own, so that a slow issuer never holds up the threads that serve
//! calls, and a caller that leaves never breaks off what others wait for. Every answer is bounded
//! in size and time, redirects are not followed, and what an answer says never reaches a log.

use std::{
    collections::HashMap,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::{Certificate, Client, RequestBuilder, redirect};
use tokio::runtime::{Builder, Runtime};

use super::keys::KeySource;
use crate::config::Issuer;

/// The longest that one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The side of the gateway that talks to authorization servers. One lives as long as the process;
/// configurations come and go.
pub struct Fetcher {
    /// Taken when it is dropped: a runtime must not be waited for within another one.
    runtime: Option<Runtime>,
    /// One client for each bundle of authorities.
    clients: Mutex<HashMap<Option<PathBuf>, Client>>,
    /// The keys at hand, so that a new configuration finds those of the old one.
    sources: Mutex<Vec<Weak<KeySource>>>,
}

/// Why the gateway cannot talk to authorization servers.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// The thread cannot be started.
    #[error("cannot start the thread that talks to authorization servers: {0}")]
    Thread(#[from] io::Error),
    /// A bundle of certificate authorities cannot be used.
    #[error("cannot use the certificates in {path}: {what}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The TLS library refuses to start.
    #[error("cannot set up HTTP to authorization servers: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why an authorization server gave no usable answer. It never quotes the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The exchange did not come about, or broke.
    #[error("{0}")]
    Exchange(&'static str),
    /// An answer with another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// An OAuth error (RFC 6749 section 5.2).
    #[error("OAuth error {0}")]
    OAuth(String),
    /// The answer is larger than any honest one.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not what was asked for.
    #[error("the answer is not {0}")]
    Shape(&'static str),
    /// A file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(io::ErrorKind),
}

/// An answer, read whole.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Fetcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`FetcherError::Thread`] when the system has none left.
    pub fn start() -> Result<Arc<Self>, FetcherError> {
        // Two libraries bring a provider each; only the first call in a process installs one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("auth-fetch")
            .enable_all()
            .build()?;
        Ok(Arc::new(Self {
            runtime: Some(runtime),
            clients: Mutex::default(),
            sources: Mutex::default(),
        }))
    }

    /// Runs a task on the fetcher's own thread and waits for it. The task goes on when nobody
    /// waits any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.runtime.as_ref()?.spawn(task).await.ok()
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    /// The client that trusts the authorities in `ca`, or the system's.
    pub(super) fn client(&self, ca: Option<&Path>) -> Result<Client, FetcherError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = ca.map(Path::to_path_buf);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        if let Some(path) = ca {
            builder = builder.tls_certs_only(authorities(path)?);
        }
        let client = builder.build().map_err(FetcherError::Client)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// The keys of an issuer, kept up to date for as long as somebody holds them.
    pub(super) fn keys(self: &Arc<Self>, issuer: &Issuer) -> Result<Arc<KeySource>, FetcherError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|source| source.strong_count() > 0);
        let known = sources.iter().filter_map(Weak::upgrade);
        if let Some(source) = known.into_iter().find(|source| source.is_of(issuer)) {
            return Ok(source);
        }
        let client = self.client(issuer.ca.as_deref())?;
        let (source, upkeep) = KeySource::new(issuer.clone(), client);
        sources.push(Arc::downgrade(&source));
        self.spawn(upkeep);
        Ok(source)
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Sends a request and reads the answer whole.
pub(super) async fn fetch(request: RequestBuilder) -> Result<Answer, FetchError> {
    let broken = |error: reqwest::Error| {
        FetchError::Exchange(match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "no connection",
            _ => "the exchange broke",
        })
    };
    let mut response = request.send().await.map_err(broken)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, FetcherError> {
    let wrong = |what: String| FetcherError::Authorities {
        path: path.to_path_buf(),
        what,
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))
}
