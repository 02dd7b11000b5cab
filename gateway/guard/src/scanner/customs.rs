//! An operator's own patterns: the engine says where one ends, the crate `regex` what it is.

use regex::bytes::Regex;

use super::{Local, What};
use crate::secrets::OwnNames;
use crate::vocabulary::{Hit, Mark};
use crate::work::Work;

/// Bytes before a match's end in which its start is looked for.
const BEFORE_BYTES: usize = 1024;
/// Bytes that are looked at at once: however many matches end in a text, each byte is looked at twice at most.
const BLOCK_BYTES: usize = 4 * BEFORE_BYTES;
/// Steps a byte: an expression may look at it several times.
const BYTE_STEPS: usize = 4;

/// Finds the patterns that end in a text.
pub(super) fn find(
    patterns: &[(String, Regex)],
    names: &OwnNames,
    text: &[u8],
    base: usize,
    hits: &[Hit],
    work: &mut Work<'_>,
    local: &mut Local,
) {
    // By pattern: the end that the next match must be behind.
    let mut done = vec![0; patterns.len()];
    for hit in hits {
        let (Mark::Custom(number), Some(end)) = (hit.mark, (hit.end as usize).checked_sub(base))
        else {
            continue;
        };
        let number = usize::from(number);
        let (Some((_, regex)), Some(done)) = (patterns.get(number), done.get_mut(number)) else {
            continue;
        };
        if end <= *done {
            continue;
        }
        let from = end.saturating_sub(BEFORE_BYTES);
        let to = (from + BLOCK_BYTES).min(text.len());
        if !work.lasts(BYTE_STEPS * (to - from)) {
            return;
        }
        let block = text.get(..to).unwrap_or_default();
        let mut at = from;
        while let Some(found) = (at <= to).then(|| regex.find_at(block, at)).flatten() {
            // What stands where something was taken out is nobody's.
            if !found.is_empty() && !names.cover(text, found.start(), found.end()) {
                local.push((What::Custom(number), found.start(), found.end(), 1.0));
            }
            at = found.end().max(at + 1);
        }
        // What is cut off by the end of a block is met again in the next.
        *done = if to < text.len() {
            to - BEFORE_BYTES
        } else {
            to
        };
    }
}
