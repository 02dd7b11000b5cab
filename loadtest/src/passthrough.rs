//! The yardstick: a Pingora proxy that only chooses an upstream.
//!
//! It is what a gateway on Pingora cannot be cheaper than without changing Pingora, so it must stay bare: no filter,
//! no log, no limit, and the defaults of its version.

use std::io;
use std::net::{SocketAddr, TcpListener};

use async_trait::async_trait;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

/// Why the pass-through could not start.
#[derive(Debug, thiserror::Error)]
#[error("listening on {listen}: {source}")]
pub struct Fault {
    listen: SocketAddr,
    source: io::Error,
}

struct Passthrough {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Passthrough {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves until SIGTERM or SIGINT: what comes in at `listen` goes to `upstream`, both in plain HTTP/1.1.
pub fn run(listen: SocketAddr, upstream: SocketAddr, threads: usize) -> Result<(), Fault> {
    // Pingora panics when it cannot bind. Trying first turns the common case into an error.
    TcpListener::bind(listen).map_err(|source| Fault { listen, source })?;
    let conf = ServerConf {
        threads,
        // The default is to sleep for five minutes after SIGTERM.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Passthrough { upstream });
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run(RunArgs::default());
    Ok(())
}
