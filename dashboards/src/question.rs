//! One reader's question: the range, the interval and the selection that a query is filled in with.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Panel, Target, macros};

/// Grafana's value of All.
pub const ALL: &str = "$__all";

/// Most values selected of one variable, and the longest of them in bytes.
pub const VALUES_MAX: usize = 100;
pub const VALUE_BYTES_MAX: usize = 512;
/// Most variables of one question.
pub const VARIABLES_MAX: usize = 16;
/// The longest range: the trail's roll-ups go no further back.
pub const RANGE_MS_MAX: i64 = 1_100 * 24 * 3_600_000;
/// How many points a curve has at most.
pub const POINTS_MAX: i64 = 300;

/// Intervals that read well on an axis, in milliseconds.
const INTERVALS_MS: [i64; 17] = [
    1_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
];

/// What a query is filled in with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Milliseconds since 1970, both ends included.
    pub from_ms: i64,
    pub to_ms: i64,
    /// Between two points of a curve. Left out: chosen by the range and the panel.
    #[serde(default)]
    pub interval_ms: i64,
    /// What is selected of each variable. Nothing, or [`ALL`], is All.
    #[serde(default)]
    pub selection: BTreeMap<String, Vec<String>>,
}

/// Why a query cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the range is empty, reversed or longer than three years")]
    Range,
    #[error("too many variables, too many values, or a value that is too long")]
    Selection,
    #[error("the query has no macro `{0}`")]
    Macro(String),
    #[error("`{0}` needs other arguments")]
    Arguments(&'static str),
    #[error("`{0}` is no variable in a form that is understood")]
    Variable(String),
}

impl Question {
    /// # Errors
    /// [`Fault::Range`] or [`Fault::Selection`] when it asks for more than is answered.
    pub fn check(&self) -> Result<(), Fault> {
        let length = self.to_ms.saturating_sub(self.from_ms);
        if self.from_ms < 0 || length <= 0 || length > RANGE_MS_MAX || self.interval_ms < 0 {
            return Err(Fault::Range);
        }
        let fits = |values: &Vec<String>| {
            values.len() <= VALUES_MAX && values.iter().all(|value| value.len() <= VALUE_BYTES_MAX)
        };
        if self.selection.len() > VARIABLES_MAX || !self.selection.values().all(fits) {
            return Err(Fault::Selection);
        }
        Ok(())
    }

    /// The question with an interval that suits its range and the panel's table.
    pub fn paced(mut self, panel: &Panel) -> Self {
        let shortest = panel.interval.and_then(milliseconds).unwrap_or(1_000);
        if self.interval_ms == 0 {
            let wanted = (self.to_ms - self.from_ms) / POINTS_MAX;
            let longest = INTERVALS_MS.last().copied().unwrap_or(shortest);
            self.interval_ms = INTERVALS_MS
                .into_iter()
                .find(|interval| *interval >= wanted)
                .unwrap_or(longest);
        }
        self.interval_ms = self.interval_ms.max(shortest);
        self
    }

    /// What is selected of a variable; `None` is All.
    pub(crate) fn selected(&self, variable: &str) -> Option<&[String]> {
        let values = self.selection.get(variable)?;
        let all = values.is_empty() || values.iter().any(|value| value == ALL || value.is_empty());
        (!all).then_some(values)
    }

    pub(crate) fn range_s(&self) -> i64 {
        ((self.to_ms - self.from_ms) / 1_000).max(1)
    }

    pub(crate) fn interval_s(&self) -> i64 {
        (self.interval_ms / 1_000).max(1)
    }
}

/// The SQL of a panel's targets for this question.
///
/// # Errors
/// [`Fault`] when the question asks for too much, or the query is wrong.
pub fn statements(panel: &Panel, question: &Question) -> Result<Vec<String>, Fault> {
    question.check()?;
    let question = question.clone().paced(panel);
    panel
        .targets
        .iter()
        .filter_map(|target| match target {
            Target::Sql(sql) => Some(macros::expand(sql, &question)),
            Target::PromQl { .. } => None,
        })
        .collect()
}

/// `10s`, `1m`, `1h` in milliseconds.
pub fn milliseconds(interval: &str) -> Option<i64> {
    let (number, unit) = interval.split_at_checked(interval.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok()?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(range_ms: i64) -> Question {
        Question {
            from_ms: 0,
            to_ms: range_ms,
            interval_ms: 0,
            selection: BTreeMap::new(),
        }
    }

    #[test]
    fn an_interval_suits_the_range_and_the_table() {
        let panels = crate::source::all();
        let by_minute = panels[0].panels().find(|(_, it)| it.interval == Some("1m"));
        let by_minute = by_minute.unwrap().1;
        for (range_ms, interval_ms) in [
            (60_000, 60_000),
            (6 * 3_600_000, 120_000),
            (7 * 86_400_000, 3_600_000),
            (RANGE_MS_MAX, 86_400_000),
        ] {
            assert_eq!(question(range_ms).paced(by_minute).interval_ms, interval_ms);
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(question(0).check(), Err(Fault::Range));
        assert_eq!(question(-1).check(), Err(Fault::Range));
        assert_eq!(question(RANGE_MS_MAX + 1).check(), Err(Fault::Range));
        let mut many = question(1_000);
        many.selection
            .insert("agent".into(), vec!["a".into(); VALUES_MAX + 1]);
        assert_eq!(many.check(), Err(Fault::Selection));
        let mut long = question(1_000);
        long.selection
            .insert("agent".into(), vec!["a".repeat(VALUE_BYTES_MAX + 1)]);
        assert_eq!(long.check(), Err(Fault::Selection));
    }
}
