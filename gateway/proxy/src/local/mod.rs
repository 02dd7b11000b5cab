//! MCP servers that the gateway runs itself: REST APIs as tools, and programs over stdio.
//!
//! They are upstreams like others. An HTTP server within the process, on a thread of its own, speaks Streamable HTTP
//! for them at a path each, so that whatever is done for calls to servers on the network is done for theirs by the
//! same code. It listens on loopback and answers nobody but this process: every request must show a secret that is
//! drawn at each start and that only [`crate`]'s sending side knows.
//!
//! What is said here is not judged here: identity, access, limits and guardrails lie before it.

mod door;
mod message;
mod rest;
mod stdio;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::{HeaderName, HeaderValue};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::config::{self, Checked, Server, Source, Version};
use door::Door;
use rest::Rest;
use stdio::Stdio;

/// The header that carries the secret. It never leaves this machine.
pub const KEY: HeaderName = HeaderName::from_static("x-gantry-inner-key");

/// The header that says who calls, where programs belong to callers. It never leaves this machine.
pub const CALLER: HeaderName = HeaderName::from_static("x-gantry-inner-caller");

/// Why a local server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The inner HTTP server cannot be started.
    #[error("cannot start the inner HTTP server: {0}")]
    Start(#[from] io::Error),
    /// A file that a server names has become unusable.
    #[error("server {server}: cannot use {path}: {what}")]
    File {
        /// The server's name in the configuration.
        server: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The HTTP client of a REST API cannot be set up.
    #[error("server {server}: cannot set up HTTP to its API: {source}")]
    Client {
        /// The server's name in the configuration.
        server: String,
        /// What the library says.
        source: reqwest::Error,
    },
    /// The description of a REST API cannot be had.
    #[error("server {server}: the description at {url}: {what}")]
    Spec {
        /// The server's name in the configuration.
        server: String,
        /// Without its query.
        url: String,
        /// What is wrong with it.
        what: String,
    },
}

/// The inner HTTP server. One lives as long as the process; configurations come and go.
#[derive(Default)]
pub struct Local {
    running: Mutex<Option<Running>>,
    services: Arc<Registry>,
    serial: AtomicU64,
}

/// The inner HTTP server, once there is something to serve.
struct Running {
    /// Taken when it is dropped: a runtime must not be waited for within another one.
    runtime: Option<Runtime>,
    address: SocketAddr,
    key: HeaderValue,
}

/// The services by the path at which they are, for as long as a configuration holds them.
type Registry = Mutex<HashMap<String, Weak<Service>>>;

/// One server behind the inner HTTP server.
enum Service {
    Rest(Rest),
    Stdio(Stdio),
}

/// The local servers of one configuration. They end with it, but for those that the next one keeps.
#[derive(Default)]
pub struct Services {
    /// By server and version.
    places: HashMap<(String, String), Place>,
}

/// Where a local server is, for whoever sends calls.
#[derive(Clone)]
pub struct Place {
    /// Its endpoint at the inner HTTP server.
    pub url: Url,
    /// The value of [`KEY`].
    pub key: HeaderValue,
    _service: Arc<Service>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.path())
    }
}

impl Services {
    /// Where this version of a server is; `None` for one on the network.
    pub fn place(&self, server: &str, version: &str) -> Option<&Place> {
        self.places.get(&(server.to_owned(), version.to_owned()))
    }
}

impl Local {
    /// Makes the local servers of a checked configuration ready to be called. Descriptions that are not files are
    /// fetched.
    ///
    /// # Errors
    /// [`LocalError`] when one of them cannot be had; nothing has changed then.
    pub async fn open(&self, config: &Checked) -> Result<Services, LocalError> {
        let mut services = Services::default();
        for server in &config.servers {
            for version in &server.versions {
                if let Some(place) = self.place(server, version).await? {
                    let name = (server.name.clone(), version.name.clone());
                    services.places.insert(name, place);
                }
            }
        }
        Ok(services)
    }

    async fn place(&self, server: &Server, version: &Version) -> Result<Option<Place>, LocalError> {
        let service = match &version.source {
            Source::Network => return Ok(None),
            Source::Rest(rest) => Service::Rest(Rest::open(server, rest).await?),
            Source::Command(command) => match self.running(server, version, command) {
                Some((path, service)) => return self.at(&path, service).map(Some),
                None => Service::Stdio(Stdio::new(&server.name, &version.name, command)),
            },
        };
        let serial = self.serial.fetch_add(1, Relaxed);
        let path = format!("/{}/{serial}", server.name);
        let service = Arc::new(service);
        {
            let mut known = self.services.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, service| service.strong_count() > 0);
            known.insert(path.clone(), Arc::downgrade(&service));
        }
        self.at(&path, service).map(Some)
    }

    fn at(&self, path: &str, service: Arc<Service>) -> Result<Place, LocalError> {
        let (address, key) = self.start()?;
        let url = Url::parse(&format!("http://{address}{path}")).map_err(io::Error::other)?;
        Ok(Place {
            url,
            key,
            _service: service,
        })
    }

    /// The service of a program that an earlier configuration has, and that is as this one wants it: it keeps its
    /// programs, and their sessions.
    fn running(
        &self,
        server: &Server,
        version: &Version,
        command: &config::Command,
    ) -> Option<(String, Arc<Service>)> {
        let known = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let services = known
            .iter()
            .filter_map(|(path, service)| Some((path.clone(), service.upgrade()?)));
        // One that is dropped while the table is locked would be dropped under its lock.
        let services: Vec<_> = services.collect();
        drop(known);
        services.into_iter().find(|(_, service)| match &**service {
            Service::Stdio(stdio) => stdio.is(&server.name, &version.name, command),
            Service::Rest(_) => false,
        })
    }

    /// Where the inner HTTP server listens, and the secret; it is started where it does not run yet.
    fn start(&self) -> io::Result<(SocketAddr, HeaderValue)> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Ok((running.address, running.key.clone()));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("local")
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret: [u8; 32] = rand::random();
        let mut key = HeaderValue::try_from(hex::encode(secret)).map_err(io::Error::other)?;
        key.set_sensitive(true);
        let door = Door::new(key.clone(), Arc::clone(&self.services));
        runtime.spawn(door.serve(listener));
        *running = Some(Running {
            runtime: Some(runtime),
            address,
            key: key.clone(),
        });
        Ok((address, key))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
