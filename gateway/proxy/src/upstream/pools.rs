//! The endpoints of every server of one configuration.

use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use pingora_core::{
    protocols::{ALPN, TcpKeepalive, tls::CaType},
    upstreams::peer::HttpPeer,
    utils::tls::{WrappedX509, parse_x509},
};
use pingora_load_balancing::{Backend, Backends, LoadBalancer, selection::RoundRobin};
use url::{Host, Url};

use super::discovery::{Endpoint, Origin, Resolver};
use crate::config::{self, Checked, Protocol};

/// How long an idle connection is kept for reuse. Node's servers close theirs after 5 s; a call
/// sent at that very moment would be lost, and a call may not be repeated once it has been sent.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// Concurrent exchanges on one HTTP/2 connection to a server.
const H2_STREAMS_MAX: usize = 100;

/// What one exchange may have under way unread on a shared connection. The connection has room
/// for all of them, so that one slow reader cannot stop the others.
const H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// How long a connection may be silent before the other end is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The longest time for one write to a server to make progress.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the endpoints of a configuration cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The bundle of certificate authorities of a server cannot be read.
    #[error("server {server}: cannot read the certificates in {path}: {source}")]
    Authorities {
        /// The server's name in the configuration.
        server: String,
        /// The file.
        path: String,
        /// What the file system or the parser says.
        source: std::io::Error,
    },
}

/// The endpoints of every server, by the server's name.
pub struct Pools {
    by_server: HashMap<String, LoadBalancer<RoundRobin>>,
}

impl Pools {
    /// Builds the pools of a checked configuration. They hold no address before [`Pools::refresh`].
    ///
    /// # Errors
    /// [`PoolError`] when a file that a server names has become unreadable.
    pub fn compile(config: &Checked) -> Result<Self, PoolError> {
        let mut by_server = HashMap::with_capacity(config.servers.len());
        for (group, server) in config.servers.iter().enumerate() {
            let origins = origins(server, group as u64)?;
            let backends = Backends::new(Box::new(Resolver::new(origins)));
            by_server.insert(server.name.clone(), LoadBalancer::from_backends(backends));
        }
        Ok(Self { by_server })
    }

    /// Resolves every name again. A name that does not resolve keeps the addresses it had.
    pub async fn refresh(&self) {
        let updates = self.by_server.iter().map(|(server, pool)| async move {
            if let Err(error) = pool.update().await {
                tracing::warn!(server = server.as_str(), %error, "cannot resolve a server's name");
            }
        });
        futures::future::join_all(updates).await;
    }

    /// How many endpoints a server has right now.
    pub(super) fn size(&self, server: &str) -> usize {
        self.by_server
            .get(server)
            .map_or(0, |pool| pool.backends().get_backend().len())
    }

    /// The endpoint that takes the next call, none of those that were `tried` for it.
    pub(super) fn pick(&self, server: &str, tried: &[SocketAddr]) -> Option<Arc<Endpoint>> {
        let pool = self.by_server.get(server)?;
        let untried = |backend: &Backend, healthy: bool| {
            let address = backend.addr.as_inet();
            healthy && address.is_some_and(|address| !tried.contains(address))
        };
        // As many steps as there are endpoints, since each step looks at the next one.
        let backend = pool.select_with(b"", self.size(server), untried)?;
        backend.ext.get::<Arc<Endpoint>>().map(Arc::clone)
    }
}

fn origins(server: &config::Server, group: u64) -> Result<Vec<Origin>, PoolError> {
    let authorities = match &server.tls.ca {
        Some(path) => Some(
            load_authorities(path).map_err(|source| PoolError::Authorities {
                server: server.name.clone(),
                path: path.display().to_string(),
                source,
            })?,
        ),
        None => None,
    };
    let origin = |url: &Url| Origin {
        url: url.clone(),
        template: template(server, url, group, authorities.clone()),
    };
    Ok(server.urls.iter().map(origin).collect())
}

fn load_authorities(path: &Path) -> std::io::Result<Arc<CaType>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| std::io::Error::other(error.to_string()))?
        .map(|item| item.map_err(|error| invalid(error.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let wrapped: Vec<WrappedX509> = certificates
        .into_iter()
        .map(|der| WrappedX509::new(der.to_vec(), parse_x509))
        .collect();
    Ok(Arc::from(wrapped))
}

fn template(
    server: &config::Server,
    url: &Url,
    group: u64,
    authorities: Option<Arc<CaType>>,
) -> HttpPeer {
    let tls = url.scheme() == "https";
    let name = server.tls.server_name.clone().unwrap_or_else(|| host(url));
    // The address is a placeholder: each address that the name resolves to gets its own peer.
    let mut peer = HttpPeer::new(("0.0.0.0", 0), tls, name);
    // Servers never share connections, even at one address: their certificates may be judged by
    // different authorities.
    peer.group_key = group;
    let options = &mut peer.options;
    options.connection_timeout = Some(server.timeouts.connect);
    options.total_connection_timeout = Some(server.timeouts.connect);
    options.write_timeout = Some(WRITE_TIMEOUT);
    options.idle_timeout = Some(IDLE_CONNECTION);
    // A server that vanished without a word is noticed, also on streams that are meant to be
    // silent and on connections that many calls share.
    options.tcp_keepalive = Some(TcpKeepalive {
        idle: KEEPALIVE,
        interval: KEEPALIVE / 3,
        count: 3,
        #[cfg(target_os = "linux")]
        user_timeout: Duration::ZERO,
    });
    options.h2_ping_interval = Some(KEEPALIVE);
    options.max_h2_streams = H2_STREAMS_MAX;
    options.h2_stream_window_size = Some(H2_STREAM_WINDOW_BYTES);
    options.h2_connection_window_size = Some(H2_STREAM_WINDOW_BYTES * H2_STREAMS_MAX as u32);
    options.ca = authorities;
    options.alpn = match (server.protocol, tls) {
        (Protocol::Auto, true) => ALPN::H2H1,
        (Protocol::Auto, false) | (Protocol::Http1, _) => ALPN::H1,
        (Protocol::Http2, _) => ALPN::H2,
    };
    peer
}

/// The name that a certificate must have: an IPv6 address without its brackets.
fn host(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(ip)) => ip.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}
