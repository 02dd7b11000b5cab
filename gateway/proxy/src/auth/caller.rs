//! The evidence that a request has been identified.

use std::{
    any::Any,
    sync::{Arc, OnceLock},
};

use gantry_analytics::record::AuthMethod;
use serde_json::{Map, Value};

use crate::config::Secret;

/// The name that the record gives to a caller without credentials.
pub const ANONYMOUS: &str = "anonymous";

/// The agent that makes a call, as every later stage and the record know it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Known>);

#[derive(Debug)]
struct Known {
    identified: Identified,
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// What a credential says about its holder.
#[derive(Debug, Default)]
pub(super) struct Identified {
    pub agent: String,
    pub teams: Vec<String>,
    pub subject: Option<String>,
    pub scopes: Vec<String>,
    pub claims: Map<String, Value>,
    pub method: AuthMethod,
    /// The token itself, where one can be exchanged for another (RFC 8693).
    pub token: Option<Secret>,
}

impl Caller {
    /// The one way to a caller while a request is on its way.
    pub(super) fn new(identified: Identified) -> Self {
        Self(Arc::new(Known {
            identified,
            kept: OnceLock::new(),
        }))
    }

    pub(super) fn anonymous() -> Self {
        Self::new(Identified {
            agent: ANONYMOUS.to_owned(),
            ..Identified::default()
        })
    }

    /// The agent's name: the key of access rules, limits and dashboards.
    pub fn agent(&self) -> &str {
        &self.0.identified.agent
    }

    /// The teams that the agent belongs to, in the order in which its credential names them.
    pub fn teams(&self) -> &[String] {
        &self.0.identified.teams
    }

    /// The person or service on whose behalf the agent calls, where the credential says.
    pub fn subject(&self) -> Option<&str> {
        self.0.identified.subject.as_deref()
    }

    /// The OAuth scopes that the credential grants.
    pub fn scopes(&self) -> &[String] {
        &self.0.identified.scopes
    }

    /// Everything else that the credential says, or that the configuration says of an API key.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.identified.claims
    }

    /// How the caller proved who it is.
    pub fn method(&self) -> AuthMethod {
        self.0.identified.method
    }

    /// What a later stage has worked out about the caller and wants again with its next request: made
    /// when first asked for, and kept as long as the credential is remembered. There is room for one
    /// such thing; `None` where it is of another kind.
    pub fn kept<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        let kept = self.0.kept.get_or_init(|| Box::new(make()));
        kept.downcast_ref()
    }

    /// The token that it came with, for the exchange and for nothing else.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.0.identified.token.as_ref()
    }
}

/// A caller that nobody has identified, for questions about what one would be allowed: `gantry
/// explain` and `gantry check --dry-run`. It is never part of a request (`tests/layers.rs`).
pub fn suppose(
    agent: &str,
    teams: Vec<String>,
    subject: Option<String>,
    scopes: Vec<String>,
    claims: Map<String, Value>,
) -> Caller {
    Caller::new(Identified {
        agent: agent.to_owned(),
        teams,
        subject,
        scopes,
        claims,
        ..Identified::default()
    })
}
