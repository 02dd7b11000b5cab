//! Pingora's hooks, each delegating to the room that does the work.
//!
//! A request is read, decided and answered within `request_filter`: decisions need the message,
//! which Pingora's own proxy path reads only after the peer has been chosen. The hooks share three
//! things: the snapshot that the request started with, its trail, and nothing else.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Method, header};
use pingora_core::{
    Error, ErrorType, Result, protocols::http::ServerSession, upstreams::peer::HttpPeer,
};
use pingora_proxy::{ProxyHttp, Session};

use super::{inbound, origin::Door, outbound, refuse};
use crate::{
    pipeline::{self, Ending, Gateway, Refusal, Trail, settle},
    upstream::Failed,
};

/// One configuration as the data listener uses it.
pub(super) struct Snapshot {
    pub gateway: Gateway,
    pub door: Door,
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
        answer(&mut session.downstream_session, ctx).await;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Context) -> Result<Box<HttpPeer>> {
        // `request_filter` has answered every request, so that nobody gets here.
        Error::e_explain(ErrorType::InternalError, "a request was not answered")
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, ctx: &mut Context) {
        close(ctx, Ending::cancelled(None)).await;
    }
}

async fn answer(session: &mut ServerSession, ctx: &mut Context) {
    let snapshot = Arc::clone(&ctx.snapshot);
    let Snapshot { gateway, door } = snapshot.as_ref();
    if is_preflight(session, door) {
        let _ = refuse::preflight(session).await;
        return;
    }
    let head = session.req_header();
    let client = inbound::client_ip(session);
    let trail = ctx.trail.insert(Trail::begin(client, &head.headers));
    // Known from the path already, so that a request which cannot be read is still recorded
    // under its server.
    let server = inbound::server_name(head.uri.path()).unwrap_or_default();
    if let Ok(server) = gateway.routes.find(server) {
        trail.addressed(server);
    }
    let result = match inbound::read(session, door, &gateway.requests, trail).await {
        Ok(request) => {
            let _in_flight = gateway.metrics.in_flight(&request.server);
            let departure = async { drop(session.read_body_or_idle(true).await) };
            match pipeline::run(gateway, request, trail, departure).await {
                Ok(reply) => {
                    return outbound::deliver(session, gateway, &mut ctx.trail, reply).await;
                }
                Err(refusal) => refusal,
            }
        }
        Err(refusal) => refusal,
    };
    refuse_call(session, ctx, &result).await;
}

async fn refuse_call(session: &mut ServerSession, ctx: &mut Context, refusal: &Refusal) {
    let id = ctx
        .trail
        .as_ref()
        .and_then(|trail| trail.id().map(str::to_owned));
    if matches!(refusal, Refusal::Path) {
        // Whoever asks for other paths is not making an MCP call.
        ctx.trail = None;
    }
    close(ctx, Ending::refused(refusal)).await;
    if matches!(refusal, Refusal::Failed(Failed::Abandoned)) {
        session.shutdown().await;
        return;
    }
    // A caller that has left cannot be told; its record says what happened.
    let _ = refuse::write(session, refusal, id.as_deref()).await;
}

async fn close(ctx: &mut Context, ending: Ending) {
    if let Some(trail) = ctx.trail.take()
        && let Err(fault) = settle(&ctx.snapshot.gateway, &trail.close(ending)).await
    {
        tracing::error!(%fault, "a refusal is not in the trail");
    }
}

fn is_preflight(session: &ServerSession, door: &Door) -> bool {
    let head = session.req_header();
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && door.admit(inbound::host(head), &head.headers).is_ok()
}
