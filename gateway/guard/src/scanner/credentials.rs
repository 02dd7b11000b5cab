//! Secrets of one text: what the engine matched, confirmed, and what a key promises about its value.

use std::sync::LazyLock;

use super::context::Known;
use super::{Local, What};
use crate::kind::Kind;
use crate::secrets;
use crate::vocabulary::{Hit, Mark};
use crate::work::Work;

/// Whether a key with a secret's name has a secret for a value, and not a part of a protocol or of a schema.
pub(super) fn promises(key: &[u8]) -> bool {
    static NOT: LazyLock<secrets::Parts> = LazyLock::new(|| {
        secrets::Parts::new(&[
            "page", "next", "cursor", "continu", "sync", "count", "type", "url", "uri", "max",
            "limit", "hash", "policy", "expir",
        ])
    });
    !NOT.occur_in(key)
}

/// Steps that a match costs: as a rule some of its kind look at the same bytes.
const MATCH_STEPS: usize = 256;

/// The secrets that matches in `text` are of.
pub(super) fn matched(
    text: &[u8],
    base: usize,
    hits: &[Hit],
    work: &mut Work<'_>,
    local: &mut Local,
) {
    for hit in hits {
        let Some(end) = (hit.end as usize).checked_sub(base) else {
            continue;
        };
        let (found, score) = match hit.mark {
            Mark::Token(number) => (
                secrets::TOKENS
                    .get(usize::from(number))
                    .and_then(|token| secrets::token(text, end, token)),
                1.0,
            ),
            Mark::Anchor(number) => (
                secrets::ANCHORS
                    .get(usize::from(number))
                    .and_then(|(anchor, _)| secrets::wrapped(text, end, anchor)),
                1.0,
            ),
            // A name says less than a form of its own: `token: ghp_…` is GitHub's.
            Mark::Keyword(what) => (secrets::assignment(text, end, what), 0.95),
            _ => continue,
        };
        if let Some((kind, start, end)) = found {
            local.push((What::Kind(Kind::of(kind)), start, end, score));
        }
        if !work.lasts(MATCH_STEPS) {
            return;
        }
    }
}

/// The secret that a text is as a whole because its key says so.
pub(super) fn promised(text: &[u8], keys: &Known, local: &mut Local) {
    // A password may hold anything; what is long is a text about one.
    const PROMISED_BYTES_MAX: usize = 256;
    if let Some(what) = keys.promises.filter(|_| text.len() <= PROMISED_BYTES_MAX)
        && let Some(kind) = secrets::assigned_value(text, what)
    {
        local.push((What::Kind(Kind::of(kind)), 0, text.len(), 0.9));
    }
}
