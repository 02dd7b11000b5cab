//! Lists of several members as one.
//!
//! The members are asked at the same time, each for as long as it may take. Their elements stand in the
//! order of the members' names, and within a member as it gave them, so that the same lists make the
//! same list. Where a member's part is missing, the result says whose.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::{StreamExt, stream};
use gantry_mcp::listing::List;

use super::{
    Own,
    ask::Unheard,
    cursor,
    lists::{self, Listed, Page},
    member::kind_of,
    shared::{Names, Shared},
    visit::Visit,
    welcome,
};
use crate::pipeline::Refusal;

/// Members that are asked at the same time; the others follow.
pub(super) const AT_ONCE_MAX: usize = 64;

/// Pages of one member that are read at once, to find a name or to compare them.
const SEARCHED_PAGES_MAX: usize = 16;

/// What one member has contributed.
struct Part {
    at: usize,
    page: Result<Arc<Page>, Unheard>,
}

/// The list of all members, or where `cursor` says that it goes on.
pub(super) async fn list(
    visit: &Visit,
    list: List,
    id: &str,
    call: &Listed,
    cursor: Option<&str>,
) -> Result<Own, Refusal> {
    let is_whole = cursor.is_none() && visit.front.compares(list);
    let parts = match cursor {
        None if is_whole => read(visit, list, &visit.usable(), call).await,
        None => {
            let members = visit.usable().into_iter();
            pages(visit, list, call, members.map(|at| (at, None)).collect()).await
        }
        Some(text) => pages(visit, list, call, cursor::open(visit, list.key(), text)?).await,
    };
    let faults: Vec<(usize, Unheard)> = parts
        .iter()
        .filter_map(|part| Some((part.at, part.page.as_ref().err()?.clone())))
        .collect();
    let left_out = left_out(visit, parts.len(), faults)?;
    let merged = merge(visit, list, &parts, &shared(visit, list, &parts, is_whole));
    let next = cursor::close(visit, list.key(), &parts_next(&parts));
    let is_partial = !left_out.is_empty();
    let mut result = format!("\"{}\":[", list.key()).into_bytes();
    result.extend(merged.join(&b','));
    result.push(b']');
    if let Some(next) = next {
        result.extend(format!(",\"nextCursor\":\"{next}\"").into_bytes());
    }
    if visit.is_modern() {
        let (ttl_ms, scope) = keeping(visit, &parts, is_partial);
        let keeping =
            format!(r#","resultType":"complete","ttlMs":{ttl_ms},"cacheScope":"{scope}""#);
        result.extend(keeping.into_bytes());
    }
    result.extend(meta(visit, &left_out).into_bytes());
    Ok(Own::result(id, &result).partial(left_out))
}

/// These pages, each of one member.
async fn pages(
    visit: &Visit,
    list: List,
    call: &Listed,
    asked: Vec<(usize, Option<String>)>,
) -> Vec<Part> {
    let parts = asked.into_iter().map(|(at, cursor)| async move {
        let page = lists::page(visit, at, list, call, cursor.as_deref()).await;
        Part { at, page }
    });
    stream::iter(parts).buffered(AT_ONCE_MAX).collect().await
}

/// The members whose parts are missing, each with the reason, where there are parts at all.
pub(super) fn left_out(
    visit: &Visit,
    asked: usize,
    faults: Vec<(usize, Unheard)>,
) -> Result<Vec<(String, &'static str)>, Refusal> {
    if faults.iter().any(|(_, fault)| fault.unrecorded) {
        return Err(Refusal::Unrecorded);
    }
    let named = faults.iter().filter_map(|(at, fault)| {
        let server = visit.member(*at)?.server.to_string();
        visit
            .gateway
            .metrics
            .traffic()
            .left_out(&server, fault.reason);
        Some((server, fault.reason))
    });
    let named: Vec<_> = named.collect();
    if asked > 0 && faults.len() == asked {
        let told: Vec<String> = named
            .iter()
            .map(|(server, reason)| format!("{server} ({reason})"))
            .collect();
        return Err(Refusal::NoMember(told.join(", ")));
    }
    Ok(named)
}

/// The `_meta` of an answer that was put together, behind a comma; it may be nothing.
pub(super) fn meta(visit: &Visit, left_out: &[(String, &'static str)]) -> String {
    let mut members = Vec::new();
    if visit.is_modern() {
        let info = welcome::info(visit);
        members.push(format!("\"io.modelcontextprotocol/serverInfo\":{info}"));
    }
    if !left_out.is_empty() {
        let servers: Vec<String> = left_out
            .iter()
            .map(|(server, reason)| format!(r#"{{"server":"{server}","reason":"{reason}"}}"#))
            .collect();
        members.push(format!("\"dev.gantry/partial\":[{}]", servers.join(",")));
    }
    match members.is_empty() {
        true => String::new(),
        false => format!(",\"_meta\":{{{}}}", members.join(",")),
    }
}

/// The elements of all parts under the names that clients see, each name once.
fn merge(visit: &Visit, list: List, parts: &[Part], shared: &Shared) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    let mut merged = Vec::new();
    for_each(visit, list, parts, |at, page, element| {
        let Some(member) = visit.member(at) else {
            return;
        };
        let own = element.own.as_str();
        let name = match list {
            List::Tools | List::Prompts => visit.front.exposed(member, list, own, shared),
            List::Resources | List::Templates => visit.front.uri(member, own),
        };
        if !seen.insert(name.clone()) {
            return;
        }
        if matches!(list, List::Tools | List::Prompts) {
            visit.front.learned.learn(list, &name, at, own);
        }
        merged.push(page.shown(element, &name, member.description(list, own)));
    });
    merged
}

/// The names that several members have, where that matters. Any may be one where `parts` are not all that the
/// members have.
fn shared(visit: &Visit, list: List, parts: &[Part], is_whole: bool) -> Shared {
    match (visit.front.compares(list), is_whole) {
        (false, _) => return Shared::default(),
        (true, false) => return Shared::Any,
        (true, true) => {}
    }
    let mut names: BTreeMap<usize, (Names, bool)> = BTreeMap::new();
    for part in parts {
        let (_, answers) = names.entry(part.at).or_insert((Names::new(), true));
        *answers &= part.page.is_ok();
    }
    for_each(visit, list, parts, |at, _, element| {
        if let (Some(member), Some((names, _))) = (visit.member(at), names.get_mut(&at)) {
            names.insert(member.seen(list, &element.own).to_owned());
        }
    });
    let authorization = visit.authorization();
    let known = names.into_iter().filter_map(|(at, (names, answers))| {
        let key = (authorization, list, Arc::clone(&visit.member(at)?.server));
        Some(visit.front.known.update(key, names, answers))
    });
    Shared::among(known)
}

fn for_each(
    visit: &Visit,
    list: List,
    parts: &[Part],
    mut each: impl FnMut(usize, &Page, &lists::Element),
) {
    for part in parts {
        let (Ok(page), Some(member)) = (&part.page, visit.member(part.at)) else {
            continue;
        };
        for element in &page.elements {
            if member.has(kind_of(list), &element.own) {
                each(part.at, page, element);
            }
        }
    }
}

/// Where each member's list goes on behind the last of its pages.
fn parts_next(parts: &[Part]) -> Vec<(usize, String)> {
    let behind = parts.iter().skip(1).map(|part| Some(part.at)).chain([None]);
    let last = parts
        .iter()
        .zip(behind)
        .filter(|(part, behind)| Some(part.at) != *behind);
    let next = |part: &Part| Some((part.at, part.page.as_ref().ok()?.next.clone()?));
    last.filter_map(|(part, _)| next(part)).collect()
}

/// How long the whole may be kept, and for whom.
fn keeping(visit: &Visit, parts: &[Part], is_partial: bool) -> (u64, &'static str) {
    let gateway = &visit.gateway;
    let mut ttl_ms = if is_partial { Some(0) } else { None };
    let mut is_public = !gateway.policy.is_in_force() && !gateway.guardrails.is_in_force();
    for page in parts.iter().filter_map(|part| part.page.as_ref().ok()) {
        let own = page.ttl_ms.unwrap_or_default();
        ttl_ms = Some(ttl_ms.map_or(own, |least: u64| least.min(own)));
        is_public &= page.is_public;
    }
    let scope = if is_public { "public" } else { "private" };
    (ttl_ms.unwrap_or_default(), scope)
}

/// Reads the lists of `members` to learn their names, and all lists where names are compared.
pub(super) async fn learn(visit: &Visit, list: List, members: &[usize], call: &Listed) {
    let parts = match visit.front.compares(list) {
        true => read(visit, list, &visit.usable(), call).await,
        false => read(visit, list, members, call).await,
    };
    merge(visit, list, &parts, &shared(visit, list, &parts, true));
}

/// The definitions of all tools that the caller may use, as it sees them, and whose are missing.
pub(super) async fn tools(
    visit: &Visit,
    call: &Listed,
) -> Result<(Vec<Vec<u8>>, Vec<(String, &'static str)>), Refusal> {
    let members = visit.usable();
    let parts = read(visit, List::Tools, &members, call).await;
    let faults = parts
        .iter()
        .filter_map(|part| Some((part.at, part.page.as_ref().err()?.clone())))
        .collect();
    let left_out = left_out(visit, members.len(), faults)?;
    let shared = shared(visit, List::Tools, &parts, true);
    Ok((merge(visit, List::Tools, &parts, &shared), left_out))
}

/// All pages of the lists of `members`, up to a number; what follows is behind the last one's cursor.
async fn read(visit: &Visit, list: List, members: &[usize], call: &Listed) -> Vec<Part> {
    let reading = members.iter().copied().map(|at| async move {
        let mut parts: Vec<Part> = Vec::new();
        let mut cursor = None;
        while parts.len() < SEARCHED_PAGES_MAX {
            let page = lists::page(visit, at, list, call, cursor.as_deref()).await;
            cursor = page.as_ref().ok().and_then(|page| page.next.clone());
            parts.push(Part { at, page });
            if cursor.is_none() {
                break;
            }
        }
        parts
    });
    let parts: Vec<Vec<Part>> = stream::iter(reading).buffered(AT_ONCE_MAX).collect().await;
    parts.into_iter().flatten().collect()
}
