//! Guardrails: kinds that exist, patterns that compile and that do what their examples say.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use gantry_guard::{CompileError, Custom, Kind, Limits, Scanner, Wanted, What};

use super::Checker;
use crate::config::bounds::PATTERN_NAME_BYTES_MAX;
use crate::config::checked::guardrails::{
    Action, Definitions, Direction, Guardrails, Pattern, Rule, Unapproved,
};
use crate::config::fault::{Path, Shown};
use crate::config::raw::guardrails as raw;

/// The score from which a text counts as an instruction, unless the file says otherwise.
const INJECTION_SCORE: u32 = 50;

impl Checker<'_> {
    pub(super) fn guardrails(&mut self, raw: &raw::Guardrails) -> Guardrails {
        let path = Path::of("guardrails");
        let patterns = self.guard_patterns(raw, &path.key("patterns"));
        let names: BTreeSet<&str> = raw.patterns.keys().map(String::as_str).collect();
        let kinds = raw.kinds.iter().map(|(kind, action)| {
            self.kind(kind, &names, false, &path.key("kinds").key(kind));
            (kind.clone(), self::action(*action))
        });
        let kinds = kinds.collect();
        let rules =
            raw.rules.iter().enumerate().map(|(index, rule)| {
                self.rule(rule, index, &names, &path.key("rules").index(index))
            });
        let rules = rules.collect();
        let hooks = raw
            .hooks
            .iter()
            .filter_map(|(name, hook)| self.hook(name, hook, &path.key("hooks").key(name)))
            .collect();
        Guardrails {
            groups: groups(raw),
            kinds,
            rules,
            patterns,
            hooks,
            definitions: Definitions {
                lock: raw.definitions.lock.as_deref().map(|lock| self.file(lock)),
                changed: unapproved(raw.definitions.changed),
                new: unapproved(raw.definitions.new),
                shadowing: unapproved(raw.definitions.shadowing),
            },
            blocked_as_error: raw.blocked == raw::Blocked::Error,
            open: raw.on_error == raw::OnError::Open,
            injection_score: f64::from(raw.injection_score.unwrap_or(INJECTION_SCORE)) / 100.0,
            key: raw.key.clone(),
        }
    }

    /// A kind of the tables, a pattern of the file, or a group.
    fn kind(&mut self, name: &str, patterns: &BTreeSet<&str>, groups: bool, path: &Path) {
        let known = Kind::named(name).is_some()
            || patterns.contains(name)
            || groups && Kind::groups().contains(&name);
        if !known {
            let nearest = Kind::all()
                .map(Kind::name)
                .filter(|kind| strsim::damerau_levenshtein(kind, &name.to_uppercase()) <= 2)
                .collect::<Vec<_>>();
            let allowed = if nearest.is_empty() {
                "a kind such as `EMAIL`, listed by `gantry scan --kinds`".to_owned()
            } else {
                nearest.join(", ")
            };
            self.fault(path, "no kind has this name", &allowed);
        }
    }

    fn rule(
        &mut self,
        raw: &raw::Rule,
        index: usize,
        patterns: &BTreeSet<&str>,
        path: &Path,
    ) -> Rule {
        for (place, kind) in raw.kinds.iter().enumerate() {
            self.kind(kind, patterns, true, &path.key("kinds").index(place));
        }
        if let Some(pointer) = &raw.pointer
            && !pointer.starts_with('/')
        {
            self.fault(
                &path.key("pointer"),
                "this is not a JSON pointer",
                "a text such as `/params/arguments/*`",
            );
        }
        for (key, tool) in raw.tool.iter().map(|tool| (path.key("tool"), tool)).chain(
            raw.detokenise
                .iter()
                .enumerate()
                .map(|(place, tool)| (path.key("detokenise").index(place), tool)),
        ) {
            if !tool.contains('/') && tool != "*" {
                self.fault(
                    &key,
                    "this is not a tool",
                    "`server/tool`, with `*` for any text",
                );
            }
        }
        if !raw.detokenise.is_empty() && raw.action != raw::Action::Tokenise {
            self.fault(
                &path.key("detokenise"),
                "only tokens can be turned back",
                "`action: tokenise` in the same rule",
            );
        }
        Rule {
            name: raw
                .name
                .clone()
                .unwrap_or_else(|| format!("rules[{index}]")),
            kinds: raw.kinds.clone(),
            action: action(raw.action),
            direction: direction(raw.direction),
            server: raw.server.clone(),
            tool: raw.tool.clone(),
            pointer: raw.pointer.clone(),
            agent: raw.agent.clone(),
            team: raw.team.clone(),
            detokenise: raw.detokenise.clone(),
        }
    }

    fn guard_patterns(&mut self, raw: &raw::Guardrails, path: &Path) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (name, raw) in &raw.patterns {
            let at = path.key(name);
            self.pattern_name(name, &at);
            if Kind::named(name).is_some() || Kind::groups().contains(&name.as_str()) {
                self.fault(&at, "a kind or group has this name already", "another name");
            }
            let expression = match (&raw.pattern, raw.words.is_empty()) {
                (Some(pattern), true) => pattern.clone(),
                (None, false) => words(&raw.words),
                _ => {
                    self.fault(&at, "this needs one of `pattern` and `words`", "");
                    continue;
                }
            };
            let pattern = Pattern {
                name: name.clone(),
                expression,
                ignore_case: raw.ignore_case || raw.pattern.is_none(),
                allow: raw.allow.iter().map(|word| word.to_lowercase()).collect(),
                action: action(raw.action),
            };
            if self.try_examples(&pattern, &raw.examples, &at) {
                patterns.push(pattern);
            }
        }
        patterns
    }

    /// A pattern's name stands in its placeholders, which are found again by their brackets and colons.
    fn pattern_name(&mut self, name: &str, path: &Path) {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > PATTERN_NAME_BYTES_MAX || !name.bytes().all(fit) {
            let place = self.tree.place_of_key(path);
            let what = format!("`{}` cannot name a pattern", Shown(name));
            let form = format!("1 to {PATTERN_NAME_BYTES_MAX} letters, digits, `_`, `-` or `.`");
            self.findings.add(place, path, what, &form);
        }
    }

    fn try_examples(&mut self, pattern: &Pattern, examples: &raw::Examples, path: &Path) -> bool {
        let scanner = match scanner_of(pattern) {
            Ok(scanner) => scanner,
            Err(error) => {
                self.fault(
                    &path.key("pattern"),
                    error.to_string(),
                    "a regular expression without look-around and back-references",
                );
                return false;
            }
        };
        let found = |text: &String| {
            let message = serde_json::to_vec(&[text]).unwrap_or_default();
            scanner.scan(&message).is_ok_and(|scan| {
                scan.findings.iter().any(|finding| {
                    let value = String::from_utf8_lossy(scan.value(finding)).to_lowercase();
                    matches!(finding.what, What::Custom(_)) && !pattern.allow.contains(&value)
                })
            })
        };
        for (place, text) in examples.found.iter().enumerate() {
            if !found(text) {
                self.fault(
                    &path.key("examples").key("found").index(place),
                    "the pattern does not find this",
                    "",
                );
            }
        }
        for (place, text) in examples.passed.iter().enumerate() {
            if found(text) {
                self.fault(
                    &path.key("examples").key("passed").index(place),
                    "the pattern finds this",
                    "",
                );
            }
        }
        true
    }
}

/// Scanners of one pattern each, by expression and whether case matters.
type Tried = HashMap<(String, bool), Arc<Scanner>>;

/// Patterns that were compiled before. Compiling one takes milliseconds, and each reload tries all of them again.
static TRIED: LazyLock<Mutex<Tried>> = LazyLock::new(Mutex::default);
/// Most patterns that are kept compiled.
const TRIED_MAX: usize = 1_000;

/// A scanner of one pattern alone.
fn scanner_of(pattern: &Pattern) -> Result<Arc<Scanner>, CompileError> {
    let key = (pattern.expression.clone(), pattern.ignore_case);
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(scanner) = tried.get(&key) {
        return Ok(Arc::clone(scanner));
    }
    let custom = Custom {
        name: pattern.name.clone(),
        expression: pattern.expression.clone(),
        caseless: pattern.ignore_case,
    };
    let none = Wanted {
        identifiers: false,
        secrets: false,
        hidden: false,
        injection: false,
    };
    let scanner = Arc::new(Scanner::compile(&[custom], Limits::default(), none)?);
    if tried.len() >= TRIED_MAX {
        tried.clear();
    }
    tried.insert(key, Arc::clone(&scanner));
    Ok(scanner)
}

/// Words as one expression. A word ends where its letters do.
fn words(words: &[String]) -> String {
    let edge = |at: Option<char>| {
        if at.is_some_and(|edge| edge.is_ascii_alphanumeric()) {
            r"\b"
        } else {
            ""
        }
    };
    let escaped = words.iter().map(|word| {
        let spaced = word
            .split_whitespace()
            .map(regex::escape)
            .collect::<Vec<_>>()
            .join(r"\s+");
        format!(
            "{}{spaced}{}",
            edge(word.chars().next()),
            edge(word.chars().last())
        )
    });
    format!("(?:{})", escaped.collect::<Vec<_>>().join("|"))
}

fn groups(raw: &raw::Guardrails) -> Vec<(String, Action)> {
    let written = [
        ("payment", raw.payment),
        ("health", raw.health),
        ("business", raw.business),
        ("europe", raw.europe),
        ("americas", raw.americas),
        ("asia-pacific", raw.asia_pacific),
        ("africa-middle-east", raw.africa_middle_east),
        ("pii", raw.pii),
        ("secrets", raw.secrets),
        ("hidden-text", raw.hidden_text),
        ("injection", raw.injection),
    ];
    written
        .into_iter()
        .filter_map(|(name, written)| written.map(|written| (name.to_owned(), action(written))))
        .collect()
}

pub(super) fn action(raw: raw::Action) -> Action {
    match raw {
        raw::Action::Off => Action::Off,
        raw::Action::Monitor => Action::Monitor,
        raw::Action::Redact => Action::Redact,
        raw::Action::Mask => Action::Mask,
        raw::Action::Hash => Action::Hash,
        raw::Action::Tokenise => Action::Tokenise,
        raw::Action::Block => Action::Block,
    }
}

pub(super) fn direction(raw: raw::Direction) -> Direction {
    match raw {
        raw::Direction::Request => Direction::Request,
        raw::Direction::Response => Direction::Response,
        raw::Direction::Both => Direction::Both,
    }
}

fn unapproved(raw: raw::Unapproved) -> Unapproved {
    match raw {
        raw::Unapproved::Alert => Unapproved::Alert,
        raw::Unapproved::Hide => Unapproved::Hide,
        raw::Unapproved::Block => Unapproved::Block,
    }
}
