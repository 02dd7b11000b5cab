//! Sessions at an endpoint of several servers, in the revisions that have them.
//!
//! The client's session is the gateway's own, and everything about it is in its sealed id, so that any
//! replica serves it. A member's session is opened when something is first asked of that member, once
//! for all who wait, and again when the member has forgotten it. Which of them are open is known to
//! each replica for itself.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future::ready, stream};
use gantry_mcp::{jsonrpc, method::Method, revision::Revision};
use http::HeaderValue;
use moka::{future, sync};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    ask::{self, Question, Unheard},
    opened::{Key, Opened},
    subscribed::Subscribed,
    visit::Visit,
};
use crate::{pipeline::Refusal, upstream::Verb};

/// Sessions of members that are known to be open, in the whole process.
const OPEN_MAX: u64 = 100_000;

/// How long a member's session is remembered that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Sessions that clients have ended and whose ids have not expired.
const ENDED_MAX: u64 = 100_000;

/// Subscriptions of one session that are renewed at the same time.
const RENEWED_AT_ONCE_MAX: usize = 8;

/// The longest message about logging that is kept.
const LEVEL_BYTES_MAX: usize = 1024;

/// A session that the gateway has open at a member.
#[derive(Debug)]
pub(super) struct MemberSession {
    /// As a client of that member alone would get it; none where the member keeps no sessions.
    pub id: Option<HeaderValue>,
    /// What was agreed on.
    pub revision: HeaderValue,
    pub offers: Offers,
}

/// What a member says that it can do.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Offers {
    pub tools: Option<IgnoredAny>,
    pub prompts: Option<IgnoredAny>,
    pub resources: Option<IgnoredAny>,
    pub logging: Option<IgnoredAny>,
    tasks: Option<Tasks>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tasks {
    list: Option<IgnoredAny>,
}

impl Offers {
    pub(super) fn lists_tasks(&self) -> bool {
        self.tasks
            .as_ref()
            .is_some_and(|tasks| tasks.list.is_some())
    }
}

/// The sessions that are open at members. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    open: future::Cache<(Key, Arc<str>), Arc<MemberSession>>,
    ended: sync::Cache<Key, ()>,
    /// What clients have last said about logging, for members whose sessions are opened later.
    levels: sync::Cache<Key, Bytes>,
    /// The resources that clients have subscribed to.
    pub subscribed: Subscribed,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            open: future::Cache::builder()
                .max_capacity(OPEN_MAX)
                .time_to_idle(IDLE_MAX)
                .build(),
            ended: sync::Cache::new(ENDED_MAX),
            levels: sync::Cache::builder()
                .max_capacity(OPEN_MAX)
                .time_to_idle(IDLE_MAX)
                .build(),
            subscribed: Subscribed::new(IDLE_MAX),
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions", self.open.entry_count())
    }
}

impl Sessions {
    /// Whether the client has ended this session.
    pub(super) fn has_ended(&self, session: &Opened) -> bool {
        self.ended.contains_key(&session.key)
    }

    /// The client asks for a level of logging, in a message of its own.
    pub(super) fn level(&self, session: &Opened, message: &Bytes) {
        if message.len() <= LEVEL_BYTES_MAX {
            self.levels.insert(session.key, message.clone());
        }
    }

    /// What is remembered of a session in use stays.
    fn used(&self, session: &Opened, member: &Arc<str>) {
        let _ = self.levels.get(&session.key);
        self.subscribed.used(session, member);
    }

    /// The client ends its session.
    pub(super) fn end(&self, session: &Opened) {
        self.ended.insert(session.key, ());
    }

    /// The session that is open at a member.
    pub(super) async fn known(
        &self,
        session: &Opened,
        member: &Arc<str>,
    ) -> Option<Arc<MemberSession>> {
        self.open.get(&(session.key, Arc::clone(member))).await
    }

    /// Forgets what a member has forgotten, unless another one has been opened meanwhile.
    pub(super) async fn forget(
        &self,
        session: &Opened,
        member: &Arc<str>,
        lost: &Arc<MemberSession>,
    ) {
        let key = (session.key, Arc::clone(member));
        if self
            .open
            .get(&key)
            .await
            .is_some_and(|known| Arc::ptr_eq(&known, lost))
        {
            self.open.invalidate(&key).await;
        }
    }
}

/// The session at a member, opened where it is not. Who comes while it is being opened waits for that.
pub(super) async fn at_member(
    visit: &Visit,
    session: &Arc<Opened>,
    at: usize,
) -> Result<Arc<MemberSession>, Unheard> {
    let Some(member) = visit.member(at) else {
        return Err(Unheard::refused());
    };
    let sessions = &visit.fronts.sessions;
    sessions.used(session, &member.server);
    let key = (session.key, Arc::clone(&member.server));
    let opening = open(visit, session, at);
    let opened = sessions.open.try_get_with(key, opening);
    opened.await.map_err(|fault| (*fault).clone())
}

async fn open(
    visit: &Visit,
    session: &Arc<Opened>,
    at: usize,
) -> Result<Arc<MemberSession>, Unheard> {
    let (revision, capabilities, client) = (
        session.revision.as_str(),
        &session.capabilities,
        &session.client,
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"gantry/initialize","method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{client}}}}}"#
    );
    let mut question = Question::post(visit.own(Method::Initialize.as_str(), None), body);
    question
        .headers
        .remove(gantry_mcp::headers::PROTOCOL_VERSION);
    let heard = ask::ask(visit, at, question).await?;
    let message = heard.message.as_deref().unwrap_or_default();
    let opened = agreed(message, heard.session).ok_or_else(Unheard::error)?;
    let opened = Arc::new(opened);
    let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let headers = visit.own(Method::Initialized.as_str(), Some(&opened));
    let told = ask::ask(visit, at, Question::post(headers, body)).await?;
    if !told.status.is_success() {
        return Err(Unheard::error());
    }
    let level = visit.fronts.sessions.levels.get(&session.key);
    if let (Some(level), Some(_)) = (level, &opened.offers.logging) {
        let headers = visit.own(Method::SetLogLevel.as_str(), Some(&opened));
        // A member that does not take it logs as it likes.
        let _ = ask::ask(visit, at, Question::post(headers, level)).await;
    }
    subscribe(visit, session, at, &opened).await;
    Ok(opened)
}

/// Subscribes again to what the client has subscribed to in a session that the member has forgotten.
async fn subscribe(visit: &Visit, session: &Opened, at: usize, open: &MemberSession) {
    let Some(member) = visit.member(at) else {
        return;
    };
    let method = Method::ResourcesSubscribe.as_str();
    let uris = visit.fronts.sessions.subscribed.of(session, &member.server);
    let renewing = uris.into_iter().map(|uri| {
        let uri = jsonrpc::quoted(&uri);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"gantry/subscribe","method":"{method}","params":{{"uri":{uri}}}}}"#
        );
        ask::ask(visit, at, Question::post(visit.own(method, Some(open)), body))
    });
    let renewed = stream::iter(renewing).buffer_unordered(RENEWED_AT_ONCE_MAX);
    let lost = renewed.filter(|heard| ready(heard.is_err())).count().await;
    if lost > 0 {
        let server = &*member.server;
        tracing::warn!(
            server,
            lost,
            "a server does not take subscriptions of before"
        );
    }
}

/// What a member has agreed to.
fn agreed(message: &[u8], id: Option<HeaderValue>) -> Option<MemberSession> {
    #[derive(Deserialize)]
    struct Message {
        result: Initialized,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialized {
        protocol_version: String,
        #[serde(default)]
        capabilities: Offers,
    }
    let message: Message = serde_json::from_slice(message).ok()?;
    // What the gateway does not speak is not agreed on, whatever the member says.
    let revision = Revision::parse(&message.result.protocol_version)?;
    (!revision.is_modern()).then(|| MemberSession {
        id,
        revision: HeaderValue::from_static(revision.as_str()),
        offers: message.result.capabilities,
    })
}

/// Ends what is open at the members, and the client's session.
pub(super) async fn end(visit: &Visit, session: &Arc<Opened>) -> Result<(), Refusal> {
    let sessions = &visit.fronts.sessions;
    sessions.end(session);
    let mut ending = Vec::new();
    for at in 0..visit.front.members.len() {
        let Some(member) = visit.member(at) else {
            continue;
        };
        if let Some(open) = sessions.known(session, &member.server).await {
            sessions.forget(session, &member.server, &open).await;
            sessions.subscribed.forget(session, &member.server);
            if open.id.is_some() {
                let headers = visit.own("", Some(&open));
                ending.push(ask::ask(visit, at, Question::of(Verb::Delete, headers)));
            }
        }
    }
    // A member that has not heard of it forgets the session by itself.
    let ended = futures::future::join_all(ending).await;
    let lost = |fault: &Unheard| fault.unrecorded;
    match ended.iter().filter_map(|one| one.as_ref().err()).any(lost) {
        true => Err(Refusal::Unrecorded),
        false => Ok(()),
    }
}
