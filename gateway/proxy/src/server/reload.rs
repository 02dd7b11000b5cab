//! Another configuration while calls are under way.
//!
//! A file is read, checked and compiled as a whole before anything changes, and then takes effect
//! for every request that begins after that; requests that are under way keep what they began with.
//! What is wrong with a file changes nothing. What a process opens once (its addresses, its spool,
//! where the trail goes) is not changed by a reload, and a file that asks for it is refused.

use std::{
    fmt::Debug,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora_core::{server::ShutdownWatch, services::background::BackgroundService};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Mutex, watch},
};

use super::{certificates::Certificates, hooks::Snapshot, origin::Door};
use crate::{
    admin,
    config::{
        self, Checked, Faults, ListenTls, Source, Spec,
        guardrails::{Hook, Judge},
    },
    federation::Fronts,
    pipeline::{CompileError, Gateway, Lasting},
};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it must look the same before it is read: editors and volume mounts write in steps.
const SETTLED_AFTER: u32 = 2;

/// Why a configuration did not take effect.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReloadError {
    /// The file has faults.
    #[error("{0}")]
    Faults(Faults),
    /// The file changes what only a new process can change.
    #[error("{0} cannot be changed by a reload: start the gateway anew")]
    Fixed(String),
    /// What it needs cannot be had.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The certificates of the data listener cannot be read.
    #[error("cannot read the listener's certificate: {0}")]
    Certificates(io::Error),
}

/// Puts configurations into effect.
pub(super) struct Reloader {
    path: PathBuf,
    lasting: Lasting,
    snapshot: Arc<ArcSwap<Snapshot>>,
    state: Arc<admin::State>,
    certificates: Option<Arc<Certificates>>,
    /// Counts the configurations that have taken effect.
    generation: watch::Sender<u64>,
    /// One at a time.
    turn: Mutex<()>,
}

impl Reloader {
    pub(super) fn new(
        path: &Path,
        lasting: Lasting,
        snapshot: Arc<ArcSwap<Snapshot>>,
        state: Arc<admin::State>,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            lasting,
            snapshot,
            state,
            certificates,
            generation: watch::Sender::new(0),
            turn: Mutex::new(()),
        }
    }

    /// Changes with every configuration that takes effect.
    pub(super) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Reads the file and puts it into effect. `why` is for the log.
    ///
    /// # Errors
    /// [`ReloadError`], and nothing has changed.
    pub(super) async fn reload(&self, why: &'static str) -> Result<(), ReloadError> {
        let _turn = self.turn.lock().await;
        let taken = self.take_effect().await;
        let metrics = &self.lasting.metrics;
        match &taken {
            Ok(()) => {
                metrics.reloaded(Some(SystemTime::now()));
                tracing::info!(why, file = %self.path.display(), "a new configuration is in effect");
            }
            Err(error) => {
                metrics.reloaded(None);
                tracing::error!(why, %error, "the configuration is left as it was");
            }
        }
        taken
    }

    async fn take_effect(&self) -> Result<(), ReloadError> {
        let config = config::load(&self.path).map_err(ReloadError::Faults)?;
        if let Some(fixed) = changes_what_is_fixed(&self.state.config(), &config) {
            return Err(ReloadError::Fixed(fixed));
        }
        let current = self.snapshot.load_full();
        let services = self.lasting.local.open(&config).await;
        let services = services.map_err(CompileError::from)?;
        let lasting = self.lasting.clone();
        let gateway = Gateway::compile(&config, &services, lasting, Some(&current.gateway))?;
        if let (Some(certificates), Some(tls)) = (&self.certificates, &config.listen.tls) {
            certificates.read(tls).map_err(ReloadError::Certificates)?;
        }
        // The first call must find endpoints.
        gateway.pools.refresh().await;
        gateway.pools.settle(&config);
        self.snapshot.store(Arc::new(Snapshot {
            gateway: Arc::new(gateway),
            fronts: Arc::new(Fronts::compile(&config, Some(&current.fronts))),
            door: Door::compile(&config.listen),
            memory: current.memory.clone(),
            stop: current.stop.clone(),
        }));
        self.state.replace(config);
        self.show_withdrawn();
        self.generation.send_modify(|generation| *generation += 1);
        Ok(())
    }
}

impl Reloader {
    /// Another weight gives a withdrawn version its calls again, which the metrics must say.
    fn show_withdrawn(&self) {
        let snapshot = self.snapshot.load();
        for (server, version) in snapshot.gateway.routes.watched() {
            let traffic = self.lasting.metrics.traffic();
            traffic.withdrawn(server.name(), version.name(), version.is_withdrawn());
        }
    }
}

/// The first part of the configuration that differs although it cannot change.
fn changes_what_is_fixed(old: &Checked, new: &Checked) -> Option<String> {
    let differ = |one: &dyn Debug, other: &dyn Debug| format!("{one:?}") != format!("{other:?}");
    let secrets = |config: &Checked| {
        let clickhouse = config.audit.clickhouse.as_ref();
        clickhouse.and_then(|clickhouse| clickhouse.password.clone())
    };
    let (one, other) = (&old.listen, &new.listen);
    let fixed = [
        ("listen.address", one.address != other.address),
        (
            "whether `listen.tls` is set",
            one.tls.is_some() != other.tls.is_some(),
        ),
        ("listen.connections", one.connections != other.connections),
        (
            "listen.header_timeout",
            one.header_timeout != other.header_timeout,
        ),
        (
            "listen.idle_timeout",
            one.idle_timeout != other.idle_timeout,
        ),
        (
            "requests.memory_bytes_max",
            old.requests.memory_bytes_max != new.requests.memory_bytes_max,
        ),
        ("admin.address", old.admin.address != new.admin.address),
        (
            "auth.certificates",
            differ(&client_authorities(old), &client_authorities(new)),
        ),
        (
            "audit",
            differ(&old.audit, &new.audit) || secrets(old) != secrets(new),
        ),
        ("telemetry", differ(&old.telemetry, &new.telemetry)),
    ];
    let changed = fixed.into_iter().find(|(_, changed)| *changed);
    changed.map(|(what, _)| what.to_owned())
}

/// What TLS on the listener takes for a client's certificate.
fn client_authorities(config: &Checked) -> Option<&config::Certificates> {
    config.auth.as_ref()?.certificates.as_ref()
}

/// Reloads on SIGHUP and when the file, a certificate of the listener, the description of an API, or a model has changed.
pub(super) struct Watching {
    reloader: Arc<Reloader>,
    /// The files as they looked when the process began: what changes while it starts counts too.
    begun: Watched,
}

#[async_trait]
impl BackgroundService for Watching {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::error!(%error, "cannot listen for SIGHUP");
                return;
            }
        };
        let mut watched = self.begun.clone();
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                _ = hangup.recv() => {
                    // It logs what came of it.
                    let _ = self.reloader.reload("SIGHUP").await;
                    watched = Watched::new(files(&self.reloader));
                }
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if watched.has_settled_differently() {
                        let _ = self.reloader.reload("the file has changed").await;
                        watched = Watched::new(files(&self.reloader));
                    }
                }
            }
        }
    }
}

impl Watching {
    /// Begins to watch, and takes SIGHUP, which by default would end the process.
    ///
    /// # Errors
    /// What the operating system says when signals cannot be listened for. It must be called within
    /// a runtime.
    pub(super) fn begin(reloader: Arc<Reloader>) -> io::Result<Self> {
        // The handler stays for as long as the process lives; the runtime need not.
        drop(signal(SignalKind::hangup())?);
        Ok(Self {
            begun: Watched::new(files(&reloader)),
            reloader,
        })
    }
}

fn files(reloader: &Reloader) -> Vec<PathBuf> {
    let tls = reloader.state.config().listen.tls.clone();
    let pairs = tls.iter().flat_map(ListenTls::pairs);
    let certificate = pairs.flat_map(|(cert, key)| [cert.to_owned(), key.to_owned()]);
    std::iter::once(reloader.path.clone())
        .chain(certificate)
        .chain(descriptions(&reloader.state.config()))
        .chain(models(&reloader.state.config()))
        .collect()
}

/// The files that describe REST APIs.
fn descriptions(config: &Checked) -> Vec<PathBuf> {
    let versions = config.servers.iter().flat_map(|server| &server.versions);
    let path = |source: &Source| match source {
        Source::Rest(rest) => match &rest.spec {
            Spec::File { path, .. } => Some(path.clone()),
            Spec::Url(_) => None,
        },
        Source::Network | Source::Command(_) => None,
    };
    versions
        .filter_map(|version| path(&version.source))
        .collect()
}

/// The files of classifiers.
fn models(config: &Checked) -> Vec<PathBuf> {
    let files = |hook: &Hook| match &hook.judge {
        Judge::Model(model) => model.files().cloned().collect(),
        Judge::Remote(_) => Vec::new(),
    };
    config.guardrails.hooks.iter().flat_map(files).collect()
}

/// What can be seen of a file without reading it. Links are followed: volume mounts replace them.
type Look = Vec<Option<(SystemTime, u64, u64)>>;

/// Files as they looked when they were read, and how they look now.
#[derive(Clone)]
struct Watched {
    files: Vec<PathBuf>,
    read: Look,
    last: Look,
    unchanged: u32,
}

impl Watched {
    fn new(files: Vec<PathBuf>) -> Self {
        let read = look(&files);
        Self {
            last: read.clone(),
            read,
            files,
            unchanged: 0,
        }
    }

    /// Looks again. True when the files differ from those that were read, and have stopped changing.
    fn has_settled_differently(&mut self) -> bool {
        let now = look(&self.files);
        self.unchanged = match now == self.last {
            true => self.unchanged + 1,
            false => 0,
        };
        self.last = now;
        let gone = self.last.first().is_none_or(Option::is_none);
        self.last != self.read && self.unchanged >= SETTLED_AFTER && !gone
    }
}

fn look(files: &[PathBuf]) -> Look {
    use std::os::unix::fs::MetadataExt as _;
    let look = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino()))
    };
    files.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_has_stopped_changing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gantry.yaml");
        std::fs::write(&path, "a").unwrap();
        let mut watched = Watched::new(vec![path.clone()]);
        assert!(!(0..5).any(|_| watched.has_settled_differently()));
        std::fs::write(&path, "ab").unwrap();
        assert!(!watched.has_settled_differently());
        std::fs::write(&path, "abc").unwrap();
        let settled: Vec<bool> = (0..3).map(|_| watched.has_settled_differently()).collect();
        assert_eq!(settled, [false, false, true]);
        let mut watched = Watched::new(vec![path.clone()]);
        std::fs::remove_file(&path).unwrap();
        assert!(!(0..5).any(|_| watched.has_settled_differently()));
    }
}
