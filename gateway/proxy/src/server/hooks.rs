//! Pingora's hooks, each delegating to the room that does the work.
//!
//! A request is read, decided and answered within `request_filter`: decisions need the message,
//! which Pingora's own proxy path reads only after the peer has been chosen. The hooks share three
//! things: the snapshot that the request started with, its trail, and nothing else.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Method, header};
use pingora_core::{
    Error, ErrorType, Result, protocols::http::ServerSession, upstreams::peer::HttpPeer,
};
use pingora_proxy::{ProxyHttp, Session};
use tokio::sync::watch;

use super::{
    connection,
    inbound::{self, Room},
    intake::{self, Memory, Reserved},
    metadata,
    origin::Door,
    outbound, refuse,
};
use crate::{
    auth::Arriving,
    federation::{self, Fronts, Outcome, Place},
    pipeline::{self, Ending, Gateway, Refusal, Request, Trail, settle},
    upstream::Failed,
};

/// One configuration as the data listener uses it.
pub(super) struct Snapshot {
    pub gateway: Arc<Gateway>,
    /// The endpoints of several servers.
    pub fronts: Arc<Fronts>,
    pub door: Door,
    /// For the bodies of requests.
    pub memory: Memory,
    /// True once the process can wait no longer for what is under way.
    pub stop: watch::Receiver<bool>,
}

/// The data listener.
pub(super) struct Data {
    pub snapshot: Arc<ArcSwap<Snapshot>>,
}

/// What the hooks of one request share.
pub(super) struct Context {
    snapshot: Arc<Snapshot>,
    trail: Option<Trail>,
}

#[async_trait]
impl ProxyHttp for Data {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context {
            snapshot: self.snapshot.load_full(),
            trail: None,
        }
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<bool> {
        intake::begun(&session.downstream_session);
        answer(&mut session.downstream_session, ctx).await;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Context) -> Result<Box<HttpPeer>> {
        // `request_filter` has answered every request, so that nobody gets here.
        Error::e_explain(ErrorType::InternalError, "a request was not answered")
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, ctx: &mut Context) {
        close(ctx, Ending::cancelled(None)).await;
        intake::ended(&session.downstream_session);
    }
}

/// Answers one request, unless the process has to end before that.
async fn answer(session: &mut ServerSession, ctx: &mut Context) {
    connection::ready(session);
    let mut stop = ctx.snapshot.stop.clone();
    tokio::select! {
        biased;
        () = serve(session, ctx) => return,
        // The sender lives as long as the process.
        _ = stop.wait_for(|stop| *stop) => {}
    }
    let Some(status) = session.response_written().map(|head| head.status) else {
        return refuse_call(session, ctx, Refusal::Stopping).await;
    };
    // Being ended is how a stream without an end of its own ends.
    let endless = ctx.trail.as_ref().is_some_and(Trail::is_endless);
    let ending = if endless && status.is_success() {
        Ending::answered(status, None, false)
    } else {
        Ending::broken(status, &Refusal::Stopping)
    };
    close(ctx, ending).await;
    connection::cut(session).await;
}

async fn serve(session: &mut ServerSession, ctx: &mut Context) {
    let snapshot = Arc::clone(&ctx.snapshot);
    let Snapshot {
        gateway,
        fronts,
        door,
        memory,
        stop,
    } = snapshot.as_ref();
    if is_preflight(session, door) {
        let _ = refuse::preflight(session).await;
        return;
    }
    if let Some(document) = metadata::find(session, gateway, door) {
        let _ = metadata::write(session, document).await;
        return;
    }
    let head = session.req_header();
    let client = inbound::client_ip(session);
    let trail = ctx.trail.insert(Trail::begin(client, &head.headers));
    // Known from the path already, so that a request which cannot be read is still recorded
    // under its server.
    let entrance = inbound::server_name(head.uri.path());
    let front = fronts.at(entrance);
    match (gateway.routes.find(entrance.unwrap_or_default()), front) {
        (Ok(server), _) => trail.addressed(server),
        (Err(_), Some(front)) => trail.fronted(front.name()),
        (Err(_), None) => {}
    }
    let place = front.map(|front| Place {
        gateway: Arc::clone(gateway),
        fronts: Arc::clone(fronts),
        front: Arc::clone(front),
        stop: stop.clone(),
    });
    let mut reserved = Reserved::default();
    let room = Room {
        memory,
        reserved: &mut reserved,
    };
    let refused = match receive(session, gateway, door, room, trail).await {
        Ok(request) => {
            let departure = connection::departure(session);
            let outcome = match place {
                Some(place) => {
                    let _in_flight = gateway.metrics.in_flight(place.front.name());
                    // On the heap: every other request would be as large without.
                    Box::pin(federation::run(place, request, trail, departure)).await
                }
                None => {
                    let _in_flight = gateway.metrics.in_flight(&request.server);
                    let reply = pipeline::run(gateway, request, trail, departure).await;
                    reply.map(|reply| Outcome::Reply(Box::new(reply)))
                }
            };
            answer_with(session, gateway, &mut ctx.trail, outcome).await
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = refused {
        refuse_call(session, ctx, refusal).await;
    }
}

async fn answer_with(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    outcome: Result<Outcome, Refusal>,
) -> Result<(), Refusal> {
    match outcome? {
        Outcome::Reply(reply) => outbound::deliver(session, gateway, trail, reply).await,
        Outcome::Own(own) => outbound::give(session, gateway, trail, own).await,
        Outcome::Stream(stream) => outbound::stream(session, gateway, trail, stream).await,
    }
}

/// Takes a request in: who sends it is known before its body is read.
async fn receive(
    session: &mut ServerSession,
    gateway: &Gateway,
    door: &Door,
    room: Room<'_>,
    trail: &mut Trail,
) -> Result<Request, Refusal> {
    let head = session.req_header();
    let arriving = Arriving {
        server: inbound::admit(session, door, &gateway.requests)?,
        headers: &head.headers,
        query: head.uri.query(),
        client: inbound::client_ip(session),
        certificate: inbound::certificate(session),
        now: SystemTime::now(),
    };
    let caller = pipeline::identify(gateway, &arriving, trail).await?;
    let mut request = inbound::read(session, &gateway.requests, caller, room, trail).await?;
    gateway.identity.strip(&mut request.headers);
    Ok(request)
}

async fn refuse_call(session: &mut ServerSession, ctx: &mut Context, mut refusal: Refusal) {
    let (mut id, mut sent) = (None, false);
    if let Some(trail) = ctx.trail.as_mut() {
        if let Some(id) = refusal.id() {
            trail.named(id);
        }
        id = trail.id().map(str::to_owned);
        sent = trail.is_sent();
    }
    if matches!(refusal, Refusal::Path) {
        // Whoever asks for other paths is not making an MCP call.
        ctx.trail = None;
    }
    if !close(ctx, Ending::refused(&refusal)).await && sent {
        // What the server did is not on record, and is not reported as if it were.
        refusal = Refusal::Unrecorded;
    }
    if matches!(refusal, Refusal::Failed(Failed::Abandoned)) {
        connection::cut(session).await;
        return;
    }
    // A caller that has left cannot be told; its record says what happened.
    let _ = refuse::write(session, &refusal, id.as_deref()).await;
}

/// Closes the trail, if it is open. False when its record could not be written.
async fn close(ctx: &mut Context, ending: Ending) -> bool {
    let Some(trail) = ctx.trail.take() else {
        return true;
    };
    match settle(&ctx.snapshot.gateway, trail.close(ending)).await {
        Ok(()) => true,
        Err(fault) => {
            tracing::error!(%fault, "a refusal is not in the trail");
            false
        }
    }
}

fn is_preflight(session: &ServerSession, door: &Door) -> bool {
    let head = session.req_header();
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && door.admit(inbound::host(head), &head.headers).is_ok()
}
