//! `subscriptions/listen` at an endpoint of several servers (2026-07-28).
//!
//! Each member gets the part of the filter that is about it, under the client's own request id, so that
//! what it tells already names the client's subscription. The client is told that it is listening once
//! every member has said so or has had its time.

use std::sync::Arc;

use gantry_mcp::{
    frame::Call,
    jsonrpc,
    mentions::{self, What},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use super::{
    ask::{Question, Unheard},
    merge, places, resolve,
    stream::{self, Beginning, Ear, Stream},
    visit::Visit,
};
use crate::{pipeline::Refusal, upstream::Verb};

/// What a client wants to be told of one member.
struct Wanted {
    at: usize,
    body: Vec<u8>,
}

/// The filter of one member.
#[derive(Default)]
struct Filter {
    resources: Vec<String>,
    tasks: Vec<String>,
}

/// Begins to listen to all members that the caller may use.
pub(super) async fn listen(
    visit: &Arc<Visit>,
    call: &Call<'_>,
    body: &[u8],
) -> Result<Stream, Refusal> {
    let id = call.id.as_ref().map(|id| id.as_raw()).unwrap_or("null");
    let wanted = wanted(visit, body)?;
    let asked = wanted.len();
    let (tx, events) = stream::channel();
    let (begun, mut beginnings) = mpsc::channel(asked.max(1));
    let (go, gone) = watch::channel(false);
    for one in wanted {
        let beginning = Beginning {
            at: one.at,
            begun: begun.clone(),
            go: gone.clone(),
        };
        let ear = Ear {
            tx: tx.clone(),
            beginning: Some(beginning),
        };
        tokio::spawn(follow(Arc::clone(visit), one, ear));
    }
    drop((begun, gone));
    let (faults, honoured) = gather(visit, asked, &mut beginnings).await;
    let left_out = merge::left_out(visit, asked, faults)?;
    let acknowledged = acknowledged(id, &honoured, &left_out);
    // There is room: nobody sends before the word is given.
    let _ = tx.try_send(stream::event(acknowledged.as_bytes()));
    let _ = go.send(true);
    let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
    let farewell =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete",{meta}}}}}"#);
    Ok(Stream::new(
        events,
        Some(stream::event(farewell.as_bytes())),
    ))
}

/// Waits until each member has begun or failed, as long as members may take.
async fn gather(
    visit: &Visit,
    asked: usize,
    beginnings: &mut mpsc::Receiver<(usize, Result<Vec<u8>, Unheard>)>,
) -> (Vec<(usize, Unheard)>, Vec<Vec<u8>>) {
    let deadline = Instant::now() + visit.front.deadline;
    let mut open = visit.usable();
    let (mut faults, mut honoured) = (Vec::new(), Vec::new());
    while faults.len() + honoured.len() < asked {
        match timeout_at(deadline, beginnings.recv()).await {
            Ok(Some((at, begun))) => {
                open.retain(|other| *other != at);
                match begun {
                    Ok(message) => honoured.push(message),
                    Err(fault) => faults.push((at, fault)),
                }
            }
            Ok(None) | Err(_) => break,
        }
    }
    // Those that come later are listened to all the same.
    let late = open.into_iter().map(|at| (at, Unheard::late()));
    faults.extend(late);
    faults.sort_by_key(|(at, _)| *at);
    (faults, honoured)
}

/// Listens to one member for as long as the client does.
async fn follow(visit: Arc<Visit>, wanted: Wanted, ear: Ear) {
    let Wanted { at, body } = wanted;
    let question = Question {
        verb: Verb::Post,
        headers: visit.own("subscriptions/listen", None),
        body: body.into(),
    };
    let followed = stream::follow(&visit, at, question, &ear).await;
    let fault = followed.err().unwrap_or_else(Unheard::error);
    if let Some(Beginning { begun, .. }) = ear.beginning {
        let _ = begun.send((at, Err(fault))).await;
    }
}

/// What each member is asked: the client's own message with that member's part of the filter.
fn wanted(visit: &Visit, body: &[u8]) -> Result<Vec<Wanted>, Refusal> {
    let mentions = resolve::read(body)?;
    let members = visit.usable();
    let mut filters: Vec<Filter> = members.iter().map(|_| Filter::default()).collect();
    for mention in &mentions {
        let is_uri = mention.what == What::FilterUri;
        if !is_uri && mention.what != What::FilterTask {
            continue;
        }
        let text = mention.text().unwrap_or_default();
        let found = if is_uri {
            places::uri_of(&text)
        } else {
            places::mark_of(&text)
        };
        let found = found.and_then(|(server, own)| Some((visit.front.member(server)?, own)));
        // What is nobody's is not listened to; the acknowledgement says so.
        let Some((at, own)) = found else { continue };
        let place = members.iter().position(|member| *member == at);
        if let Some(filter) = place.and_then(|place| filters.get_mut(place)) {
            let list = if is_uri {
                &mut filter.resources
            } else {
                &mut filter.tasks
            };
            list.push(jsonrpc::quoted(own));
        }
    }
    let wanted = members.into_iter().zip(filters);
    Ok(wanted
        .map(|(at, filter)| Wanted {
            at,
            body: narrowed(body, &mentions, &filter),
        })
        .collect())
}

/// The message with these resources and tasks in its filter and no others.
fn narrowed(body: &[u8], mentions: &[mentions::Mention<'_>], filter: &Filter) -> Vec<u8> {
    let mut edits = Vec::new();
    for (what, own) in [
        (What::FilterUri, &filter.resources),
        (What::FilterTask, &filter.tasks),
    ] {
        let mut all = mentions.iter().filter(|mention| mention.what == what);
        // From the first element to the last: what stands between them are commas.
        if let (Some(first), last) = (all.next(), all.next_back()) {
            let span = first.span();
            let end = last.map_or(span.end, |last| last.span().end);
            edits.push((span.start..end, own.join(",")));
        }
    }
    mentions::splice(body, edits)
}

/// What the client is told first: everything that some member has agreed to tell.
fn acknowledged(id: &str, honoured: &[Vec<u8>], left_out: &[(String, &'static str)]) -> String {
    let mut kinds = Vec::new();
    let (mut resources, mut tasks) = (Vec::new(), Vec::new());
    for message in honoured {
        for mention in mentions::of_server(message).unwrap_or_default() {
            match mention.what {
                What::FilterUri => resources.push(mention.raw().to_owned()),
                What::FilterTask => tasks.push(mention.raw().to_owned()),
                What::Filter => {
                    let agreed = |kind: &&str| agrees(mention.raw(), kind) && !kinds.contains(kind);
                    let more: Vec<&str> =
                        KINDS.iter().copied().filter(|kind| agreed(kind)).collect();
                    kinds.extend(more);
                }
                _ => {}
            }
        }
    }
    let mut members: Vec<String> = kinds
        .iter()
        .map(|kind| format!("\"{kind}\":true"))
        .collect();
    for (key, own) in [("resourceSubscriptions", resources), ("taskIds", tasks)] {
        if !own.is_empty() {
            members.push(format!("\"{key}\":[{}]", own.join(",")));
        }
    }
    let partial: Vec<String> = left_out
        .iter()
        .map(|(server, reason)| format!(r#"{{"server":"{server}","reason":"{reason}"}}"#))
        .collect();
    let partial = match partial.is_empty() {
        true => String::new(),
        false => format!(",\"dev.gantry/partial\":[{}]", partial.join(",")),
    };
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{{{}}},"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}{partial}}}}}}}"#,
        members.join(",")
    )
}

const KINDS: [&str; 3] = [
    "toolsListChanged",
    "promptsListChanged",
    "resourcesListChanged",
];

/// Whether a filter (its JSON text) asks for this kind of news.
fn agrees(filter: &str, kind: &str) -> bool {
    let filter: Option<serde_json::Value> = serde_json::from_str(filter).ok();
    filter.is_some_and(|filter| filter.get(kind) == Some(&true.into()))
}
