//! A request at an endpoint of several servers, top to bottom.
//!
//! Here it is decided which members a request is for, and nothing else: what each of them is asked goes
//! through the pipeline as if the caller had sent it to that member.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use gantry_mcp::{
    frame::{self, Call, Frame},
    headers::Era,
    jsonrpc,
    mentions::What,
    method::Method,
};
use http::StatusCode;
use tokio::sync::watch;

use super::{
    Front, Fronts, Own, Stream,
    ask::{self, Question},
    discovery, listen,
    lists::{self, Listed},
    merge,
    opened::Opened,
    places, resolve, sessions, stream, tasks,
    visit::Visit,
    welcome::{self, DISCOVERED},
};
use crate::{
    config::Kind,
    pipeline::{self, Gateway, Refusal, Reply, Request, Trail},
    routing::{SESSION_ID, UnknownSession},
    upstream::Verb,
};

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

/// A message at an endpoint of several servers.
pub(super) struct Message {
    pub(super) visit: Arc<Visit>,
    pub(super) verb: Verb,
    pub(super) body: Bytes,
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
            // Nobody can say which of a server's tasks are the caller's.
            (Some(Method::TasksList), false) if visit.gateway.identity.is_known() => {
                return Err(Refusal::TaskList);
            }
            (Some(Method::TasksList), false) => {
                let cursor = call.params.cursor.as_deref();
                tasks::list(visit, id, &Listed::of(call), cursor).await?
            }
            (Some(Method::Listen), true) => {
                trail.classified(visit.era);
                trail.endless();
                let stream = listen::listen(visit, call, &self.body).await?;
                return Ok(Outcome::Stream(stream));
            }
            (Some(method), _) if method.subject().is_some() || method == Method::Complete => {
                let addressed = resolve::request(visit, call, method, &self.body).await?;
                let at = addressed.at;
                let outcome = self.to_member(addressed, trail, departure).await?;
                self.subscribed(method, call, at, &outcome);
                return Ok(outcome);
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
                Ok(body) => {
                    let message = self.mirroring(&body).await?;
                    return message.call(&body, trail, departure).await;
                }
                Err(own) => own,
            },
            _ => return self.call(&self.body, trail, departure).await,
        };
        trail.classified(visit.era);
        Ok(Outcome::Own(own))
    }

    /// The same with the headers that the tool which `body` calls asks for, of which its client knows nothing.
    async fn mirroring(&self, body: &[u8]) -> Result<Self, Refusal> {
        let mut visit = Visit::clone(&self.visit);
        let frame = frame::parse(body, &visit.gateway.bounds)?;
        if let Some(call) = frame.call().filter(|_| visit.is_modern()) {
            discovery::mirror(&mut visit, call).await;
        }
        Ok(Self {
            visit: Arc::new(visit),
            verb: self.verb,
            body: self.body.clone(),
        })
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

    /// Remembers what the client subscribes to, for the case that the member forgets it.
    fn subscribed(&self, method: Method, call: &Call<'_>, at: usize, outcome: &Outcome) {
        let visit = &self.visit;
        let taken =
            matches!(outcome, Outcome::Reply(reply) if reply.exchange.status().is_success());
        let uri = call.params.uri.as_deref().and_then(places::uri_of);
        let (true, Some((_, uri))) = (taken, uri) else {
            return;
        };
        if let (Some(session), Some(member)) = (&visit.session, visit.member(at)) {
            let subscribed = &visit.fronts.sessions.subscribed;
            match method {
                Method::ResourcesSubscribe => subscribed.add(session, &member.server, uri),
                Method::ResourcesUnsubscribe => subscribed.remove(session, &member.server, uri),
                _ => {}
            }
        }
    }

    fn initialize(&self, call: &Call<'_>, id: &str, trail: &mut Trail) -> Result<Own, Refusal> {
        let visit = &self.visit;
        let opened = Opened::begin(call, &self.body, rand::random());
        let binding = visit.binding("session");
        let sealed = opened.seal(&visit.gateway.seals, binding, rand::random());
        let sealed = sealed.ok_or(UnknownSession)?;
        trail.opened(&sealed);
        let welcome = Own::message(welcome::welcome(id, &opened, visit));
        Ok(welcome.with(SESSION_ID, Some(sealed)))
    }

    fn discover(&self, id: &str) -> Own {
        let visit = &self.visit;
        let instructions = jsonrpc::quoted(&welcome::instructions(visit));
        let meta = merge::meta(visit, &[]);
        let revision = match visit.era {
            Some(Era::Modern(revision)) => revision.as_str(),
            _ => "",
        };
        let members = format!(
            r#""resultType":"complete","supportedVersions":["{revision}"],"capabilities":{DISCOVERED},"instructions":{instructions},"ttlMs":0,"cacheScope":"private"{meta}"#
        );
        Own::result(id, members.as_bytes())
    }

    /// Tells every member how much to log.
    async fn set_level(&self, id: &str) -> Result<Own, Refusal> {
        let visit = &self.visit;
        if let Some(session) = &visit.session {
            visit.fronts.sessions.level(session, &self.body);
        }
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
}
