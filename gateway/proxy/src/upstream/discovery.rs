//! From names to addresses: the endpoints that a server's URLs stand for right now.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use async_trait::async_trait;
use pingora_core::{
    Error, ErrorType, Result, protocols::l4::socket::SocketAddr as PingoraAddr,
    upstreams::peer::HttpPeer,
};
use pingora_load_balancing::{Backend, Extensions, discovery::ServiceDiscovery};
use url::{Host, Url};

/// The most addresses that one name may add: a hostile or broken resolver cannot fill memory.
const ADDRESSES_PER_NAME_MAX: usize = 64;

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
    pub origins: Vec<Origin>,
}

#[async_trait]
impl ServiceDiscovery for Resolver {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let mut backends = BTreeSet::new();
        let mut fault = None;
        for origin in &self.origins {
            match resolve(&origin.url).await {
                Ok(addresses) => backends.extend(
                    addresses
                        .into_iter()
                        .take(ADDRESSES_PER_NAME_MAX)
                        .map(|address| backend(origin, address)),
                ),
                Err(error) => fault = Some(error),
            }
        }
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

async fn resolve(url: &Url) -> std::io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(80);
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Ipv6(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Domain(name)) => Ok(tokio::net::lookup_host((name, port)).await?.collect()),
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
