//! The tasks of several servers as one list (`tasks/list`, 2025-11-25).

use futures::{StreamExt, stream};
use gantry_mcp::{jsonrpc, method::Method};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Own,
    ask::{self, Question, Unheard},
    cursor,
    lists::{CURSOR_BYTES_MAX, Listed},
    merge::{self, AT_ONCE_MAX},
    translate,
    visit::Visit,
};
use crate::pipeline::{Refusal, Reviewed};

/// What cursors of this list are bound to.
const LIST: &str = "tasks";

/// One page of one member's tasks.
#[derive(Default)]
struct Page {
    /// Each as clients see it.
    tasks: Vec<Vec<u8>>,
    next: Option<String>,
}

/// The tasks of all members that have such a list, or where `cursor` says that it goes on.
///
/// # Errors
/// [`Refusal`] where no member's list can be read, or nobody was given the cursor.
pub(super) async fn list(
    visit: &Visit,
    id: &str,
    call: &Listed,
    cursor: Option<&str>,
) -> Result<Own, Refusal> {
    let asked: Vec<(usize, Option<String>)> = match cursor {
        None => visit.usable().into_iter().map(|at| (at, None)).collect(),
        Some(text) => cursor::open(visit, LIST, text)?,
    };
    let members = asked.len();
    let pages = asked.into_iter().map(|(at, cursor)| async move {
        let page = page(visit, at, call, cursor.as_deref()).await;
        (at, page)
    });
    let pages: Vec<_> = stream::iter(pages).buffered(AT_ONCE_MAX).collect().await;
    let (mut tasks, mut next, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (at, page) in pages {
        match page {
            Ok(page) => {
                tasks.extend(page.tasks);
                next.extend(page.next.map(|cursor| (at, cursor)));
            }
            Err(fault) => faults.push((at, fault)),
        }
    }
    let left_out = merge::left_out(visit, members, faults)?;
    let mut result = [b"\"tasks\":[".as_slice(), &tasks.join(&b','), b"]"].concat();
    if let Some(next) = cursor::close(visit, LIST, &next) {
        result.extend(format!(",\"nextCursor\":\"{next}\"").into_bytes());
    }
    result.extend(merge::meta(visit, &left_out).into_bytes());
    Ok(Own::result(id, &result).partial(left_out))
}

async fn page(
    visit: &Visit,
    at: usize,
    call: &Listed,
    cursor: Option<&str>,
) -> Result<Page, Unheard> {
    let method = Method::TasksList.as_str();
    let heard = ask::ask_in_session(visit, at, |session| {
        session.filter(|session| session.offers.lists_tasks())?;
        let body = call.body(method, cursor, &visit.traceparent);
        Some(Question::post(visit.own(method, session), body))
    });
    match heard.await? {
        // It has no such list.
        None => Ok(Page::default()),
        Some(heard) => {
            let message = heard.message.ok_or_else(Unheard::error)?;
            read(visit, at, &message).ok_or_else(Unheard::error)
        }
    }
}

/// What a member has answered, with its tasks under the names that clients see.
fn read(visit: &Visit, at: usize, message: &[u8]) -> Option<Page> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        result: Option<Tasks<'a>>,
        error: Option<Fault>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tasks<'a> {
        #[serde(borrow)]
        tasks: Vec<&'a RawValue>,
        next_cursor: Option<String>,
    }
    #[derive(Deserialize)]
    struct Fault {
        code: i64,
    }
    let member = visit.member(at)?;
    let translated = translate::translate(&visit.fronts, &visit.front, at, member, message).ok()?;
    let seen: &[u8] = match &translated {
        Reviewed::Kept => message,
        Reviewed::Replaced(json) => json,
        Reviewed::Dropped => return None,
    };
    let message: Message<'_> = serde_json::from_slice(seen).ok()?;
    if let Some(fault) = message.error {
        return (fault.code == jsonrpc::METHOD_NOT_FOUND).then(Page::default);
    }
    let list = message.result?;
    let tasks = list.tasks.iter();
    Some(Page {
        tasks: tasks.map(|task| task.get().as_bytes().to_vec()).collect(),
        next: list
            .next_cursor
            .filter(|next| next.len() <= CURSOR_BYTES_MAX),
    })
}
