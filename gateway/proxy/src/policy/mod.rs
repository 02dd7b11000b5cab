//! May this caller do this.
//!
//! [`Permit`] is the evidence; [`check`] is its only constructor. The stage knows the caller and
//! what the message says, and never what the call costs or where it goes.
//!
//! Rules are compiled into tables: a caller finds the rules that are about it by what it is, and a
//! name finds the rules that it occurs in. A rule that denies wins; what no rule allows is denied.
//! Lists are filtered by the same tables, so that a caller sees what it may use.

mod asked;
mod beginnings;
mod condition;
mod decide;
mod explain;
mod json;
pub mod listing;
mod replay;
mod rules;
mod standing;
mod table;
mod template;
mod uri;
mod who;

use std::sync::Arc;

use gantry_mcp::listing::List;
use moka::sync::Cache;

pub use asked::{Asked, Object};
pub use explain::{Considered, Explanation};
pub use replay::{Replayed, Row};
pub use rules::Effect;

use crate::{
    auth::Caller,
    config::{AccessRule, Checked, Kind},
};
use decide::{Facts, Verdict};
use listing::Entry;
use rules::Rights;
use standing::Standing;
use table::Tables;
use who::Who;

/// What the record names where nothing is in force.
const OPEN: &str = "open";
/// What the record names where no rule allows.
const DEFAULT: &str = "default";

/// The access rules of one configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    /// Whether anything is denied at all.
    in_force: bool,
    rules: Vec<Rule>,
    who: Who,
    tables: Tables,
    standings: Cache<Rights, Arc<Standing>>,
    open: Arc<str>,
    default: Arc<str>,
}

#[derive(Debug)]
struct Rule {
    id: Arc<str>,
    source: AccessRule,
}

impl Policy {
    /// Everything is allowed.
    pub fn open() -> Self {
        Self::new(&[], [], false)
    }

    /// Builds the tables of a checked configuration. Without rules and without `auth` nothing is
    /// denied; otherwise everything is that no rule allows.
    pub fn compile(config: &Checked) -> Self {
        let servers = config.servers.iter().map(|server| server.name.as_str());
        let in_force = !config.access.is_empty() || config.auth.is_some();
        Self::new(&config.access, servers, in_force)
    }

    fn new<'a>(
        access: &[AccessRule],
        servers: impl IntoIterator<Item = &'a str>,
        in_force: bool,
    ) -> Self {
        let mut who = Who::default();
        let mut tables = Tables::of(servers);
        for (index, rule) in access.iter().enumerate() {
            who.file(index, rule);
            tables.enter(index, rule);
        }
        let rule = |rule: &AccessRule| Rule {
            id: rule.id.as_str().into(),
            source: rule.clone(),
        };
        Self(Arc::new(Rules {
            in_force,
            rules: access.iter().map(rule).collect(),
            who,
            tables,
            standings: standing::remembered(),
            open: OPEN.into(),
            default: DEFAULT.into(),
        }))
    }

    /// Whether rules are in force, so that answers depend on who asks.
    pub fn is_in_force(&self) -> bool {
        self.0.in_force
    }
}

/// A caller's right to one operation.
#[derive(Debug, Clone)]
pub struct Permit {
    caller: Caller,
    rule: Arc<str>,
    view: Option<View>,
}

impl Permit {
    /// Who holds the permit.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rule that granted it, as the record names it.
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// What the holder may see at the server; `None` where everything.
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }
}

/// What one caller may see at one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    rules: Arc<Rules>,
    server: Arc<str>,
    standing: Arc<Standing>,
}

impl View {
    /// Whether a caller of these rights sees this entry of a list, which is whether it may use it:
    /// with some arguments, where conditions ask for those.
    pub fn shows(&self, entry: Entry<'_>) -> bool {
        let Some(table) = self.standing.table(&self.rules, &self.server) else {
            return false;
        };
        let (method, object) = match entry {
            Entry::Listed(List::Tools, name) => ("tools/call", Object::Tool(name)),
            Entry::Listed(List::Prompts, name) => ("prompts/get", Object::Prompt(name)),
            Entry::Listed(List::Resources, uri) | Entry::Updated(uri) => {
                ("resources/read", Object::Resource(uri))
            }
            Entry::Listed(List::Templates, uri) => ("resources/read", Object::Template(uri)),
        };
        let asked = Asked {
            method,
            object,
            arguments: None,
        };
        let verdict = self.rules.decide(
            &self.standing.rights,
            &self.server,
            table,
            &asked,
            &Facts::Some,
        );
        matches!(verdict, Verdict::Allowed(_))
    }
}

/// Why a caller may not do this. The trail is searched for calls whose error begins with these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("denied by rule {rule}")]
pub struct Denied {
    /// The rule that decided.
    pub rule: Arc<str>,
    /// What kind of thing was denied; `None` for the server as a whole.
    pub kind: Option<Kind>,
}

/// Decides whether `caller` may do what it asks for at `server`.
///
/// # Errors
/// [`Denied`] with the rule that refused.
pub fn check(
    policy: &Policy,
    caller: Caller,
    server: &Arc<str>,
    asked: &Asked<'_>,
) -> Result<Permit, Denied> {
    let rules = &policy.0;
    if !rules.in_force {
        return Ok(Permit {
            caller,
            rule: Arc::clone(&rules.open),
            view: None,
        });
    }
    let standing = rules.standing(&caller);
    let verdict = match standing.table(rules, server) {
        Some(table) => {
            let facts = Facts::Call(&caller);
            rules.decide(&standing.rights, server, table, asked, &facts)
        }
        None => Verdict::Denied(None),
    };
    match verdict {
        Verdict::Allowed(rule) => Ok(Permit {
            rule: rules.name(Some(rule)),
            view: Some(View {
                rules: Arc::clone(rules),
                server: Arc::clone(server),
                standing,
            }),
            caller,
        }),
        Verdict::Denied(rule) => Err(Denied {
            rule: rules.name(rule),
            kind: asked.object.kind(),
        }),
    }
}

#[cfg(test)]
mod tests;
