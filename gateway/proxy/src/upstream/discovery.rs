//! From names to addresses: the endpoints that a version's URLs stand for right now.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use pingora_core::{
    Error, ErrorType, Result, protocols::l4::socket::SocketAddr as PingoraAddr,
    upstreams::peer::HttpPeer,
};
use pingora_load_balancing::{Backend, Extensions, discovery::ServiceDiscovery};
use tokio::time::timeout;
use url::{Host, Url};

use super::endpoint::{Endpoint, States};
use crate::local::Place;

/// The most addresses that one name may add: a hostile or broken resolver cannot fill memory.
const ADDRESSES_PER_NAME_MAX: usize = 64;

/// The longest that a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the record and the metrics name the endpoint of a server within this process.
const LOCAL: &str = "local";

/// One URL of a server, and how to reach any address behind its name.
#[derive(Debug)]
pub(super) struct Origin {
    pub url: Url,
    /// Everything about the peer but its address.
    pub template: HttpPeer,
    /// Where it is a server of this process. It lives for as long as it is held here.
    pub local: Option<Place>,
}

/// The addresses that each name had last: a name that does not resolve keeps them, also across
/// configurations.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<String, Vec<SocketAddr>>>);

impl Names {
    fn remember(&self, name: String, addresses: Vec<SocketAddr>) {
        self.lock().insert(name, addresses);
    }

    fn last(&self, url: &Url) -> Vec<SocketAddr> {
        self.lock().get(&name(url)).cloned().unwrap_or_default()
    }

    /// Forgets every name but those of `urls`.
    pub(super) fn retain<'a>(&self, urls: impl Iterator<Item = &'a Url>) {
        let names: BTreeSet<String> = urls.map(name).collect();
        self.lock().retain(|name, _| names.contains(name));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Resolves the names in a version's URLs.
pub(super) struct Resolver {
    pub origins: Vec<Origin>,
    pub names: Arc<Names>,
    pub states: Arc<States>,
}

impl Resolver {
    fn backends(&self) -> BTreeSet<Backend> {
        let mut backends = BTreeSet::new();
        for origin in &self.origins {
            let addresses = self.names.last(&origin.url);
            backends.extend(
                addresses
                    .into_iter()
                    .map(|address| self.backend(origin, address)),
            );
        }
        backends
    }

    fn backend(&self, origin: &Origin, address: SocketAddr) -> Backend {
        let mut peer = origin.template.clone();
        peer._address = PingoraAddr::Inet(address);
        let label: Arc<str> = match &origin.local {
            // Its port is another one each time.
            Some(_) => LOCAL.into(),
            None => Arc::from(address.to_string()),
        };
        let mut ext = Extensions::new();
        ext.insert(Arc::new(Endpoint {
            address,
            url: origin.url.clone(),
            key: origin.local.as_ref().map(|place| place.key.clone()),
            peer,
            state: self.states.of(address, &label),
            label,
        }));
        Backend {
            addr: PingoraAddr::Inet(address),
            weight: 1,
            ext,
        }
    }
}

#[async_trait]
impl ServiceDiscovery for Resolver {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let mut fault = None;
        for origin in &self.origins {
            match timeout(RESOLVE_TIMEOUT, resolve(&origin.url)).await {
                Ok(Ok(addresses)) => self.names.remember(name(&origin.url), addresses),
                Ok(Err(error)) => fault = Some(error),
                Err(_) => fault = Some(io::ErrorKind::TimedOut.into()),
            }
        }
        let backends = self.backends();
        match fault {
            Some(error) if backends.is_empty() => Error::e_because(
                ErrorType::ConnectNoRoute,
                "resolving a server's name",
                error,
            ),
            _ => Ok((backends, HashMap::new())),
        }
    }
}

async fn resolve(url: &Url) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(80);
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Ipv6(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Domain(name)) => Ok(tokio::net::lookup_host((name, port))
            .await?
            .take(ADDRESSES_PER_NAME_MAX)
            .collect()),
        None => Ok(Vec::new()),
    }
}
