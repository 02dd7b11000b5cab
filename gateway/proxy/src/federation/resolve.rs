//! Which member a client's message is for, and what it says in that member's own words.

use std::ops::Range;

use gantry_mcp::{
    frame::Call,
    jsonrpc,
    listing::List,
    mentions::{self, Mention, What},
    method::Method,
};

use super::{lists::Listed, member::kind_of, merge, names, places, visit::Visit};
use crate::{
    config::Kind,
    pipeline::{Refusal, Unreviewable},
    policy::listing::Entry,
};

/// A message for one member.
#[derive(Debug)]
pub(super) struct Addressed {
    pub at: usize,
    /// What the message becomes.
    pub body: Vec<u8>,
    /// What `Mcp-Name` becomes.
    pub name: Option<String>,
}

type Edits = Vec<(Range<usize>, String)>;

/// Finds the member that a request is for by what it names.
///
/// # Errors
/// [`Refusal::Unknown`] when nothing goes by that name, or the caller may not know that it does.
pub(super) async fn request(
    visit: &Visit,
    call: &Call<'_>,
    method: Method,
    body: &[u8],
) -> Result<Addressed, Refusal> {
    let mentions = read(body)?;
    let unknown = |kind| move || Refusal::Unknown(kind);
    let params = &call.params;
    let (at, own, what) = match method {
        Method::ToolsCall | Method::PromptsGet => {
            let list = match method {
                Method::ToolsCall => List::Tools,
                _ => List::Prompts,
            };
            let name = params.name.as_deref().unwrap_or_default();
            let found = named(visit, list, name, call).await;
            let (at, own) = found.ok_or_else(unknown(kind_of(list)))?;
            (at, own, What::Name)
        }
        Method::Complete => completion(visit, call).await?,
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult => {
            let id = params.task_id.as_deref().unwrap_or_default();
            let found = places::mark_of(id).and_then(|(server, own)| {
                let at = usable(visit, server)?;
                Some((at, own.to_owned()))
            });
            let (at, own) = found.ok_or_else(unknown(Kind::Tool))?;
            (at, own, What::Task)
        }
        _ => {
            let uri = params.uri.as_deref().unwrap_or_default();
            let (at, own) = located(visit, uri).ok_or_else(unknown(Kind::Resource))?;
            (at, own, What::Uri)
        }
    };
    let edits = edits(visit, at, &mentions, |mention| mention.what == what, &own);
    let mirrored = method.mirrored().is_some();
    Ok(Addressed {
        at,
        body: mentions::splice(body, edits),
        name: mirrored.then_some(own),
    })
}

async fn completion(visit: &Visit, call: &Call<'_>) -> Result<(usize, String, What), Refusal> {
    let reference = call.params.reference.as_ref();
    let name = reference.and_then(|reference| reference.name.as_deref());
    let uri = reference.and_then(|reference| reference.uri.as_deref());
    match (name, uri) {
        (Some(name), None) => {
            let found = named(visit, List::Prompts, name, call).await;
            let (at, own) = found.ok_or(Refusal::Unknown(Kind::Prompt))?;
            Ok((at, own, What::RefName))
        }
        (None, Some(uri)) => {
            let (at, own) = located(visit, uri).ok_or(Refusal::Unknown(Kind::Resource))?;
            Ok((at, own, What::RefUri))
        }
        // A reference to both could be read either way.
        _ => Err(Refusal::Unknown(Kind::Method)),
    }
}

/// The member and its own name for a tool or prompt.
pub(super) async fn named(
    visit: &Visit,
    list: List,
    name: &str,
    call: &Call<'_>,
) -> Option<(usize, String)> {
    let front = &visit.front;
    let known = |(at, own): &(usize, String)| {
        let member = visit.member(*at);
        member.is_some_and(|member| member.has(kind_of(list), own)) && visit.view(*at).is_some()
    };
    if let Some(found) = learned(visit, list, name) {
        return Some(found);
    }
    let split = front.split(list, name).filter(known);
    let searchable = names::may_be_cut(name) || (split.is_none() && !front.names_servers());
    if searchable && front.learned.may_search(visit.authorization()) {
        let members = match &split {
            Some((at, _)) => vec![*at],
            None => visit.usable(),
        };
        merge::learn(visit, list, &members, &Listed::of(call)).await;
        if let Some(found) = learned(visit, list, name) {
            return Some(found);
        }
    }
    split
}

/// What the caller sees by a name that lists have shown: the first member's, where several have it.
fn learned(visit: &Visit, list: List, name: &str) -> Option<(usize, String)> {
    let mut found = visit.front.learned.find(list, name).into_iter();
    let seen = found.find(|(at, own)| {
        let member = visit.member(*at);
        let here = member.is_some_and(|member| member.has(kind_of(list), own));
        let view = visit.view(*at).filter(|_| here);
        view.is_some_and(|view| view.is_none_or(|view| view.shows(Entry::Listed(list, own))))
    });
    seen.map(|(at, own)| (at, own.into_string()))
}

/// The member and its own URI for a resource.
pub(super) fn located(visit: &Visit, uri: &str) -> Option<(usize, String)> {
    let (server, own) = places::uri_of(uri)?;
    let at = usable(visit, server)?;
    let here = visit.member(at)?.has(Kind::Resource, own);
    here.then(|| (at, own.to_owned()))
}

/// A member that the caller may use.
pub(super) fn usable(visit: &Visit, server: &str) -> Option<usize> {
    let at = visit.front.member(server)?;
    visit.view(at).map(|_| at)
}

/// The member that a client's response or progress is for, by the id or token that the member was given
/// in the place of its own.
pub(super) fn reply(visit: &Visit, body: &[u8], by: What) -> Result<Option<Addressed>, Refusal> {
    let mentions = read(body)?;
    let id = mentions.iter().find(|mention| mention.what == by);
    let text = id.and_then(Mention::text).unwrap_or_default();
    let Some((server, raw)) = places::id_of(&text) else {
        return Ok(None);
    };
    let Some(at) = usable(visit, server) else {
        return Ok(None);
    };
    let mut edits = tasks(visit, at, &mentions);
    let ids = mentions.iter().filter(|mention| mention.what == by);
    edits.extend(ids.map(|mention| (mention.span(), raw.to_owned())));
    Ok(Some(Addressed {
        at,
        body: mentions::splice(body, edits),
        name: None,
    }))
}

/// What a request becomes for the only member, where that changes.
///
/// # Errors
/// [`Refusal::Unknown`] when what it names is not at this endpoint.
pub(super) async fn within(
    visit: &Visit,
    call: &Call<'_>,
    body: &[u8],
) -> Result<Option<Addressed>, Refusal> {
    let Some(member) = visit.member(0) else {
        return Ok(None);
    };
    let params = &call.params;
    let reference = params.reference.as_ref();
    let of_reference = reference.and_then(|reference| reference.name.as_deref());
    let at_reference = reference.and_then(|reference| reference.uri.as_deref());
    let method = call.known();
    let (list, name, what) = match method {
        Some(Method::ToolsCall) => (List::Tools, params.name.as_deref(), What::Name),
        Some(Method::PromptsGet) => (List::Prompts, params.name.as_deref(), What::Name),
        Some(Method::Complete) => (List::Prompts, of_reference, What::RefName),
        _ => (List::Resources, None, What::Uri),
    };
    let uri = match method {
        Some(Method::Complete) => at_reference,
        _ => params.uri.as_deref(),
    };
    if let Some(uri) = uri
        && !member.has(Kind::Resource, uri)
    {
        return Err(Refusal::Unknown(Kind::Resource));
    }
    let Some(name) = name else {
        return Ok(None);
    };
    let found = named(visit, list, name, call).await;
    let (at, own) = found.ok_or(Refusal::Unknown(kind_of(list)))?;
    if own == name {
        return Ok(None);
    }
    let mentions = read(body)?;
    let edits = edits(visit, at, &mentions, |mention| mention.what == what, &own);
    let mirrored = method.and_then(Method::mirrored).is_some();
    Ok(Some(Addressed {
        at,
        body: mentions::splice(body, edits),
        name: mirrored.then_some(own),
    }))
}

/// What of a message changes: its subject, and the task that it is related to.
fn edits(
    visit: &Visit,
    at: usize,
    mentions: &[Mention<'_>],
    is_subject: impl Fn(&Mention<'_>) -> bool,
    own: &str,
) -> Edits {
    let subject = mentions.iter().filter(|mention| is_subject(mention));
    let mut edits: Edits = subject
        .map(|mention| (mention.span(), jsonrpc::quoted(own)))
        .collect();
    let related = tasks(visit, at, mentions).into_iter();
    let known: Vec<Range<usize>> = edits.iter().map(|(span, _)| span.clone()).collect();
    edits.extend(related.filter(|(span, _)| !known.contains(span)));
    edits
}

fn tasks(visit: &Visit, at: usize, mentions: &[Mention<'_>]) -> Edits {
    let Some(member) = visit.member(at) else {
        return Vec::new();
    };
    let tasks = mentions.iter().filter(|mention| mention.what == What::Task);
    let own = tasks.filter_map(|mention| {
        let text = mention.text()?;
        let (server, own) = places::mark_of(&text)?;
        (*server == *member.server).then(|| (mention.span(), jsonrpc::quoted(own)))
    });
    own.collect()
}

/// What a message names that has been read as a frame already.
pub(super) fn read(body: &[u8]) -> Result<Vec<Mention<'_>>, Refusal> {
    let mentions = mentions::of_client(body);
    mentions.map_err(|fault| Unreviewable::Unclear(fault).into())
}
