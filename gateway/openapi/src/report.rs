//! What became of a description, for the operator.

use std::fmt;

use crate::{Api, Skipped};

/// Tools with their sizes, what was skipped and why, and what was taken otherwise than described: one line each.
#[derive(Debug)]
pub struct Report<'a>(&'a Api);

impl Api {
    /// The report on this API; it is printed with `{}`.
    pub fn report(&self) -> Report<'_> {
        Report(self)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api = self.0;
        let sizes: Vec<usize> = api.tools.iter().map(crate::Tool::bytes).collect();
        let total: usize = sizes.iter().sum();
        let width = api
            .tools
            .iter()
            .map(|tool| tool.name().len())
            .max()
            .unwrap_or(0);
        for (tool, bytes) in api.tools.iter().zip(&sizes) {
            writeln!(
                f,
                "{:width$}  {bytes:>6} B  {}",
                tool.name(),
                Plain(tool.operation())
            )?;
            for note in tool.notes() {
                writeln!(f, "{:width$}            {}", "", Plain(note))?;
            }
        }
        for Skipped { operation, reason } in &api.skipped {
            writeln!(f, "skipped: {}: {}", Plain(operation), Plain(reason))?;
        }
        for selector in &api.unused {
            writeln!(f, "chooses nothing: {}", Plain(selector))?;
        }
        write!(
            f,
            "{}: {} tools, {total} bytes (largest {}); {} skipped, {} left out by choice",
            Plain(&api.title),
            api.tools.len(),
            sizes.iter().max().unwrap_or(&0),
            api.skipped.len(),
            api.left_out
        )
    }
}

/// Text of a document, which must not steer the terminal that it is printed to.
struct Plain<'t>(&'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| write!(f, "{}", if c.is_control() { '\u{fffd}' } else { c }))
    }
}
