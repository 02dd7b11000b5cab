//! Where a call goes.
//!
//! [`Target`] is the evidence that a destination was chosen; [`choose`] is its only constructor.
//! The stage picks the server; which of its endpoints takes the call is decided where connections
//! are known, in `upstream`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{config::Checked, guardrails::Screened, policy::Permit};

/// How long an exchange with a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is established, TLS included.
    pub connect: Duration,
    /// From the beginning of the call until the head of the answer, connecting included.
    pub answer: Duration,
    /// The longest silence within the body of an answer.
    pub idle: Duration,
}

/// One MCP server that calls may be sent to.
#[derive(Debug)]
pub struct Server {
    name: Arc<str>,
    timeouts: Timeouts,
}

impl Server {
    /// The server's name in the configuration, the path, the metrics and the record.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The bounds of an exchange with it.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }
}

/// The servers of one configuration, by name.
#[derive(Debug, Default)]
pub struct Routes {
    servers: HashMap<Arc<str>, Arc<Server>>,
}

impl Routes {
    /// Builds the table from a checked configuration.
    pub fn compile(config: &Checked) -> Self {
        let servers = config.servers.iter().map(|server| {
            let name: Arc<str> = Arc::from(server.name.as_str());
            let timeouts = Timeouts {
                connect: server.timeouts.connect,
                answer: server.timeouts.answer,
                idle: server.timeouts.idle,
            };
            (Arc::clone(&name), Arc::new(Server { name, timeouts }))
        });
        Self {
            servers: servers.collect(),
        }
    }

    /// The server of this name.
    ///
    /// # Errors
    /// [`UnknownServer`] when the configuration has none.
    pub fn find(&self, name: &str) -> Result<&Arc<Server>, UnknownServer> {
        self.servers.get(name).ok_or(UnknownServer)
    }
}

/// No server of the requested name is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such server")]
pub struct UnknownServer;

/// The destination of one call.
#[derive(Debug, Clone)]
pub struct Target {
    server: Arc<Server>,
}

impl Target {
    /// The server that the call is for.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

/// Chooses the destination of a screened message.
pub fn choose(server: &Arc<Server>, _permit: &Permit, _screened: &Screened) -> Target {
    Target {
        server: Arc::clone(server),
    }
}
