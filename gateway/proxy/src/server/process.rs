//! The process: what is opened before the first request and closed after the last.

use std::{io, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use gantry_analytics::{
    Delivery, Log, delivery,
    log::{self, OpenError},
};
use pingora_core::{
    apps::HttpServerOptions,
    listeners::tls::TlsSettings,
    server::{RunArgs, Server, ShutdownWatch, configuration::ServerConf},
    services::{
        background::{BackgroundService, background_service},
        listening::Service,
    },
};
use pingora_proxy::http_proxy;
use tokio::sync::watch;

use super::{
    admin::Admin,
    hooks::{Data, Snapshot},
    origin::Door,
};
use crate::{
    admin,
    config::{Audit, Checked},
    pipeline::{CompileError, Gateway},
    telemetry::metrics::Metrics,
    upstream::Upstream,
};

/// How often names are resolved again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// How long calls under way may take to end after SIGTERM. What has not ended by then is ended,
/// and recorded, within the second that is left.
const GRACE_SECONDS: u64 = 6;
const STOP_AFTER: Duration = Duration::from_secs(GRACE_SECONDS - 1);

/// How long the trail may take to be written and delivered when the process ends. What is not
/// delivered by then stays in the write-ahead log and is delivered by the next process.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Why the gateway cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The write-ahead log cannot be opened.
    #[error("cannot open the audit spool: {0}")]
    Spool(#[from] OpenError),
    /// The delivery to ClickHouse cannot be started.
    #[error("cannot start the delivery of the audit trail: {0}")]
    Delivery(#[from] delivery::StartError),
    /// The configuration cannot be put in force.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The listener cannot be set up.
    #[error("cannot set up the listener: {0}")]
    Server(#[from] pingora_core::BError),
    /// A runtime cannot be started.
    #[error("cannot start a runtime: {0}")]
    Runtime(#[from] io::Error),
}

/// Runs a gateway until the process is told to end (SIGTERM gracefully, SIGINT at once).
///
/// # Errors
/// [`ServeError`] when something that it needs cannot be opened.
pub fn serve(config: &Checked) -> Result<(), ServeError> {
    // Two libraries bring a provider each; neither may be left to guess.
    let _ = rustls::crypto::ring::default_provider().install_default();
    probe(config.listen.address)?;
    probe(config.admin.address)?;

    let log = open_log(&config.audit)?;
    let delivery = match &config.audit.clickhouse {
        Some(clickhouse) => Some(Delivery::start(
            &log,
            clickhouse.store(),
            delivery::Settings::default(),
        )?),
        None => {
            tracing::warn!(
                spool = %config.audit.spool.dir.display(),
                bytes_max = config.audit.spool.bytes_max,
                "no audit.clickhouse: records stay in the spool, and calls are refused once it is full"
            );
            None
        }
    };
    let names: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let metrics = Metrics::new(&names);
    let gateway = Gateway::compile(
        config,
        Arc::new(Upstream::default()),
        log.clone(),
        Arc::clone(&metrics),
    )?;
    // The first call must find endpoints.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(gateway.pools.refresh());

    let (stop, stopped) = watch::channel(false);
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
        gateway,
        door: Door::compile(&config.listen),
        stop: stopped,
    }));
    let state = Arc::new(admin::State::new(config.clone(), metrics, log.clone()));
    let mut server = server(config, snapshot, state)?;
    server.add_service(background_service("stop", Stop { stop }));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %config.listen.address,
        admin = %config.admin.address,
        servers = names.join(" "),
        spool = %config.audit.spool.dir.display(),
        "the gateway starts"
    );
    server.run(RunArgs::default());

    if let Some(delivery) = delivery {
        delivery.stop(FLUSH_DEADLINE);
    }
    log.close(FLUSH_DEADLINE);
    Ok(())
}

/// Pingora panics on an address that is taken; this says which one it is.
fn probe(address: std::net::SocketAddr) -> Result<(), ServeError> {
    std::net::TcpListener::bind(address)
        .map(drop)
        .map_err(|source| ServeError::Listen { address, source })
}

fn open_log(audit: &Audit) -> Result<Log, OpenError> {
    let mut settings = log::Settings::new(&audit.spool.dir, &audit.gateway);
    settings.bytes_max = audit.spool.bytes_max;
    Log::open(settings)
}

fn server(
    config: &Checked,
    snapshot: Arc<ArcSwap<Snapshot>>,
    state: Arc<admin::State>,
) -> Result<Server, ServeError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let conf = ServerConf {
        threads,
        // One runtime per core: a call stays on its thread, and waking it costs less. Measured at
        // 16 connections, that is a tenth of the CPU time of a small call.
        work_stealing: false,
        grace_period_seconds: Some(GRACE_SECONDS),
        graceful_shutdown_timeout_seconds: Some(GRACE_SECONDS),
        upgrade_sock: config
            .audit
            .spool
            .dir
            .join("upgrade.sock")
            .display()
            .to_string(),
        pid_file: config
            .audit
            .spool
            .dir
            .join("gantry.pid")
            .display()
            .to_string(),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();

    let data = Data {
        snapshot: Arc::clone(&snapshot),
    };
    let mut proxy = http_proxy(&server.configuration, data);
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    proxy.server_options = Some(options);
    let mut service = Service::new("data".to_owned(), proxy);
    let address = config.listen.address.to_string();
    match &config.listen.tls {
        Some(tls) => {
            let (cert, key) = (
                tls.cert.display().to_string(),
                tls.key.display().to_string(),
            );
            let mut settings = TlsSettings::intermediate(&cert, &key)?;
            settings.enable_h2();
            service.add_tls_with_settings(&address, None, settings);
        }
        None => service.add_tcp(&address),
    }
    server.add_service(service);

    let mut admin = Service::new("admin".to_owned(), Admin { state });
    admin.threads = Some(1);
    admin.add_tcp(&config.admin.address.to_string());
    server.add_service(admin);
    server.add_service(background_service("names", Names { snapshot }));
    Ok(server)
}

/// Keeps the addresses of the servers' names up to date.
struct Names {
    snapshot: Arc<ArcSwap<Snapshot>>,
}

#[async_trait]
impl BackgroundService for Names {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(RESOLVE_EVERY) => {
                    self.snapshot.load_full().gateway.pools.refresh().await;
                }
            }
        }
    }
}

/// Ends what is still under way shortly before the process does.
struct Stop {
    stop: watch::Sender<bool>,
}

#[async_trait]
impl BackgroundService for Stop {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        // The sender of the watch lives as long as the process.
        let _ = shutdown.changed().await;
        tokio::time::sleep(STOP_AFTER).await;
        self.stop.send_replace(true);
    }
}
