//! Which scopes a call needs.
//!
//! It knows names and nothing else; whether a caller may make the call at all is for the access
//! rules.

use std::collections::HashMap;

use crate::config::{Calls, RequiredScopes};

/// The scopes that calls need, by what they call.
#[derive(Debug, Default)]
pub(super) struct ScopeRules {
    every: Vec<String>,
    servers: HashMap<String, Vec<String>>,
    /// By `server/tool`.
    tools: HashMap<String, Vec<String>>,
    /// `server/tool` with `*` in it.
    patterns: Vec<(String, Vec<String>)>,
}

impl ScopeRules {
    pub(super) fn compile(rules: &[RequiredScopes]) -> Self {
        let mut compiled = Self::default();
        for rule in rules {
            let scopes = rule.scopes.clone();
            match &rule.calls {
                Calls::Every => compiled.every.extend(scopes),
                Calls::At { server } => {
                    let entry = compiled.servers.entry(server.clone()).or_default();
                    entry.extend(scopes);
                }
                Calls::Of { server, tool } => {
                    let name = format!("{server}/{tool}");
                    match name.contains('*') {
                        true => compiled.patterns.push((name, scopes)),
                        false => compiled.tools.entry(name).or_default().extend(scopes),
                    }
                }
            }
        }
        compiled
    }

    /// What every call at a server needs.
    pub(super) fn ordinary(&self, server: Option<&str>) -> Vec<String> {
        let own = server.and_then(|server| self.servers.get(server));
        let mut scopes = Vec::new();
        add(&mut scopes, &self.every);
        add(&mut scopes, own.map_or(&[][..], Vec::as_slice));
        scopes
    }

    /// All that a call needs, where `held` lacks some of it.
    pub(super) fn missing(
        &self,
        held: &[String],
        server: &str,
        tool: Option<&str>,
    ) -> Option<Vec<String>> {
        let own = self.servers.get(server);
        let name = tool.filter(|_| !self.tools.is_empty() || !self.patterns.is_empty());
        let name = name.map(|tool| format!("{server}/{tool}"));
        let exact = name.as_ref().and_then(|name| self.tools.get(name));
        let alike = self.patterns.iter().filter(|(pattern, _)| {
            let name = name.as_ref();
            name.is_some_and(|name| matches(pattern, name))
        });
        let sets = [Some(&self.every), own, exact].into_iter().flatten();
        let sets: Vec<&Vec<String>> = sets.chain(alike.map(|(_, scopes)| scopes)).collect();
        let lacks = |scope: &String| !held.contains(scope);
        if !sets.iter().any(|set| set.iter().any(lacks)) {
            return None;
        }
        let mut needed = Vec::new();
        sets.into_iter().for_each(|set| add(&mut needed, set));
        Some(needed)
    }
}

fn add(to: &mut Vec<String>, scopes: &[String]) {
    for scope in scopes {
        if !to.contains(scope) {
            to.push(scope.clone());
        }
    }
}

/// Whether `name` is what `pattern` says, where `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/", true),
            ("a/*", "a/bc", true),
            ("a/*", "b/a/x", false),
            ("*/delete_*", "crm/delete_all", true),
            ("*/delete_*", "crm/undelete", false),
            ("a/*b*c", "a/xbyc", true),
            ("a/*b*c", "a/xcyb", false),
            ("a/*bc", "a/bcb", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_call_needs_what_all_its_rules_say() {
        let rule = |calls, scopes: &str| RequiredScopes {
            calls,
            scopes: scopes.split(' ').map(str::to_owned).collect(),
        };
        let of = |server: &str, tool: &str| Calls::Of {
            server: server.to_owned(),
            tool: tool.to_owned(),
        };
        let at = |server: &str| Calls::At {
            server: server.to_owned(),
        };
        let rules = ScopeRules::compile(&[
            rule(Calls::Every, "mcp"),
            rule(at("orders"), "orders"),
            rule(of("orders", "refund"), "money write"),
            rule(of("*", "*_delete"), "write"),
        ]);
        let check = |held: &str, server: &str, tool: Option<&str>, expected: Option<&str>| {
            let held: Vec<String> = held.split_whitespace().map(str::to_owned).collect();
            let missing = rules.missing(&held, server, tool);
            let missing = missing.map(|scopes| scopes.join(" "));
            assert_eq!(missing.as_deref(), expected, "{held:?} {server} {tool:?}");
        };
        check("", "crm", None, Some("mcp"));
        check("mcp", "crm", None, None);
        check("mcp", "orders", None, Some("mcp orders"));
        check("mcp orders", "orders", Some("get"), None);
        check(
            "mcp orders",
            "orders",
            Some("refund"),
            Some("mcp orders money write"),
        );
        check("mcp orders money write", "orders", Some("refund"), None);
        check("mcp", "crm", Some("customer_delete"), Some("mcp write"));
        assert_eq!(rules.ordinary(Some("orders")), ["mcp", "orders"]);
        assert_eq!(rules.ordinary(None), ["mcp"]);
    }
}
