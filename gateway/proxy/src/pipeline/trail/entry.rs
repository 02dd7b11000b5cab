//! A closed trail, and the row that it becomes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gantry_analytics::record::{GuardAction, Record, Transport};

use super::{Ending, Phase, Trail};
use crate::{
    auth::Caller,
    telemetry::{
        spans::{Part, Try},
        trace::TraceContext,
    },
};

/// The longest JSON-RPC id that is kept; longer ones are cut.
const ID_BYTES_MAX: usize = 256;

/// A closed trail.
#[derive(Debug)]
pub struct Entry {
    trail: Trail,
    ending: Ending,
    id: String,
    /// From the request's arrival to the end of the answer.
    pub duration_us: u64,
    /// From the first byte to the server to the end of its answer.
    pub upstream_us: u64,
}

impl Entry {
    pub(super) fn new(trail: Trail, ending: Ending, duration_us: u64, upstream_us: u64) -> Self {
        Self {
            id: trail.id.as_deref().map(plain_id).unwrap_or_default(),
            trail,
            ending,
            duration_us,
            upstream_us,
        }
    }

    /// Whether the exchange was a stream without an end of its own.
    pub fn is_endless(&self) -> bool {
        self.trail.is_endless()
    }

    /// The record is written.
    pub(crate) fn recorded(&mut self) {
        self.trail.phases.ended(Phase::Audit);
    }

    /// The phases that the request went through.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (Phase, Part)> + '_ {
        self.trail.phases.parts()
    }

    /// The tries at servers.
    pub(crate) fn tries(&self) -> Vec<Try> {
        let upstream = self.phases().find(|(phase, _)| *phase == Phase::Upstream);
        let Some((endpoint, (_, part))) = self.trail.endpoint.as_ref().zip(upstream) else {
            return Vec::new();
        };
        vec![Try {
            endpoint: Arc::clone(endpoint),
            start_us: part.start_us,
            end_us: part.end_us,
            failed: false,
        }]
    }

    /// Its place in a trace.
    pub(crate) fn trace(&self) -> &TraceContext {
        &self.trail.trace
    }

    /// When the request arrived.
    pub(crate) fn started(&self) -> SystemTime {
        let since = u64::try_from(self.trail.ts_us).unwrap_or(0);
        UNIX_EPOCH + Duration::from_micros(since)
    }

    /// Whose call it was, where the caller's credential says; pseudonyms are made of it.
    pub fn person(&self) -> Option<&str> {
        self.trail.caller.as_ref().and_then(Caller::subject)
    }

    fn team(&self) -> &str {
        let teams = self.trail.caller.as_ref().map(Caller::teams);
        teams.and_then(<[String]>::first).map_or("", String::as_str)
    }

    /// The row of the audit log, but for the person's pseudonym.
    pub fn record(&self) -> Record<'_> {
        let (trail, ending) = (&self.trail, &self.ending);
        Record {
            ts_us: trail.ts_us,
            tenant: "",
            team: self.team(),
            agent: trail.agent.as_deref().unwrap_or_default(),
            subject: 0,
            auth_method: trail.auth_method,
            client_name: &trail.client_name,
            client_version: &trail.client_version,
            client_ip: trail.client,
            method: &trail.method,
            server: trail.server.as_deref().unwrap_or_default(),
            server_version: "",
            endpoint: trail.endpoint.as_deref().unwrap_or_default(),
            kind: trail.kind,
            tool: &trail.tool,
            resource_uri: &trail.resource_uri,
            // Arguments are often so few that a hash without a key could be reversed by guessing.
            args_hash: trail.args_hash,
            protocol: trail.protocol,
            transport: Transport::StreamableHttp,
            session_id: &trail.session,
            rpc_id: &self.id,
            trace_id: trail.trace.trace_id,
            span_id: trail.trace.span_id,
            outcome: ending.outcome,
            http_status: ending.http_status,
            rpc_code: ending.rpc_code,
            error: &ending.error,
            attempts: trail.attempts,
            flags: trail.flags,
            duration_us: self.duration_us,
            upstream_us: self.upstream_us,
            guard_us: 0,
            queue_us: 0,
            ttfb_us: trail.ttfb_us,
            req_bytes: u32::try_from(trail.req_bytes).unwrap_or(u32::MAX),
            resp_bytes: trail.resp_bytes,
            tokens_in: 0,
            tokens_out: 0,
            cost: 0,
            price_book: "",
            policy: ending
                .rule
                .as_deref()
                .or(trail.rule.as_deref())
                .unwrap_or_default(),
            guard_action: GuardAction::None,
            guard_rules: &[],
            pii_in: &[],
            pii_out: &[],
            attrs: &[],
        }
    }
}

/// The id as people search for it: a string without its quotes, anything else as it stands.
fn plain_id(raw: &str) -> String {
    let inner = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let text = inner.unwrap_or(raw);
    text.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= ID_BYTES_MAX).then_some(c)
        })
        .collect()
}
