//! From names to addresses: the endpoints that a server's URLs stand for right now.

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

/// The most addresses that one name may add: a hostile or broken resolver cannot fill memory.
const ADDRESSES_PER_NAME_MAX: usize = 64;

/// The longest that a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// One URL of a server, and how to reach any address behind its name.
#[derive(Debug)]
pub(super) struct Origin {
    pub url: Url,
    /// Everything about the peer but its address.
    pub template: HttpPeer,
}

/// One address of a server, ready to connect to.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub address: SocketAddr,
    pub url: Url,
    pub peer: HttpPeer,
    /// As the record and the metrics name it.
    pub label: Arc<str>,
}

/// Resolves the names in a server's URLs.
pub(super) struct Resolver {
    origins: Vec<Origin>,
    /// The addresses that each origin's name had last: a name that does not resolve keeps them.
    last: Mutex<HashMap<usize, Vec<SocketAddr>>>,
}

impl Resolver {
    pub(super) fn new(origins: Vec<Origin>) -> Self {
        Self {
            origins,
            last: Mutex::default(),
        }
    }

    fn remember(&self, origin: usize, addresses: Vec<SocketAddr>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(origin, addresses);
    }

    fn backends(&self) -> BTreeSet<Backend> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(at, origin)| {
            let addresses = last.get(&at).into_iter().flatten();
            addresses.map(move |address| backend(origin, *address))
        };
        self.origins.iter().enumerate().flat_map(of).collect()
    }
}

#[async_trait]
impl ServiceDiscovery for Resolver {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let mut fault = None;
        for (at, origin) in self.origins.iter().enumerate() {
            match timeout(RESOLVE_TIMEOUT, resolve(&origin.url)).await {
                Ok(Ok(addresses)) => self.remember(at, addresses),
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

fn backend(origin: &Origin, address: SocketAddr) -> Backend {
    let mut peer = origin.template.clone();
    peer._address = PingoraAddr::Inet(address);
    let mut ext = Extensions::new();
    ext.insert(Arc::new(Endpoint {
        address,
        url: origin.url.clone(),
        peer,
        label: Arc::from(address.to_string()),
    }));
    Backend {
        addr: PingoraAddr::Inet(address),
        weight: 1,
        ext,
    }
}
