//! Finds what has the shape of an identifier: digits and letters in groups, joined by single separators.
//!
//! A pass of our own instead of the engine's: shapes of digits have no literal that an engine could look for, and
//! twenty-five such patterns in one database cost more than all others together. The pass looks for digits, takes the
//! groups around them as a *chain*, and follows the layouts of `rules` from each group on. The work on a chain is
//! bounded, whatever the text.

mod automaton;
mod candidate;

pub(crate) use candidate::{Candidate, prepare};
use smallvec::SmallVec;

use crate::block::{BLOCK_BYTES, Block};
use crate::work::Work;

/// Most groups of one chain; a longer chain is taken in overlapping parts.
const GROUPS_MAX: usize = 24;
/// Longest group of letters that belongs to an identifier beside digits.
const LETTERS_MAX: usize = 6;

#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    digits: usize,
}

impl Group {
    fn length(&self) -> usize {
        self.end - self.start
    }
}

/// Groups joined by single separators. There is room for one more, a check character in brackets.
pub(crate) struct Chain<'a> {
    text: &'a [u8],
    groups: SmallVec<[Group; GROUPS_MAX + 1]>,
    has: Has,
    /// Groups of one character.
    singles: usize,
    /// Where the next chain may begin.
    next: usize,
}

/// What some groups have together.
#[derive(Clone, Copy, Default)]
struct Has {
    digits: usize,
    characters: usize,
}

impl Has {
    /// Enough for an identifier of one of the rules that are `named`.
    fn enough(self, named: u128) -> bool {
        self.digits >= digits_min(named) && self.characters >= LENGTH_MIN
    }
}

impl<'a> Chain<'a> {
    fn clear(&mut self) {
        self.groups.clear();
        (self.singles, self.has) = (0, Has::default());
    }

    fn push(&mut self, group: Group) {
        self.singles += usize::from(group.length() == 1);
        self.has.digits += group.digits;
        self.has.characters += group.length();
        self.groups.push(group);
    }

    /// Its first byte, and one past its last.
    pub(crate) fn place(&self) -> (usize, usize) {
        (
            self.groups.first().map_or(0, |group| group.start),
            self.groups.last().map_or(0, |group| group.end),
        )
    }
}

/// The chains of a text that are long enough for an identifier.
pub(crate) struct Chains<'a> {
    chain: Chain<'a>,
    /// The text's length.
    end: usize,
    /// The rules that words of the text and its keys name.
    named: u128,
}

impl<'a> Chains<'a> {
    /// Of the first `end` bytes of `text`; behind them is NUL, or nothing. Words name the rules in `named`.
    pub(crate) fn new(text: &'a [u8], end: usize, named: u128) -> Self {
        let chain = Chain {
            text,
            groups: SmallVec::new(),
            has: Has::default(),
            singles: 0,
            next: 0,
        };
        Self { chain, end, named }
    }

    pub(crate) fn next(&mut self) -> Option<&Chain<'a>> {
        let chain = &mut self.chain;
        loop {
            let digit = next_digit(chain.text, chain.next, self.end)?;
            let first = backwards(chain.text, digit, chain.next);
            chain.clear();
            chain.next = forwards(chain.text, first, chain).max(digit + 1);
            if chain.has.enough(self.named) && !is_uuid(&chain.groups) {
                return Some(&self.chain);
            }
        }
    }
}

fn next_digit(text: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut at = from;
    while at < end {
        let digits = Block::at(text, at).digits().bits();
        if digits != 0 {
            let digit = at + digits.trailing_zeros() as usize;
            return (digit < end).then_some(digit);
        }
        at += BLOCK_BYTES;
    }
    None
}

/// Longest group before whose end is looked for its beginning.
const BACK_MAX: usize = 64;

/// The start of the group that holds `digit`, or of up to two groups of letters before it.
fn backwards(text: &[u8], digit: usize, floor: usize) -> usize {
    let start_of = |from: usize| {
        let mut start = from;
        loop {
            let block = Block::before(text, start);
            let length = (block.digits() | block.letters()).bits().leading_ones() as usize;
            start -= length;
            if length < BLOCK_BYTES || from - start >= BACK_MAX {
                return start.max(floor);
            }
        }
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

/// The group that begins at `start`.
fn group(text: &[u8], start: usize) -> Group {
    let (mut end, mut count) = (start, 0);
    loop {
        let block = Block::at(text, end);
        let digits = block.digits();
        let length = (digits | block.letters()).bits().trailing_ones();
        let of_group = (1_u32 << length) - 1;
        count += (u32::from(digits.bits()) & of_group).count_ones() as usize;
        end += length as usize;
        if (length as usize) < BLOCK_BYTES {
            return Group {
                start,
                end,
                digits: count,
            };
        }
    }
}

/// Collects the chain from `first` on and says where to look next.
fn forwards(text: &[u8], first: usize, chain: &mut Chain<'_>) -> usize {
    let mut start = first;
    loop {
        let group = group(text, start);
        let (end, length) = (group.end, group.end - start);
        if length == 0 || group.digits == 0 && length > LETTERS_MAX {
            return start;
        }
        chain.push(group);
        let line = text.get(end..end + 2) == Some(b"\r\n");
        let separator = line || text.get(end).copied().is_some_and(is_separator);
        if chain.groups.len() >= GROUPS_MAX {
            // The next chain begins inside of this one, so that nothing lies across.
            let inside = chain.groups.get(GROUPS_MAX / 2);
            return inside.map_or(end, |group| group.start);
        }
        // A check character in brackets: `A123456(7)`.
        let check = text
            .get(end + 1)
            .filter(|byte| byte.is_ascii_alphanumeric());
        if let Some(check) = check
            && text.get(end) == Some(&b'(')
            && text.get(end + 2) == Some(&b')')
        {
            chain.push(Group {
                start: end + 1,
                end: end + 2,
                digits: usize::from(check.is_ascii_digit()),
            });
            return end + 3;
        }
        if !separator {
            return end;
        }
        start = end + 1 + usize::from(line);
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b'\n')
}

/// Fewest digits of an identifier: what has no more among its letters needs a word.
fn digits_min(named: u128) -> usize {
    if named == 0 { 4 } else { 3 }
}

/// Fewest characters of an identifier.
const LENGTH_MIN: usize = 7;

fn is_uuid(groups: &[Group]) -> bool {
    groups
        .windows(5)
        .any(|five| five.iter().map(Group::length).eq([8, 4, 4, 4, 12]))
}

/// Steps that a candidate costs which has the shape of an identifier.
const CANDIDATE_STEPS: usize = 128;
/// Steps that a group costs beside its bytes.
const GROUP_STEPS: usize = 8;

impl<'a> Chain<'a> {
    /// Tells `meet` of every candidate in the chain; of those that need a word, where their rule is one of `named`.
    /// It answers whether to go on.
    pub(crate) fn candidates(
        &self,
        named: u128,
        work: &mut Work<'_>,
        mut meet: impl FnMut(&Candidate<'a>),
    ) -> bool {
        let groups = &self.groups;
        // Digits one by one are one identifier or none.
        let whole_only = self.singles > 8;
        let mut has = self.has;
        let mut before = None;
        for (first, group) in groups.iter().enumerate() {
            let rest = groups.get(first..).unwrap_or_default();
            // What begins further on is of the next chain.
            if group.start >= self.next || !has.enough(named) {
                break;
            }
            has.digits -= group.digits;
            has.characters -= group.length();
            let part = whole_only && is_single(before);
            before = Some(group);
            if !part && !self.from(rest, named, whole_only, work, &mut meet) {
                return false;
            }
        }
        true
    }

    /// Follows the layouts over the groups of `rest`.
    fn from(
        &self,
        rest: &[Group],
        named: u128,
        whole_only: bool,
        work: &mut Work<'_>,
        meet: &mut impl FnMut(&Candidate<'a>),
    ) -> bool {
        let start = rest.first().map_or(0, |group| group.start);
        let mut candidate = Candidate::new(self.text, start);
        let mut behind = rest.iter().skip(1);
        for group in rest {
            let next = behind.next();
            if !work.lasts(GROUP_STEPS + group.length()) {
                return false;
            }
            if !candidate.extend(group, named) {
                break;
            }
            if candidate.digits < digits_min(named)
                || candidate.length < LENGTH_MIN
                || candidate.digits * 4 < candidate.length
                || whole_only && is_single(next)
                || !candidate.has_shape(named)
            {
                continue;
            }
            candidate.close(group);
            meet(&candidate);
            if !work.lasts(CANDIDATE_STEPS) {
                return false;
            }
        }
        true
    }
}

fn is_single(group: Option<&Group>) -> bool {
    group.is_some_and(|group| group.length() == 1 && group.digits == 1)
}
