//! Does to a scanned message what the rules say.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use gantry_guard::{
    CodePoints, Finding, Scan, Scanner, What,
    kind::{HIDDEN_TEXT, INJECTION},
    redact::{Edit, Number, placeholder, splice},
};

use super::{
    report::{Evidence, Report},
    rules::{Rules, Scope},
    vault::Vault,
};
use crate::config::guardrails::Action;

/// A message after its rules.
#[derive(Debug)]
pub struct Acted<'a> {
    /// The message; borrowed where nothing was changed.
    pub message: Cow<'a, [u8]>,
    /// What was found and done.
    pub report: Report,
    /// Texts that were rewritten, before and after, where that was asked for.
    pub(super) rewritten: Vec<(Vec<u8>, Vec<u8>)>,
    /// The rule that blocks it.
    pub(super) blocked: Option<Arc<str>>,
}

impl<'a> Acted<'a> {
    /// A message in which nothing was looked for.
    pub(super) fn untouched(message: &'a [u8]) -> Self {
        Self {
            message: Cow::Borrowed(message),
            report: Report::default(),
            rewritten: Vec::new(),
            blocked: None,
        }
    }
}

/// Keyed hashes need no other.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        // Of a number only `write_u64` is used.
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Does what the rules say about what was found. `mirrored`: headers repeat texts of the message.
pub(super) fn act<'a>(by: By<'_>, scope: &Scope<'_>, scan: Scan<'a>, mirrored: bool) -> Acted<'a> {
    let mut acting = Acting {
        by,
        scope,
        report: Report {
            injection: scan.injection,
            ..Report::default()
        },
        blocked: None,
        edits: Vec::new(),
        seen: HashSet::default(),
    };
    let mut code_points = scan.code_points();
    for finding in &scan.findings {
        acting.take(&scan, finding, &mut code_points);
    }
    let Acting {
        report,
        blocked,
        edits,
        ..
    } = acting;
    if edits.is_empty() || blocked.is_some() {
        return Acted {
            message: Cow::Borrowed(scan.message()),
            report,
            rewritten: Vec::new(),
            blocked,
        };
    }
    let rewritten = if mirrored {
        rewritten(&scan, &edits)
    } else {
        Vec::new()
    };
    Acted {
        message: Cow::Owned(splice(&scan, edits)),
        report,
        rewritten,
        blocked,
    }
}

/// What decides about findings.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) rules: &'a Rules,
    pub(super) vault: &'a Vault,
}

/// What becomes of one message.
struct Acting<'a> {
    by: By<'a>,
    scope: &'a Scope<'a>,
    report: Report,
    blocked: Option<Arc<str>>,
    edits: Vec<Edit>,
    /// Hashes of values, each of which counts once.
    seen: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl Acting<'_> {
    /// Decides about a finding, and notes it.
    fn take(&mut self, scan: &Scan<'_>, finding: &Finding, code_points: &mut CodePoints<'_>) {
        let By {
            scanner,
            rules,
            vault,
        } = self.by;
        let value = scan.value(finding);
        if is_exempt(scanner, rules, scan, finding, value) {
            return;
        }
        // Said only where somebody asks: it is of any length.
        let pointer = OnceCell::new();
        let place = || {
            let pointer: &String = pointer.get_or_init(|| scan.pointer(finding.token));
            pointer.as_str()
        };
        let Some(decision) = rules.decide(self.scope, finding.what, place) else {
            return;
        };
        let action = possible(decision.action, scan, finding);
        if action == Action::Block && self.blocked.is_none() {
            self.blocked = Some(Arc::clone(decision.rule));
        }
        let kind = scanner.name(finding.what);
        let hash = vault.hash(kind, value);
        if let Some(text) = replacement(action, kind, value, hash, vault, self.scope) {
            self.edits.push(Edit {
                token: finding.token,
                start: finding.start,
                end: finding.end,
                text,
                number: if scan.is_in_number(finding) {
                    number(place(), self.scope)
                } else {
                    Number::Text
                },
            });
        }
        if self.report.describes(action) {
            place();
        }
        let evidence = Evidence {
            kind: match finding.what {
                What::Kind(kind) => kind.name().into(),
                What::Custom(_) => kind.to_owned().into(),
            },
            pointer: pointer.into_inner().unwrap_or_default(),
            rule: Arc::clone(decision.rule),
            action,
            span: code_points.of(finding),
            score: finding.score,
            hash,
        };
        self.report.add(evidence, self.seen.insert(hash));
    }
}

/// Findings that no rule is asked about.
fn is_exempt(
    scanner: &Scanner,
    rules: &Rules,
    scan: &Scan<'_>,
    finding: &Finding,
    value: &[u8],
) -> bool {
    let kind = scanner.name(finding.what);
    match finding.what {
        What::Custom(number) => {
            let allowed = rules
                .patterns
                .get(number)
                .map_or(&[][..], |(_, allowed)| allowed);
            !allowed.is_empty() && allowed.contains(&String::from_utf8_lossy(value).to_lowercase())
        }
        _ if kind == INJECTION => finding.score < rules.injection_score,
        // The host of an address is no person's.
        _ => kind == "IP_ADDRESS" && scan.is_fixed(finding),
    }
}

/// What cannot be rewritten is blocked instead; what is no value of its own is only noted.
fn possible(action: Action, scan: &Scan<'_>, finding: &Finding) -> Action {
    let rewrites = matches!(
        action,
        Action::Redact | Action::Mask | Action::Hash | Action::Tokenise
    );
    let instruction = matches!(finding.what, What::Kind(kind) if kind.name() == INJECTION);
    match (rewrites, scan.is_fixed(finding)) {
        (true, _) if instruction => Action::Monitor,
        (true, true) if scan.is_in_key(finding) => Action::Monitor,
        (true, true) => Action::Block,
        _ => action,
    }
}

fn replacement(
    action: Action,
    kind: &str,
    value: &[u8],
    hash: u64,
    vault: &Vault,
    scope: &Scope<'_>,
) -> Option<String> {
    match action {
        // What cannot be seen leaves nothing behind.
        Action::Redact if kind == HIDDEN_TEXT => Some(String::new()),
        Action::Redact => Some(placeholder(kind)),
        Action::Mask => Some(masked(value)),
        Action::Hash => Some(placeholder(&format!("{kind}:{hash:016x}"))),
        Action::Tokenise => Some(vault.token(kind, value, scope)),
        Action::Off | Action::Monitor | Action::Block => None,
    }
}

/// Stars, and the last four characters where there are enough others.
fn masked(value: &[u8]) -> String {
    const SHOWN: usize = 4;
    let text = String::from_utf8_lossy(value);
    let count = text.chars().count();
    let hidden = if count >= 3 * SHOWN {
        count - SHOWN
    } else {
        count
    };
    // A dash ends what could still be taken for a number.
    let shown: String = text
        .chars()
        .skip(hidden)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("{}{shown}", "*".repeat(hidden.min(32)))
}

/// A number stays one where a schema may ask for it: clients check what a tool answers.
fn number(pointer: &str, scope: &Scope<'_>) -> Number {
    if !scope.untyped && pointer.starts_with("/result/structuredContent/") {
        Number::Zero
    } else {
        Number::Text
    }
}

/// The texts that edits change, before and after: headers that mirror them follow.
fn rewritten(scan: &Scan<'_>, edits: &[Edit]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut texts = Vec::new();
    for group in edits.chunk_by(|one, other| one.token == other.token) {
        let before = group.first().map_or(&[][..], |edit| scan.text(edit.token));
        let mut after = Vec::with_capacity(before.len());
        let mut kept = 0;
        for edit in group {
            if edit.start < kept {
                continue;
            }
            after.extend_from_slice(before.get(kept..edit.start).unwrap_or_default());
            after.extend_from_slice(edit.text.as_bytes());
            kept = edit.end;
        }
        after.extend_from_slice(before.get(kept..).unwrap_or_default());
        texts.push((before.to_vec(), after));
    }
    texts
}
