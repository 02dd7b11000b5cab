//! One candidate: groups joined by separators, and where the automata stand behind them.

use std::sync::LazyLock;

use super::automaton::{Automaton, Ends, Grouping, Layout, State, Symbol};
use super::{Group, is_separator};
use crate::checks::dates;
use crate::rules;

/// Longest identifier without separators.
pub(super) const COMPACT_MAX: usize = 34;

/// The layouts of all rules.
struct Layouts {
    all: Vec<Layout>,
    /// Those that speak for themselves, grouped as they are written.
    bare: Automaton,
    /// Those that speak for themselves where they are written one character a group, or over a line's end.
    spaced: Automaton,
    /// Every layout in any grouping, for texts with words that name identifiers.
    named: Automaton,
}

static LAYOUTS: LazyLock<Layouts> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (number, rule) in rules::all().enumerate() {
        for (texts, bare) in [(rule.bare, true), (rule.near, false)] {
            for text in texts {
                all.extend(Layout::read(number, text, bare, COMPACT_MAX));
            }
        }
    }
    Layouts {
        bare: Automaton::compile(&all, Grouping::Exact, |layout| layout.bare),
        spaced: Automaton::compile(&all, Grouping::Ignored, |layout| {
            layout.bare && layout.breaks == Some(0)
        }),
        named: Automaton::compile(&all, Grouping::Ignored, |_| true),
        all,
    }
});

/// Makes the automata ready: takes a millisecond.
pub(crate) fn prepare() {
    LazyLock::force(&LAYOUTS);
}

/// A sub-chain that has the shape of an identifier.
pub(crate) struct Candidate<'a> {
    text: &'a [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(super) length: usize,
    pub(super) digits: usize,
    /// Separators before these characters.
    breaks: u64,
    separator: u8,
    separators: usize,
    /// All separators are the same byte.
    even: bool,
    newlines: usize,
    /// It stands alone: not a part of a decimal number, a longer chain of digits or a path.
    alone: bool,
    bare: State,
    spaced: State,
    named: State,
}

/// The text of an identifier without separators, in upper case.
pub(crate) struct Compact([u8; COMPACT_MAX], usize);

impl Compact {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

impl Candidate<'_> {
    pub(crate) fn compact(&self) -> Compact {
        let mut compact = Compact([0; COMPACT_MAX], 0);
        let text = self.text.get(self.start..self.end).unwrap_or_default();
        for byte in text.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            if let Some(place) = compact.0.get_mut(compact.1) {
                *place = byte.to_ascii_uppercase();
                compact.1 += 1;
            }
        }
        compact
    }

    /// Digits and separators only.
    pub(crate) fn is_digits(&self) -> bool {
        self.digits == self.length
    }

    /// Whether a day is in it as days are written, `2026-03-09`, and as no identifier is grouped.
    pub(crate) fn has_day(&self) -> bool {
        const GROUPS: u64 = 1 << 4 | 1 << 6;
        const DIGITS: usize = 8;
        let (begins, ends) = (self.breaks | 1, self.breaks | 1 << self.length);
        let days = 0..(self.length + 1).saturating_sub(DIGITS);
        self.is_digits()
            && days.into_iter().any(|at| {
                begins >> at & 1 == 1
                    && self.breaks >> at & 0xfe == GROUPS
                    && ends >> (at + DIGITS) & 1 == 1
                    && dates::yyyymmdd(self.compact().bytes(), at)
            })
    }

    /// Whether it is a part of a decimal number, a version or another number with points.
    pub(crate) fn has_point(&self) -> bool {
        let before = |bytes: usize| {
            let at = self.start.checked_sub(bytes);
            at.and_then(|at| self.text.get(at)).copied().unwrap_or(0)
        };
        let after = |bytes: usize| self.text.get(self.end + bytes).copied().unwrap_or(0);
        let goes_on = before(1) == b'.' && before(2).is_ascii_digit()
            || self.separators > 0 && after(0) == b'.' && after(1).is_ascii_digit();
        let is_pointed = self.separators == 0 || self.even && self.separator == b'.';
        is_pointed && self.is_digits() && goes_on
    }

    /// Whether a word is in it as sentences have them, which is then no part of an identifier.
    pub(crate) fn has_words(&self) -> bool {
        let text = self.text.get(self.start..self.end).unwrap_or_default();
        let word = |group: &[u8]| {
            group.iter().all(u8::is_ascii_alphabetic)
                && group.iter().skip(1).any(u8::is_ascii_lowercase)
        };
        self.separators > 0 && text.split(|byte| is_separator(*byte)).any(word)
    }

    /// Whether it is the number of a published weakness: `CVE-2026-12345`.
    pub(crate) fn is_of_cve(&self) -> bool {
        let from = self.start.saturating_sub(b"CVE-".len());
        let around = self.text.get(from..self.end).unwrap_or_default();
        around.starts_with(b"CVE-")
            || around
                .get(self.start - from..)
                .is_some_and(|own| own.starts_with(b"CVE-"))
    }

    /// Tells `judge` of each rule that the candidate has the shape of, and whether the layout speaks for itself.
    pub(crate) fn rules(&self, named: u128, mut judge: impl FnMut(usize, bool)) {
        let layouts = &*LAYOUTS;
        let spaced = self.is_spaced();
        let speaks = self.alone || !self.is_digits();
        let grouped = |place: &&u16| {
            let layout = layouts.all.get(usize::from(**place));
            layout.is_some_and(|layout| match layout.breaks {
                None => true,
                Some(breaks) => breaks == self.breaks || spaced && breaks == 0,
            })
        };
        let rule = |place: &u16| {
            let layout = layouts.all.get(usize::from(*place));
            layout.map_or(0, |layout| 1 << layout.rule)
        };
        let bare = |ends: &Ends| -> u128 {
            let places = ends.bare.iter().filter(grouped);
            places.fold(0, |rules, place| rules | rule(place))
        };
        let mut speaking = 0;
        let mut rules = 0;
        if named != 0 {
            let ends = layouts.named.ends(self.named);
            rules = ends.rules & named;
            speaking = bare(ends);
        } else {
            speaking |= bare(layouts.bare.ends(self.bare));
            if spaced {
                speaking |= bare(layouts.spaced.ends(self.spaced));
            }
        }
        speaking = if speaks { speaking } else { 0 };
        rules |= speaking;
        while rules != 0 {
            let rule = rules.trailing_zeros() as usize;
            rules &= rules - 1;
            judge(rule, speaking >> rule & 1 == 1);
        }
    }

    /// The groups are what the layout would be without separators: one character each, or one line break.
    fn is_spaced(&self) -> bool {
        self.separators > 0
            && (self.even && self.separators + 1 == self.length
                || self.separators == 1 && self.newlines == 1)
    }
}

impl<'a> Candidate<'a> {
    pub(super) fn new(text: &'a [u8], start: usize) -> Self {
        Self {
            text,
            start,
            end: start,
            length: 0,
            digits: 0,
            breaks: 0,
            separator: 0,
            separators: 0,
            even: true,
            newlines: 0,
            alone: true,
            bare: State::START,
            spaced: State::START,
            named: State::START,
        }
    }

    /// Adds a group; false where no layout goes on.
    pub(super) fn extend(&mut self, group: &Group, named: u128) -> bool {
        let layouts = &*LAYOUTS;
        let bytes = self.text.get(group.start..group.end).unwrap_or_default();
        if self.length > 0 {
            let byte = self.text.get(group.start - 1).copied().unwrap_or(0);
            self.even &= self.separators == 0 || self.separator == byte;
            self.separator = byte;
            self.breaks |= 1 << self.length;
            self.separators += 1;
            self.newlines += usize::from(byte == b'\n');
            if named == 0 {
                self.space(byte, bytes);
                self.bare = layouts.bare.step(self.bare, Symbol::Break);
            }
        }
        let left = if named != 0 {
            self.named = layouts.named.through(self.named, bytes);
            !self.named.is_dead()
        } else {
            self.bare = layouts.bare.through(self.bare, bytes);
            !self.bare.is_dead() || self.separators > 0 && !self.spaced.is_dead()
        };
        // What is left is no longer than the longest layout, however long the group was.
        if left {
            self.length += bytes.len();
            self.digits += group.digits;
        }
        left
    }

    /// Follows layouts over a separator and the group behind it as if there were none, which some write so: one
    /// character a group, or over a line's end.
    fn space(&mut self, separator: u8, group: &[u8]) {
        let spaced = &LAYOUTS.spaced;
        if self.separators == 1 {
            let written = self.length == 1 || separator == b'\n';
            let first = self
                .text
                .get(self.start..)
                .and_then(|text| text.get(..self.length));
            self.spaced = match first.filter(|_| written) {
                Some(first) => spaced.through(State::START, first),
                None => State::DEAD,
            };
        }
        self.spaced = if group.len() == 1 || self.newlines == 1 {
            spaced.through(self.spaced, group)
        } else {
            State::DEAD
        };
    }

    /// Whether a layout ends here.
    pub(super) fn has_shape(&self, named: u128) -> bool {
        let layouts = &*LAYOUTS;
        if named != 0 {
            let ends = layouts.named.ends(self.named);
            return ends.speaking | ends.rules & named != 0;
        }
        layouts.bare.ends(self.bare).speaking != 0
            || self.is_spaced() && layouts.spaced.ends(self.spaced).speaking != 0
    }

    /// Makes the last group the end.
    pub(super) fn close(&mut self, group: &Group) {
        let bracket = self.text.get(group.end) == Some(&b')')
            && group.start.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&b'(');
        self.end = group.end + usize::from(bracket);
        self.alone = alone(self.text, self);
    }
}

/// Whether nothing continues the number on either side.
fn alone(text: &[u8], candidate: &Candidate<'_>) -> bool {
    let before = |back: usize| {
        candidate
            .start
            .checked_sub(back)
            .and_then(|at| text.get(at))
            .copied()
            .unwrap_or(0)
    };
    let after = |ahead: usize| text.get(candidate.end + ahead).copied().unwrap_or(0);
    let joins = |byte: u8| matches!(byte, b'.' | b'-' | b'_' | b'/' | b',');
    let left = joins(before(1)) && before(2).is_ascii_digit()
        || before(1) == b'-' && before(2).is_ascii_alphanumeric()
        || matches!(before(1), b'#' | b'$');
    let right = joins(after(0)) && after(1).is_ascii_digit()
        || matches!(after(0), b'-' | b'_') && after(1).is_ascii_alphanumeric();
    !left && !right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of states are 16 bits wide, and all of them are to stay in a processor's cache.
    #[test]
    fn automata_are_small() {
        let layouts = &*LAYOUTS;
        for automaton in [&layouts.bare, &layouts.spaced, &layouts.named] {
            assert!(
                (2..16_000).contains(&automaton.states()),
                "{}",
                automaton.states()
            );
        }
    }

    /// What the automata say at the end of a text is what a comparison with each layout says.
    #[test]
    fn automata_know_every_layout() {
        let layouts = &*LAYOUTS;
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut roll = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut met = 0;
        for round in 0..40_000 {
            // Every other text is made from a layout, so that there is something to meet.
            let near = layouts.all.get(round / 2 % layouts.all.len()).unwrap();
            let mut text = near.example(&mut roll);
            if round % 2 == 1 {
                let place = roll(text.len() as u64) as usize;
                text[place] = b"7Q-"[roll(3) as usize];
            }
            let groups: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
            if groups.iter().any(|group| group.is_empty()) {
                continue;
            }
            let (mut exact, mut loose) = (State::START, State::START);
            for (number, group) in groups.iter().enumerate() {
                if number > 0 {
                    exact = layouts.bare.step(exact, Symbol::Break);
                }
                exact = layouts.bare.through(exact, group);
                loose = layouts.named.through(loose, group);
            }
            let fits = |exact: bool| -> Ends {
                let all = (0..).zip(&layouts.all);
                let kept = all
                    .filter(|(_, layout)| layout.is_like(&text, exact) && (!exact || layout.bare));
                let kept: Vec<u16> = kept.map(|(place, _)| place).collect();
                Automaton::ends_of(&layouts.all, &kept)
            };
            let text = String::from_utf8_lossy(&text);
            assert_eq!(*layouts.bare.ends(exact), fits(true), "{text}");
            assert_eq!(*layouts.named.ends(loose), fits(false), "{text}");
            met += layouts.named.ends(loose).rules.count_ones();
        }
        assert!(met > 20_000, "{met}");
    }
}
