//! Finds what has the shape of an identifier: digits and letters in groups, joined by single separators.
//!
//! A hand-written pass instead of an automaton: shapes of digits have no literal that an engine could look for, and
//! twenty-five such patterns in one database cost more than all others together. The pass looks for digits, takes the
//! groups around them as a *chain*, and follows the layouts of `rules` from each group on. The work on a chain is
//! bounded, whatever the text.

mod automaton;

use std::sync::LazyLock;

use crate::rules;
use automaton::{Automaton, Grouping, Layout, State, Symbol};

/// Longest identifier without separators.
pub(crate) const COMPACT_MAX: usize = 34;
/// Most groups of one chain; a longer chain is taken in overlapping parts.
const GROUPS_MAX: usize = 24;
/// Longest group of letters that belongs to an identifier beside digits.
const LETTERS_MAX: usize = 6;

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

/// A sub-chain that has the shape of an identifier.
pub(crate) struct Candidate<'a> {
    text: &'a [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
    length: usize,
    digits: usize,
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

    /// Whether it begins or ends with a word in lower case, which is then a word and no part of an identifier.
    pub(crate) fn has_words(&self) -> bool {
        let text = self.text.get(self.start..self.end).unwrap_or_default();
        let word = |group: &[u8]| group.len() > 1 && group.iter().all(u8::is_ascii_lowercase);
        let mut groups = text.split(|byte| is_separator(*byte));
        groups.clone().count() > 1
            && (groups.next().is_some_and(word) || groups.next_back().is_some_and(word))
    }

    /// Tells `judge` of each rule that the candidate has the shape of, and whether the layout speaks for itself.
    pub(crate) fn rules(&self, named: bool, mut judge: impl FnMut(usize, bool)) {
        let layouts = &*LAYOUTS;
        let spaced = self.is_spaced();
        let speaks = self.alone || !self.is_digits();
        let mut last = None;
        let mut meet = |place: u16| {
            let Some(layout) = layouts.all.get(usize::from(place)) else {
                return;
            };
            let grouped = layout
                .breaks
                .is_none_or(|breaks| breaks == self.breaks || spaced && breaks == 0);
            let bare = layout.bare && grouped && speaks;
            if bare || named && last != Some(layout.rule) {
                judge(layout.rule, bare);
            }
            last = Some(layout.rule);
        };
        if named {
            layouts
                .named
                .ended(self.named)
                .iter()
                .copied()
                .for_each(meet);
        } else if !spaced {
            layouts.bare.ended(self.bare).iter().copied().for_each(meet);
        } else {
            let mut places = layouts.bare.ended(self.bare).to_vec();
            places.extend(layouts.spaced.ended(self.spaced));
            places.sort_unstable();
            places.dedup();
            places.into_iter().for_each(&mut meet);
        }
    }

    /// The groups are what the layout would be without separators: one character each, or one line break.
    fn is_spaced(&self) -> bool {
        self.separators > 0
            && (self.even && self.separators + 1 == self.length
                || self.separators == 1 && self.newlines == 1)
    }
}

#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    digits: usize,
}

/// The groups of one chain, and one more for a check character in brackets.
struct Chain {
    groups: [Group; GROUPS_MAX + 1],
    length: usize,
}

impl Chain {
    fn groups(&self) -> &[Group] {
        self.groups.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, group: Group) {
        if let Some(place) = self.groups.get_mut(self.length) {
            *place = group;
            self.length += 1;
        }
    }
}

/// Tells `meet` of every candidate in `text`; where identifiers are `named` somewhere, also of those that need it.
/// It answers whether to go on.
pub(crate) fn candidates<'a>(
    text: &'a [u8],
    named: bool,
    mut meet: impl FnMut(&Candidate<'a>) -> bool,
) -> bool {
    let mut at = 0;
    let Some(mut digit) = next_digit(text, at) else {
        return true;
    };
    let mut chain = Chain {
        groups: [Group::default(); GROUPS_MAX + 1],
        length: 0,
    };
    loop {
        let first = backwards(text, digit, at);
        chain.length = 0;
        let next = forwards(text, first, &mut chain);
        let groups = chain.groups();
        if has_enough(groups) && !is_uuid(groups) && !sub_chains(text, groups, named, &mut meet) {
            return false;
        }
        at = next.max(digit + 1);
        match next_digit(text, at) {
            Some(next) => digit = next,
            None => return true,
        }
    }
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;

fn class(byte: u8) -> u8 {
    const CLASSES: [u8; 256] = {
        let mut classes = [OTHER; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(
                clippy::indexing_slicing,
                reason = "the index is below 256, and this runs at compile time"
            )]
            {
                classes[byte] = match byte as u8 {
                    b'0'..=b'9' => DIGIT,
                    b'A'..=b'Z' | b'a'..=b'z' => LETTER,
                    _ => OTHER,
                };
            }
            byte += 1;
        }
        classes
    };
    CLASSES.get(usize::from(byte)).copied().unwrap_or(OTHER)
}

fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?
        .iter()
        .position(u8::is_ascii_digit)
        .map(|place| from + place)
}

/// The start of the group that holds `digit`, or of up to two groups of letters before it.
fn backwards(text: &[u8], digit: usize, floor: usize) -> usize {
    let start_of = |from: usize| {
        let before = text.get(floor..from).unwrap_or_default();
        from - before
            .iter()
            .rev()
            .take(64)
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count()
    };
    let mut start = start_of(digit);
    for _ in 0..2 {
        let Some(separator) = start
            .checked_sub(1)
            .filter(|at| *at > floor && text.get(*at).copied().is_some_and(is_separator))
        else {
            break;
        };
        let previous = start_of(separator);
        if previous == separator || separator - previous > LETTERS_MAX {
            break;
        }
        start = previous;
    }
    start
}

/// Collects the chain from `first` on and says where to look next.
fn forwards(text: &[u8], first: usize, groups: &mut Chain) -> usize {
    let mut start = first;
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let (mut length, mut digits) = (0, 0);
        for byte in rest {
            match class(*byte) {
                OTHER => break,
                class => digits += usize::from(class == DIGIT),
            }
            length += 1;
        }
        if length == 0 || digits == 0 && length > LETTERS_MAX {
            return start;
        }
        let end = start + length;
        groups.push(Group { start, end, digits });
        let separator = text.get(end).copied().is_some_and(is_separator);
        if groups.length >= GROUPS_MAX {
            // The next chain begins inside of this one, so that nothing lies across.
            return groups
                .groups()
                .get(GROUPS_MAX / 2)
                .map_or(end, |group| group.start);
        }
        // A check character in brackets: `A123456(7)`.
        if text.get(end) == Some(&b'(')
            && text.get(end + 2) == Some(&b')')
            && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric)
        {
            groups.push(Group {
                start: end + 1,
                end: end + 2,
                digits: 1,
            });
            return end + 3;
        }
        if !separator {
            return end;
        }
        start = end + 1;
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b'\n')
}

/// Fewest digits of an identifier, and its fewest characters.
const DIGITS_MIN: usize = 4;
const LENGTH_MIN: usize = 7;

fn has_enough(groups: &[Group]) -> bool {
    let digits: usize = groups.iter().map(|group| group.digits).sum();
    let length: usize = groups.iter().map(|group| group.end - group.start).sum();
    digits >= DIGITS_MIN && length >= LENGTH_MIN
}

fn is_uuid(groups: &[Group]) -> bool {
    groups.windows(5).any(|five| {
        five.iter()
            .map(|group| group.end - group.start)
            .eq([8, 4, 4, 4, 12])
    })
}

fn sub_chains<'a>(
    text: &'a [u8],
    groups: &[Group],
    named: bool,
    meet: &mut impl FnMut(&Candidate<'a>) -> bool,
) -> bool {
    let singles = groups
        .iter()
        .filter(|group| group.end - group.start == 1)
        .count();
    // Digits one by one are one identifier or none.
    let whole_only = singles > 8;
    for first in 0..groups.len() {
        let rest = groups.get(first..).unwrap_or_default();
        if !has_enough(rest) {
            break;
        }
        let start = rest.first().map_or(0, |group| group.start);
        let mut candidate = Candidate::new(text, start);
        for (last, group) in groups.iter().enumerate().skip(first) {
            if !candidate.extend(group, named) {
                break;
            }
            if candidate.digits < DIGITS_MIN
                || candidate.length < LENGTH_MIN
                || candidate.digits * 4 < candidate.length
                || !candidate.has_shape(named)
            {
                continue;
            }
            let before = first.checked_sub(1).and_then(|before| groups.get(before));
            if whole_only && (is_single(groups.get(last + 1)) || is_single(before)) {
                continue;
            }
            candidate.close(group);
            if !meet(&candidate) {
                return false;
            }
        }
    }
    true
}

fn is_single(group: Option<&Group>) -> bool {
    group.is_some_and(|group| group.end - group.start == 1 && group.digits == 1)
}

impl<'a> Candidate<'a> {
    fn new(text: &'a [u8], start: usize) -> Self {
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
    fn extend(&mut self, group: &Group, named: bool) -> bool {
        let layouts = &*LAYOUTS;
        let bytes = self.text.get(group.start..group.end).unwrap_or_default();
        if self.length > 0 {
            let byte = self.text.get(group.start - 1).copied().unwrap_or(0);
            self.even &= self.separators == 0 || self.separator == byte;
            self.separator = byte;
            self.breaks |= 1 << self.length;
            self.separators += 1;
            self.newlines += usize::from(byte == b'\n');
            self.bare = layouts.bare.step(self.bare, Symbol::Break);
        }
        if named {
            self.named = layouts.named.through(self.named, bytes);
        } else {
            self.bare = layouts.bare.through(self.bare, bytes);
            if self.separators > 0 && (bytes.len() == 1 || self.newlines == 1)
                || self.separators == 0
            {
                self.spaced = layouts.spaced.through(self.spaced, bytes);
            } else {
                self.spaced = State::DEAD;
            }
        }
        let left = if named {
            !self.named.is_dead()
        } else {
            !self.bare.is_dead() || !self.spaced.is_dead()
        };
        // What is left is no longer than the longest layout, however long the group was.
        if left {
            self.length += bytes.len();
            self.digits += bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        }
        left
    }

    /// Whether a layout ends here.
    fn has_shape(&self, named: bool) -> bool {
        let layouts = &*LAYOUTS;
        if named {
            return !layouts.named.ended(self.named).is_empty();
        }
        !layouts.bare.ended(self.bare).is_empty()
            || self.is_spaced() && !layouts.spaced.ended(self.spaced).is_empty()
    }

    /// Makes the last group the end.
    fn close(&mut self, group: &Group) {
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
            let mut text = near.example(|below| roll(below));
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
            let fits = |exact: bool| -> Vec<u16> {
                let all = (0..).zip(&layouts.all);
                let kept = all
                    .filter(|(_, layout)| layout.is_like(&text, exact) && (!exact || layout.bare));
                kept.map(|(place, _)| place).collect()
            };
            let text = String::from_utf8_lossy(&text);
            assert_eq!(layouts.bare.ended(exact), fits(true), "{text}");
            assert_eq!(layouts.named.ended(loose), fits(false), "{text}");
            met += layouts.named.ended(loose).len();
        }
        assert!(met > 20_000, "{met}");
    }
}
