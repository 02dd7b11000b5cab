//! Sessions at an endpoint of several servers, in the revisions that have them.
//!
//! The client's session is the gateway's own, and everything about it is in its sealed id, so that any
//! replica serves it. A member's session is opened when something is first asked of that member, once
//! for all who wait, and again when the member has forgotten it. Which of them are open is known to
//! each replica for itself.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gantry_mcp::{frame::Call, jsonrpc, method::Method, revision::Revision};
use http::HeaderValue;
use moka::{future, sync};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    ask::{self, Question, Unheard},
    visit::{Visit, now_s},
};
use crate::{
    pipeline::Refusal,
    routing::{Binding, Seals, UnknownSession},
    upstream::Verb,
};

/// Sessions of members that are known to be open, in the whole process.
const OPEN_MAX: u64 = 100_000;

/// How long a member's session is remembered that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Sessions that clients have ended and whose ids have not expired.
const ENDED_MAX: u64 = 100_000;

/// What of the client's account of itself is kept within the id of its session.
const KEPT_BYTES_MAX: usize = 480;

/// The longest message about logging that is kept.
const LEVEL_BYTES_MAX: usize = 1024;

/// What a client says of itself that is too long to be kept, or says nothing.
const CAPABILITIES: &str = "{}";
const CLIENT: &str = r#"{"name":"client","version":""}"#;

/// What tells sessions apart: nothing that a client can choose.
type Key = [u8; 16];

/// The client's session, as its id describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub key: Key,
    pub revision: Revision,
    /// The JSON text of the capabilities that the client has declared.
    capabilities: String,
    /// The JSON text of the client's account of itself.
    client: String,
}

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
}

/// The sessions that are open at members. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    open: future::Cache<(Key, Arc<str>), Arc<MemberSession>>,
    ended: sync::Cache<Key, ()>,
    /// What clients have last said about logging, for members whose sessions are opened later.
    levels: sync::Cache<Key, Bytes>,
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
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions", self.open.entry_count())
    }
}

impl Opened {
    /// The session that an `initialize` asks for.
    pub(super) fn begin(call: &Call<'_>, body: &[u8], key: Key) -> Self {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Option<Params<'a>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a> {
            #[serde(borrow)]
            capabilities: Option<&'a RawValue>,
            #[serde(borrow)]
            client_info: Option<&'a RawValue>,
        }
        let asked = call.params.protocol_version.as_deref();
        let known = asked
            .and_then(Revision::parse)
            .filter(|one| !one.is_modern());
        let message: Option<Message<'_>> = serde_json::from_slice(body).ok();
        let params = message.and_then(|message| message.params);
        let kept = |raw: Option<&RawValue>, otherwise: &str| {
            let raw = raw.map(RawValue::get);
            let fits = |raw: &&str| raw.len() <= KEPT_BYTES_MAX && raw.starts_with('{');
            raw.filter(fits).unwrap_or(otherwise).to_owned()
        };
        let of = |params: &Option<Params<'_>>| match params {
            Some(params) => (
                kept(params.capabilities, CAPABILITIES),
                kept(params.client_info, CLIENT),
            ),
            None => (CAPABILITIES.to_owned(), CLIENT.to_owned()),
        };
        let (capabilities, client) = of(&params);
        Self {
            key,
            revision: known.unwrap_or(Revision::V2025_11_25),
            capabilities,
            client,
        }
    }

    /// The id that the client gets.
    pub(super) fn seal(
        &self,
        seals: &Seals,
        binding: Binding,
        nonce: [u8; 12],
    ) -> Option<HeaderValue> {
        let length = u16::try_from(self.capabilities.len()).ok()?;
        let content = [
            self.key.as_slice(),
            &length.to_le_bytes(),
            self.capabilities.as_bytes(),
            self.revision.as_str().as_bytes(),
            self.client.as_bytes(),
        ]
        .concat();
        let sealed = seals.close(binding, &content, now_s(), nonce)?;
        HeaderValue::try_from(sealed).ok()
    }

    /// Opens the id that a client presents.
    pub(super) fn open(
        seals: &Seals,
        binding: Binding,
        id: &HeaderValue,
    ) -> Result<Self, UnknownSession> {
        let content = seals.disclose(binding, id.as_bytes(), now_s());
        content
            .and_then(|content| Self::read(&content))
            .ok_or(UnknownSession)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (key, rest) = content.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (capabilities, rest) = rest.split_at_checked(length)?;
        let (revision, client) = rest.split_at_checked(Revision::ASSUMED.as_str().len())?;
        let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
        Some(Self {
            key: *key,
            revision: Revision::parse(&text(revision)?)?,
            capabilities: text(capabilities)?,
            client: text(client)?,
        })
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
    let key = (session.key, Arc::clone(&member.server));
    let opening = open(visit, session, at);
    let opened = visit.fronts.sessions.open.try_get_with(key, opening);
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
    Ok(opened)
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

/// The message that answers an `initialize` with this id (its JSON text).
pub(super) fn welcome(id: &str, session: &Opened, visit: &Visit) -> Bytes {
    let revision = session.revision.as_str();
    let (info, instructions) = (info(visit), jsonrpc::quoted(&instructions(visit)));
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{revision}","capabilities":{OFFERED},"serverInfo":{info},"instructions":{instructions}}}}}"#
    )
    .into()
}

/// What the gateway can promise for its members: whatever they lack, it answers in their place.
const OFFERED: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}"#;

/// The same in the revisions without sessions, where a member may answer with a task.
pub(super) const DISCOVERED: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

/// The gateway's account of itself, in JSON.
pub(super) fn info(visit: &Visit) -> String {
    let name = visit.entrance.as_deref().unwrap_or("gantry");
    let version = env!("CARGO_PKG_VERSION");
    format!(r#"{{"name":"{name}","version":"{version}"}}"#)
}

/// What a model is told about the endpoint.
pub(super) fn instructions(visit: &Visit) -> String {
    let members = visit.usable();
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|at| visit.member(at))
        .map(|member| &*member.server)
        .collect();
    let names = names.join(", ");
    match visit.front.names_servers() {
        true => format!(
            "Several servers behind one endpoint: {names}. The name of each tool and prompt begins with its server's name and `{}`.",
            visit.front.separator()
        ),
        false => format!("Several servers behind one endpoint: {names}."),
    }
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

#[cfg(test)]
mod tests {
    use gantry_mcp::frame::{self, Bounds};

    use super::*;

    fn begun(params: &str) -> Opened {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#);
        let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
        Opened::begin(frame.call().unwrap(), body.as_bytes(), [7; 16])
    }

    #[test]
    fn a_session_is_what_its_id_says_to_its_caller_alone() {
        let seals = Seals::new([b"secret".as_slice()], Duration::from_secs(60));
        let own = Binding::new("session *", "ada", None);
        let session = begun(
            r#"{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"é","version":"1"}}"#,
        );
        assert_eq!(session.revision, Revision::V2025_06_18);
        let id = session.seal(&seals, own, [1; 12]).unwrap();
        assert!(gantry_mcp::session::is_valid(id.as_bytes()));
        assert_eq!(Opened::open(&seals, own, &id), Ok(session));
        let other = Binding::new("session *", "eve", None);
        assert_eq!(Opened::open(&seals, other, &id), Err(UnknownSession));
    }

    #[test]
    fn what_is_too_long_or_unknown_is_left_out() {
        let long = "x".repeat(KEPT_BYTES_MAX);
        let session = begun(&format!(
            r#"{{"protocolVersion":"1999-01-01","capabilities":{{"x":"{long}"}}}}"#
        ));
        assert_eq!(session.revision, Revision::V2025_11_25);
        assert_eq!(
            (&*session.capabilities, &*session.client),
            (CAPABILITIES, CLIENT)
        );
        let seals = Seals::new([b"secret".as_slice()], Duration::from_secs(60));
        let full = Opened {
            capabilities: format!("{{\"x\":\"{}\"}}", "x".repeat(KEPT_BYTES_MAX - 8)),
            client: format!("{{\"x\":\"{}\"}}", "x".repeat(KEPT_BYTES_MAX - 8)),
            ..session
        };
        let own = Binding::new("session *", "ada", None);
        let id = full.seal(&seals, own, [1; 12]).unwrap();
        assert!(gantry_mcp::session::is_valid(id.as_bytes()));
    }
}
