//! What is known of a caller before it asks for anything: the rules that are about it.
//!
//! It is kept with the caller, which lives as long as its credential is remembered, and shared by all
//! callers that the same rules are about.

use std::sync::{Arc, Weak};

use moka::sync::Cache;

use super::{
    Rules,
    rules::Rights,
    table::{ServerTable, Tables},
};
use crate::auth::Caller;

/// How many entries the tables that callers have of their own may hold, one caller's and together.
/// An entry is some hundred bytes.
const OWN_ENTRIES_MAX: usize = 4_096;
const ENTRIES_MAX: u64 = 262_144;

/// The rules that are about a caller, and where its decisions are read.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) rights: Rights,
    /// Tables of these rules alone, so that no decision meets a rule about others. `None` where they
    /// would be large; the tables of all rules say the same.
    own: Option<Tables>,
    entries: usize,
}

/// A standing, and the rules that it is about.
struct Kept {
    rules: Weak<Rules>,
    standing: Arc<Standing>,
}

/// Room for the standings of all callers.
pub(super) fn remembered() -> Cache<Rights, Arc<Standing>> {
    let weigh = |_: &Rights, standing: &Arc<Standing>| {
        u32::try_from(standing.entries.saturating_add(1)).unwrap_or(u32::MAX)
    };
    Cache::builder()
        .weigher(weigh)
        .max_capacity(ENTRIES_MAX)
        .build()
}

impl Standing {
    /// Everything that rules about the caller say about a server.
    pub(super) fn table<'a>(&'a self, rules: &'a Rules, server: &str) -> Option<&'a ServerTable> {
        self.own.as_ref().unwrap_or(&rules.tables).at(server)
    }
}

impl Rules {
    /// The standing of a caller.
    pub(super) fn standing(self: &Arc<Self>, caller: &Caller) -> Arc<Standing> {
        let kept = caller.kept(|| Kept {
            rules: Arc::downgrade(self),
            standing: self.find_standing(caller),
        });
        match kept.filter(|kept| std::ptr::eq(kept.rules.as_ptr(), &raw const **self)) {
            Some(kept) => Arc::clone(&kept.standing),
            None => self.find_standing(caller),
        }
    }

    fn find_standing(&self, caller: &Caller) -> Arc<Standing> {
        let rights = self.rights(caller);
        let known = self.standings.get(&rights);
        known.unwrap_or_else(|| {
            let standing = Arc::new(self.stand(rights.clone()));
            self.standings.insert(rights, Arc::clone(&standing));
            standing
        })
    }

    fn stand(&self, rights: Rights) -> Standing {
        let rules = || {
            let indices = rights.iter().map(|(index, _)| index);
            indices.filter_map(|index| Some((index, &self.rules.get(index)?.source)))
        };
        let patterns: usize = rules()
            .map(|(_, rule)| rule.allow.len() + rule.deny.len())
            .sum();
        let entries = patterns.saturating_mul(self.tables.servers().len());
        let own = (entries <= OWN_ENTRIES_MAX).then(|| {
            let mut tables = Tables::of(self.tables.servers());
            rules().for_each(|(index, rule)| tables.enter(index, rule));
            tables
        });
        Standing {
            entries: own.as_ref().map_or(0, |_| entries),
            rights,
            own,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::Map;

    use super::super::{Asked, Object, Policy, check};
    use crate::{
        auth::{Caller, suppose},
        config,
    };

    fn policy(access: &str) -> Policy {
        let text = format!("servers: {{orders: {{url: http://a/}}}}\naccess:\n{access}");
        Policy::compile(&config::parse(&text, "gantry.yaml").unwrap())
    }

    fn caller() -> Caller {
        suppose("bot", vec!["a".to_owned()], None, Vec::new(), Map::new())
    }

    fn may(policy: &Policy, caller: &Caller, tool: &str) -> bool {
        let asked = Asked {
            method: "tools/call",
            object: Object::Tool(tool),
            arguments: None,
        };
        check(policy, caller.clone(), &"orders".into(), &asked).is_ok()
    }

    #[test]
    fn what_is_kept_with_a_caller_is_for_one_set_of_rules() {
        let (before, after) = (
            policy("- {team: a, allow: [orders/one]}"),
            policy("- {team: a, allow: [orders/two]}"),
        );
        let caller = caller();
        for _ in 0..2 {
            assert!(may(&before, &caller, "one") && !may(&before, &caller, "two"));
            assert!(may(&after, &caller, "two") && !may(&after, &caller, "one"));
        }
    }

    #[test]
    fn callers_of_the_same_rules_share_their_tables_unless_they_are_large() {
        let few = policy("- {team: a, allow: [orders/one]}\n- {agent: other, allow: [orders]}");
        let standing = few.0.standing(&caller());
        assert!(std::sync::Arc::ptr_eq(
            &standing,
            &few.0.standing(&caller())
        ));
        assert!(standing.own.is_some());

        let mut text = "- {agent: other, allow: [orders]}\n".to_owned();
        for rule in 0..5 {
            let tools = (0..1_000).map(|tool| format!("orders/tool_{}", rule * 1_000 + tool));
            let tools: Vec<_> = tools.collect();
            writeln!(text, "- {{team: a, allow: [{}]}}", tools.join(",")).unwrap();
        }
        let many = policy(&text);
        let caller = caller();
        assert!(many.0.standing(&caller).own.is_none());
        assert!(may(&many, &caller, "tool_4999") && !may(&many, &caller, "tool_5000"));
    }
}
