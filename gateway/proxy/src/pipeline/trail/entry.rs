//! A closed trail, and the row that it becomes.

use gantry_analytics::record::{GuardAction, Record, Transport};

use super::{Ending, Guarded, Trail};
use crate::{config::guardrails::Action, guardrails::Report};

/// The longest JSON-RPC id that is kept; longer ones are cut.
const ID_BYTES_MAX: usize = 256;

/// A closed trail.
#[derive(Debug)]
pub struct Entry {
    trail: Trail,
    ending: Ending,
    id: String,
    /// Findings in words, for the attributes.
    evidence: Vec<(String, String)>,
    /// From the request's arrival to the end of the answer.
    pub duration_us: u64,
    /// From the first byte to the server to the end of its answer.
    pub upstream_us: u64,
}

impl Entry {
    pub(super) fn new(trail: Trail, ending: Ending, duration_us: u64, upstream_us: u64) -> Self {
        Self {
            id: trail.id.as_deref().map(plain_id).unwrap_or_default(),
            evidence: trail.guarded.as_deref().map(described).unwrap_or_default(),
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

    /// The columns that are lists, for [`Entry::record`] to borrow.
    pub fn lists(&self) -> Lists<'_> {
        let guarded = self.trail.guarded.as_deref();
        guarded.map_or_else(Lists::default, |guarded| Lists::of(guarded, &self.evidence))
    }

    /// The row of the audit log.
    pub fn record<'a>(&'a self, lists: &'a Lists<'a>) -> Record<'a> {
        let (trail, ending) = (&self.trail, &self.ending);
        Record {
            ts_us: trail.ts_us,
            tenant: "",
            team: "",
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
            args_hash: 0,
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
            guard_us: lists.guard_us,
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
            guard_action: lists.guard_action,
            guard_rules: &lists.guard_rules,
            pii_in: &lists.pii_in,
            pii_out: &lists.pii_out,
            attrs: &lists.attrs,
        }
    }
}

/// Columns that are lists.
#[derive(Debug, Default)]
pub struct Lists<'a> {
    guard_us: u32,
    guard_action: GuardAction,
    guard_rules: Vec<&'a str>,
    pii_in: Vec<(&'a str, u16)>,
    pii_out: Vec<(&'a str, u16)>,
    attrs: Vec<(&'a str, &'a str)>,
}

impl<'a> Lists<'a> {
    fn of(guarded: &'a Guarded, evidence: &'a [(String, String)]) -> Self {
        fn kinds(report: &Report) -> Vec<(&str, u16)> {
            let kinds = report.kinds.iter();
            kinds.map(|(kind, count)| (kind.as_str(), *count)).collect()
        }
        let (forth, back) = (&guarded.forth, &guarded.back);
        let rules = forth.rules.iter().chain(&back.rules).map(String::as_str);
        let mut guard_rules: Vec<&str> = rules.collect();
        guard_rules.sort_unstable();
        guard_rules.dedup();
        let attrs = evidence.iter();
        Self {
            guard_us: forth.micros.saturating_add(back.micros),
            guard_action: match forth.action.max(back.action) {
                Some(Action::Block) => GuardAction::Block,
                Some(Action::Monitor) => GuardAction::Flag,
                Some(Action::Off) => GuardAction::Allow,
                Some(_) => GuardAction::Mask,
                None => GuardAction::None,
            },
            guard_rules,
            pii_in: kinds(forth),
            pii_out: kinds(back),
            attrs: attrs
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

/// One attribute a finding: kind, place, rule, action and keyed hash, never the value.
fn described(guarded: &Guarded) -> Vec<(String, String)> {
    let sides = [("in", &guarded.forth), ("out", &guarded.back)];
    let all = sides
        .into_iter()
        .flat_map(|(side, report)| report.evidence.iter().map(move |one| (side, one)));
    all.enumerate()
        .map(|(place, (side, one))| {
            let text = format!(
                "{} {} {} rule={} hash={:016x}",
                one.kind,
                one.action.as_str(),
                one.pointer,
                one.rule,
                one.hash
            );
            (format!("guard.{side}.{place}"), text)
        })
        .collect()
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
