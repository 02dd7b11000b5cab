//! Layouts as automata over three symbols: a digit, a letter, a separator.
//!
//! All layouts are followed at once, one step a byte, and a group at which none is left ends the search: most numbers
//! in a text are given up at their first separator.

use std::collections::HashMap;

use super::candidate::COMPACT_MAX;

/// A layout, read.
pub(super) struct Layout {
    pub(super) rule: usize,
    /// Places that must be digits, or must be letters; the others may be either.
    digits: u64,
    letters: u64,
    length: usize,
    /// Separators before these characters; none: any grouping.
    pub(super) breaks: Option<u64>,
    /// It needs no word that names it.
    pub(super) bare: bool,
}

impl Layout {
    /// The layouts that a row of `rules` writes as `text`; each length of an open one is a layout of its own.
    pub(super) fn read(
        rule: usize,
        text: &str,
        bare: bool,
        length_max: usize,
    ) -> impl Iterator<Item = Self> {
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
        let last = if open { length_max } else { length };
        (length..=last).map(move |length| Self {
            rule,
            digits,
            letters,
            length,
            breaks: (!any).then_some(breaks),
            bare,
        })
    }

    fn has_break(&self, place: usize) -> bool {
        self.breaks.is_some_and(|breaks| breaks >> place & 1 == 1)
    }

    fn takes(&self, place: usize, symbol: Symbol) -> bool {
        let other = match symbol {
            Symbol::Digit => self.letters,
            Symbol::Letter => self.digits,
            Symbol::Break => return self.breaks.is_none() || self.has_break(place),
        };
        place < self.length && other >> place & 1 == 0
    }
}

/// By the place of its step in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Digit = 0,
    Letter = 1,
    Break = 2,
}

/// How separators count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// They stand where the layout has them.
    Exact,
    /// They are not told to the automaton.
    Ignored,
}

/// Where an automaton stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State(u16);

impl State {
    pub(super) const START: Self = Self(1);
    pub(super) const DEAD: Self = Self(0);

    /// Nothing can follow.
    pub(super) fn is_dead(self) -> bool {
        self.0 == 0
    }
}

/// Some of the layouts, compiled. A place among all layouts is what it tells of one.
pub(super) struct Automaton {
    steps: Vec<[u16; 3]>,
    /// By state: what ends there, as a place among `all_ends`. Few states differ in it.
    ends: Vec<u16>,
    all_ends: Vec<Ends>,
}

/// The layouts that end somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    /// Their rules, one bit each.
    pub(super) rules: u128,
    /// Rules with a layout that speaks for itself.
    pub(super) speaking: u128,
    /// Those layouts, in their order.
    pub(super) bare: Vec<u16>,
}

impl Ends {
    fn of(layouts: &[Layout], places: impl Iterator<Item = u16>) -> Self {
        let mut ends = Self::default();
        for place in places {
            let Some(layout) = layouts.get(usize::from(place)) else {
                continue;
            };
            ends.rules |= 1 << layout.rule;
            if layout.bare {
                ends.speaking |= 1 << layout.rule;
                ends.bare.push(place);
            }
        }
        ends
    }
}

/// What a state stands for: the characters so far, whether a separator was last, and the layouts that are left.
type Left = (usize, bool, Vec<u16>);

impl Automaton {
    pub(super) fn compile(
        layouts: &[Layout],
        grouping: Grouping,
        wanted: impl Fn(&Layout) -> bool,
    ) -> Self {
        let all: Vec<u16> = (0..)
            .zip(layouts)
            .filter(|(_, layout)| wanted(layout))
            .map(|(place, _)| place)
            .collect();
        let mut build = Build {
            layouts,
            grouping,
            numbers: HashMap::new(),
            due: Vec::new(),
        };
        let mut automaton = Self {
            steps: vec![[0; 3]],
            ends: vec![0],
            all_ends: vec![Ends::default()],
        };
        let mut numbers = HashMap::from([(Ends::default(), 0)]);
        build.number((0, false, all));
        let mut next = 0;
        while let Some(left) = build.due.get(next).cloned() {
            next += 1;
            automaton.steps.push(
                [Symbol::Digit, Symbol::Letter, Symbol::Break]
                    .map(|symbol| build.step(&left, symbol)),
            );
            let (length, broken, places) = &left;
            let ending = places.iter().copied().filter(|place| {
                let layout = layouts.get(usize::from(*place));
                !broken && layout.is_some_and(|layout| layout.length == *length)
            });
            let ends = Ends::of(layouts, ending);
            let number = *numbers.entry(ends).or_insert_with_key(|ends| {
                automaton.all_ends.push(ends.clone());
                u16::try_from(automaton.all_ends.len() - 1).unwrap_or(0)
            });
            automaton.ends.push(number);
        }
        automaton
    }

    pub(super) fn step(&self, state: State, symbol: Symbol) -> State {
        let steps = self.steps.get(usize::from(state.0));
        let next = steps.and_then(|steps| steps.get(symbol as usize));
        State(next.copied().unwrap_or(0))
    }

    /// The state behind a whole group of digits and letters.
    pub(super) fn through(&self, mut state: State, group: &[u8]) -> State {
        // No layout is longer.
        if group.len() > COMPACT_MAX {
            return State::DEAD;
        }
        for byte in group {
            let symbol = usize::from(!byte.is_ascii_digit());
            let steps = self.steps.get(usize::from(state.0));
            let next = steps.and_then(|steps| steps.get(symbol));
            state = State(next.copied().unwrap_or(0));
        }
        state
    }

    /// What ends here.
    pub(super) fn ends(&self, state: State) -> &Ends {
        static NONE: Ends = Ends {
            rules: 0,
            speaking: 0,
            bare: Vec::new(),
        };
        let number = self.ends.get(usize::from(state.0)).copied().unwrap_or(0);
        self.all_ends.get(usize::from(number)).unwrap_or(&NONE)
    }
}

struct Build<'a> {
    layouts: &'a [Layout],
    grouping: Grouping,
    numbers: HashMap<Left, u16>,
    due: Vec<Left>,
}

impl Build<'_> {
    /// The number of a state, which is new where it was not met before.
    fn number(&mut self, left: Left) -> u16 {
        if let Some(number) = self.numbers.get(&left) {
            return *number;
        }
        // Number 0 is the dead one. A test holds that there are fewer states than numbers.
        let number = u16::try_from(self.due.len() + 1).unwrap_or(0);
        self.due.push(left.clone());
        self.numbers.insert(left, number);
        number
    }

    fn step(&mut self, (length, broken, places): &Left, symbol: Symbol) -> u16 {
        let exact = self.grouping == Grouping::Exact;
        if symbol == Symbol::Break && (!exact || *broken || *length == 0) {
            return 0;
        }
        let stays = |place: &&u16| {
            let Some(layout) = self.layouts.get(usize::from(**place)) else {
                return false;
            };
            // A character where the layout wants a separator first.
            let skipped = exact && symbol != Symbol::Break && !broken && layout.has_break(*length);
            layout.takes(*length, symbol) && !skipped
        };
        let left: Vec<u16> = places.iter().filter(stays).copied().collect();
        if left.is_empty() {
            return 0;
        }
        let length = length + usize::from(symbol != Symbol::Break);
        self.number((length, symbol == Symbol::Break, left))
    }
}

#[cfg(test)]
impl Automaton {
    pub(super) fn ends_of(layouts: &[Layout], places: &[u16]) -> Ends {
        Ends::of(layouts, places.iter().copied())
    }

    pub(super) fn states(&self) -> usize {
        self.steps.len()
    }
}

#[cfg(test)]
impl Layout {
    /// A text of this layout.
    pub(super) fn example(&self, mut roll: impl FnMut(u64) -> u64) -> Vec<u8> {
        let mut text = Vec::new();
        for place in 0..self.length {
            if self.has_break(place) {
                text.push(b'-');
            }
            let digit =
                self.digits >> place & 1 == 1 || self.letters >> place & 1 == 0 && roll(2) == 0;
            text.push(if digit {
                b'0' + roll(10) as u8
            } else {
                b'A' + roll(26) as u8
            });
        }
        text
    }

    /// Whether a text has this layout, separators included where `exact`: compared place by place.
    pub(super) fn is_like(&self, text: &[u8], exact: bool) -> bool {
        let (mut place, mut breaks) = (0, 0_u64);
        for byte in text {
            if *byte == b'-' {
                breaks |= 1 << place;
                continue;
            }
            let wrong = if byte.is_ascii_digit() {
                self.letters
            } else {
                self.digits
            };
            if place >= self.length || wrong >> place & 1 == 1 {
                return false;
            }
            place += 1;
        }
        place == self.length && (!exact || self.breaks.is_none_or(|own| own == breaks))
    }
}
