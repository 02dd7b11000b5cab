//! Where a call goes.
//!
//! [`Target`] is the evidence that a destination was chosen; [`choose`] is its only constructor.
//! The stage picks the server's version, and the endpoint where a session lives; which endpoint
//! takes any other call is decided where connections are known, in `upstream`. It knows no socket
//! and reads no clock.

mod canary;
mod seal;
mod server;
mod version;

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Instant};

use gantry_analytics::record::AuthMethod;
use gantry_mcp::method::Method;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{config::Checked, guardrails::Screened, policy::Permit};
pub use canary::{Breach, Figures, Measure};
pub use seal::{Binding, Seals, Session, UnknownSession};
pub use server::{Server, Timeouts};
pub use version::{Traits, Version};

/// The header that carries a session's id.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The servers of one configuration, by name.
#[derive(Debug, Default)]
pub struct Routes {
    servers: HashMap<Arc<str>, Arc<Server>>,
}

impl Routes {
    /// Builds the table from a checked configuration. What `previous` has learned is carried on.
    pub fn compile(config: &Checked, previous: Option<&Self>, now: Instant) -> Self {
        let servers = config.servers.iter().map(|server| {
            let previous = previous.and_then(|routes| routes.servers.get(server.name.as_str()));
            let server = Server::new(server, previous.map(Arc::as_ref), now);
            (Arc::clone(server.name()), Arc::new(server))
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

    /// The versions under watch, with their servers.
    pub fn watched(&self) -> impl Iterator<Item = (&Server, &Version)> {
        let servers = self.servers.values();
        servers.filter_map(|server| Some((&**server, server.watched()?)))
    }

    /// Gives every withdrawn version its weight again; returns `server/version` of each.
    pub fn reinstate(&self, now: Instant) -> Vec<(Arc<str>, Arc<str>)> {
        let servers = self.servers.values();
        servers.flat_map(|server| server.reinstate(now)).collect()
    }
}

/// No server of the requested name is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such server")]
pub struct UnknownServer;

/// What decides where a request belongs, beside what it says.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The other end of the connection.
    pub client: IpAddr,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// Whether the revision has sessions.
    pub in_session: bool,
    /// Whether the message opens a session.
    pub opens_session: bool,
    /// Whether the request is about a task, or may begin one: all of a caller's go to one endpoint,
    /// since a task lives where it began.
    pub about_tasks: bool,
    /// Seconds since the Unix epoch.
    pub now_s: u64,
    /// A random number.
    pub random: u64,
}

/// Where a request belongs.
#[derive(Debug, Clone)]
pub struct Claim {
    session: Option<Session>,
    version: usize,
    /// What the id of a session is bound to; `None` in a revision without sessions.
    binding: Option<Binding>,
    key: u64,
    follows: bool,
    /// What the caller's programs know it by.
    caller: Option<HeaderValue>,
}

/// Finds out where a request belongs: where its session lives, else to the version that its caller
/// is pinned to, else to the one that its caller sees.
///
/// # Errors
/// [`UnknownSession`] when it names a session that does not exist for this caller at this server.
pub fn claim(
    server: &Server,
    permit: &Permit,
    seals: &Seals,
    about: Circumstances<'_>,
) -> Result<Claim, UnknownSession> {
    let caller = permit.caller();
    let binding = || Binding::new(server.name(), caller.agent(), caller.subject());
    let binding = about.in_session.then(binding);
    let session = match (binding, about.headers.get(&SESSION_ID)) {
        (Some(binding), Some(id)) => Some(seals.open(binding, id, about.now_s)?),
        _ => None,
    };
    // Hashing costs something, and most servers have nothing to choose from.
    let key = match server.goes_by_key() || about.about_tasks {
        true => server.key(caller, about.client),
        false => 0,
    };
    let anonymous = caller.method() == AuthMethod::None;
    let version = match &session {
        Some(session) => server
            .version_named(&session.version)
            .ok_or(UnknownSession)?,
        // Nobody can tell anonymous callers apart, but their sessions can be.
        None => server.pinned(caller, about.headers).unwrap_or_else(|| {
            match about.opens_session && anonymous {
                true => server.pick(about.random),
                false => server.pick(key),
            }
        }),
    };
    Ok(Claim {
        session,
        version,
        binding,
        key,
        follows: about.about_tasks,
        caller: server.tell(caller),
    })
}

/// The destination of one call.
#[derive(Debug, Clone)]
pub struct Target {
    server: Arc<Server>,
    claim: Claim,
    seals: Arc<Seals>,
}

impl Target {
    /// The server that the call is for.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The version that the call is for.
    pub fn version(&self) -> &Version {
        self.server.version(self.claim.version)
    }

    /// Its place among the server's versions.
    pub fn version_at(&self) -> usize {
        self.claim.version
    }

    /// The session that the call belongs to.
    pub fn session(&self) -> Option<&Session> {
        self.claim.session.as_ref()
    }

    /// What the choice of an endpoint by consistent hashing goes by.
    pub fn key(&self) -> u64 {
        self.claim.key
    }

    /// What a server of this process knows the caller by, where it must.
    pub fn caller(&self) -> Option<&HeaderValue> {
        self.claim.caller.as_ref()
    }

    /// Whether the endpoint is chosen by consistent hashing, whatever the server's balance is.
    pub fn follows(&self) -> bool {
        self.claim.follows
    }

    /// Whether the call may be sent again after it broke off.
    pub fn repeats(&self, method: &str, tool: Option<&str>) -> bool {
        match (Method::parse(method), tool) {
            (Some(Method::ToolsCall), Some(tool)) => {
                self.server.repeats(tool) || self.version().repeats(tool)
            }
            (Some(method), _) => method.is_repeatable(),
            (None, _) => false,
        }
    }

    /// Whether the call may change something, as far as is known: only a tool that has said that it
    /// reads is taken to do no more.
    pub fn writes(&self, method: &str, tool: Option<&str>) -> bool {
        Method::parse(method) == Some(Method::ToolsCall)
            && tool.is_none_or(|tool| !self.version().reads_only(tool))
    }

    /// Whether the results of a tool are known to follow no output schema.
    pub fn is_untyped(&self, tool: &str) -> bool {
        self.version().is_untyped(tool)
    }

    /// Whether the revision of the call has sessions.
    pub fn has_sessions(&self) -> bool {
        self.claim.binding.is_some()
    }

    /// The id that the client gets for a session which `endpoint` calls `server_id`; `None` when
    /// that is no id, or there are no sessions.
    pub fn seal(
        &self,
        endpoint: &str,
        server_id: &HeaderValue,
        now_s: u64,
        nonce: [u8; 12],
    ) -> Option<HeaderValue> {
        match self.session() {
            Some(session) if session.server_id == server_id => Some(session.client_id.clone()),
            _ => self.seals.seal(
                self.claim.binding?,
                self.version().name(),
                endpoint,
                server_id,
                now_s,
                nonce,
            ),
        }
    }

    /// The copy of a call that goes to the server's mirror, if this one is to be copied: a tool that
    /// only reads, without a session. `random` decides about the share.
    pub fn mirrored(&self, method: &str, tool: Option<&str>, random: u64) -> Option<Self> {
        let tool = tool.filter(|_| Method::parse(method) == Some(Method::ToolsCall))?;
        let version = self.server.mirror(random)?;
        let reads = self.server.repeats(tool) || self.version().reads_only(tool);
        if version == self.claim.version || self.claim.session.is_some() || !reads {
            return None;
        }
        let mut copy = self.clone();
        copy.claim.version = version;
        Some(copy)
    }
}

/// Chooses the destination of a screened message.
pub fn choose(
    server: &Arc<Server>,
    _permit: &Permit,
    _screened: &Screened,
    claim: Claim,
    seals: &Arc<Seals>,
) -> Target {
    Target {
        server: Arc::clone(server),
        claim,
        seals: Arc::clone(seals),
    }
}
