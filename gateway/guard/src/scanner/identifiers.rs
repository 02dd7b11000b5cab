//! Identifiers of one text: by structure, by shape and check digits, and by the words around them.

use std::cell::OnceCell;
use std::sync::LazyLock;

use super::context::{self, Around, Known, Nearby};
use super::judge::Met;
use super::{Local, Place, Scan, What};
use crate::find;
use crate::kind::Kind;
use crate::rules;
use crate::shape::{Candidate, Chains};
use crate::text::Segment;
use crate::work::Work;

/// Numbers of the rules that finders of their own serve.
struct Served {
    phone: usize,
    birth: usize,
    place: usize,
    bank_code: usize,
    /// Rules whose only evidence is their word.
    wordy: u128,
    rules: Vec<&'static rules::Rule>,
    kinds: Vec<What>,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let rules: Vec<_> = rules::all().collect();
    let number = |name: &str| rules.iter().position(|rule| rule.kind == name).unwrap_or(0);
    let wordy = ["PASSPORT", "DRIVER_LICENSE", "BANK_ACCOUNT"]
        .iter()
        .fold(0, |mask, name| mask | 1 << number(name));
    Served {
        phone: number("PHONE"),
        birth: number("DATE_OF_BIRTH"),
        place: number("GEO_COORDINATES"),
        bank_code: number("SWIFT_BIC"),
        wordy,
        kinds: rules
            .iter()
            .map(|rule| What::Kind(Kind::of(rule.kind)))
            .collect(),
        rules,
    }
});

pub(super) fn prepare() {
    LazyLock::force(&SERVED);
}

impl Served {
    fn kind(&self, rule: usize) -> What {
        self.kinds
            .get(rule)
            .copied()
            .unwrap_or(What::Kind(Kind::of("")))
    }
}

/// What names the values of a token from outside of them.
#[derive(Default)]
pub(super) struct Named {
    token: Option<usize>,
    pub(super) keys: Known,
    /// The token of what was found last.
    found: Option<usize>,
    otherwise: OnceCell<bool>,
}

impl Named {
    pub(super) fn of(token: usize, keys: Known, found: Option<usize>) -> Self {
        Self {
            token: Some(token),
            keys,
            found,
            otherwise: OnceCell::new(),
        }
    }

    pub(super) fn is_of(&self, token: usize) -> bool {
        self.token == Some(token)
    }

    /// Whether the key names numbers that are counted, given out or measured. One in which something was found does
    /// not: it is no field's name, and says less once it was redacted.
    fn is_otherwise(&self, scan: &Scan<'_>, token: usize) -> bool {
        *self.otherwise.get_or_init(|| {
            // A name is judged just before its value, or was in another round.
            let is_plain = |key| {
                self.found != Some(key)
                    && scan
                        .findings
                        .binary_search_by_key(&key, |finding| finding.token)
                        .is_err()
            };
            let key = scan.room.places.get(token).and_then(Place::key);
            key.is_some_and(is_plain) && context::is_otherwise(scan, token)
        })
    }
}

/// Finds what one segment holds.
pub(super) fn find(
    scan: &Scan<'_>,
    segment: &Segment,
    named: &Named,
    met: &Met<'_>,
    work: &mut Work<'_>,
    local: &mut Local,
) {
    let text = scan
        .room
        .texts
        .buffer
        .get(segment.start..segment.end)
        .unwrap_or_default();
    let padded = scan
        .room
        .texts
        .buffer
        .get(segment.start..)
        .unwrap_or_default();
    if segment.asks.shapes() {
        find::structures(text, padded, work, |(kind, start, end)| {
            local.push((What::Kind(Kind::of(kind)), start, end, 1.0))
        });
    }
    let mut around = Around::new(text, segment.start, met, named.keys.words);
    if segment.asks.digits() {
        let otherwise = || named.is_otherwise(scan, segment.token);
        let mut chains = Chains::new(padded, text.len(), around.any);
        while let Some(chain) = chains.next() {
            let (start, end) = chain.place();
            let words = around.possible(start, end);
            let lasts = chain.candidates(words, work, |candidate| {
                if let Some((rule, score)) = judged(candidate, words, &mut around, otherwise) {
                    let what = SERVED.kind(rule);
                    local.push((what, candidate.start, candidate.end, score));
                }
            });
            if !lasts || !work.lasts(end - start) {
                return;
            }
        }
    }
    if around.any != 0 {
        contextual(text, &mut around, work, local);
    }
}

/// The rule that a candidate is most surely of, and how surely. Its words are among `possible`.
fn judged(
    candidate: &Candidate<'_>,
    possible: u128,
    around: &mut Around<'_>,
    otherwise: impl Fn() -> bool,
) -> Option<(usize, f64)> {
    let served = &*SERVED;
    let (text, keys) = (around.text, around.keys);
    let (compact, numbered) = (OnceCell::new(), OnceCell::new());
    let mut nearby: Option<Nearby> = None;
    let mut best: Option<(usize, f64)> = None;
    candidate.rules(possible, |number, bare| {
        let bit = 1_u128 << number;
        let bare = bare
            && !(candidate.is_digits()
                && (keys & bit == 0 && otherwise()
                    || *numbered.get_or_init(|| is_numbered(text, candidate.start))));
        let met = possible & bit != 0;
        if !bare && !met {
            return;
        }
        let wordy = served.wordy & bit != 0;
        let named = met && {
            let nearby =
                nearby.get_or_insert_with(|| around.nearby(candidate.start, candidate.end));
            bit & if wordy { nearby.close } else { nearby.near } != 0
        };
        if !bare && (!named || candidate.has_words()) {
            return;
        }
        let score = match (wordy, named) {
            (true, _) => 0.6,
            (false, true) => 0.95,
            (false, false) => 0.9,
        };
        let compact = || compact.get_or_init(|| candidate.compact());
        if best.is_none_or(|(_, known)| known < score)
            && served
                .rules
                .get(number)
                .is_some_and(|rule| (rule.check)(compact().bytes()))
        {
            best = Some((number, score));
        }
    });
    best.filter(|_| !candidate.has_day() && !candidate.has_point() && !candidate.is_of_cve())
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
        .unwrap_or_default();
    let is = |word: &[u8], known: &[u8]| word.eq_ignore_ascii_case(known);
    let word = window
        .rsplit(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
        .find(|word| {
            !word.is_empty() && !is(word, b"no") && !is(word, b"number") && !is(word, b"nr")
        });
    word.is_some_and(|word| WORDS.iter().any(|known| context::is_word(word, known)))
}

/// Steps that something costs that was found and whose words are looked for.
const FOUND_STEPS: usize = 256;

/// Kinds that are looked for only where their word was met.
fn contextual(text: &[u8], around: &mut Around<'_>, work: &mut Work<'_>, local: &mut Local) {
    let served = &*SERVED;
    let has = |rule: usize| around.any & 1 << rule != 0;
    let mut surer: Vec<(usize, usize)> = local
        .iter()
        .filter(|(.., score)| *score > 0.8)
        .map(|(_, start, end, _)| (*start, *end))
        .collect();
    surer.sort_unstable();
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    let mut looks = 0;
    if has(served.phone) {
        looks += 2;
        // What is surer is taken out first; digits on both sides of it are no number.
        let mut from = 0;
        for (next, end) in surer.iter().copied().chain([(text.len(), text.len())]) {
            let between = text.get(from..next).unwrap_or_default();
            find::national(between, |start, end| {
                found.push((served.phone, from + start, from + end));
            });
            from = from.max(end);
        }
    }
    if has(served.birth) {
        looks += 2;
        find::dates(text, |start, end| found.push((served.birth, start, end)));
    }
    if has(served.place) {
        looks += 2;
        let before = found.len();
        find::coordinates(text, |start, end| found.push((served.place, start, end)));
        if found.len() == before {
            find::decimals(text, |start, end| found.push((served.place, start, end)));
        }
    }
    if has(served.bank_code) {
        looks += 1;
        bank_codes(text, |start, end| {
            found.push((served.bank_code, start, end))
        });
    }
    if found.is_empty() || !work.lasts(looks * text.len()) {
        return;
    }
    let mut last = usize::MAX;
    for (rule, start, end) in found {
        if !work.lasts(FOUND_STEPS) {
            return;
        }
        if start < last {
            around.rewind();
        }
        last = start;
        // What is found is short: of those that begin before, the last few alone can reach it.
        let before = surer.partition_point(|(from, _)| *from < end);
        let better = surer
            .get(before.saturating_sub(4)..before)
            .unwrap_or_default()
            .iter()
            .any(|(_, to)| start < *to);
        let mut named = around.nearby(start, end).near;
        if rule == served.birth {
            // A text has many dates, and few of them are of a birth.
            named &= around.told(start, end);
        }
        if !better && named & 1 << rule != 0 {
            local.push((served.kind(rule), start, end, 0.8));
        }
    }
}

/// Words whose letters are those of a code.
const CAPITALS: [&[u8]; 9] = [
    b"ACCOUNTS",
    b"BUSINESS",
    b"CUSTOMER",
    b"DELIVERY",
    b"DOCUMENT",
    b"MESSAGES",
    b"PASSWORD",
    b"REGISTER",
    b"REQUIRED",
];

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
            && !CAPITALS.contains(&word)
            && crate::checks::money::bic(word)
        {
            meet(at, at + length);
        }
        at += length.max(1);
    }
}
