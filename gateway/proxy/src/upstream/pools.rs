//! The endpoints of every server of one configuration, and what their servers have room for.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use tokio::time::sleep;

use super::{
    Failed,
    budget::Budget,
    capacity::{Capacity, Full},
    discovery::{Names, Origin, Resolver},
    endpoint::States,
    peer::{self, Trust},
    pool::{Pool, Went},
    probe::Prober,
};
use crate::{
    config::{self, Check, Checked},
    local::Services,
    routing::Target,
    telemetry::metrics::Metrics,
};

/// How often names are resolved again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// Why the endpoints of a configuration cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A certificate or key file of a server cannot be read.
    #[error("server {server}: cannot read {path}: {source}")]
    File {
        /// The server's name in the configuration.
        server: String,
        /// The file.
        path: String,
        /// What the file system or the parser says.
        source: std::io::Error,
    },
}

/// One server as calls are sent to it.
pub(super) struct Serving {
    pub name: Arc<str>,
    /// By version, in the order of the configuration.
    pools: Vec<(Arc<str>, Arc<Pool>)>,
    pub capacity: Arc<Capacity>,
    pub budget: Arc<Budget>,
    /// How often one call may be sent.
    pub sends_max: u32,
    pub try_timeout: Option<Duration>,
}

/// The endpoints of every server, by the server's name.
pub struct Pools {
    servers: HashMap<Arc<str>, Serving>,
    names: Arc<Names>,
}

impl Pools {
    /// Builds the pools of a checked configuration. They hold no address before [`Pools::refresh`].
    /// What `previous` knows of endpoints and holds of room is carried on, and `services` are held.
    ///
    /// # Errors
    /// [`PoolError`] when a file that a server names has become unreadable.
    pub fn compile(
        config: &Checked,
        services: &Services,
        metrics: &Arc<Metrics>,
        previous: Option<&Self>,
    ) -> Result<Self, PoolError> {
        let names = previous.map_or_else(Arc::default, |pools| Arc::clone(&pools.names));
        let mut servers = HashMap::with_capacity(config.servers.len());
        for server in &config.servers {
            let before = previous.and_then(|pools| pools.servers.get(server.name.as_str()));
            let serving = Serving::new(server, services, &names, metrics, before)?;
            servers.insert(Arc::clone(&serving.name), serving);
        }
        Ok(Self { servers, names })
    }

    /// Takes over from what was before: names that nobody uses any more are forgotten.
    pub fn settle(&self, config: &Checked) {
        let versions = config.servers.iter().flat_map(|server| &server.versions);
        self.names
            .retain(versions.flat_map(|version| &version.urls));
    }

    /// Resolves every name again. A name that does not resolve keeps the addresses it had.
    pub async fn refresh(&self) {
        let updates = self.all().map(|(server, pool)| async move {
            if let Err(error) = pool.refresh().await {
                let server = &*server.name;
                tracing::warn!(server, %error, "cannot resolve a server's name");
            }
        });
        join_all(updates).await;
    }

    /// Keeps addresses up to date and asks endpoints whether they are there, for as long as it is
    /// polled.
    pub async fn keep(&self) {
        let prober = Prober::default();
        let names = async {
            loop {
                sleep(RESOLVE_EVERY).await;
                self.refresh().await;
            }
        };
        let checks = self.all().filter_map(|(server, pool)| {
            let endpoints = || server.pools.iter().map(|(_, pool)| pool.endpoints().len());
            let several = server.pools.len() > 1 || endpoints().sum::<usize>() > 1;
            pool.is_checked(several).then(|| prober.keep_checking(pool))
        });
        tokio::join!(names, join_all(checks));
    }

    /// A question to an endpoint was given up, for it took longer than others can be kept waiting.
    pub fn gave_up(&self, server: &str, version: &str, endpoint: &str) {
        let serving = self.servers.get(server);
        let pool = serving.and_then(|serving| serving.version(version));
        if let Some((pool, endpoint)) = pool.and_then(|pool| Some((pool, pool.find(endpoint)?))) {
            pool.report(&endpoint, Went::Badly, Instant::now());
        }
    }

    /// Where the calls of a target go.
    pub(super) fn of(&self, target: &Target) -> Option<(&Serving, &Arc<Pool>)> {
        let serving = self.servers.get(target.server().name())?;
        let (_, pool) = serving.pools.get(target.version_at())?;
        Some((serving, pool))
    }

    fn all(&self) -> impl Iterator<Item = (&Serving, &Pool)> {
        self.servers.values().flat_map(|server| {
            let pools = server.pools.iter();
            pools.map(move |(_, pool)| (server, &**pool))
        })
    }
}

impl Serving {
    fn new(
        config: &config::Server,
        services: &Services,
        names: &Arc<Names>,
        metrics: &Arc<Metrics>,
        before: Option<&Self>,
    ) -> Result<Self, PoolError> {
        let trust = Trust::read(config).map_err(|(path, source)| PoolError::File {
            server: config.name.clone(),
            path,
            source,
        })?;
        let pool = |version: &config::Version| {
            let before = before.and_then(|serving| serving.version(&version.name));
            let place = services.place(&config.name, &version.name);
            let remote = version.urls.iter().map(|url| Origin {
                url: url.clone(),
                template: peer::template(config, url, &trust),
                local: None,
            });
            let local = place.map(|place| Origin {
                url: place.url.clone(),
                template: peer::local(config, &place.url, &trust),
                local: Some(place.clone()),
            });
            let states = before.map_or_else(
                || Arc::new(States::new(&config.name, &version.name, metrics)),
                |pool| Arc::clone(pool.states()),
            );
            let resolver = Resolver {
                origins: remote.chain(local).collect(),
                names: Arc::clone(names),
                states,
            };
            let mut health = config.health.clone();
            // It is where this process is, and asking it may start a program.
            if place.is_some() && health.check == Check::Auto {
                health.check = Check::None;
            }
            let metrics = Arc::clone(metrics);
            let pool = Pool::new(resolver, config.balance, health, metrics, before);
            (Arc::from(version.name.as_str()), Arc::new(pool))
        };
        let budget = before.map(|serving| &serving.budget);
        let budget = budget.filter(|budget| budget.percent() == config.retry.budget_percent);
        let capacity = before.map(|serving| &serving.capacity);
        let capacity = capacity.filter(|capacity| capacity.rules() == config.capacity);
        Ok(Self {
            name: config.name.as_str().into(),
            pools: config.versions.iter().map(pool).collect(),
            capacity: capacity.map_or_else(|| Arc::new(Capacity::new(config.capacity)), Arc::clone),
            budget: budget.map_or_else(
                || Arc::new(Budget::new(config.retry.budget_percent)),
                Arc::clone,
            ),
            sends_max: config.retry.attempts,
            try_timeout: config.retry.try_timeout,
        })
    }

    /// There is no room.
    pub(super) fn overloaded(&self, full: Full) -> Failed {
        if let Some((_, pool)) = self.pools.first() {
            pool.shed(&self.name, full.as_str());
        }
        Failed::Overloaded {
            server: self.name.to_string(),
            what: full.as_str(),
        }
    }

    fn version(&self, name: &str) -> Option<&Pool> {
        let mut pools = self.pools.iter();
        pools
            .find(|(version, _)| &**version == name)
            .map(|(_, pool)| &**pool)
    }
}
