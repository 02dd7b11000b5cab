//! Secrets of one text: what the engine matched, confirmed, and what a key promises about its value.

use super::context::Known;
use super::{Local, What};
use crate::kind::Kind;
use crate::secrets::{self, Assignment};
use crate::table::{Column, Tables};
use crate::vocabulary::{Hit, Mark};
use crate::work::Work;

/// Steps that a match costs: as a rule some of its kind look at the same bytes.
const MATCH_STEPS: usize = 256;

/// The secrets that matches in `text` are of. Most texts have none: apart from the loop over texts it leaves that small.
#[inline(never)]
pub(super) fn matched(
    text: &[u8],
    base: usize,
    hits: &[Hit],
    work: &mut Work<'_>,
    local: &mut Local,
) {
    let mut columns = Columns::default();
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
            Mark::Keyword(what) => {
                let found = secrets::assignment(text, end, what);
                if found.is_none() {
                    columns.secrets(text, end, what, work, local);
                }
                (found, 0.95)
            }
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

/// The columns of a text that were looked through for secrets.
#[derive(Default)]
struct Columns {
    tables: Tables,
    seen: Vec<(Column, Assignment)>,
}

impl Columns {
    /// The secrets under a header whose name promises them, in which the keyword ends at `end`.
    fn secrets(
        &mut self,
        text: &[u8],
        end: usize,
        what: Assignment,
        work: &mut Work<'_>,
        local: &mut Local,
    ) {
        let Some(column) = self.tables.column_of(text, end - 1) else {
            return;
        };
        // A name may have several keywords.
        if self.seen.contains(&(column, what)) || !secrets::promises(secrets::name(text, end)) {
            return;
        }
        self.seen.push((column, what));
        column.cells(text, work, |start, end| {
            let value = text.get(start..end).unwrap_or_default();
            // A column may say how a password is instead of what it is: `Strong`, `Not set`.
            let is_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b' ';
            if !value.iter().all(is_word)
                && let Some(kind) = secrets::assigned_value(value, what)
            {
                local.push((What::Kind(Kind::of(kind)), start, end, 0.9));
            }
        });
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
