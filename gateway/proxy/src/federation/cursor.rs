//! Where a list of several members goes on.
//!
//! The cursor holds the cursors of the members that have more, sealed and bound to the endpoint, the list
//! and the caller. Nobody can make one up, and none leads a member to a cursor that it has not given.

use super::visit::{Visit, now_s};
use crate::pipeline::Refusal;

/// The longest cursor, before it is sealed. Members whose cursors do not fit go no further.
const CURSOR_BYTES_MAX: usize = 32 * 1024;

/// The cursor for what follows; none where nothing does.
pub(super) fn close(visit: &Visit, list: &str, next: &[(usize, String)]) -> Option<String> {
    let mut content = Vec::new();
    for (at, cursor) in next {
        let server = &visit.member(*at)?.server;
        if content.len() + server.len() + cursor.len() + 3 > CURSOR_BYTES_MAX {
            break;
        }
        content.push(u8::try_from(server.len()).ok()?);
        content.extend_from_slice(server.as_bytes());
        content.extend_from_slice(&u16::try_from(cursor.len()).ok()?.to_le_bytes());
        content.extend_from_slice(cursor.as_bytes());
    }
    if content.is_empty() {
        return None;
    }
    let seals = &visit.gateway.seals;
    seals.close(binding(visit, list), &content, now_s(), rand::random())
}

/// The members that have more, each with its own cursor.
///
/// # Errors
/// [`Refusal::Cursor`] for what is no cursor of this caller at this endpoint.
pub(super) fn open(
    visit: &Visit,
    list: &str,
    cursor: &str,
) -> Result<Vec<(usize, Option<String>)>, Refusal> {
    let seals = &visit.gateway.seals;
    let content = seals.disclose(binding(visit, list), cursor.as_bytes(), now_s());
    let cursors = content.and_then(|content| read(&content));
    let cursors = cursors.ok_or(Refusal::Cursor)?;
    let usable = visit.usable();
    let known = cursors.into_iter().filter_map(|(server, cursor)| {
        let at = visit.front.member(&server)?;
        usable.contains(&at).then_some((at, Some(cursor)))
    });
    Ok(known.collect())
}

fn binding(visit: &Visit, list: &str) -> crate::routing::Binding {
    visit.binding(&format!("cursor {list}"))
}

fn read(mut rest: &[u8]) -> Option<Vec<(String, String)>> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    let mut cursors = Vec::new();
    while let Some((length, more)) = rest.split_first() {
        let (server, more) = more.split_at_checked(usize::from(*length))?;
        let (length, more) = more.split_first_chunk()?;
        let (cursor, more) = more.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        cursors.push((text(server)?, text(cursor)?));
        rest = more;
    }
    Some(cursors)
}
