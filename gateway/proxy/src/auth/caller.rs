//! The evidence that a request has been identified.

use std::sync::Arc;

use gantry_analytics::record::AuthMethod;
use serde_json::{Map, Value};

use crate::config::Secret;

/// The name that the record gives to a caller without credentials.
pub const ANONYMOUS: &str = "anonymous";

/// The agent that makes a call, as every later stage and the record know it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Identified>);

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
        Self(Arc::new(identified))
    }

    pub(super) fn anonymous() -> Self {
        Self::new(Identified {
            agent: ANONYMOUS.to_owned(),
            ..Identified::default()
        })
    }

    /// The agent's name: the key of access rules, limits and dashboards.
    pub fn agent(&self) -> &str {
        &self.0.agent
    }

    /// The teams that the agent belongs to, in the order in which its credential names them.
    pub fn teams(&self) -> &[String] {
        &self.0.teams
    }

    /// The person or service on whose behalf the agent calls, where the credential says.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The OAuth scopes that the credential grants.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Everything else that the credential says, or that the configuration says of an API key.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.claims
    }

    /// How the caller proved who it is.
    pub fn method(&self) -> AuthMethod {
        self.0.method
    }

    /// The token that it came with, for the exchange and for nothing else.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.0.token.as_ref()
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
