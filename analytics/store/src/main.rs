//! `gantry-store`: ClickHouse's HTTP interface over the embedded engine, for one machine.
//!
//! A small process of its own, so that the gateway has one sink, ClickHouse over HTTP, from a laptop
//! to a cluster. It speaks to this machine only, knows one user, and is no replacement for a server:
//! no replication, no native protocol, no users, roles or quotas. Its user may do what the engine
//! may do, reading this user's files through `file()` included.
//!
//! Safe to kill at any time: what was acknowledged is on disk.

mod body;
mod engine;
mod exception;
mod form;
mod http;
mod intake;
mod native;
mod outlet;
mod password;
mod request;
mod respond;
mod run;
mod select;
mod sql;

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::serve::ListenerExt as _;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::http::Store;
use crate::password::{Password, USER};
use crate::respond::Identity;

/// How long statements may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(30);

/// ClickHouse's HTTP interface over the embedded engine, for this machine only.
///
/// The user is `gantry`; the password comes from GANTRY_STORE_PASSWORD.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where the data lives; created if missing. One process at a time.
    #[arg(long)]
    data: PathBuf,
    /// Address to listen on; a loopback address. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8123")]
    listen: SocketAddr,
    /// The engine's library. Default: engine/libchdb.so in $GANTRY_CACHE, else in
    /// $XDG_CACHE_HOME/gantry, else in ~/.cache/gantry.
    #[arg(long, env = "GANTRY_ENGINE")]
    engine: Option<PathBuf>,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gantry-store: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        bail!(
            "{} is not a loopback address: the store serves this machine only",
            arguments.listen
        );
    }
    let password = std::env::var("GANTRY_STORE_PASSWORD").unwrap_or_default();
    if password.is_empty() {
        bail!("GANTRY_STORE_PASSWORD is not set: the store's user `{USER}` needs a password");
    }
    let library = engine_library(arguments.engine)?;
    let _lock = lock(&arguments.data)?;
    let data = arguments
        .data
        .canonicalize()
        .context("cannot resolve the data directory")?;
    let engine =
        Engine::open(&library, &data).with_context(|| format!("cannot open {}", data.display()))?;
    let identity = identify(&engine)?;
    let store = Arc::new(Store::new(engine, Password::new(&password), identity));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve(arguments.listen, Arc::clone(&store)));
    // Ends the connections, whose statements notice; those still at work afterwards end with the
    // process, which the data survives.
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(store);
    served
}

/// Finds the engine's library.
fn engine_library(named: Option<PathBuf>) -> Result<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = || {
        folder("GANTRY_CACHE")
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("gantry")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/gantry")))
    };
    let path = named.or_else(|| cache().map(|cache| cache.join("engine/libchdb.so")));
    let path = path.context("neither --engine, GANTRY_ENGINE, GANTRY_CACHE nor HOME is set")?;
    if !path.is_file() {
        bail!(
            "the engine library {} is missing; `cargo xtask setup` fetches it",
            path.display()
        );
    }
    Ok(path)
}

/// Creates the data directory if need be, readable by its owner alone, and takes it for this process.
fn lock(data: &Path) -> Result<File> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot create {}", data.display()))?;
    let path = data.join("gantry-store.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another process has {} open", data.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Asks the engine what it is.
fn identify(engine: &Engine) -> Result<Identity> {
    let mut connection = engine.connect(&[])?;
    let answer = connection.query(b"SELECT version(), timezone()", "TabSeparated", &[])?;
    let line = String::from_utf8_lossy(answer.as_ref());
    let (version, timezone) = line
        .trim_end()
        .split_once('\t')
        .context("the engine does not know its version")?;
    Ok(Identity {
        version: version.to_owned(),
        timezone: timezone.to_owned(),
    })
}

/// Serves until a signal, then lets what runs finish, within bounds.
async fn serve(listen: SocketAddr, store: Arc<Store>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    tracing::info!(version = store.identity.version, "engine ready");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")?;

    let (stop, stopped) = oneshot::channel::<()>();
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let serving = axum::serve(listener, http::router(store))
        .with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serving.into_future());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    drop(stop);
    match tokio::time::timeout(GRACE, serving).await {
        Ok(served) => served?.context("cannot serve"),
        Err(_) => {
            tracing::warn!("some clients did not finish in time");
            Ok(())
        }
    }
}
