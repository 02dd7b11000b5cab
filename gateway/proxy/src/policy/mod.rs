//! May this caller do this.
//!
//! [`Permit`] is the evidence; [`check`] is its only constructor. The stage knows the caller and
//! what the message says, and never what the call costs or where it goes.

use crate::auth::Caller;

/// The access rules of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    _private: (),
}

impl Policy {
    /// Everything is allowed: the rule in force while a configuration lists no access rules.
    pub fn open() -> Self {
        Self::default()
    }
}

/// A caller's right to one operation.
#[derive(Debug, Clone)]
pub struct Permit {
    caller: Caller,
    rule: &'static str,
}

impl Permit {
    /// Who holds the permit.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rule that granted it, as the record names it.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// Why a caller may not do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("denied by rule {rule}")]
pub struct Denied {
    /// The rule that decided.
    pub rule: &'static str,
}

/// Decides whether `caller` may do `method` (on `name`, where the method names a tool, a prompt
/// or a resource) at `server`.
///
/// # Errors
/// [`Denied`] with the rule that refused.
pub fn check(
    _policy: &Policy,
    caller: Caller,
    _server: &str,
    _method: &str,
    _name: Option<&str>,
) -> Result<Permit, Denied> {
    Ok(Permit {
        caller,
        rule: "open",
    })
}
