//! How to connect to a server: protocol, trust, timeouts. Everything but the address.

use std::{io, path::Path, sync::Arc, time::Duration};

use pingora_core::{
    protocols::{ALPN, TcpKeepalive, tls::CaType},
    upstreams::peer::HttpPeer,
    utils::tls::{CertKey, WrappedX509, parse_x509},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use crate::config::{self, Protocol};

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

/// What a server is trusted by and trusts, read from its files.
pub(super) struct Trust {
    authorities: Option<Arc<CaType>>,
    client: Option<Arc<CertKey>>,
    /// Differs when any of it does: connections are shared only where all of it is the same.
    fingerprint: u64,
}

impl Trust {
    /// Reads the files that a server's `tls` names.
    ///
    /// # Errors
    /// The file's path and what the file system or the parser says of it.
    pub(super) fn read(server: &config::Server) -> Result<Self, (String, io::Error)> {
        let mut hash = Sha256::new();
        hash.update(&server.name);
        let mut chain = |path: &Path| {
            let chain = read_chain(path).map_err(|error| (path.display().to_string(), error))?;
            chain.iter().for_each(|der| hash.update(der));
            Ok::<_, (String, io::Error)>(chain)
        };
        let authorities = server.tls.ca.as_deref().map(&mut chain).transpose()?;
        let client = match &server.tls.client {
            Some(files) => {
                let chain = chain(&files.cert)?;
                let key = PrivateKeyDer::from_pem_file(&files.key);
                let key = key.map_err(|error| (files.key.display().to_string(), invalid(error)))?;
                let chain = chain.iter().map(|der| der.to_vec()).collect();
                Some(Arc::new(CertKey::new(chain, key.secret_der().to_vec())))
            }
            None => None,
        };
        let wrap = |der: &CertificateDer<'_>| WrappedX509::new(der.to_vec(), parse_x509);
        let authorities = authorities.map(|chain| chain.iter().map(wrap).collect::<Vec<_>>());
        let digest = hash.finalize();
        Ok(Self {
            authorities: authorities.map(Arc::from),
            client,
            fingerprint: digest
                .first_chunk()
                .map_or(0, |first| u64::from_le_bytes(*first)),
        })
    }
}

fn read_chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .map_err(invalid)?
        .map(|item| item.map_err(invalid))
        .collect()
}

fn invalid(error: rustls::pki_types::pem::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// The peer behind `url`, without its address.
pub(super) fn template(server: &config::Server, url: &Url, trust: &Trust) -> HttpPeer {
    let tls = url.scheme() == "https";
    let name = server.tls.server_name.clone().unwrap_or_else(|| host(url));
    // The address is a placeholder: each address that the name resolves to gets its own peer.
    let mut peer = HttpPeer::new(("0.0.0.0", 0), tls, name);
    // Servers never share connections, even at one address: their certificates may be judged by
    // different authorities. The same server does, across configurations.
    peer.group_key = trust.fingerprint;
    peer.client_cert_key = trust.client.clone().filter(|_| tls);
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
    options.ca = trust.authorities.clone();
    options.alpn = match (server.protocol, tls) {
        (Protocol::Auto, true) => ALPN::H2H1,
        (Protocol::Auto, false) | (Protocol::Http1, _) => ALPN::H1,
        (Protocol::Http2, _) => ALPN::H2,
    };
    peer
}

/// The peer of a server of this process, which speaks plain HTTP/1.1 whatever `server` says about what lies behind it.
pub(super) fn local(server: &config::Server, url: &Url, trust: &Trust) -> HttpPeer {
    let mut peer = template(server, url, trust);
    peer.options.alpn = ALPN::H1;
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
