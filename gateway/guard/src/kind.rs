//! The kinds of findings by number, name and group.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use crate::{rules, secrets};

/// A kind of finding. Names are stable: they stand in configuration, records and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(u16);

/// Text that cannot be seen.
pub const HIDDEN_TEXT: &str = "HIDDEN_TEXT";
/// Text that reads like an instruction to a model.
pub const INJECTION: &str = "INJECTION";

struct Registry {
    names: Vec<(&'static str, &'static str)>,
    numbers: HashMap<&'static str, u16, FixedState>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let identifiers = rules::all().map(|rule| (rule.kind, rule.groups));
    let secrets = secrets::KINDS.iter().map(|kind| (*kind, "secrets"));
    let texts = [(HIDDEN_TEXT, "hidden-text"), (INJECTION, "injection")];
    let names: Vec<_> = identifiers.chain(secrets).chain(texts).collect();
    let numbers = names
        .iter()
        .zip(0..)
        .map(|((name, _), number)| (*name, number))
        .collect();
    Registry { names, numbers }
});

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        REGISTRY.numbers.get(name).copied().map(Self)
    }

    /// A kind of the tables, which tests hold complete.
    pub(crate) fn of(name: &str) -> Self {
        Self::named(name).unwrap_or(Self(0))
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        REGISTRY
            .names
            .get(usize::from(self.0))
            .map_or("", |(name, _)| name)
    }

    /// Whether the kind belongs to a group: a preset, a region or a country.
    #[must_use]
    pub fn is_in(self, group: &str) -> bool {
        REGISTRY
            .names
            .get(usize::from(self.0))
            .is_some_and(|(_, groups)| groups.split(' ').any(|name| name == group))
    }

    /// Its place among [`Kind::all`].
    #[must_use]
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u16::try_from(REGISTRY.names.len()).unwrap_or(u16::MAX)).map(Self)
    }

    /// Every group, each once, in alphabetical order.
    #[must_use]
    pub fn groups() -> Vec<&'static str> {
        let mut groups: Vec<_> = REGISTRY
            .names
            .iter()
            .flat_map(|(_, groups)| groups.split(' '))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}
