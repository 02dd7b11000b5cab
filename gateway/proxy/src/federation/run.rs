//! A request at an endpoint of several servers, top to bottom.
//!
//! Here it is decided which members a request is for, and nothing else: what each of them is asked goes
//! through the pipeline as if the caller had sent it to that member.

use std::{future::Future, pin::pin, sync::Arc};

use bytes::Bytes;
use gantry_mcp::{
    frame::{self, Call, Frame},
    headers::{self, Era},
    jsonrpc,
    mentions::What,
    method::Method,
};
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;

use super::{
    Front, Fronts, Own, Stream,
    ask::{self, Question, Unheard},
    discovery, listen,
    lists::{self, Listed},
    merge,
    resolve::{self, Addressed},
    sessions::{self, OFFERED, Opened},
    stream, translate,
    visit::Visit,
};
use crate::{
    config::Kind,
    pipeline::{self, Gateway, Refusal, Reply, Request, Review, Trail},
    routing::{SESSION_ID, UnknownSession},
    upstream::{self, Failed, Verb},
};

/// How much of a server's refusal is read to see whether it knows the session.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Where a request has come to.
pub struct Place {
    pub gateway: Arc<Gateway>,
    pub fronts: Arc<Fronts>,
    pub front: Arc<Front>,
    /// True once the process can wait no longer for what is under way.
    pub stop: watch::Receiver<bool>,
}

/// How a request is answered.
pub enum Outcome {
    /// By one member.
    Reply(Box<Reply>),
    /// By the gateway itself.
    Own(Own),
    /// By a stream of several members' messages.
    Stream(Stream),
}

/// Takes a request to the members that it is for.
///
/// # Errors
/// The [`Refusal`] that it is answered with.
pub async fn run(
    place: Place,
    request: Request,
    trail: &mut Trail,
    departure: impl Future<Output = ()>,
) -> Result<Outcome, Refusal> {
    let body = request.body.clone();
    let call = match request.verb {
        Verb::Post => Some(frame::parse(&body, &place.gateway.bounds)?),
        Verb::Get | Verb::Delete => None,
    };
    trail.read(call.as_ref(), request.verb);
    let era = pipeline::era_of(call.as_ref(), &request.headers)?;
    let verb = request.verb;
    let mut visit = Visit {
        gateway: place.gateway,
        fronts: place.fronts,
        front: place.front,
        caller: request.caller,
        client: request.client,
        headers: request.headers,
        entrance: request.entrance,
        era,
        session: None,
        traceparent: trail.traceparent(),
        stop: place.stop,
    };
    let known = call.as_ref().and_then(Frame::call).and_then(Call::known);
    let opens = known == Some(Method::Initialize);
    if !visit.front.is_solo() && !visit.is_modern() && !opens {
        visit.session = Some(Arc::new(session(&visit, verb)?));
    }
    let message = Message {
        visit: Arc::new(visit),
        verb,
        body: body.clone(),
    };
    if message.visit.front.is_solo() {
        return message
            .to_the_only_one(call.as_ref(), trail, departure)
            .await;
    }
    match &call {
        None => message.without_body(trail, departure).await,
        Some(Frame::Request(call)) => message.request(call, trail, departure).await,
        Some(Frame::Notification(call)) => message.notification(call, trail, departure).await,
        Some(Frame::Response(_)) => message.reply(What::Id, trail, departure).await,
    }
}

/// The session that a request names.
fn session(visit: &Visit, verb: Verb) -> Result<Opened, Refusal> {
    let Some(id) = visit.headers.get(&SESSION_ID) else {
        // Only sessions have streams of their own, and an end.
        return Err(match verb {
            Verb::Post => Refusal::NoSession,
            Verb::Get | Verb::Delete => Refusal::Method,
        });
    };
    let opened = Opened::open(&visit.gateway.seals, visit.binding("session"), id)?;
    match visit.fronts.sessions.has_ended(&opened) {
        true => Err(UnknownSession.into()),
        false => Ok(opened),
    }
}

struct Message {
    visit: Arc<Visit>,
    verb: Verb,
    body: Bytes,
}

impl Message {
    /// Answers a request.
    async fn request(
        &self,
        call: &Call<'_>,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        let id = call.id.as_ref().map_or("null", |id| id.as_raw());
        let method = call.known();
        if visit.front.is_searched && matches!(method, Some(Method::ToolsList | Method::ToolsCall))
        {
            return self.searched(call, id, trail, departure).await;
        }
        if let Some(list) = method.and_then(lists::asked_for) {
            trail.classified(visit.era);
            let cursor = call.params.cursor.as_deref();
            let merged = merge::list(visit, list, id, &Listed::of(call), cursor).await?;
            return Ok(Outcome::Own(merged));
        }
        let own = match (method, visit.is_modern()) {
            (Some(Method::Initialize), false) => self.initialize(call, id, trail)?,
            (Some(Method::Ping), false) => Own::result(id, b""),
            (Some(Method::SetLogLevel), false) => self.set_level(id).await?,
            (Some(Method::Discover), true) => self.discover(id),
            (Some(Method::Listen), true) => {
                trail.classified(visit.era);
                trail.endless();
                let stream = listen::listen(visit, call, &self.body).await?;
                return Ok(Outcome::Stream(stream));
            }
            (Some(method), _) if method.subject().is_some() || method == Method::Complete => {
                let addressed = resolve::request(visit, call, method, &self.body).await?;
                return self.to_member(addressed, trail, departure).await;
            }
            (_, is_modern) => {
                let status = match is_modern {
                    true => StatusCode::NOT_FOUND,
                    false => StatusCode::OK,
                };
                let code = jsonrpc::METHOD_NOT_FOUND;
                Own::error(Some(id), status, code, "unknown method")
            }
        };
        trail.classified(visit.era);
        Ok(Outcome::Own(own))
    }

    /// Answers a request about tools where they are searched.
    async fn searched(
        &self,
        call: &Call<'_>,
        id: &str,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        let own = match (call.known(), call.params.name.as_deref()) {
            (Some(Method::ToolsList), _) => discovery::list(visit, id),
            (_, Some(discovery::SEARCH)) => discovery::search(visit, id, call).await?,
            (_, Some(discovery::CALL)) => match discovery::called(visit, id, call, &self.body)? {
                Ok(body) => return self.call(&body, trail, departure).await,
                Err(own) => own,
            },
            _ => return self.call(&self.body, trail, departure).await,
        };
        trail.classified(visit.era);
        Ok(Outcome::Own(own))
    }

    /// Calls the tool that a message names.
    async fn call(
        &self,
        body: &[u8],
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let frame = frame::parse(body, &self.visit.gateway.bounds)?;
        let Some(call) = frame.call() else {
            return Err(Refusal::Unknown(Kind::Tool));
        };
        let addressed = resolve::request(&self.visit, call, Method::ToolsCall, body).await?;
        self.to_member(addressed, trail, departure).await
    }

    fn initialize(&self, call: &Call<'_>, id: &str, trail: &mut Trail) -> Result<Own, Refusal> {
        let visit = &self.visit;
        let opened = Opened::begin(call, &self.body, rand::random());
        let binding = visit.binding("session");
        let sealed = opened.seal(&visit.gateway.seals, binding, rand::random());
        let sealed = sealed.ok_or(UnknownSession)?;
        trail.opened(&sealed);
        let welcome = Own::message(sessions::welcome(id, &opened, visit));
        Ok(welcome.with(SESSION_ID, Some(sealed)))
    }

    fn discover(&self, id: &str) -> Own {
        let visit = &self.visit;
        let instructions = jsonrpc::quoted(&sessions::instructions(visit));
        let meta = merge::meta(visit, &[]);
        let revision = match visit.era {
            Some(Era::Modern(revision)) => revision.as_str(),
            _ => "",
        };
        let members = format!(
            r#""resultType":"complete","supportedVersions":["{revision}"],"capabilities":{OFFERED},"instructions":{instructions},"ttlMs":0,"cacheScope":"private"{meta}"#
        );
        Own::result(id, members.as_bytes())
    }

    /// Tells every member how much to log.
    async fn set_level(&self, id: &str) -> Result<Own, Refusal> {
        let visit = &self.visit;
        let told = visit.usable().into_iter().map(|at| async move {
            let heard = ask::ask_in_session(visit, at, |session| {
                session.filter(|session| session.offers.logging.is_some())?;
                let headers = visit.own(Method::SetLogLevel.as_str(), session);
                Some(Question::post(headers, self.body.clone()))
            });
            Some((at, heard.await.err()?))
        });
        let told = futures::future::join_all(told).await;
        let asked = told.len();
        let faults = told.into_iter().flatten().collect();
        let left_out = merge::left_out(visit, asked, faults)?;
        let meta = merge::meta(visit, &left_out);
        let members = meta.trim_start_matches(',');
        Ok(Own::result(id, members.as_bytes()).partial(left_out))
    }

    /// Takes note of a notification, or passes it on.
    async fn notification(
        &self,
        call: &Call<'_>,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        match call.known() {
            Some(Method::Progress) => return self.reply(What::ToldToken, trail, departure).await,
            // Ids of a client's requests are its own at every member, and a member ignores what is none
            // of its.
            Some(Method::Cancelled | Method::RootsListChanged) => self.tell_all().await?,
            _ => {}
        }
        trail.classified(self.visit.era);
        Ok(Outcome::Own(Own::empty(StatusCode::ACCEPTED)))
    }

    /// Tells every member at which the client's session is open.
    async fn tell_all(&self) -> Result<(), Refusal> {
        let visit = &self.visit;
        let Some(session) = &visit.session else {
            return Ok(());
        };
        let told = visit.usable().into_iter().map(|at| async move {
            let member = visit.member(at)?;
            let open = visit.fronts.sessions.known(session, &member.server).await?;
            let question = Question::post(visit.forwarded(Some(&open)), self.body.clone());
            ask::ask(visit, at, question).await.err()
        });
        let faults = futures::future::join_all(told).await;
        match faults.iter().flatten().any(|fault| fault.unrecorded) {
            true => Err(Refusal::Unrecorded),
            false => Ok(()),
        }
    }

    /// Takes what a client says about a member's own request to that member.
    async fn reply(
        &self,
        by: What,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        if let Some(addressed) = resolve::reply(visit, &self.body, by)?
            && let (Some(session), Some(member)) = (&visit.session, visit.member(addressed.at))
            && let known = visit.fronts.sessions.known(session, &member.server).await
            && known.is_some()
        {
            return self.to_member(addressed, trail, departure).await;
        }
        // Nobody waits for it.
        trail.classified(visit.era);
        Ok(Outcome::Own(Own::empty(StatusCode::ACCEPTED)))
    }

    /// Opens the client's stream, or ends its session.
    async fn without_body(
        &self,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        let Some(session) = &visit.session else {
            return Err(Refusal::Method);
        };
        if self.verb == Verb::Delete {
            trail.classified(visit.era);
            sessions::end(visit, session).await?;
            return Ok(Outcome::Own(Own::empty(StatusCode::NO_CONTENT)));
        }
        // A stream that broke off goes on where it was: at one member.
        if let Some((at, event)) = visit.resumed() {
            return self.resume(at, event, trail, departure).await;
        }
        trail.classified(visit.era);
        trail.endless();
        Ok(Outcome::Stream(stream::notices(visit)))
    }

    async fn resume(
        &self,
        at: usize,
        event: HeaderValue,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let addressed = Addressed {
            at,
            body: Vec::new(),
            name: None,
        };
        let mut visit = Visit::clone(&self.visit);
        visit.headers.insert(Visit::LAST_EVENT, event);
        let message = Self {
            visit: Arc::new(visit),
            verb: self.verb,
            body: Bytes::new(),
        };
        message.to_member(addressed, trail, departure).await
    }

    /// Sends a message to one member, whose answer goes to the client as it comes. A session that the
    /// member has forgotten is opened again, once.
    async fn to_member(
        &self,
        addressed: Addressed,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        let mut departure = pin!(departure);
        let Addressed { at, body, name } = addressed;
        let body = Bytes::from(body);
        let mut repeats = false;
        loop {
            let open = match &visit.session {
                Some(session) => {
                    let open = sessions::at_member(visit, session, at).await;
                    Some(open.map_err(|fault| unopened(visit, at, &fault))?)
                }
                None => None,
            };
            let mut headers = visit.forwarded(open.as_deref());
            if let Some(name) = &name
                && headers.contains_key(headers::NAME)
            {
                let encoded = HeaderValue::try_from(headers::encode_value(name));
                headers.insert(headers::NAME, encoded.map_err(|_| Refusal::Session)?);
            }
            let request = self.request_to(at, headers, body.clone())?;
            if let Ok(server) = visit.gateway.routes.find(&request.server) {
                trail.addressed(server);
            }
            let ran = pipeline::run(&visit.gateway, request, trail, departure.as_mut()).await;
            let sent = judge(ran).await?;
            let (Sent::Lost(refused), Some(session), Some(open)) = (&sent, &visit.session, &open)
            else {
                return Ok(self.outcome(at, sent));
            };
            if repeats {
                tracing::warn!(status = %refused.status, "a server forgets a session that was just opened");
                return Ok(self.outcome(at, sent));
            }
            repeats = true;
            if let Some(member) = visit.member(at) {
                let sessions = &visit.fronts.sessions;
                sessions.forget(session, &member.server, open).await;
            }
        }
    }

    fn outcome(&self, at: usize, sent: Sent) -> Outcome {
        match sent {
            Sent::Lost(own) | Sent::Refused(own) => Outcome::Own(own),
            Sent::Answered(mut reply) => {
                let visit = &self.visit;
                if let Some(translation) = translate::translation(&visit.fronts, &visit.front, at) {
                    reply.review = Some(Review::then(reply.review, translation));
                }
                reply.names_session = visit.front.is_solo();
                Outcome::Reply(reply)
            }
        }
    }

    fn request_to(
        &self,
        at: usize,
        headers: http::HeaderMap,
        body: Bytes,
    ) -> Result<Request, Refusal> {
        let visit = &self.visit;
        let member = visit.member(at);
        let member = member.ok_or_else(|| Refusal::NoMember("it is not configured".into()))?;
        Ok(Request {
            verb: self.verb,
            server: member.server.to_string(),
            entrance: visit.entrance.clone(),
            caller: visit.caller.clone(),
            headers,
            body,
            client: visit.client,
        })
    }

    /// Sends a message to the only member, whose sessions, ids and resources are the client's own.
    async fn to_the_only_one(
        &self,
        call: Option<&Frame<'_>>,
        trail: &mut Trail,
        departure: impl Future<Output = ()>,
    ) -> Result<Outcome, Refusal> {
        let visit = &self.visit;
        let (mut headers, mut body) = (visit.headers.clone(), self.body.clone());
        if let Some(Frame::Request(call)) = call
            && let Some(addressed) = resolve::within(visit, call, &self.body).await?
        {
            if let Some(name) = &addressed.name
                && headers.contains_key(headers::NAME)
            {
                let encoded = HeaderValue::try_from(headers::encode_value(name));
                headers.insert(headers::NAME, encoded.map_err(|_| Refusal::Session)?);
            }
            body = addressed.body.into();
        }
        let request = self.request_to(0, headers, body)?;
        if let Ok(server) = visit.gateway.routes.find(&request.server) {
            trail.addressed(server);
        }
        let reply = pipeline::run(&visit.gateway, request, trail, departure).await?;
        Ok(self.outcome(0, Sent::Answered(Box::new(reply))))
    }
}

/// What has become of a message to one member.
enum Sent {
    Answered(Box<Reply>),
    /// The member does not know its session.
    Lost(Own),
    /// The member refuses it otherwise.
    Refused(Own),
}

/// Sees whether a member knows the session of a message.
async fn judge(ran: Result<Reply, Refusal>) -> Result<Sent, Refusal> {
    let lost = || Own::empty(StatusCode::NOT_FOUND);
    let mut reply = match ran {
        Ok(reply) => reply,
        Err(Refusal::UnknownSession(_) | Refusal::Failed(Failed::SessionLost { .. })) => {
            return Ok(Sent::Lost(lost()));
        }
        Err(refusal) => return Err(refusal),
    };
    let status = reply.exchange.status();
    match status {
        StatusCode::NOT_FOUND if reply.exchange.is_in_session() => Ok(Sent::Lost(lost())),
        // Several servers say 400 where the session is unknown.
        StatusCode::BAD_REQUEST if reply.exchange.is_in_session() => {
            let mut body = Vec::new();
            while let Some(chunk) = reply.exchange.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > REFUSAL_BYTES_MAX {
                    break;
                }
            }
            Ok(match upstream::is_session_unknown(status, &body) {
                true => Sent::Lost(lost()),
                false => Sent::Refused(Own::of_server(status, body.into())),
            })
        }
        _ => Ok(Sent::Answered(Box::new(reply))),
    }
}

/// The refusal of a message for a member at which no session can be opened.
fn unopened(visit: &Visit, at: usize, fault: &Unheard) -> Refusal {
    if fault.unrecorded {
        return Refusal::Unrecorded;
    }
    let server = visit.member(at).map(|member| member.server.to_string());
    let server = server.unwrap_or_default();
    match fault.reason {
        "timeout" => Failed::AnswerTimeout { server }.into(),
        reason => Refusal::NoMember(format!("{server} ({reason})")),
    }
}
