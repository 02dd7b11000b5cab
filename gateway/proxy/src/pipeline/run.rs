//! The request, top to bottom. The order is the product's promise: a denied call spends no quota,
//! a refused call never reaches a server, and every exit is recorded.

use std::future::Future;

use gantry_mcp::{
    frame::{self, Frame},
    headers::{self, Era},
    method::Method,
    session,
};

use super::{
    Gateway, Inspection, Refusal, Request, Review, Trail,
    request::{SESSION_ID, mirrored},
};
use crate::{
    auth, guardrails, limits,
    policy::{self, Asked},
    routing,
    upstream::{Exchange, Terms, Verb},
};

/// A server's answer under way, and how it is to be delivered.
pub struct Reply {
    /// The exchange that the answer comes from.
    pub exchange: Exchange,
    /// Whether the caller's departure cancels the call at the server.
    pub cancellable: bool,
    /// Whether the answer is a stream that lives as long as both ends want.
    pub endless: bool,
    /// What the answer has to pass; `None` where it goes through untouched.
    pub review: Option<Review>,
}

/// Takes a request through every stage and begins the exchange with its server.
///
/// `departure` resolves when the caller has gone away.
///
/// # Errors
/// The [`Refusal`] of the first stage that refuses.
pub async fn run(
    gateway: &Gateway,
    request: Request,
    trail: &mut Trail,
    departure: impl Future<Output = ()>,
) -> Result<Reply, Refusal> {
    let Request {
        verb,
        server,
        headers,
        body,
        client,
    } = request;
    let call = match verb {
        Verb::Post => Some(frame::parse(&body, &gateway.bounds)?),
        Verb::Get | Verb::Delete => None,
    };
    trail.read(call.as_ref(), verb);
    let era = check_headers(call.as_ref(), &headers)?;
    trail.classified(era);
    if !gateway.log.accepting() {
        return Err(Refusal::Unrecorded);
    }
    let server = gateway.routes.find(&server)?;

    let caller = auth::identify(gateway.identity, client)?;
    trail.identified(&caller);

    let asked = Asked::read(call.as_ref(), verb.as_str());
    let permit = policy::check(&gateway.policy, caller, server.name(), &asked)?;
    trail.permitted(&permit);

    let ticket = limits::admit(&gateway.limits, &permit)?;
    let terms = terms(verb, era, asked.method);
    let inspection = Inspection::of(gateway, &permit, server.name(), &asked);
    let screened = screen(
        gateway,
        trail,
        &permit,
        inspection.as_ref(),
        headers,
        body.clone(),
    )
    .await?;
    let review = Review::of(&permit, &asked, era, inspection);
    let target = routing::choose(server, &permit, &screened);

    if terms.endless {
        trail.endless();
    }
    trail.sending();
    let traceparent = trail.traceparent();
    let sent = gateway.upstream.send(
        &gateway.pools,
        terms,
        ticket,
        target,
        screened,
        &traceparent,
        trail.attempts(),
        departure,
    );
    let exchange = sent.await?;
    trail.answering(&exchange);
    Ok(Reply {
        exchange,
        cancellable: terms.cancellable,
        endless: terms.endless,
        review,
    })
}

/// Screens the message, and notes what was found whether it may pass or not.
async fn screen(
    gateway: &Gateway,
    trail: &mut Trail,
    permit: &policy::Permit,
    inspection: Option<&Inspection>,
    headers: http::HeaderMap,
    body: bytes::Bytes,
) -> Result<guardrails::Screened, Refusal> {
    let scope = inspection.map(Inspection::request);
    let screened = guardrails::screen(&gateway.guardrails, permit, scope.as_ref(), headers, body)
        .inspect_err(|blocked| trail.screened(false, &blocked.report))?;
    trail.screened(false, screened.report());
    if let (Some(hooks), Some(scope)) = (gateway.guardrails.hooks(), &scope) {
        let mut report = guardrails::Report::default();
        let judged = hooks.judge(scope, screened.body(), &mut report).await;
        trail.screened(
            false,
            judged
                .as_ref()
                .err()
                .map_or(&report, |blocked| &blocked.report),
        );
        judged?;
    }
    Ok(screened)
}

fn check_headers(
    call: Option<&Frame<'_>>,
    headers: &http::HeaderMap,
) -> Result<Option<Era>, Refusal> {
    let mut ids = headers.get_all(&SESSION_ID).iter();
    let valid = ids.next().is_none_or(|id| session::is_valid(id.as_bytes()));
    // Of two, the record and the server could mean different ones.
    if !valid || ids.next().is_some() {
        return Err(Refusal::Session);
    }
    let mirrored = mirrored(headers)?;
    match call {
        Some(frame) => Ok(Some(headers::classify(frame, &mirrored)?)),
        // GET and DELETE belong to sessions, whatever else the header says.
        None => Ok(headers::session_era(&mirrored)?),
    }
}

/// Closing means cancelling in the modern era, and for streams that a client opened for itself; in
/// the legacy era a broken connection must not be read as a cancellation (2025-11-25, "Sending
/// Messages to the Server").
fn terms(verb: Verb, era: Option<Era>, method: &str) -> Terms {
    let modern = matches!(era, Some(Era::Modern(_)));
    let listen = modern && Method::parse(method).is_some_and(Method::is_listen);
    Terms {
        verb,
        cancellable: verb == Verb::Get || modern,
        endless: verb == Verb::Get || listen,
    }
}
