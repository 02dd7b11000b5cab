//! A schema with the definitions that it reaches, inside a bound of bytes.
//!
//! In this order, until it fits: everything; definitions without descriptions, defaults, examples and long lists of
//! values; the nearest definitions only, breadth first, the others left open; the arguments themselves in brief, then
//! less deep; then the last of the optional arguments left out.

use std::collections::{HashSet, VecDeque};

use crate::defs::Defs;
use crate::schema::{Detail, Side, Written};

/// What had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shortened {
    No,
    /// Descriptions, defaults, examples.
    Words,
    /// Definitions far from the arguments are left open.
    Far,
    /// The arguments' own schemas are less deep.
    Depth,
    /// So many optional arguments are not offered.
    Arguments(usize),
}

/// Details of the root in the order of trying.
const ROOTS: [Detail; 5] = [
    Detail::Full,
    Detail::Brief,
    Detail::Depth(4),
    Detail::Depth(2),
    Detail::Depth(1),
];

/// Writes a root with its definitions in at most `bytes_max`. The root is an object with at least one member; it is
/// written with a number of its optional members, of which there are `optional`.
pub(crate) fn fit(
    defs: &Defs<'_>,
    side: Side,
    bytes_max: usize,
    optional: usize,
    root: impl Fn(Detail, usize) -> Written,
) -> (String, Shortened) {
    let mut smallest = None;
    for detail in ROOTS {
        let written = root(detail, optional);
        // A root that leaves no room for its definitions says less than a briefer one with them.
        let room = if written.refs.is_empty() {
            bytes_max
        } else {
            bytes_max / 4 * 3
        };
        if written.text.len() <= room {
            return with_definitions(defs, side, bytes_max, written, detail);
        }
        smallest = Some(written);
    }
    let mut keep = optional;
    let mut written = smallest.unwrap_or_else(|| root(Detail::Depth(1), keep));
    while written.text.len() > bytes_max && keep > 0 {
        keep -= keep.div_ceil(8);
        written = root(Detail::Depth(1), keep);
    }
    let (text, _) = with_definitions(
        defs,
        side,
        bytes_max.max(written.text.len()),
        written,
        Detail::Depth(1),
    );
    let gone = optional - keep;
    (
        text,
        if gone > 0 {
            Shortened::Arguments(gone)
        } else {
            Shortened::Depth
        },
    )
}

fn with_definitions(
    defs: &Defs<'_>,
    side: Side,
    bytes_max: usize,
    root: Written,
    detail: Detail,
) -> (String, Shortened) {
    let by_root = match detail {
        Detail::Full => Shortened::No,
        Detail::Brief => Shortened::Words,
        Detail::Depth(_) => Shortened::Depth,
    };
    for detail in [Detail::Full, Detail::Brief] {
        if let Some(text) = all(defs, side, bytes_max, &root, detail) {
            let by_definitions = if detail == Detail::Full {
                Shortened::No
            } else {
                Shortened::Words
            };
            return (text, by_root.max(by_definitions));
        }
    }
    (
        nearest(defs, side, bytes_max, &root),
        by_root.max(Shortened::Far),
    )
}

/// Everything reachable, if it fits.
fn all(
    defs: &Defs<'_>,
    side: Side,
    bytes_max: usize,
    root: &Written,
    detail: Detail,
) -> Option<String> {
    let mut seen: HashSet<u32> = root.refs.iter().copied().collect();
    let mut order = root.refs.clone();
    let mut bytes = root.text.len();
    let mut at = 0;
    while let Some(id) = order.get(at).copied() {
        at += 1;
        let written = defs.written(id, side, detail);
        bytes += written.text.len() + defs.name(id).len() + 4;
        if bytes + "\"$defs\":{}".len() > bytes_max {
            return None;
        }
        order.extend(written.refs.iter().filter(|next| seen.insert(**next)));
    }
    let parts = order
        .into_iter()
        .map(|id| (id, defs.written(id, side, detail).text.clone()));
    Some(join(defs, &root.text, parts))
}

/// What stands for a definition that is left open.
const OPEN: &str = "{}";

/// As many of the nearest definitions as fit.
fn nearest(defs: &Defs<'_>, side: Side, bytes_max: usize, root: &Written) -> String {
    let open = |id: u32| defs.name(id).len() + 4 + OPEN.len();
    let mut seen: HashSet<u32> = root.refs.iter().copied().collect();
    let mut queue: VecDeque<u32> = root.refs.iter().copied().collect();
    let mut bytes = root.text.len()
        + "\"$defs\":{}".len()
        + root.refs.iter().map(|id| open(*id)).sum::<usize>();
    let mut parts: Vec<(u32, String)> = Vec::new();
    while let Some(id) = queue.pop_front() {
        let mut text = None;
        for detail in [Detail::Brief, Detail::Depth(2), Detail::Depth(1)] {
            if bytes + 200 > bytes_max {
                break;
            }
            let written = defs.written(id, side, detail);
            let fresh = written.refs.iter().filter(|next| !seen.contains(next));
            let more = written.text.len() + fresh.map(|next| open(*next)).sum::<usize>();
            if bytes + more <= bytes_max {
                bytes += more;
                for next in &written.refs {
                    if seen.insert(*next) {
                        queue.push_back(*next);
                    }
                }
                text = Some(written.text.clone());
                break;
            }
        }
        parts.push((id, text.unwrap_or_else(|| OPEN.to_owned())));
    }
    join(defs, &root.text, parts.into_iter())
}

fn join(defs: &Defs<'_>, root: &str, parts: impl Iterator<Item = (u32, String)>) -> String {
    let mut text = root.strip_suffix('}').unwrap_or(root).to_owned();
    let mut first = true;
    for (id, part) in parts {
        text.push_str(if first { ",\"$defs\":{" } else { "," });
        first = false;
        crate::node::quote(&defs.name(id), &mut text);
        text.push(':');
        text.push_str(&part);
    }
    text.push_str(if first { "}" } else { "}}" });
    text.shrink_to_fit();
    text
}
