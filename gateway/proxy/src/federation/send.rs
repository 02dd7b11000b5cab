//! A message to one member, and what becomes of it.
//!
//! The member's answer goes to the client as it comes. A session that the member has forgotten is opened
//! again, once, and the message sent again: a server that does not know the session has done nothing.

use std::{future::Future, pin::pin, sync::Arc};

use bytes::Bytes;
use gantry_mcp::{frame::Frame, headers};
use http::{HeaderValue, StatusCode};

use super::{
    Own,
    ask::{Question, Unheard},
    resolve::{self, Addressed},
    run::{Message, Outcome},
    sessions, translate,
    visit::Visit,
};
use crate::{
    pipeline::{self, Refusal, Reply, Request, Review, Trail},
    upstream::{self, Failed},
};

/// How much of a server's refusal is read to see whether it knows the session.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

impl Message {
    /// Goes on with a member's stream that broke off behind `event`.
    pub(super) async fn resume(
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
    pub(super) async fn to_member(
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
            trail.again();
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
        let question = Question {
            verb: self.verb,
            headers,
            body,
        };
        let request = self.visit.request(at, question);
        request.ok_or_else(|| Refusal::NoMember("it is not configured".into()))
    }

    /// Sends a message to the only member, whose sessions, ids and resources are the client's own.
    pub(super) async fn to_the_only_one(
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
