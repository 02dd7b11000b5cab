//! Lists as one caller may see them.
//!
//! Bytes in, bytes out: what the caller may not use is taken out of a message, everything else stays
//! byte for byte. A list that depends on the caller must not be served to another one, so it is
//! marked as private for whoever caches it (2026-07-28, "Caching").

use std::ops::Range;

use gantry_mcp::listing::{self, List, Listing, Unclear};

const PRIVATE: &str = "\"private\"";

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// It stays as it is.
    Whole,
    /// It becomes this one.
    Part(Vec<u8>),
    /// It is about something that the caller may not see.
    Nothing,
}

/// Something that a message shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// An element of a list, by what it is called by.
    Listed(List, &'a str),
    /// A resource that has changed.
    Updated(&'a str),
}

/// Takes everything out of `message` that `visible` does not hold for.
///
/// # Errors
/// [`Unclear`] when the message could be read in two ways, so that it cannot be shown at all.
pub fn filter(message: &[u8], visible: impl Fn(Entry<'_>) -> bool) -> Result<Shown, Unclear> {
    let listing = listing::read(message)?;
    if let Some(uri) = &listing.updated
        && !visible(Entry::Updated(uri))
    {
        return Ok(Shown::Nothing);
    }
    let mut edits = cuts(&listing, visible);
    edits.extend(
        listing
            .cache_scope
            .filter(|scope| scope.get() != PRIVATE)
            .map(|scope| (scope.span(), PRIVATE)),
    );
    if edits.is_empty() {
        return Ok(Shown::Whole);
    }
    edits.sort_by_key(|(span, _)| span.start);
    Ok(Shown::Part(apply(message, &edits)))
}

/// The spans that go, each with what stands between an element and its neighbour.
fn cuts(
    listing: &Listing<'_>,
    visible: impl Fn(Entry<'_>) -> bool,
) -> Vec<(Range<usize>, &'static str)> {
    let mut cuts = Vec::new();
    for (list, elements) in &listing.lists {
        // Where the text before the next element ends, once an element is kept.
        let mut kept_until = None;
        for (place, element) in elements.iter().enumerate() {
            let shown = element
                .name
                .as_deref()
                .is_some_and(|name| visible(Entry::Listed(*list, name)));
            let Range { start, end } = element.span.clone();
            if shown {
                kept_until = Some(end);
            } else if let Some(until) = &mut kept_until {
                cuts.push((*until..end, ""));
                *until = end;
            } else {
                let next = elements.get(place + 1).map_or(end, |next| next.span.start);
                cuts.push((start..next, ""));
            }
        }
    }
    cuts
}

fn apply(message: &[u8], edits: &[(Range<usize>, &str)]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(message.len());
    let mut at = 0;
    for (span, text) in edits {
        changed.extend_from_slice(message.get(at..span.start).unwrap_or_default());
        changed.extend_from_slice(text.as_bytes());
        at = span.end;
    }
    changed.extend_from_slice(message.get(at..).unwrap_or_default());
    changed
}

#[cfg(test)]
mod tests;
