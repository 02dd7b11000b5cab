//! From texts and matches to findings.

use std::cell::OnceCell;
use std::sync::LazyLock;

use super::context::{self, Around, Known};
use super::{Finding, Scan, ScanError, Scanner, What};
use crate::find;
use crate::injection;
use crate::kind::{HIDDEN_TEXT, INJECTION, Kind};
use crate::rules;
use crate::secrets;
use crate::shape;
use crate::table::Tables;
use crate::text::{Segment, Source, Texts};
use crate::vocabulary::{Hit, Mark, rules_of};

/// Numbers of the rules that finders of their own serve.
struct Served {
    phone: u32,
    birth: u32,
    place: u32,
    bank_code: u32,
    hidden: What,
    instruction: What,
    /// Rules whose only evidence is their word.
    wordy: u128,
    rules: Vec<&'static rules::Rule>,
    kinds: Vec<Kind>,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let rules: Vec<_> = rules::all().collect();
    let number = |name: &str| {
        rules
            .iter()
            .position(|rule| rule.kind == name)
            .and_then(|at| u32::try_from(at).ok())
            .unwrap_or(0)
    };
    let wordy = ["PASSPORT", "DRIVER_LICENSE", "BANK_ACCOUNT"]
        .iter()
        .fold(0, |mask, name| mask | 1 << number(name));
    Served {
        phone: number("PHONE"),
        birth: number("DATE_OF_BIRTH"),
        place: number("GEO_COORDINATES"),
        bank_code: number("SWIFT_BIC"),
        hidden: What::Kind(Kind::of(HIDDEN_TEXT)),
        instruction: What::Kind(Kind::of(INJECTION)),
        wordy,
        kinds: rules.iter().map(|rule| Kind::of(rule.kind)).collect(),
        rules,
    }
});

/// Findings of one text, in its own bytes.
type Local = Vec<(What, usize, usize, f64)>;

/// Texts, or pieces of work on one, between two looks at the time.
const STEPS: usize = 256;

/// Asks whether to go on, not at every step.
struct Patience<'a> {
    go_on: &'a dyn Fn() -> bool,
    steps: usize,
    over: bool,
}

impl Patience<'_> {
    /// Whether to go on after one more step; once it is over it stays so.
    fn lasts(&mut self) -> bool {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS) {
            self.over |= !(self.go_on)();
        }
        !self.over
    }
}

pub(super) fn judge(
    scanner: &Scanner,
    scan: &mut Scan<'_>,
    hits: &[Hit],
    go_on: &dyn Fn() -> bool,
) -> Result<(), ScanError> {
    let mut patience = Patience {
        go_on,
        steps: 0,
        over: !go_on(),
    };
    let mut known = vec![Known::default(); scan.places.len()];
    let mut phrases: Vec<(usize, usize)> = Vec::new();
    let mut findings = Vec::new();
    let mut next = 0;
    let mut local = Local::new();
    for segment in &scan.texts.segments {
        let own = next_hits(hits, &mut next, segment);
        let text = scan
            .texts
            .buffer
            .get(segment.start..segment.end)
            .unwrap_or_default();
        if !own.is_empty() {
            learn(&mut known, segment.token, segment.source, text, own);
        }
        if !patience.lasts() {
            return Err(ScanError::Time);
        }
        let keys = match segment.source {
            Source::Key => Known::default(),
            Source::Value => context::of_keys(scan, &known, segment.token),
        };
        local.clear();
        if scanner.wanted.secrets && (!own.is_empty() || keys.promises.is_some()) {
            let whole = segment.is_own();
            secrets_of(text, segment.start, own, &keys, whole, &mut local);
        }
        if scanner.wanted.identifiers
            && (segment.asks.shapes() || !own.is_empty() || keys.words != 0)
        {
            let named = Named {
                scan,
                segment,
                keys: &keys,
            };
            identifiers(text, &named, own, &mut patience, &mut local);
        }
        if !scanner.customs.is_empty() {
            customs(scanner, text, segment.start, own, &mut patience, &mut local);
        }
        if scanner.wanted.hidden && segment.is_own() && segment.asks.hidden() {
            let hidden = SERVED.hidden;
            injection::hidden(text, |start, end| local.push((hidden, start, end, 1.0)));
        }
        if scanner.wanted.injection {
            phrases.extend(own.iter().filter_map(|hit| {
                if let Mark::Phrase(number) = hit.mark {
                    Some((segment.token, usize::from(number)))
                } else {
                    None
                }
            }));
        }
        findings.extend(
            local
                .iter()
                .map(|found| mapped(&scan.texts, segment, *found)),
        );
        if findings.len() > scanner.limits.findings_max {
            return Err(ScanError::Limit("findings"));
        }
    }
    if patience.over {
        return Err(ScanError::Time);
    }
    instructions(scan, &mut phrases, &mut findings);
    settle(&mut findings);
    scan.findings = findings;
    Ok(())
}

/// The matches that end in a segment; segments are asked for in their order.
fn next_hits<'a>(hits: &'a [Hit], next: &mut usize, segment: &Segment) -> &'a [Hit] {
    let ends = |at: usize| hits.get(at).map(|hit| hit.end as usize);
    while ends(*next).is_some_and(|end| end <= segment.start) {
        *next += 1;
    }
    // A word's pattern may take the separator behind it.
    let mut last = *next;
    while ends(last).is_some_and(|end| end <= segment.end + 1) {
        last += 1;
    }
    hits.get(*next..last).unwrap_or_default()
}

fn mapped(
    texts: &Texts,
    segment: &Segment,
    (what, start, end, score): (What, usize, usize, f64),
) -> Finding {
    let (start, end) = texts.span(segment, start, end);
    Finding {
        what,
        token: segment.token,
        start,
        end,
        score,
    }
}

fn learn(known: &mut [Known], token: usize, source: Source, text: &[u8], hits: &[Hit]) {
    let Some(known) = known.get_mut(token) else {
        return;
    };
    for hit in hits {
        match hit.mark {
            Mark::Word(_) => known.words |= rules_of(hit),
            Mark::Keyword(what) if source == Source::Key && promises(text) => {
                known.promises = Some(what)
            }
            _ => {}
        }
    }
}

/// Whether a key with a secret's name has a secret for a value, and not a part of a protocol or of a schema.
fn promises(key: &[u8]) -> bool {
    static NOT: LazyLock<secrets::Parts> = LazyLock::new(|| {
        secrets::Parts::new(&[
            "page", "next", "cursor", "continu", "sync", "count", "type", "url", "uri", "max",
            "limit", "hash", "policy", "expir",
        ])
    });
    !NOT.occur_in(key)
}

fn secrets_of(
    text: &[u8],
    base: usize,
    hits: &[Hit],
    keys: &Known,
    whole: bool,
    local: &mut Local,
) {
    for hit in hits {
        let Some(end) = (hit.end as usize).checked_sub(base) else {
            continue;
        };
        let (found, score) = match hit.mark {
            Mark::Token(number) => (
                secrets::TOKENS
                    .get(usize::from(number))
                    .and_then(|token| secrets::token(text, end, token)),
                1.0,
            ),
            Mark::Anchor(number) => (
                secrets::ANCHORS
                    .get(usize::from(number))
                    .and_then(|(anchor, _)| secrets::wrapped(text, end, anchor)),
                1.0,
            ),
            // A name says less than a form of its own: `token: ghp_…` is GitHub's.
            Mark::Keyword(what) => (secrets::assignment(text, end, what), 0.95),
            _ => (None, 0.0),
        };
        if let Some((kind, start, end)) = found {
            local.push((What::Kind(Kind::of(kind)), start, end, score));
        }
    }
    // A password may hold anything; what is long is a text about one.
    const PROMISED_BYTES_MAX: usize = 256;
    if let Some(what) = keys
        .promises
        .filter(|_| whole && text.len() <= PROMISED_BYTES_MAX)
        && let Some(kind) = secrets::assigned_value(text, what)
    {
        local.push((What::Kind(Kind::of(kind)), 0, text.len(), 0.9));
    }
}

/// What names the values of one segment from outside of it.
struct Named<'a> {
    scan: &'a Scan<'a>,
    segment: &'a Segment,
    keys: &'a Known,
}

fn identifiers(
    text: &[u8],
    named: &Named<'_>,
    hits: &[Hit],
    patience: &mut Patience<'_>,
    local: &mut Local,
) {
    let served = &*SERVED;
    let (keys, asks) = (named.keys, named.segment.asks);
    let otherwise = OnceCell::new();
    let is_otherwise =
        || *otherwise.get_or_init(|| context::is_otherwise(named.scan, named.segment.token));
    let any = hits.iter().fold(keys.words, |any, hit| any | rules_of(hit));
    let mut around = Around {
        text,
        base: named.segment.start,
        hits,
        keys: keys.words,
        tables: Tables::default(),
        any,
    };
    if asks.shapes() {
        find::structures(text, |(kind, start, end)| {
            local.push((What::Kind(Kind::of(kind)), start, end, 1.0))
        });
    }
    let digits = if asks.digits() { text } else { &[] };
    shape::candidates(digits, any, |candidate| {
        let mut nearby = None;
        let mut best: Option<(usize, f64)> = None;
        candidate.rules(any, |number, bare| {
            let bit = 1_u128 << number;
            let bare = bare
                && !(candidate.is_digits()
                    && (keys.words & bit == 0 && is_otherwise()
                        || is_numbered(text, candidate.start)));
            if !bare && around.any & bit == 0 {
                return;
            }
            let named = if around.any & bit == 0 {
                false
            } else {
                let nearby =
                    nearby.get_or_insert_with(|| around.nearby(candidate.start, candidate.end));
                bit & if served.wordy & bit == 0 {
                    nearby.near
                } else {
                    nearby.close
                } != 0
            };
            if !bare && (!named || candidate.has_words()) {
                return;
            }
            let score = if served.wordy & bit != 0 {
                0.6
            } else if named {
                0.95
            } else {
                0.9
            };
            if best.is_none_or(|(_, known)| known < score)
                && served
                    .rules
                    .get(number)
                    .is_some_and(|rule| (rule.check)(candidate.compact().bytes()))
            {
                best = Some((number, score));
            }
        });
        if let Some((number, score)) = best {
            let kind = served.kinds.get(number).copied().unwrap_or(Kind::of(""));
            local.push((What::Kind(kind), candidate.start, candidate.end, score));
        }
        patience.lasts()
    });
    if any != 0 {
        contextual(text, any, &mut around, local);
    }
}

/// Whether the word before says that a number is given out by a shop, a carrier or a tracker.
fn is_numbered(text: &[u8], start: usize) -> bool {
    const WORDS: [&[u8]; 21] = [
        b"part",
        b"serial",
        b"model",
        b"lot",
        b"batch",
        b"order",
        b"invoice",
        b"tracking",
        b"ticket",
        b"sku",
        b"isbn",
        b"ean",
        b"gtin",
        b"upc",
        b"parcel",
        b"issn",
        b"doi",
        b"order_id",
        b"id",
        b"ts",
        b"start_ns",
    ];
    let window = text
        .get(start.saturating_sub(20)..start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let word = window
        .rsplit(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
        .find(|word| !word.is_empty() && !matches!(*word, b"no" | b"number" | b"nr"));
    word.is_some_and(|word| WORDS.contains(&word))
}

/// Kinds that are looked for only where their word was met.
fn contextual(text: &[u8], any: u128, around: &mut Around<'_>, local: &mut Local) {
    let served = &*SERVED;
    let mut found: Vec<(u32, usize, usize)> = Vec::new();
    let has = |rule: u32| any & 1 << rule != 0;
    if has(served.phone) {
        find::national(text, |start, end| found.push((served.phone, start, end)));
    }
    if has(served.birth) {
        find::dates(text, |start, end| found.push((served.birth, start, end)));
    }
    if has(served.place) {
        let before = found.len();
        find::coordinates(text, |start, end| found.push((served.place, start, end)));
        if found.len() == before {
            find::decimals(text, |start, end| found.push((served.place, start, end)));
        }
    }
    if has(served.bank_code) {
        bank_codes(text, |start, end| {
            found.push((served.bank_code, start, end))
        });
    }
    let mut surer: Vec<(usize, usize)> = local
        .iter()
        .filter(|(.., score)| *score > 0.8)
        .map(|(_, start, end, _)| (*start, *end))
        .collect();
    surer.sort_unstable();
    for (rule, start, end) in found {
        // What is found is short: of those that begin before, the last few alone can reach it.
        let before = surer.partition_point(|(from, _)| *from < end);
        let better = surer
            .get(before.saturating_sub(4)..before)
            .unwrap_or_default()
            .iter()
            .any(|(_, to)| start < *to);
        if !better && around.nearby(start, end).near & 1 << rule != 0 {
            let kind = usize::try_from(rule)
                .ok()
                .and_then(|rule| served.kinds.get(rule))
                .copied()
                .unwrap_or(Kind::of(""));
            local.push((What::Kind(kind), start, end, 0.8));
        }
    }
}

fn bank_codes(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < text.len() {
        let length = text
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let word = text.get(at..at + length).unwrap_or_default();
        if matches!(length, 8 | 11)
            && !word.iter().any(u8::is_ascii_lowercase)
            && crate::checks::money::bic(word)
        {
            meet(at, at + length);
        }
        at += length.max(1);
    }
}

/// Bytes before a match's end in which its start is looked for.
const CUSTOM_BYTES_MAX: usize = 1024;

fn customs(
    scanner: &Scanner,
    text: &[u8],
    base: usize,
    hits: &[Hit],
    patience: &mut Patience<'_>,
    local: &mut Local,
) {
    for hit in hits {
        let (Mark::Custom(number), Some(end)) = (hit.mark, (hit.end as usize).checked_sub(base))
        else {
            continue;
        };
        let number = usize::from(number);
        let Some((_, regex)) = scanner.customs.get(number) else {
            continue;
        };
        if !patience.lasts() {
            return;
        }
        let from = end.saturating_sub(CUSTOM_BYTES_MAX);
        let window = text.get(from..end).unwrap_or_default();
        if let Some(found) = regex
            .find_iter(window)
            .last()
            .filter(|found| found.end() == window.len())
        {
            local.push((What::Custom(number), from + found.start(), end, 1.0));
        }
    }
}

fn instructions(
    scan: &mut Scan<'_>,
    phrases: &mut Vec<(usize, usize)>,
    findings: &mut Vec<Finding>,
) {
    phrases.sort_unstable();
    phrases.dedup();
    for group in phrases.chunk_by(|one, other| one.0 == other.0) {
        let token = group.first().map_or(0, |phrase| phrase.0);
        let score = injection::score(group.iter().map(|phrase| phrase.1));
        scan.injection = scan.injection.max(score);
        if score >= injection::SCORE_MIN {
            let end = scan.text(token).len();
            findings.push(Finding {
                what: SERVED.instruction,
                token,
                start: 0,
                end,
                score,
            });
        }
    }
}

/// Sorts findings and drops those that a surer or longer one covers.
fn settle(findings: &mut Vec<Finding>) {
    findings.sort_by(|one, other| {
        (one.token, one.start, usize::MAX - one.end)
            .cmp(&(other.token, other.start, usize::MAX - other.end))
            .then(other.score.total_cmp(&one.score))
    });
    if findings.is_empty() {
        return;
    }
    let (instruction, hidden) = (SERVED.instruction, SERVED.hidden);
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        let apart = |what: What| what == instruction || what == hidden;
        let covering = kept.iter_mut().rev().take(4).find(|known| {
            known.token == finding.token
                && known.end >= finding.end
                && apart(known.what) == apart(finding.what)
                && !apart(known.what)
        });
        match covering {
            // The surer kind names the whole.
            Some(known) if known.score < finding.score => {
                known.what = finding.what;
                known.score = finding.score;
            }
            Some(_) => {}
            None => kept.push(finding),
        }
    }
    *findings = kept;
}
