//! The request, top to bottom. The order is the product's promise: a denied call spends no quota,
//! a refused call never reaches a server, and every exit is recorded.

use std::{
    future::Future,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use gantry_mcp::{
    frame::{self, Frame},
    headers::{self, Era},
    method::Method,
    session,
};

use http::StatusCode;

use super::{
    Gateway, Inspection, Lesson, Original, Phase, Refusal, Request, Review, Trail, capture,
    decline::{self, Decline},
    mirror,
    request::mirrored,
    settle::intend,
    tasks::{self, Tasks},
    usage::{self, Usage},
};
use crate::{
    auth::{self, Arriving, Caller},
    guardrails,
    limits::{self, Now},
    policy::{self, Asked},
    routing::{self, Circumstances, SESSION_ID},
    upstream::{Exchange, OwnHeaders, Terms, Verb},
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
    /// Whether the answer tells the client the session's id.
    pub names_session: bool,
    /// What can be learned from the answer.
    pub lesson: Option<Lesson>,
    /// What the answer is compared with.
    pub original: Option<Original>,
}

/// Identifies the sender of a request whose body nobody has read yet, whatever its method: who is
/// not known costs no more than that.
///
/// # Errors
/// [`Refusal::Server`] and [`Refusal::Unauthenticated`].
pub async fn identify(
    gateway: &Gateway,
    arriving: &Arriving<'_>,
    trail: &mut Trail,
) -> Result<Caller, Refusal> {
    // Where nobody has to prove anything, the message is read first, so that the refusal has its id.
    if let Some(server) = arriving.server
        && gateway.identity.is_known()
        && !gateway.bundles.contains(server)
    {
        gateway.routes.find(server)?;
    }
    let identified = auth::identify(&gateway.identity, arriving).await;
    let caller = identified.inspect_err(|fault| {
        gateway.metrics.unidentified(fault.cause().reason());
    })?;
    trail.identified(&caller, usage::tenant(gateway, &caller));
    Ok(caller)
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
        entrance,
        caller,
        headers,
        body,
        client,
        is_part,
    } = request;
    let call = match verb {
        Verb::Post => Some(frame::parse(&body, &gateway.bounds)?),
        Verb::Get | Verb::Delete => None,
    };
    trail.read(call.as_ref(), verb);
    let era = era_of(call.as_ref(), &headers)?;
    trail.classified(era);
    let arguments = call.as_ref().and_then(arguments).unwrap_or_default();
    trail.argued(gateway.log.arguments(arguments));
    if gateway.recorded && !gateway.log.admit().await {
        return Err(Refusal::Unrecorded);
    }
    let server = gateway.routes.find(&server)?;

    let asked = Asked::read(call.as_ref(), verb.as_str());
    let permit = policy::check(&gateway.policy, caller, server.name(), &asked)?;
    trail.permitted(&permit);
    let place = (entrance.as_deref(), &**server.name());
    gateway
        .identity
        .cover(permit.caller(), place, asked.tool())?;

    let about = circumstances(call.as_ref(), era, &headers, client);
    let tasks = Tasks::of(gateway, &permit, server.name());
    let owned = match (&tasks, &call) {
        (Some(tasks), Some(frame)) => tasks.of_client(frame, &body)?,
        _ => None,
    };
    let tasks = tasks.filter(|_| about.about_tasks || tasks::may_be_told(asked.method));
    let claim = routing::claim(server, &permit, &gateway.seals, about)?;

    let item = call
        .as_ref()
        .and_then(|frame| usage::item(server.name(), frame));
    let (ticket, tab) = limits::admit(&gateway.limits, &permit, item, Now::read()).await?;
    let arguments = call
        .as_ref()
        .and_then(|frame| usage::arguments(frame, &body));
    let usage = Usage::begin(
        gateway,
        tab,
        item,
        trail.tenant(),
        arguments,
        trail.started_us(),
    );
    trail.admitted(usage);
    trail.passed(Phase::RateLimit);
    let inspection = Inspection::of(gateway, &permit, server.name(), &asked);
    let revision = headers.get(headers::PROTOCOL_VERSION).cloned();
    let (headers, carried) = match owned {
        Some(owned) => owned.in_place(headers),
        None => (headers, body.clone()),
    };
    let carried = trail.carry(&carried, call.as_ref());
    let screened = screen(
        gateway,
        trail,
        &permit,
        inspection.as_ref(),
        headers,
        carried,
    )
    .await;
    let screened = match (screened, &call) {
        (Ok(screened), _) => screened,
        // The server waits for what it has asked, whoever may not answer.
        (Err(Refusal::Blocked(blocked)), Some(Frame::Response(reply))) => {
            if let Some(id) = &reply.id {
                let (about, revision) = ((&blocked, id.as_raw()), revision.as_ref());
                let traceparent = trail.traceparent();
                let declined = decline::answer(
                    gateway,
                    server,
                    &permit,
                    claim,
                    revision,
                    traceparent,
                    about,
                );
                Box::pin(declined).await;
            }
            return Err(blocked.into());
        }
        (Err(refusal), _) => return Err(refusal),
    };
    trail.passed(Phase::GuardIn);
    trail.captures(capture::begin(
        gateway,
        server.name(),
        &asked,
        inspection.as_ref(),
        &screened,
    ));
    let target = routing::choose(server, &permit, &screened, claim, &gateway.seals);
    trail.routed(&target);
    let repeatable = target.repeats(asked.method, asked.tool());
    let terms = Terms {
        is_part,
        ..terms(verb, era, asked.method, repeatable)
    };

    if terms.endless {
        trail.endless();
    }
    let caller = permit.caller();
    let own = OwnHeaders {
        traceparent: trail.traceparent(),
        credential: gateway.credentials.obtain(server.name(), caller).await?,
    };
    if gateway.intent && target.writes(asked.method, asked.tool()) {
        intend(gateway, trail).await?;
    }
    trail.sending();
    let decline = Decline::to(gateway, &target, &own, revision.as_ref());
    let inspection = inspection.map(|inspection| inspection.answered_by(&target, decline));
    let review = Review::of(&permit, &asked, era, inspection, tasks);
    let lesson = (asked.method == Method::ToolsList.as_str()).then(|| Lesson::about(&target));
    let original = target
        .mirrored(asked.method, asked.tool(), rand::random())
        .map(|copy| mirror::send(gateway, copy, screened.clone(), own.clone()));
    let sent = gateway.upstream.send(
        &gateway.pools,
        terms,
        ticket,
        target,
        screened,
        &own,
        trail.effort(),
        departure,
    );
    let exchange = sent.await?;
    trail.answering(&exchange);
    let shown = gateway.identity.is_known() || own.credential.is_some();
    if exchange.status() == StatusCode::UNAUTHORIZED && shown {
        // It is the gateway that the server does not accept; a caller's token is not at fault.
        gateway.credentials.forget(server.name(), caller).await;
        return Err(Refusal::Rejected);
    }
    Ok(Reply {
        exchange,
        cancellable: terms.cancellable,
        endless: terms.endless,
        review,
        names_session: true,
        lesson,
        original,
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

/// The era of a message, or of a request without one, whose headers go with it.
///
/// # Errors
/// [`Refusal::Session`] and [`Refusal::Mismatch`].
pub fn era_of(call: Option<&Frame<'_>>, headers: &http::HeaderMap) -> Result<Option<Era>, Refusal> {
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

/// What routing goes by, beside the caller.
fn circumstances<'a>(
    call: Option<&Frame<'_>>,
    era: Option<Era>,
    headers: &'a http::HeaderMap,
    client: IpAddr,
) -> Circumstances<'a> {
    let call = call.and_then(Frame::call);
    let known = call.and_then(|call| call.known());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Circumstances {
        client,
        headers,
        in_session: !matches!(era, Some(Era::Modern(_))),
        opens_session: known == Some(Method::Initialize),
        about_tasks: call.is_some_and(tasks::may_begin_or_name),
        now_s: now.map_or(0, |age| age.as_secs()),
        random: rand::random(),
    }
}

/// Closing means cancelling in the modern era, and for streams that a client opened for itself; in
/// the legacy era a broken connection must not be read as a cancellation (2025-11-25, "Sending
/// Messages to the Server").
fn terms(verb: Verb, era: Option<Era>, method: &str, repeatable: bool) -> Terms {
    let modern = matches!(era, Some(Era::Modern(_)));
    let listen = modern && Method::parse(method).is_some_and(Method::is_listen);
    Terms {
        verb,
        cancellable: verb == Verb::Get || modern,
        endless: verb == Verb::Get || listen,
        repeatable: repeatable && verb == Verb::Post,
        is_part: false,
    }
}

fn arguments<'a>(frame: &'a Frame<'_>) -> Option<&'a [u8]> {
    match frame {
        Frame::Request(call) | Frame::Notification(call) => call
            .params
            .arguments
            .as_ref()
            .map(|raw| raw.get().as_bytes()),
        Frame::Response(_) => None,
    }
}
