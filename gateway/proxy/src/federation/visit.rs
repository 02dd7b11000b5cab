//! One request at an endpoint of several servers: who makes it, in which revision, in which session.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use gantry_mcp::headers::{Era, METHOD, NAME, PROTOCOL_VERSION};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    Front, Fronts, ask::Question, member::Member, opened::Opened, places, sessions::MemberSession,
};
use crate::{
    auth::Caller,
    pipeline::{Gateway, Request},
    policy::{self, Asked, Object, View},
    routing::{Binding, SESSION_ID},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// What every question to a member needs to know.
#[derive(Clone)]
pub(super) struct Visit {
    pub gateway: Arc<Gateway>,
    pub fronts: Arc<Fronts>,
    pub front: Arc<Front>,
    pub caller: Caller,
    pub client: IpAddr,
    /// As they came.
    pub headers: HeaderMap,
    pub entrance: Option<String>,
    pub era: Option<Era>,
    /// The client's session, in the revisions that have them.
    pub session: Option<Arc<Opened>>,
    /// The trace context that members get.
    pub traceparent: String,
    /// True once the process can wait no longer.
    pub stop: watch::Receiver<bool>,
}

impl Visit {
    pub(super) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

    pub(super) fn is_modern(&self) -> bool {
        matches!(self.era, Some(Era::Modern(_)))
    }

    pub(super) fn member(&self, at: usize) -> Option<&Member> {
        self.front.members.get(at)
    }

    /// The members that the caller may use at all.
    pub(super) fn usable(&self) -> Vec<usize> {
        let all = 0..self.front.members.len();
        all.filter(|at| self.view(*at).is_some()).collect()
    }

    /// What the caller may see at a member, where that is not everything; `None` where it may not use
    /// the member at all. Whoever may not is not asked about: each question is decided anew.
    pub(super) fn view(&self, at: usize) -> Option<Option<View>> {
        let asked = Asked {
            method: "tools/list",
            object: Object::Protocol,
            arguments: None,
        };
        let server = &self.member(at)?.server;
        let permit = policy::check(&self.gateway.policy, self.caller.clone(), server, &asked);
        permit.ok().map(|permit| permit.view().cloned())
    }

    /// What something of this endpoint that its caller gets is bound to.
    pub(super) fn binding(&self, what: &str) -> Binding {
        let place = format!("{what} {}", self.front.name());
        Binding::new(&place, self.caller.agent(), self.caller.subject())
    }

    /// What two callers have in common who are to be given the same answers.
    pub(super) fn authorization(&self) -> [u8; 32] {
        let caller = &self.caller;
        let mut hash = Sha256::new();
        let claims = serde_json::Value::from(caller.claims().clone()).to_string();
        let own = [
            caller.agent(),
            caller.subject().unwrap_or_default(),
            &claims,
        ];
        let lists = [caller.teams(), caller.scopes()];
        let parts = lists.into_iter().flatten().map(String::as_str);
        for part in own.into_iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update([lists.first().map_or(0, |teams| teams.len() as u8)]);
        hash.finalize().into()
    }

    /// The member whose stream a request wants to go on, and that member's own name for the last event.
    pub(super) fn resumed(&self) -> Option<(usize, HeaderValue)> {
        let event = self.headers.get(Self::LAST_EVENT)?.to_str().ok()?;
        let (server, own) = places::mark_of(event)?;
        let at = self.front.member(server)?;
        self.view(at)?;
        Some((at, HeaderValue::from_str(own).ok()?))
    }

    /// What a member is asked, as the caller's own request at that member's endpoint.
    pub(super) fn request(&self, at: usize, question: Question) -> Option<Request> {
        let Question {
            verb,
            headers,
            body,
        } = question;
        Some(Request {
            verb,
            server: self.member(at)?.server.to_string(),
            entrance: self.entrance.clone(),
            caller: self.caller.clone(),
            headers,
            body,
            client: self.client,
            is_part: false,
        })
    }

    /// The headers of a message to a member that the client itself sends.
    pub(super) fn forwarded(&self, session: Option<&MemberSession>) -> HeaderMap {
        let mut headers = self.headers.clone();
        // The session with the only member is the client's own.
        if !self.front.is_solo() {
            headers.remove(&SESSION_ID);
        }
        if let Ok(traceparent) = HeaderValue::from_str(&self.traceparent) {
            headers.insert(TRACEPARENT, traceparent);
        }
        if let Some(session) = session {
            if let Some(id) = &session.id {
                headers.insert(SESSION_ID, id.clone());
            }
            headers.insert(PROTOCOL_VERSION, session.revision.clone());
        }
        headers
    }

    /// The headers of a message to a member that the gateway makes, about `method` where the revision
    /// asks for that.
    pub(super) fn own(&self, method: &str, session: Option<&MemberSession>) -> HeaderMap {
        let mut headers = self.forwarded(session);
        let mirrors: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("mcp-param-"))
            .cloned()
            .collect();
        for name in mirrors {
            headers.remove(name);
        }
        headers.remove(NAME);
        headers.remove(METHOD);
        headers.remove(Self::LAST_EVENT);
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::ACCEPT, BOTH);
        if self.is_modern()
            && let Ok(method) = HeaderValue::from_str(method)
        {
            headers.insert(METHOD, method);
        }
        headers
    }
}

/// Seconds since the Unix epoch.
pub(super) fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |age| age.as_secs())
}
