//! What a member says, in the words of the endpoint.
//!
//! Only what names something becomes another text, in its place; every other byte of a message stays as
//! the member wrote it.

use std::{borrow::Cow, ops::Range, sync::Arc};

use gantry_mcp::{
    jsonrpc,
    listing::{List, Unclear},
    mentions::{self, Mention, What},
};

use super::{
    Front, Fronts,
    lists::described,
    member::{Member, kind_of},
    places,
    shared::Shared,
};
use crate::{
    pipeline::{Reviewed, Translation},
    policy::listing::{self, Entry, Shown},
};

/// The translation of a member's messages; none where clients see them as they are.
pub(super) fn translation(
    fronts: &Arc<Fronts>,
    front: &Arc<Front>,
    at: usize,
) -> Option<Translation> {
    let member = front.members.get(at)?;
    let as_they_are = front.is_solo() && front.shows_own_names(member) && !member.is_partial();
    if as_they_are {
        return None;
    }
    let events = (!front.is_solo()).then(|| Arc::clone(&member.server));
    let (fronts, front) = (Arc::clone(fronts), Arc::clone(front));
    let translate = move |message: &[u8]| match front.members.get(at) {
        Some(member) => translate(&fronts, &front, at, member, message),
        None => Ok(Reviewed::Dropped),
    };
    Some(Translation::new(translate, events))
}

/// One message of a member.
pub(super) fn translate(
    fronts: &Fronts,
    front: &Front,
    at: usize,
    member: &Member,
    message: &[u8],
) -> Result<Reviewed, Unclear> {
    let chosen = chosen(member, message)?;
    let left: &[u8] = match &chosen {
        Reviewed::Kept => message,
        Reviewed::Replaced(part) => part,
        Reviewed::Dropped => return Ok(chosen),
    };
    let mentions = mentions::of_server(left)?;
    notice(fronts, member, &mentions);
    let edits = edits(front, at, member, &mentions);
    Ok(match edits.is_empty() {
        true => chosen,
        false => Reviewed::Replaced(mentions::splice(left, edits)),
    })
}

/// The message without what of the member is not at this endpoint.
fn chosen(member: &Member, message: &[u8]) -> Result<Reviewed, Unclear> {
    if !member.is_partial() {
        return Ok(Reviewed::Kept);
    }
    let here = |entry: Entry<'_>| match entry {
        Entry::Listed(list, own) => member.has(kind_of(list), own),
        Entry::Updated(uri) => member.has(kind_of(List::Resources), uri),
    };
    Ok(match listing::filter(message, here)? {
        Shown::Whole => Reviewed::Kept,
        Shown::Part(json) => Reviewed::Replaced(json),
        Shown::Nothing => Reviewed::Dropped,
    })
}

/// Lists that have changed are not given again.
fn notice(fronts: &Fronts, member: &Member, mentions: &[Mention<'_>]) {
    let Some(method) = method(mentions) else {
        return;
    };
    let lists: &[List] = match &*method {
        "notifications/tools/list_changed" => &[List::Tools],
        "notifications/prompts/list_changed" => &[List::Prompts],
        "notifications/resources/list_changed" => &[List::Resources, List::Templates],
        _ => return,
    };
    fronts.lists.changed(&member.server, lists);
}

fn method<'a>(mentions: &[Mention<'a>]) -> Option<Cow<'a, str>> {
    let method = mentions.iter().find(|mention| mention.what == What::Method);
    method.and_then(Mention::text)
}

fn edits(
    front: &Front,
    at: usize,
    member: &Member,
    mentions: &[Mention<'_>],
) -> Vec<(Range<usize>, String)> {
    let has = |what| mentions.iter().any(|mention| mention.what == what);
    let is_request = has(What::Method) && has(What::Id);
    // A server that asks about a task asks about one of the client's, which has no other name.
    let asks_of_task = is_request && method(mentions).is_some_and(|of| of.starts_with("tasks/"));
    let (solo, server) = (front.is_solo(), &*member.server);
    let mut edits = Vec::new();
    let mut element = None;
    for mention in mentions {
        let raw = mention.raw();
        let text = || mention.text();
        let other = match mention.what {
            What::Element(list) => {
                element = Some((list, mention.span()));
                continue;
            }
            What::ElementName(list) => text().and_then(|own| {
                if let Some((_, span)) = element.take_if(|(of, _)| *of == list) {
                    edits.extend(description(member, list, &own, span, mentions));
                }
                let seen = name(front, at, member, list, &own);
                (seen != own).then(|| jsonrpc::quoted(&seen))
            }),
            _ if solo => None,
            What::Uri | What::FilterUri => {
                text().map(|own| jsonrpc::quoted(&front.uri(member, &own)))
            }
            What::Task if asks_of_task => None,
            What::Task | What::FilterTask => {
                text().map(|own| jsonrpc::quoted(&places::mark(server, &own)))
            }
            What::Id | What::Token if is_request && mention.is_id() => {
                Some(places::id(server, raw))
            }
            What::RequestId if mention.is_id() => Some(places::id(server, raw)),
            _ => None,
        };
        edits.extend(other.map(|other| (mention.span(), other)));
    }
    edits
}

/// What an element of a list is called.
fn name(front: &Front, at: usize, member: &Member, list: List, own: &str) -> String {
    match list {
        List::Tools | List::Prompts => {
            let seen = front.exposed(member, list, own, &Shared::default());
            front.learned.learn(list, &seen, at, own);
            seen
        }
        List::Resources | List::Templates => front.uri(member, own),
    }
}

/// How the element of a list at `span` is described, where that is not the server's to say.
fn description(
    member: &Member,
    list: List,
    own: &str,
    span: Range<usize>,
    mentions: &[Mention<'_>],
) -> Option<(Range<usize>, String)> {
    let text = member.description(list, own)?;
    let present = mentions.iter().find(|mention| {
        let at = mention.span();
        mention.what == What::Description(list) && span.start <= at.start && at.end <= span.end
    });
    Some(described(&span, present.map(Mention::span), text))
}
