//! Does to a scanned message what the rules say.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use gantry_guard::{
    CodePoints, Finding, Scan, ScanError, Scanner, What,
    kind::{HIDDEN_TEXT, INJECTION},
    redact::{self, Edit, Number, placeholder, splice},
};

use smallvec::SmallVec;

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

/// Hashes of values, each of which counts once.
#[derive(Default)]
struct Values {
    few: SmallVec<[u64; FEW]>,
    more: HashSet<u64, BuildHasherDefault<AsIs>>,
}

/// Values that are kept without a table; most messages have no others.
const FEW: usize = 16;

impl Values {
    /// Whether it was not there yet.
    fn insert(&mut self, hash: u64) -> bool {
        if self.few.contains(&hash) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(hash);
            return true;
        }
        self.more.insert(hash)
    }
}

/// Does what the rules say about what was found. `mirrored`: headers repeat texts of the message.
///
/// # Errors
/// Those of a scan: what was rewritten is looked at again, as long as `in_time`.
pub(super) fn act<'a>(
    by: By<'_>,
    scope: &Scope<'_>,
    mut scan: Scan<'a>,
    in_time: &dyn Fn() -> bool,
    mirrored: bool,
) -> Result<Acted<'a>, ScanError> {
    let mut acting = Acting {
        by,
        scope,
        report: Report {
            injection: scan.injection,
            ..Report::default()
        },
        blocked: None,
        seen: Values::default(),
    };
    let edits = by
        .scanner
        .settle(&mut scan, in_time, |scan, findings, edits| {
            acting.decide(scan, findings, edits);
        })?;
    let Acting {
        report, blocked, ..
    } = acting;
    let mut acted = Acted {
        message: Cow::Borrowed(scan.message()),
        report,
        rewritten: Vec::new(),
        blocked,
    };
    if !edits.is_empty() && acted.blocked.is_none() {
        if mirrored {
            acted.rewritten = redact::texts(&scan, &edits);
        }
        acted.message = Cow::Owned(splice(&scan, edits));
    }
    Ok(acted)
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
    seen: Values,
}

impl Acting<'_> {
    /// Decides about findings, and notes them. Nothing of what is blocked is rewritten.
    fn decide(&mut self, scan: &Scan<'_>, findings: &[Finding], edits: &mut Vec<Edit>) {
        let mut code_points = scan.code_points();
        for finding in findings {
            edits.extend(self.take(scan, finding, &mut code_points));
        }
        if self.blocked.is_some() {
            edits.clear();
        }
    }

    /// Decides about a finding, and notes it.
    fn take(
        &mut self,
        scan: &Scan<'_>,
        finding: &Finding,
        code_points: &mut CodePoints<'_>,
    ) -> Option<Edit> {
        let By {
            scanner,
            rules,
            vault,
        } = self.by;
        let value = scan.value(finding);
        if is_exempt(scanner, rules, scan, finding, value) {
            return None;
        }
        // Said only where somebody asks: it is of any length.
        let pointer = OnceCell::new();
        let place = || {
            let pointer: &String = pointer.get_or_init(|| scan.pointer(finding.token));
            pointer.as_str()
        };
        let decision = rules.decide(self.scope, finding.what, place)?;
        let action = possible(decision.action, scan, finding);
        if action == Action::Block && self.blocked.is_none() {
            self.blocked = Some(Arc::clone(decision.rule));
        }
        let kind = scanner.name(finding.what);
        let hash = vault.hash(kind, value);
        let edit = replacement(action, kind, value, hash, vault, self.scope).map(|text| Edit {
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
        edit
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
