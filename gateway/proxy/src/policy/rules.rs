//! Which rules: sets as dense bits, for tables, and as the few words that are not empty, for callers.
//!
//! A caller is subject to few of all rules. What it costs to meet its set with a table's depends on
//! the caller's rules and not on how many others there are.

/// A set of rules by their place in the file; lower ones come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RuleSet(Vec<u64>);

impl RuleSet {
    pub(super) fn insert(&mut self, rule: usize) {
        let word = rule / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (rule % 64);
        }
    }

    pub(super) fn contains(&self, rule: usize) -> bool {
        self.word(rule / 64) >> (rule % 64) & 1 == 1
    }

    fn word(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }
}

/// What rules a name occurs in.
#[derive(Debug, Clone, Default)]
pub(super) struct Effects {
    pub(super) allow: RuleSet,
    pub(super) deny: RuleSet,
}

impl Effects {
    pub(super) fn add(&mut self, effect: Effect, rule: usize) {
        match effect {
            Effect::Allow => self.allow.insert(rule),
            Effect::Deny => self.deny.insert(rule),
        }
    }

    fn of(&self, effect: Effect) -> &RuleSet {
        match effect {
            Effect::Allow => &self.allow,
            Effect::Deny => &self.deny,
        }
    }
}

/// What a rule does to what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// The rules that are about one caller: 64 of them at a time, where there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Rights(Vec<Live>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Live {
    word: usize,
    allow: u64,
    deny: u64,
    /// Of these, the rules with a condition that each call has to meet anew.
    open: u64,
}

impl Rights {
    /// Adds a rule. `effects` are those that it can have for this caller.
    pub(super) fn insert(&mut self, rule: usize, effects: &[Effect], open: bool) {
        let (word, bit) = (rule / 64, 1_u64 << (rule % 64));
        let at = self.0.partition_point(|live| live.word < word);
        if self.0.get(at).is_none_or(|live| live.word != word) {
            let live = Live {
                word,
                ..Live::default()
            };
            self.0.insert(at, live);
        }
        if let Some(live) = self.0.get_mut(at) {
            for effect in effects {
                match effect {
                    Effect::Allow => live.allow |= bit,
                    Effect::Deny => live.deny |= bit,
                }
            }
            if open {
                live.open |= bit;
            }
        }
    }

    /// The first of the caller's rules that has this effect on any of `sources`, and of which
    /// `holds` says so; it is asked only about rules with an open condition.
    pub(super) fn first(
        &self,
        effect: Effect,
        sources: &[&Effects],
        mut holds: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        for live in &self.0 {
            let named = sources
                .iter()
                .fold(0, |bits, source| bits | source.of(effect).word(live.word));
            let own = match effect {
                Effect::Allow => live.allow,
                Effect::Deny => live.deny,
            };
            let mut met = named & own;
            while met != 0 {
                let bit = met.trailing_zeros() as usize;
                let rule = live.word * 64 + bit;
                if live.open >> bit & 1 == 0 || holds(rule) {
                    return Some(rule);
                }
                met &= met - 1;
            }
        }
        None
    }

    /// Whether a rule may have this effect.
    pub(super) fn may(&self, rule: usize, effect: Effect) -> bool {
        let live = self.0.iter().find(|live| live.word == rule / 64);
        live.is_some_and(|live| {
            let bits = match effect {
                Effect::Allow => live.allow,
                Effect::Deny => live.deny,
            };
            bits >> (rule % 64) & 1 == 1
        })
    }

    /// All of them, in the order of the file, with whether their condition is open.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.0.iter().flat_map(|live| {
            let bits = (0..64).filter(|bit| (live.allow | live.deny) >> bit & 1 == 1);
            bits.map(|bit| (live.word * 64 + bit, live.open >> bit & 1 == 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_holds_decides() {
        let mut rights = Rights::default();
        for (rule, open) in [(3, true), (200, false), (70, false)] {
            rights.insert(rule, &[Effect::Allow], open);
        }
        let mut effects = Effects::default();
        for rule in [3, 5, 70, 200] {
            effects.add(Effect::Allow, rule);
            effects.add(Effect::Deny, rule);
        }
        let first =
            |holds| rights.first(Effect::Allow, &[&Effects::default(), &effects], |_| holds);
        assert_eq!((first(true), first(false)), (Some(3), Some(70)));
        assert_eq!(rights.first(Effect::Deny, &[&effects], |_| true), None);
        let all: Vec<_> = rights.iter().collect();
        assert_eq!(all, [(3, true), (70, false), (200, false)]);
        assert!(effects.allow.contains(200) && !effects.allow.contains(4));
    }
}
