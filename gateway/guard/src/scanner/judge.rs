//! From texts and matches to findings.

use std::sync::LazyLock;

use super::context::{self, Known};
use super::heads::Heads;
use super::identifiers::{self, Named};
use super::{Finding, Local, Scan, ScanError, Scanner, Wanted, What, credentials, customs};
use crate::injection;
use crate::kind::{HIDDEN_TEXT, INJECTION, Kind};
use crate::secrets::Assignment;
use crate::text::{Segment, Source, Texts};
use crate::vocabulary::{Hit, Mark, rules_of};
use crate::work::Work;

static HIDDEN: LazyLock<What> = LazyLock::new(|| What::Kind(Kind::of(HIDDEN_TEXT)));
static INSTRUCTION: LazyLock<What> = LazyLock::new(|| What::Kind(Kind::of(INJECTION)));

/// Steps that a text costs beside what is looked for in it.
const TEXT_STEPS: usize = 32;

/// Judges what is in the room's texts. What is known of tokens from before stays known.
pub(super) fn judge(
    scanner: &Scanner,
    wanted: Wanted,
    scan: &mut Scan<'_>,
    work: &mut Work<'_>,
) -> Result<Vec<Finding>, ScanError> {
    let room = &mut *scan.room;
    let learned = !room.known.is_empty();
    room.known.resize(room.places.len(), Known::default());
    let mut judge = Judge {
        scanner,
        wanted,
        work,
        known: std::mem::take(&mut room.known),
        learned,
        heads: std::mem::take(&mut room.heads),
        phrases: std::mem::take(&mut room.phrases),
        local: std::mem::take(&mut room.local),
        findings: Vec::new(),
    };
    judge.local.set_most(scanner.limits.findings_max);
    let hits = std::mem::take(&mut room.hits);
    judge.texts(scan, &hits)?;
    if wanted.injection {
        judge.instructions(scan);
    }
    drop_covered(&mut judge.findings);
    let room = &mut scan.room;
    (room.hits, room.known, room.heads) = (hits, judge.known, judge.heads);
    (room.phrases, room.local) = (judge.phrases, judge.local);
    Ok(judge.findings)
}

struct Judge<'a, 'b> {
    scanner: &'a Scanner,
    wanted: Wanted,
    work: &'a mut Work<'b>,
    /// By token.
    known: Vec<Known>,
    /// Whether anything is known of any token.
    learned: bool,
    heads: Heads,
    /// Of instructions: the token, and which.
    phrases: Vec<(usize, usize)>,
    local: Local,
    findings: Vec<Finding>,
}

impl Judge<'_, '_> {
    fn texts(&mut self, scan: &Scan<'_>, hits: &[Hit]) -> Result<(), ScanError> {
        let texts = &scan.room.texts;
        if scan.room.rows && !self.learned {
            self.learn_heads(scan, hits);
        }
        let mut next = 0;
        let mut named = Named::default();
        for segment in &texts.segments {
            let met = Met::next(hits, &mut next, segment);
            if !met.hits.is_empty() {
                self.learn(scan, segment, &met);
            }
            match segment.source {
                Source::Key => named = Named::default(),
                Source::Value if !named.is_of(segment.token) => {
                    let keys = if self.learned {
                        context::of_keys(
                            scan,
                            &self.scanner.vocabulary.names,
                            &self.known,
                            &self.heads,
                            segment.token,
                        )
                    } else {
                        Known::default()
                    };
                    let found = self.findings.last().map(|finding| finding.token);
                    named = Named::of(segment.token, keys, found);
                }
                Source::Value => {}
            }
            self.text(scan, segment, &named, &met);
            if !self.work.lasts(TEXT_STEPS + self.heads.steps()) {
                return Err(ScanError::Time);
            }
            self.keep(texts, segment);
            if self.findings.len() > self.scanner.limits.findings_max {
                return Err(ScanError::Limit("findings"));
            }
        }
        Ok(())
    }

    /// Looks for everything in one text.
    fn text(&mut self, scan: &Scan<'_>, segment: &Segment, named: &Named, met: &Met<'_>) {
        let (wanted, local) = (self.wanted, &mut self.local);
        if met.secrets {
            let text = text_of(scan, segment);
            credentials::matched(text, segment.start, met.hits, self.work, local);
        }
        if wanted.secrets && segment.is_own() && named.keys.promises.is_some() {
            credentials::promised(text_of(scan, segment), &named.keys, local);
        }
        if wanted.identifiers && (segment.asks.shapes() || met.words | named.keys.words != 0) {
            identifiers::find(scan, segment, named, met, self.work, local);
        }
        if met.customs {
            customs::find(
                &self.scanner.customs,
                &self.scanner.vocabulary.names,
                text_of(scan, segment),
                segment.start,
                met.hits,
                self.work,
                local,
            );
        }
        if wanted.hidden && segment.is_own() && segment.asks.hidden() {
            injection::hidden(text_of(scan, segment), |start, end| {
                local.push((*HIDDEN, start, end, 1.0));
            });
        }
        if met.phrases {
            self.phrases.extend(met.hits.iter().filter_map(|hit| {
                if let Mark::Phrase(number) = hit.mark {
                    Some((segment.token, usize::from(number)))
                } else {
                    None
                }
            }));
        }
    }

    /// Keeps what the words of a token say, and what a key promises.
    fn learn(&mut self, scan: &Scan<'_>, segment: &Segment, met: &Met<'_>) {
        let Some(known) = self.known.get_mut(segment.token) else {
            return;
        };
        known.words |= met.words;
        self.learned |= met.words != 0;
        if segment.source == Source::Key
            && let Some(promise) = met.promise(scan, segment)
        {
            known.promises = Some(promise);
            self.learned = true;
        }
    }

    /// Keeps what headers say, which may stand behind their rows.
    fn learn_heads(&mut self, scan: &Scan<'_>, hits: &[Hit]) {
        let names = &self.scanner.vocabulary.names;
        let mut next = 0;
        for segment in &scan.room.texts.segments {
            let met = Met::next(hits, &mut next, segment);
            if segment.source == Source::Value && (met.words != 0 || met.keyword.is_some()) {
                let says = || Known {
                    words: met.words,
                    promises: met.promise(scan, segment),
                };
                self.learned |= self.heads.learn(scan, names, segment.token, says);
            }
        }
    }

    /// Keeps what was found in a segment as findings of its token.
    fn keep(&mut self, texts: &Texts, segment: &Segment) {
        for (what, start, end, score) in self.local.drain() {
            let (start, end) = texts.span(segment, start, end);
            self.findings.push(Finding {
                what,
                token: segment.token,
                start,
                end,
                score,
            });
        }
    }

    /// Adds up what each token has of phrases.
    fn instructions(&mut self, scan: &mut Scan<'_>) {
        self.phrases.sort_unstable();
        self.phrases.dedup();
        for group in self.phrases.chunk_by(|one, other| one.0 == other.0) {
            let token = group.first().map_or(0, |phrase| phrase.0);
            let score = injection::score(group.iter().map(|phrase| phrase.1));
            scan.injection = scan.injection.max(score);
            if score >= injection::SCORE_MIN {
                self.findings.push(Finding {
                    what: *INSTRUCTION,
                    token,
                    start: 0,
                    end: scan.text(token).len(),
                    score,
                });
            }
        }
    }
}

/// What the engine met in a text.
pub(super) struct Met<'a> {
    pub(super) hits: &'a [Hit],
    /// All that its words speak for.
    pub(super) words: u128,
    /// The last name of a secret.
    keyword: Option<Assignment>,
    secrets: bool,
    customs: bool,
    phrases: bool,
}

impl<'a> Met<'a> {
    /// The matches that end in a segment; segments are asked for in their order.
    fn next(hits: &'a [Hit], next: &mut usize, segment: &Segment) -> Self {
        let mut met = Self {
            hits: &[],
            words: 0,
            keyword: None,
            secrets: false,
            customs: false,
            phrases: false,
        };
        while hits
            .get(*next)
            .is_some_and(|hit| hit.end as usize <= segment.start)
        {
            *next += 1;
        }
        let first = *next;
        while let Some(hit) = hits.get(*next)
            // A word's pattern may take the separator behind it.
            && hit.end as usize <= segment.end + 1
        {
            *next += 1;
            match hit.mark {
                Mark::Word(_) => met.words |= rules_of(hit),
                Mark::Keyword(what) => (met.keyword, met.secrets) = (Some(what), true),
                Mark::Token(_) | Mark::Anchor(_) => met.secrets = true,
                Mark::Custom(_) => met.customs = true,
                Mark::Phrase(_) => met.phrases = true,
            }
        }
        met.hits = hits.get(first..*next).unwrap_or_default();
        met
    }

    /// What a name promises about its value.
    fn promise(&self, scan: &Scan<'_>, segment: &Segment) -> Option<Assignment> {
        self.keyword
            .filter(|_| crate::secrets::promises(text_of(scan, segment)))
    }
}

fn text_of<'s>(scan: &'s Scan<'_>, segment: &Segment) -> &'s [u8] {
    let text = scan.room.texts.buffer.get(segment.start..segment.end);
    text.unwrap_or_default()
}

/// Sorts findings and drops those that a surer or longer one covers.
fn drop_covered(findings: &mut Vec<Finding>) {
    let order = |one: &Finding, other: &Finding| {
        (one.token, one.start, usize::MAX - one.end)
            .cmp(&(other.token, other.start, usize::MAX - other.end))
            .then(other.score.total_cmp(&one.score))
    };
    findings.sort_by(order);
    if findings.len() < 2 {
        return;
    }
    let apart = |what: What| what == *INSTRUCTION || what == *HIDDEN;
    let mut kept: usize = 0;
    for next in 0..findings.len() {
        let Some(finding) = findings.get(next).copied() else {
            break;
        };
        let before = findings
            .get_mut(kept.saturating_sub(4)..kept)
            .unwrap_or_default();
        let covering = before.iter_mut().rev().find(|known| {
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
            None => {
                findings.swap(kept, next);
                kept += 1;
            }
        }
    }
    findings.truncate(kept);
}
