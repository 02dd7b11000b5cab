//! Who is calling.
//!
//! [`Caller`] is the evidence that a request has been identified; [`identify`] is its only
//! constructor. This stage reads credentials and nothing else: it never looks at the message, and
//! it never decides what a caller may do.

use std::{net::IpAddr, sync::Arc};

use gantry_analytics::record::AuthMethod;
use serde_json::{Map, Value};

/// The agent that makes a call, as every later stage and the record know it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Identified>);

#[derive(Debug)]
struct Identified {
    agent: String,
    teams: Vec<String>,
    subject: Option<String>,
    scopes: Vec<String>,
    claims: Map<String, Value>,
    method: AuthMethod,
}

impl Caller {
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

    /// Everything else that the credential says; empty unless it is a token.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.claims
    }

    /// How the caller proved who it is.
    pub fn method(&self) -> AuthMethod {
        self.0.method
    }
}

/// What the listener accepts as a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nobody proves anything, and callers come from this machine only.
    AnonymousLocal,
    /// Nobody proves anything, from anywhere: the operator wrote `insecure: {anonymous: true}`.
    AnonymousAnywhere,
}

/// Why a request has no caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// An anonymous request came from another machine although only local ones are allowed.
    #[error("anonymous request from {0}, which is not a loopback address")]
    NotLocal(IpAddr),
}

/// The name that the record gives to a caller without credentials.
pub const ANONYMOUS: &str = "anonymous";

/// Identifies the caller of a request that came from `client`.
///
/// # Errors
/// [`Unauthenticated`] when the request carries no identity that `identity` accepts.
pub fn identify(identity: Identity, client: IpAddr) -> Result<Caller, Unauthenticated> {
    match identity {
        Identity::AnonymousLocal if !client.to_canonical().is_loopback() => {
            Err(Unauthenticated::NotLocal(client))
        }
        Identity::AnonymousLocal | Identity::AnonymousAnywhere => {
            Ok(Caller(Arc::new(Identified {
                agent: ANONYMOUS.to_owned(),
                teams: Vec::new(),
                subject: None,
                scopes: Vec::new(),
                claims: Map::new(),
                method: AuthMethod::None,
            })))
        }
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
    Caller(Arc::new(Identified {
        agent: agent.to_owned(),
        teams,
        subject,
        scopes,
        claims,
        method: AuthMethod::None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(identity: Identity, client: &str, known: bool) {
        let client: IpAddr = client.parse().unwrap();
        assert_eq!(identify(identity, client).is_ok(), known, "{client}");
    }

    #[test]
    fn anonymous_callers_are_local_unless_the_operator_says_otherwise() {
        check(Identity::AnonymousLocal, "127.0.0.1", true);
        check(Identity::AnonymousLocal, "::1", true);
        check(Identity::AnonymousLocal, "::ffff:127.0.0.1", true);
        check(Identity::AnonymousLocal, "192.0.2.7", false);
        check(Identity::AnonymousAnywhere, "192.0.2.7", true);
    }
}
