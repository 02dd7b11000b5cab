//! The process: what is opened before the first request and closed after the last.

use std::{io, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use gantry_analytics::{
    Delivery, delivery,
    seal::{KeyError, Signer},
};
use pingora_core::{
    apps::HttpServerOptions,
    server::{
        RunArgs, Server, ShutdownWatch,
        configuration::{Opt, ServerConf},
    },
    services::{
        ServiceWithDependents,
        background::{BackgroundService, background_service},
        listening::Service,
    },
};
use pingora_proxy::http_proxy;
use tokio::sync::watch;

use super::{
    admin::Admin,
    certificates::Certificates,
    hooks::{Data, Snapshot},
    intake::{Intake, Memory},
    limits::Sweep,
    origin::Door,
    prices,
    reload::{Reloader, Watching},
    session_key, spool,
    tls::{self, TlsError},
};
use crate::{
    admin,
    auth::{Fetcher, FetcherError},
    config::{Checked, OtlpProtocol, Secret},
    federation::Fronts,
    limits::Ledger,
    pipeline::{Capture, CaptureError, CompileError, Gateway, Lasting},
    telemetry::{
        metrics::Metrics,
        spans::{self, Exporting, Spans},
    },
    upstream::Upstream,
};

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
    Spool(#[from] spool::SpoolError),
    /// The delivery to ClickHouse cannot be started.
    #[error("cannot start the delivery of the audit trail: {0}")]
    Delivery(#[from] delivery::StartError),
    /// The key of the trail's seals cannot be used.
    #[error("cannot sign the audit trail: {0}")]
    Key(#[from] KeyError),
    /// Arguments and results cannot be kept.
    #[error("cannot capture calls: {0}")]
    Capture(#[from] CaptureError),
    /// The export of traces cannot be started.
    #[error(transparent)]
    Spans(#[from] spans::StartError),
    /// The configuration cannot be put into effect.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Authorization servers cannot be asked.
    #[error(transparent)]
    Fetcher(#[from] FetcherError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The key of session ids cannot be kept.
    #[error("cannot keep the key of session ids in the audit spool: {0}")]
    SessionKey(io::Error),
    /// The certificates of the data listener cannot be read.
    #[error("cannot read the listener's certificate: {0}")]
    Certificates(io::Error),
    /// The listener cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A runtime cannot be started.
    #[error("cannot start a runtime: {0}")]
    Runtime(#[from] io::Error),
}

/// Runs the gateway that the file at `path` configures, which has been read as `config`, until the
/// process is told to end (SIGTERM gracefully, SIGINT at once). When it `takes_over`, it gets the
/// listening sockets of the process that has them, which ends upon SIGQUIT once it has handed them
/// over.
///
/// # Errors
/// [`ServeError`] when something that it needs cannot be opened.
pub fn serve(path: &Path, config: &Checked, takes_over: bool) -> Result<(), ServeError> {
    // Two libraries bring a provider each; neither may be left to guess.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if !takes_over {
        probe(config.listen.address)?;
        probe(config.admin.address)?;
    }

    let (log, folders) = spool::open(&config.audit, takes_over)?;
    let delivery = match &config.audit.clickhouse {
        Some(clickhouse) => {
            let settings = delivery::Settings {
                insert_timeout: clickhouse.timeout,
                signer: Some(Signer::load_or_make(&config.audit.seal_key)?),
                ..delivery::Settings::default()
            };
            let store = clickhouse.store();
            spool::deliver_leftovers(&config.audit, store.clone(), settings.clone(), folders);
            Some(Delivery::start(&log, store, settings)?)
        }
        None => {
            tracing::warn!(
                spool = %config.audit.spool.dir.display(),
                bytes_max = config.audit.spool.bytes_max,
                "no audit.clickhouse: records stay in the spool, and calls are refused once it is full"
            );
            None
        }
    };
    let (spans, exporting) = export(config)?.unzip();
    let names: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let metrics = Metrics::new(&names);
    if let Some(spans) = &spans {
        metrics.exporting(spans.clone());
    }
    let (capture, dispatch) = Capture::start(config)?.unzip();
    if let Some(capture) = &capture {
        metrics.capturing(capture.outbox().clone());
    }
    let ledger = Arc::new(Ledger::default());
    let lasting = Lasting {
        upstream: Arc::new(Upstream::default()),
        fetcher: Fetcher::start()?,
        local: Arc::default(),
        ledger: Arc::clone(&ledger),
        log: log.clone(),
        metrics: Arc::clone(&metrics),
        spans,
        capture,
        session_key: session_key::keep(&config.audit.spool.dir).map_err(ServeError::SessionKey)?,
    };
    let starting = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let services = starting.block_on(lasting.local.open(config));
    let services = services.map_err(CompileError::from)?;
    let gateway = Gateway::compile(config, &services, lasting.clone(), None)?;
    // The first call must find endpoints.
    starting.block_on(gateway.pools.refresh());

    let (stop, stopped) = watch::channel(false);
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
        gateway: Arc::new(gateway),
        fronts: Arc::new(Fronts::compile(config, None)),
        door: Door::compile(&config.listen),
        memory: Memory::new(config.requests.memory_bytes_max),
        stop: stopped,
    }));
    let sweep = Sweep {
        ledger,
        metrics: Arc::clone(&metrics),
    };
    let state = Arc::new(admin::State::new(config.clone(), metrics, log.clone()));
    let certificates = match &config.listen.tls {
        Some(tls) => Some(Certificates::open(tls).map_err(ServeError::Certificates)?),
        None => None,
    };
    let mut server = process(config, takes_over);
    let reloader = Arc::new(Reloader::new(
        path,
        lasting,
        Arc::clone(&snapshot),
        Arc::clone(&state),
        certificates.clone(),
    ));
    if let Some(clickhouse) = &config.audit.clickhouse {
        let loading = prices::Loading {
            store: clickhouse.store(),
            state: Arc::clone(&state),
            generation: reloader.generation(),
        };
        server.add_service(background_service("prices", loading));
    }
    let watching = starting.block_on(async { Watching::begin(Arc::clone(&reloader)) })?;
    server.add_service(data(&server, config, Arc::clone(&snapshot), certificates)?);
    server.add_service(admin(
        config,
        Arc::clone(&snapshot),
        state,
        Arc::clone(&reloader),
    ));
    let keeping = Keeping {
        snapshot,
        generation: reloader.generation(),
    };
    server.add_service(background_service("endpoints", keeping));
    server.add_service(background_service("reload", watching));
    server.add_service(background_service("limits", sweep));
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
    if let Some(dispatch) = dispatch {
        dispatch.stop(FLUSH_DEADLINE);
    }
    if let Some(exporting) = exporting {
        exporting.stop(FLUSH_DEADLINE);
    }
    Ok(())
}

/// Starts the export of traces, where a collector is configured.
fn export(config: &Checked) -> Result<Option<(Spans, Exporting)>, spans::StartError> {
    let Some(otlp) = &config.telemetry.otlp else {
        return Ok(None);
    };
    let header = |(name, value): &(String, Secret)| (name.clone(), value.expose().to_owned());
    let settings = spans::Settings {
        url: otlp.url.to_string(),
        protocol: match otlp.protocol {
            OtlpProtocol::Http => spans::Protocol::Http,
            OtlpProtocol::Grpc => spans::Protocol::Grpc,
        },
        headers: otlp.headers.iter().map(header).collect(),
        timeout: otlp.timeout,
        ratio: f64::from(otlp.sampled_per_mille) / 1_000.0,
        instance: config.audit.gateway.clone(),
    };
    Spans::start(&settings).map(Some)
}

/// Pingora panics on an address that is taken; this says which one it is.
fn probe(address: std::net::SocketAddr) -> Result<(), ServeError> {
    std::net::TcpListener::bind(address)
        .map(drop)
        .map_err(|source| ServeError::Listen { address, source })
}

/// The process around the services.
fn process(config: &Checked, takes_over: bool) -> Server {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let beside = |name: &str| config.audit.spool.dir.join(name).display().to_string();
    let conf = ServerConf {
        threads,
        // One runtime per core: a call stays on its thread, and waking it costs less. Measured at
        // 16 connections, that is a tenth of the CPU time of a small call.
        work_stealing: false,
        grace_period_seconds: Some(GRACE_SECONDS),
        graceful_shutdown_timeout_seconds: Some(GRACE_SECONDS),
        upgrade_sock: beside("upgrade.sock"),
        pid_file: beside("gantry.pid"),
        ..ServerConf::default()
    };
    // The listening sockets come from the process that ends.
    let opt = Opt {
        upgrade: takes_over,
        ..Opt::default()
    };
    let mut server = Server::new_with_opt_and_conf(Some(opt), conf);
    server.bootstrap();
    server
}

/// The data listener.
fn data(
    server: &Server,
    config: &Checked,
    snapshot: Arc<ArcSwap<Snapshot>>,
    certificates: Option<Arc<Certificates>>,
) -> Result<impl ServiceWithDependents + 'static, ServeError> {
    let listener = Data {
        snapshot: Arc::clone(&snapshot),
    };
    let mut proxy = http_proxy(&server.configuration, listener);
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    options.h2_idle_timeout = Some(config.listen.idle_timeout);
    proxy.server_options = Some(options);
    let metrics = Arc::clone(&snapshot.load().gateway.metrics);
    let intake = Intake::new(proxy, &config.listen, metrics);
    let mut service = Service::new("data".to_owned(), intake);
    let address = config.listen.address.to_string();
    match (&config.listen.tls, certificates) {
        (Some(_), Some(certificates)) => {
            let auth = config.auth.as_ref();
            let clients = auth.and_then(|auth| auth.certificates.as_ref());
            let settings = tls::settings(certificates, clients)?;
            service.add_tls_with_settings(&address, None, settings);
        }
        _ => service.add_tcp(&address),
    }
    Ok(service)
}

/// The admin listener.
fn admin(
    config: &Checked,
    snapshot: Arc<ArcSwap<Snapshot>>,
    state: Arc<admin::State>,
    reloader: Arc<Reloader>,
) -> Service<Admin> {
    let answers = Admin {
        state,
        reloader,
        snapshot,
    };
    let mut admin = Service::new("admin".to_owned(), answers);
    admin.threads = Some(1);
    admin.add_tcp(&config.admin.address.to_string());
    admin
}

/// Keeps the endpoints of the configuration in effect up to date.
struct Keeping {
    snapshot: Arc<ArcSwap<Snapshot>>,
    generation: watch::Receiver<u64>,
}

#[async_trait]
impl BackgroundService for Keeping {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut generation = self.generation.clone();
        loop {
            let pools = Arc::clone(&self.snapshot.load().gateway.pools);
            tokio::select! {
                _ = shutdown.changed() => return,
                changed = generation.changed() => if changed.is_err() {
                    return;
                },
                () = pools.keep() => {}
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
