//! The access rules: who, what, and on which condition.

use std::collections::{BTreeMap, HashMap};

use super::Checker;
use crate::config::checked::{AccessRule, Claim};
use crate::config::condition::Condition;
use crate::config::fault::{Path, Shown};
use crate::config::pattern::Pattern;
use crate::config::raw::{self, OneOrMany};

/// The longest id, as the record keeps it.
const ID_BYTES_MAX: usize = 64;
/// The longest name of an agent, a team or a claim, and the longest value of a claim.
const SUBJECT_BYTES_MAX: usize = 1_024;

impl Checker<'_> {
    pub(super) fn access(
        &mut self,
        rules: &[raw::AccessRule],
        servers: &BTreeMap<String, raw::Server>,
    ) -> Vec<AccessRule> {
        let path = Path::of("access");
        let mut ids = HashMap::new();
        let mut checked = Vec::new();
        for (index, raw) in rules.iter().enumerate() {
            let path = path.index(index);
            if let Some(id) = &raw.id {
                self.rule_id(id, &path.key("id"), &mut ids, index);
            }
            let when = raw
                .when
                .as_deref()
                .and_then(|text| self.condition(text, &path.key("when")));
            let mut patterns =
                |key, texts: &[String]| self.patterns(texts, &path.key(key), servers);
            let (allow, deny) = (patterns("allow", &raw.allow), patterns("deny", &raw.deny));
            if raw.allow.is_empty() && raw.deny.is_empty() && !self.findings.touch(&path) {
                self.fault(
                    &path,
                    "a rule that neither allows nor denies",
                    "`allow`, `deny` or both",
                );
            }
            checked.push(AccessRule {
                id: raw.id.clone().unwrap_or_else(|| path.to_string()),
                line: self.tree.place_of(&path).line,
                named: raw.id.is_some(),
                agents: self.subjects(raw.agent.as_ref(), &path.key("agent")),
                teams: self.subjects(raw.team.as_ref(), &path.key("team")),
                claims: self.claims(&raw.claims, &path.key("claims")),
                allow,
                deny,
                when,
            });
        }
        checked
    }

    fn rule_id(&mut self, id: &str, path: &Path, ids: &mut HashMap<String, usize>, index: usize) {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.chars().all(fit) {
            self.fault(
                path,
                "this cannot name a rule",
                "1 to 64 of letters, digits, `.`, `_` and `-`",
            );
        } else if id == "open" || id == "default" {
            self.fault(
                path,
                "the record uses this word for calls that no rule decides",
                "another name",
            );
        } else if let Some(first) = ids.insert(id.to_owned(), index) {
            self.fault(path, format!("access[{first}] has this id"), "each id once");
        }
    }

    fn subjects(&mut self, raw: Option<&OneOrMany>, path: &Path) -> Vec<String> {
        let texts = raw.map(OneOrMany::texts).unwrap_or_default();
        for text in texts {
            if text.is_empty()
                || text.len() > SUBJECT_BYTES_MAX
                || text.chars().any(char::is_control)
            {
                self.fault(
                    path,
                    "this names nobody",
                    "1 to 1024 bytes without control characters",
                );
            } else if text.contains('*') {
                let what =
                    "a `*` here stands for itself: agents, teams and claims are matched as a whole";
                self.fault(
                    path,
                    what,
                    "the whole name; leave the key out to mean everybody",
                );
            }
        }
        texts.to_vec()
    }

    fn claims(&mut self, raw: &BTreeMap<String, OneOrMany>, path: &Path) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (name, values) in raw {
            let path = path.key(name);
            if name.is_empty() || name.len() > SUBJECT_BYTES_MAX {
                self.fault(
                    &path,
                    "this names no claim",
                    "a claim's name, or its path with dots",
                );
            }
            claims.push(Claim {
                path: name.clone(),
                values: self.subjects(Some(values), &path),
            });
        }
        claims
    }

    fn condition(&mut self, text: &str, path: &Path) -> Option<Condition> {
        match Condition::compile(text) {
            Ok(condition) => Some(condition),
            Err(error) => {
                let within = match error.at {
                    Some((1, column)) => format!(", at character {column} of the condition"),
                    Some((line, column)) => {
                        format!(", at line {line}, character {column} of the condition")
                    }
                    None => String::new(),
                };
                let what = format!("{}{within}", one_line(&error.what));
                self.fault(
                    path,
                    what,
                    "an expression in CEL, such as `arguments.amount <= 100`",
                );
                None
            }
        }
    }

    pub(super) fn patterns(
        &mut self,
        texts: &[String],
        path: &Path,
        servers: &BTreeMap<String, raw::Server>,
    ) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let path = path.index(index);
            match Pattern::parse(text) {
                Ok(pattern) => {
                    let server = pattern.server.as_str();
                    // A glob may be about servers to come; a name is either right or wrong.
                    if pattern.server.is_literal() && !servers.contains_key(server) {
                        let what = format!("there is no server `{}`", Shown(server));
                        let names: Vec<&str> =
                            servers.keys().map(String::as_str).take(20).collect();
                        self.fault(&path, what, &names.join(", "));
                    }
                    patterns.push(pattern);
                }
                Err(error) => self.fault(&path, one_line(&error.to_string()), raw::PATTERN),
            }
        }
        patterns
    }
}

/// A text that quotes the file, made fit for one line of a terminal.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let shown = text.chars().take(CHARS_MAX);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
