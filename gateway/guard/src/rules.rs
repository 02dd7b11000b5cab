//! What identifiers look like: shapes, check digits and the words that name them, one row a kind.
//!
//! A layout is written as it looks: `9` a digit, `A` a letter, `*` either, `-` one separator. A `~` in front means
//! that any grouping will do; `...` at the end means as many letters or digits as follow. `bare` layouts speak for
//! themselves where the check holds. All other layouts, and other groupings, need one of `words` nearby: in the same
//! text, in the column's header or in the JSON key.

pub(crate) mod africa;
pub(crate) mod america;
pub(crate) mod asia;
pub(crate) mod europe;
pub(crate) mod global;

/// One kind of identifier.
pub(crate) struct Rule {
    /// The name in findings, configuration and records.
    pub(crate) kind: &'static str,
    /// Presets and regions that it belongs to, separated by spaces.
    pub(crate) groups: &'static str,
    /// Layouts that need no context.
    pub(crate) bare: &'static [&'static str],
    /// Layouts that need context.
    pub(crate) near: &'static [&'static str],
    /// The check over the compact, upper-case text.
    pub(crate) check: fn(&[u8]) -> bool,
    /// Words that name it. A space stands for any one separator or none.
    pub(crate) words: &'static [&'static str],
}

/// All rows, in the order of their ids.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        global::RULES,
        europe::RULES,
        america::RULES,
        asia::RULES,
        africa::RULES,
    ]
    .into_iter()
    .flatten()
}
