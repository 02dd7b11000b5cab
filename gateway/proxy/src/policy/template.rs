//! Templates of resources and the patterns of rules: two texts with gaps.
//!
//! A template (RFC 6570) stands for all resources that come of filling in its expressions. Whoever
//! may read some of them sees the template.

use crate::config::Glob;

/// The longest template that is looked at; a longer one is shown to nobody.
const TEMPLATE_BYTES_MAX: usize = 2_048;

/// A text in which some places stand for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    One(char),
    /// Any run of characters.
    Any,
}

impl Template {
    /// Reads a URI template; an expression in braces stands for anything.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return None;
        }
        let mut pieces = Vec::new();
        let mut inside = false;
        for character in text.chars() {
            match character {
                '{' if !inside => {
                    inside = true;
                    pieces.push(Piece::Any);
                }
                '}' if inside => inside = false,
                _ if inside => {}
                other => pieces.push(Piece::One(other)),
            }
        }
        Some(Self(pieces))
    }

    /// Whether `glob` stands for some of the template's resources.
    pub(super) fn meets(&self, glob: &Glob) -> bool {
        search(&self.0, &pieces(glob), Piece::joins)
    }

    /// Whether `glob` stands for all of the template's resources.
    pub(super) fn is_within(&self, glob: &Glob) -> bool {
        search(&self.0, &pieces(glob), Piece::is_taken_by)
    }
}

fn pieces(glob: &Glob) -> Vec<Piece> {
    let piece = |character| match character {
        '*' => Piece::Any,
        other => Piece::One(other),
    };
    glob.as_str().chars().map(piece).collect()
}

/// How two pieces that face each other can be gone past.
#[derive(Debug, Clone, Copy)]
struct Ways {
    /// Past the first one only.
    first: bool,
    /// Past the second one only.
    second: bool,
    both: bool,
}

impl Piece {
    /// Both gaps may stand for whatever the other side says.
    fn joins(first: Option<Self>, second: Option<Self>) -> Ways {
        Ways {
            first: first == Some(Self::Any) || (second == Some(Self::Any) && first.is_some()),
            second: second == Some(Self::Any) || (first == Some(Self::Any) && second.is_some()),
            both: first.is_some() && first == second,
        }
    }

    /// Only the glob's gaps take what the other side says, its gaps included.
    fn is_taken_by(first: Option<Self>, second: Option<Self>) -> Ways {
        Ways {
            first: second == Some(Self::Any) && first.is_some(),
            second: second == Some(Self::Any),
            both: first.is_some() && first == second,
        }
    }
}

/// Whether both ends can be reached together. Takes time in proportion to the product of lengths.
fn search(
    first: &[Piece],
    second: &[Piece],
    ways: fn(Option<Piece>, Option<Piece>) -> Ways,
) -> bool {
    // Row by row: which places of `second` can be reached when so many of `first` are behind.
    let mut reached = vec![false; second.len() + 1];
    if let Some(begin) = reached.first_mut() {
        *begin = true;
    }
    for row in 0..=first.len() {
        let piece = first.get(row).copied();
        let mut next = vec![false; second.len() + 1];
        for column in 0..=second.len() {
            if !reached.get(column).copied().unwrap_or(false) {
                continue;
            }
            let past = ways(piece, second.get(column).copied());
            let mark = |cells: &mut Vec<bool>, at: usize| {
                if let Some(cell) = cells.get_mut(at) {
                    *cell = true;
                }
            };
            if past.second {
                mark(&mut reached, column + 1);
            }
            if past.first {
                mark(&mut next, column);
            }
            if past.both {
                mark(&mut next, column + 1);
            }
        }
        if row < first.len() {
            reached = next;
        }
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pattern;

    #[test]
    fn some_or_all_resources_of_a_template() {
        let check = |template: &str, pattern: &str, some: bool, all: bool| {
            let glob = Pattern::parse(&format!("s/resource:{pattern}"))
                .unwrap()
                .named
                .unwrap()
                .1;
            let template = Template::read(template).unwrap();
            let found = (template.meets(&glob), template.is_within(&glob));
            assert_eq!(found, (some, all), "{template:?} {pattern}");
        };
        check("test://a/{id}/data", "*", true, true);
        check("test://a/{id}/data", "test://a/*", true, true);
        check("test://a/{id}/data", "test://a/7/data", true, false);
        check("test://a/{id}/data", "test://a/7/other", false, false);
        check("test://a/{id}/data", "test://b/*", false, false);
        check("test://a/{id}/data", "*/data", true, true);
        check("test://a/{id}", "test://a/x*", true, false);
        check("file:///{+path}", "file:///public/*", true, false);
        check("file:///{+path}", "file:///*", true, true);
        check("{+uri}", "x", true, false);
        check("x", "x", true, true);
        check("x{?q,r}", "x", true, false);
        check("", "*", true, true);
    }

    #[test]
    fn a_huge_template_is_none() {
        assert_eq!(Template::read(&"a".repeat(TEMPLATE_BYTES_MAX + 1)), None);
    }
}
