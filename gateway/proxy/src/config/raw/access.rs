//! `access:` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::bounds;

/// What a pattern looks like, for whoever wrote something else.
pub(in crate::config) const PATTERN: &str = "`server/tool`, `server/prompt:NAME`, `server/resource:URI`, `server/method:NAME`, or `server` for everything \
     at a server; `*` stands for any run of characters";

/// One access rule: who, and what they may or may not do. It is about callers for whom all of `agent`, `team` and
/// `claims` hold; a rule with none of them is about every caller.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct AccessRule {
    /// The rule's name in records, refusals and `gantry explain`: 1 to 64 of letters, digits, `.`, `_` and `-`.
    /// Left out: its place in the list, as in `access[3]`.
    pub id: Option<String>,
    /// The agent, or a list of agents of which one is enough.
    pub agent: Option<OneOrMany>,
    /// The team, or a list of teams of which one is enough.
    pub team: Option<OneOrMany>,
    /// Claims of the caller's token by name, or by path (`realm_access.roles`): each must have the value, or one of the
    /// values. A claim that is a list has the values that are in it.
    #[schemars(extend("maxProperties" = bounds::CLAIMS_MAX))]
    pub claims: BTreeMap<String, OneOrMany>,
    /// What they may do: `server/tool`, `server/prompt:NAME`, `server/resource:URI`, `server/method:NAME`, `server` for
    /// everything at a server. `*` stands for any run of characters, so `"*"` is everything everywhere and
    /// `orders/*` is every tool of `orders`. Quote a pattern that begins with `*`.
    #[schemars(extend("maxItems" = bounds::PATTERNS_MAX))]
    pub allow: Vec<String>,
    /// What they may not do, whatever else allows it: in the same notation.
    #[schemars(extend("maxItems" = bounds::PATTERNS_MAX))]
    pub deny: Vec<String>,
    /// A condition in CEL, without which the rule does not apply: `arguments.amount <= 100`. It may use `arguments`,
    /// `claims`, `agent`, `subject`, `teams`, `scopes`, `server`, `method` and `name`. One that cannot be evaluated counts
    /// against the caller: it does not allow, and it does deny.
    pub when: Option<String>,
}

/// One text, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(untagged)]
pub(in crate::config) enum OneOrMany {
    /// One of them.
    One(String),
    /// Any of several.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::SUBJECTS_MAX))]
    Many(Vec<String>),
}

impl OneOrMany {
    pub(in crate::config) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}
