//! Finds what has the shape of an identifier: digits and letters in groups, joined by single separators.
//!
//! A hand-written pass instead of an automaton: shapes of digits have no literal that an engine could look for, and
//! twenty-five such patterns in one database cost more than all others together. The pass looks for digits, takes the
//! groups around them as a *chain*, and compares sub-chains with the layouts of `rules` by bit masks. The work on a
//! chain is bounded, whatever the text.

use crate::rules;

/// Longest identifier without separators.
pub(crate) const COMPACT_MAX: usize = 34;
/// Most groups of one chain; a longer chain is taken in overlapping parts.
const GROUPS_MAX: usize = 24;
/// Longest group of letters that belongs to an identifier beside digits.
const LETTERS_MAX: usize = 6;

/// A layout, compiled.
struct Layout {
    rule: usize,
    digits: u64,
    letters: u64,
    /// Separators before these characters; none: any grouping.
    breaks: Option<u64>,
    bare: bool,
}

/// All layouts by the length of the compact text.
pub(crate) struct Layouts(Vec<Vec<Layout>>);

/// A sub-chain: its place in the text and the text without separators, in upper case.
pub(crate) struct Candidate {
    pub(crate) start: usize,
    pub(crate) end: usize,
    compact: [u8; COMPACT_MAX],
    length: usize,
    digits: u64,
    letters: u64,
    breaks: u64,
    separator: u8,
    separators: u32,
    /// All separators are the same byte.
    even: bool,
    newlines: u32,
    /// The groups are what the layout would be without separators: one digit each, or one line break.
    spaced: bool,
    /// It stands alone: not a part of a decimal number, a longer chain of digits or a path.
    alone: bool,
}

impl Candidate {
    pub(crate) fn compact(&self) -> &[u8] {
        self.compact.get(..self.length).unwrap_or_default()
    }

    /// Digits and separators only.
    pub(crate) fn is_digits(&self) -> bool {
        self.letters == 0
    }

    /// Whether it begins or ends with a word in lower case, which is then a word and no part of an identifier.
    pub(crate) fn has_words(&self, text: &[u8]) -> bool {
        let text = text.get(self.start..self.end).unwrap_or_default();
        let word = |group: &[u8]| group.len() > 1 && group.iter().all(u8::is_ascii_lowercase);
        let mut groups = text.split(|byte| is_separator(*byte));
        groups.clone().count() > 1
            && (groups.next().is_some_and(word) || groups.next_back().is_some_and(word))
    }
}

impl Layouts {
    pub(crate) fn compile() -> Self {
        let mut by_length: Vec<Vec<Layout>> = (0..=COMPACT_MAX).map(|_| Vec::new()).collect();
        for (number, rule) in rules::all().enumerate() {
            for (texts, bare) in [(rule.bare, true), (rule.near, false)] {
                for text in texts {
                    add(&mut by_length, number, text, bare);
                }
            }
        }
        Self(by_length)
    }

    /// Tells `judge` of each rule that the candidate has the shape of, and whether the layout speaks for itself.
    pub(crate) fn matching(&self, candidate: &Candidate, mut judge: impl FnMut(usize, bool)) {
        let mut last = None;
        for layout in self.0.get(candidate.length).into_iter().flatten() {
            let fits = candidate.digits & layout.digits == layout.digits
                && candidate.letters & layout.letters == layout.letters;
            if !fits {
                continue;
            }
            let grouped = match layout.breaks {
                None => true,
                Some(breaks) => {
                    breaks == candidate.breaks && (candidate.even || breaks.count_ones() > 1)
                        || candidate.spaced && breaks == 0
                }
            };
            let bare = layout.bare && grouped && (candidate.alone || candidate.letters != 0);
            if bare || last != Some(layout.rule) {
                judge(layout.rule, bare);
            }
            last = Some(layout.rule);
        }
    }
}

fn add(by_length: &mut [Vec<Layout>], rule: usize, text: &str, bare: bool) {
    let any = text.starts_with('~');
    let text = text.trim_start_matches('~');
    let (text, open) = text
        .strip_suffix("...")
        .map_or((text, false), |text| (text, true));
    let (mut digits, mut letters, mut breaks, mut length) = (0_u64, 0_u64, 0_u64, 0_usize);
    for character in text.chars() {
        match character {
            '9' => digits |= 1 << length,
            'A' => letters |= 1 << length,
            '-' => {
                breaks |= 1 << length;
                continue;
            }
            _ => {}
        }
        length += 1;
    }
    let last = if open { COMPACT_MAX } else { length };
    for length in length..=last {
        if let Some(layouts) = by_length.get_mut(length) {
            layouts.push(Layout {
                rule,
                digits,
                letters,
                breaks: (!any).then_some(breaks),
                bare,
            });
        }
    }
}

struct Group {
    start: usize,
    end: usize,
    digits: usize,
}

/// Tells `meet` of every candidate in `text`. It answers whether to go on.
pub(crate) fn candidates(text: &[u8], mut meet: impl FnMut(&Candidate) -> bool) -> bool {
    let mut at = 0;
    let mut groups: Vec<Group> = Vec::with_capacity(GROUPS_MAX);
    while let Some(digit) = next_digit(text, at) {
        let first = backwards(text, digit, at);
        groups.clear();
        let next = forwards(text, first, &mut groups);
        if !is_uuid(&groups) && !sub_chains(text, &groups, &mut meet) {
            return false;
        }
        at = next.max(digit + 1);
    }
    true
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
fn forwards(text: &[u8], first: usize, groups: &mut Vec<Group>) -> usize {
    let mut start = first;
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let digits = rest
            .iter()
            .take(length.min(64))
            .filter(|byte| byte.is_ascii_digit())
            .count();
        if length == 0 || digits == 0 && length > LETTERS_MAX {
            return start;
        }
        let end = start + length;
        groups.push(Group { start, end, digits });
        let separator = text.get(end).copied().is_some_and(is_separator);
        if groups.len() >= GROUPS_MAX {
            // The next chain begins inside of this one, so that nothing lies across.
            return groups.get(GROUPS_MAX / 2).map_or(end, |group| group.start);
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

fn is_uuid(groups: &[Group]) -> bool {
    groups.windows(5).any(|five| {
        five.iter()
            .map(|group| group.end - group.start)
            .eq([8, 4, 4, 4, 12])
    })
}

fn sub_chains(text: &[u8], groups: &[Group], meet: &mut impl FnMut(&Candidate) -> bool) -> bool {
    let singles = groups
        .iter()
        .filter(|group| group.end - group.start == 1)
        .count();
    // Digits one by one are one identifier or none.
    let whole_only = singles > 8;
    for first in 0..groups.len() {
        let mut candidate = Candidate::new(groups.get(first).map_or(0, |group| group.start));
        for (last, group) in groups.iter().enumerate().skip(first) {
            if !candidate.extend(text, group) {
                break;
            }
            if candidate.digits.count_ones() < 4
                || candidate.length < 7
                || (candidate.digits.count_ones() as usize) * 4 < candidate.length
            {
                continue;
            }
            let before = first.checked_sub(1).and_then(|before| groups.get(before));
            if whole_only && (is_single(groups.get(last + 1)) || is_single(before)) {
                continue;
            }
            candidate.close(text, group);
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

impl Candidate {
    fn new(start: usize) -> Self {
        Self {
            start,
            end: start,
            compact: [0; COMPACT_MAX],
            length: 0,
            digits: 0,
            letters: 0,
            breaks: 0,
            separator: 0,
            separators: 0,
            even: true,
            newlines: 0,
            spaced: false,
            alone: true,
        }
    }

    /// Adds a group; false where it would be too long.
    fn extend(&mut self, text: &[u8], group: &Group) -> bool {
        if self.length + group.end - group.start > COMPACT_MAX {
            return false;
        }
        if self.length > 0 {
            let byte = text.get(group.start - 1).copied().unwrap_or(0);
            self.even &= self.separators == 0 || self.separator == byte;
            self.separator = byte;
            self.breaks |= 1 << self.length;
            self.separators += 1;
            self.newlines += u32::from(byte == b'\n');
        }
        for byte in text.get(group.start..group.end).unwrap_or_default() {
            let upper = byte.to_ascii_uppercase();
            let bit = 1 << self.length;
            if upper.is_ascii_digit() {
                self.digits |= bit;
            } else {
                self.letters |= bit;
            }
            if let Some(place) = self.compact.get_mut(self.length) {
                *place = upper;
            }
            self.length += 1;
        }
        true
    }

    /// Makes the last group the end.
    fn close(&mut self, text: &[u8], group: &Group) {
        let bracket = text.get(group.end) == Some(&b')')
            && group.start.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'(');
        self.end = group.end + usize::from(bracket);
        self.spaced = self.separators > 0
            && (self.even && self.separators as usize + 1 == self.length
                || self.separators == 1 && self.newlines == 1);
        self.alone = alone(text, self);
    }
}

/// Whether nothing continues the number on either side.
fn alone(text: &[u8], candidate: &Candidate) -> bool {
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
