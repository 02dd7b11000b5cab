//! A task belongs to the caller that began it.
//!
//! A server sees one client, the gateway, and cannot tell its callers apart (2025-11-25, "Task Isolation
//! and Access Control"; 2026-07-28, the tasks extension). So a client knows a task by the server's id with
//! a tag behind it that is made of the id, the server and the caller. Without its tag an id leads nowhere,
//! and nothing is stored. Where nobody proves who it is, all callers are one, and ids stay as they are.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use gantry_mcp::{
    frame::{Call, Frame},
    headers, jsonrpc,
    listing::Unclear,
    mentions::{self, Mention, What},
    method::{Kind, Method},
};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;

use super::{Gateway, Refusal, Reviewed, Unreviewable};
use crate::{
    auth::Caller,
    policy::Permit,
    routing::{Binding, Seals},
};

/// The tasks of one caller at one server.
#[derive(Debug)]
pub(super) struct Tasks {
    seals: Arc<Seals>,
    server: Arc<str>,
    caller: Caller,
}

/// A client's message with the server's own ids in it.
pub(super) struct Owned {
    body: Bytes,
    /// The header that says the same as the body.
    name: Option<HeaderValue>,
}

/// Whether a call is about a task, or may be answered by one: its client takes tasks (the extension),
/// or asks for one (2025-11-25).
pub(super) fn may_begin_or_name(call: &Call<'_>) -> bool {
    let known = call.known();
    let declared = call.params.meta.client_capabilities;
    known.is_some_and(|method| method.kind() == Kind::Task)
        || call.params.task.is_some()
        // However its first part is spelled: `io.modelcontextprotocol/tasks`.
        || declared.is_some_and(|raw| raw.get().contains("/tasks\""))
}

/// Whether an answer may hold news about tasks that other calls began.
pub(super) fn may_be_told(method: &str) -> bool {
    method == "GET" || Method::parse(method).is_some_and(Method::is_listen)
}

impl Tasks {
    /// `None` where callers are all the same.
    pub(super) fn of(gateway: &Gateway, permit: &Permit, server: &Arc<str>) -> Option<Self> {
        gateway.identity.is_known().then(|| Self {
            seals: Arc::clone(&gateway.seals),
            server: Arc::clone(server),
            caller: permit.caller().clone(),
        })
    }

    /// What tags are bound to. It is a hash, and most messages name no task.
    fn binding(&self) -> Binding {
        Binding::new(&self.server, self.caller.agent(), self.caller.subject())
    }

    /// What a client's message becomes for the server; `None` where it names no task.
    ///
    /// # Errors
    /// [`Refusal::Task`] where a request names a task that is not the caller's, and
    /// [`Refusal::TaskList`] where it asks for a list: a server would put everybody's into it.
    pub(super) fn of_client(
        &self,
        frame: &Frame<'_>,
        body: &Bytes,
    ) -> Result<Option<Owned>, Refusal> {
        let method = frame.call().and_then(Call::known);
        if method == Some(Method::TasksList) {
            return Err(Refusal::TaskList);
        }
        let about = method.is_some_and(|method| method.kind() == Kind::Task || method.is_listen());
        if !about && !may_name_tasks(body) {
            return Ok(None);
        }
        let mentions = mentions::of_client(body).map_err(Unreviewable::Unclear)?;
        let binding = self.binding();
        let mut edits = Vec::new();
        for mention in mentions.iter().filter(|mention| is_task(mention)) {
            let text = mention.text().unwrap_or_default();
            match self.seals.recognise(binding, &text) {
                Some(own) => edits.push((mention.span(), jsonrpc::quoted(own))),
                // A client may tell about tasks of its own, but ask for the server's only.
                None if matches!(frame, Frame::Request(_)) => return Err(Refusal::Task),
                None => {}
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let subject = frame.call().filter(|_| about).and_then(Call::subject);
        let own = subject.and_then(|seen| self.seals.recognise(binding, seen));
        let name = own.map(|own| HeaderValue::try_from(headers::encode_value(own)));
        Ok(Some(Owned {
            name: name.transpose().map_err(|_| Refusal::Task)?,
            body: mentions::splice(body, edits).into(),
        }))
    }

    /// What a server's message becomes for the client.
    pub(super) fn of_server(&self, message: &[u8]) -> Result<Reviewed, Unclear> {
        if !may_name_tasks(message) {
            return Ok(Reviewed::Kept);
        }
        let mentions = mentions::of_server(message)?;
        let has = |what| mentions.iter().find(|mention| mention.what == what);
        let method = has(What::Method).and_then(Mention::text);
        // What the server asks about a task of the client's own.
        if has(What::Id).is_some() && method.is_some_and(|method| method.starts_with("tasks/")) {
            return Ok(Reviewed::Kept);
        }
        let binding = self.binding();
        let tagged = |own: Cow<'_, str>| self.seals.tagged(binding, &own);
        let tasks = mentions.iter().filter(|mention| is_task(mention));
        let edits = tasks.filter_map(|mention| {
            let seen = mention.text().and_then(tagged)?;
            Some((mention.span(), jsonrpc::quoted(&seen)))
        });
        let edits: Vec<_> = edits.collect();
        Ok(match edits.is_empty() {
            true => Reviewed::Kept,
            false => Reviewed::Replaced(mentions::splice(message, edits)),
        })
    }
}

impl Owned {
    /// The message as it goes on.
    pub(super) fn in_place(self, mut headers: HeaderMap) -> (HeaderMap, Bytes) {
        if let Some(name) = self.name
            && headers.contains_key(headers::NAME)
        {
            headers.insert(headers::NAME, name);
        }
        (headers, self.body)
    }
}

/// Whether there is anything to look for: the key, or a spelling that may hide it.
fn may_name_tasks(message: &[u8]) -> bool {
    ["taskId", "\\u"]
        .iter()
        .any(|part| memmem::find(message, part.as_bytes()).is_some())
}

fn is_task(mention: &Mention<'_>) -> bool {
    matches!(mention.what, What::Task | What::FilterTask)
}
