//! A closed trail, and the row that it becomes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gantry_analytics::{
    log::Intent,
    record::{GuardAction, Outcome, Record},
};
use gantry_mcp::answer::Format;

use super::{Ending, FLAG_ESTIMATED, FLAG_STREAM, Guarded, Phase, Trail};
use crate::{
    config::guardrails::Action,
    guardrails::Report,
    pipeline::{
        capture::Captured,
        usage::{Bill, Facts},
    },
    telemetry::{
        metrics::DEGRADED,
        spans::{Part, Try},
        trace::TraceContext,
    },
    upstream::Effort,
};

/// What the record of a call says that the process has not seen the end of.
const UNDER_WAY: &str = "the gateway ended while the call was under way";

/// The longest JSON-RPC id that is kept; longer ones are cut.
const ID_BYTES_MAX: usize = 256;

/// A closed trail.
#[derive(Debug)]
pub struct Entry {
    trail: Trail,
    ending: Ending,
    id: String,
    /// The endpoints that were tried before the last one.
    tried: String,
    /// Findings in words, for the attributes.
    evidence: Vec<(String, String)>,
    bill: Bill,
    /// From the request's arrival to the end of the answer.
    pub duration_us: u64,
    /// From the first byte to the server to the end of its answer.
    pub upstream_us: u64,
}

impl Entry {
    pub(super) fn new(trail: Trail, ending: Ending, duration_us: u64, upstream_us: u64) -> Self {
        Self {
            id: trail.plain_id(),
            tried: tried(&trail.effort),
            evidence: trail.guarded.as_deref().map(described).unwrap_or_default(),
            trail,
            ending,
            bill: Bill::default(),
            duration_us,
            upstream_us,
        }
    }

    /// Whether the exchange was a stream without an end of its own.
    pub fn is_endless(&self) -> bool {
        self.trail.is_endless()
    }

    /// What the record concludes.
    pub(in crate::pipeline) fn intent(&mut self) -> Option<Intent> {
        self.trail.intent.take()
    }

    /// What was captured of the call.
    pub(in crate::pipeline) fn captured(&mut self) -> Option<Box<Captured>> {
        self.trail.captured.take()
    }

    /// The record is written.
    pub(crate) fn recorded(&mut self) {
        self.trail.phases.ended(Phase::Audit);
    }

    /// The phases that the request went through.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (Phase, Part)> + '_ {
        self.trail.phases.parts()
    }

    /// The tries at servers, of which only the last can have been answered.
    pub(crate) fn tries(&self) -> Vec<Try> {
        let upstream = self.phases().find(|(phase, _)| *phase == Phase::Upstream);
        let Some((_, part)) = upstream else {
            return Vec::new();
        };
        let effort = &self.trail.effort;
        let starts = effort
            .started
            .iter()
            .map(|at| self.trail.phases.since_start(*at));
        let ends = effort
            .started
            .iter()
            .skip(1)
            .map(|at| self.trail.phases.since_start(*at));
        let last = effort.tried.len().saturating_sub(1);
        effort
            .tried
            .iter()
            .zip(starts.zip(ends.chain([part.end_us])))
            .enumerate()
            .map(|(at, (endpoint, (start_us, end_us)))| Try {
                endpoint: Arc::clone(endpoint),
                start_us,
                end_us,
                failed: at < last,
            })
            .collect()
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
        self.trail.person()
    }

    /// Makes out what the call used and costs, and settles what limits are owed for it.
    pub(in crate::pipeline) async fn tally(&mut self) {
        let trail = &mut self.trail;
        let Some(usage) = trail.usage.take() else {
            return;
        };
        let facts = Facts {
            sent: trail.is_sent(),
            unreached: self.ending.unreached,
            format: if trail.flags & FLAG_STREAM == 0 {
                Format::Json
            } else {
                Format::EventStream
            },
            bytes: trail.req_bytes.saturating_add(trail.resp_bytes),
            duration_us: self.duration_us,
        };
        self.bill = usage.close(facts).await;
        if self.bill.is_estimate {
            trail.flags |= FLAG_ESTIMATED;
        }
    }

    /// What counts the call by what, where a limit refused it.
    pub fn limited(&self) -> Option<&(Arc<str>, &'static str)> {
        self.ending.limited.as_ref()
    }

    /// The columns that are lists, for [`Entry::record`] to borrow.
    pub fn lists(&self) -> Lists<'_> {
        let mut lists = self.trail.lists();
        let evidence = self.evidence.iter();
        lists
            .attrs
            .extend(evidence.map(|(name, value)| (name.as_str(), value.as_str())));
        if !self.tried.is_empty() {
            lists.attrs.push(("tried", &self.tried));
        }
        lists
    }

    /// The row of the audit log, but for the person's pseudonym.
    pub fn record<'a>(&'a self, lists: &'a Lists<'a>) -> Record<'a> {
        let (trail, ending) = (&self.trail, &self.ending);
        Record {
            outcome: ending.outcome,
            http_status: ending.http_status,
            rpc_code: ending.rpc_code,
            error: &ending.error,
            duration_us: self.duration_us,
            upstream_us: self.upstream_us,
            tokens_in: self.bill.tokens_in,
            tokens_out: self.bill.tokens_out,
            cost: self.bill.cost.billionths(),
            price_book: &self.bill.book,
            policy: ending
                .rule
                .as_deref()
                .or(trail.rule.as_deref())
                .unwrap_or_default(),
            ..trail.begun(&self.id, lists)
        }
    }
}

impl Trail {
    /// The request's id as the record has it.
    pub(in crate::pipeline) fn plain_id(&self) -> String {
        self.id.as_deref().map(plain_id).unwrap_or_default()
    }

    /// The columns that are lists, as far as they are known.
    pub(in crate::pipeline) fn lists(&self) -> Lists<'_> {
        let guarded = self.guarded.as_deref();
        let mut lists = guarded.map_or_else(Lists::default, Lists::of);
        if !self.teams.is_empty() {
            lists.attrs.push(("teams", &self.teams));
        }
        lists
    }

    /// What is known of a request whose end is not, but for the person's pseudonym.
    pub(in crate::pipeline) fn begun<'a>(
        &'a self,
        id: &'a str,
        lists: &'a Lists<'a>,
    ) -> Record<'a> {
        Record {
            ts_us: self.ts_us,
            tenant: &self.tenant,
            team: self.team.as_deref().unwrap_or_default(),
            agent: self.agent.as_deref().unwrap_or_default(),
            subject: 0,
            auth_method: self.auth_method,
            client_name: &self.client_name,
            client_version: &self.client_version,
            client_ip: self.client,
            method: &self.method,
            server: self.server.as_deref().unwrap_or_default(),
            server_version: self.version.as_deref().unwrap_or_default(),
            // The one that answered, or that was tried last.
            endpoint: self.effort.tried.last().map_or("", |endpoint| &**endpoint),
            kind: self.kind,
            tool: &self.tool,
            resource_uri: &self.resource_uri,
            // Arguments are often so few that a hash without a key could be reversed by guessing.
            args_hash: self.args_hash,
            protocol: self.protocol,
            transport: self.transport,
            session_id: &self.session,
            rpc_id: id,
            trace_id: self.trace.trace_id,
            span_id: self.trace.span_id,
            outcome: Outcome::Unknown,
            http_status: 0,
            rpc_code: 0,
            error: UNDER_WAY,
            attempts: u8::try_from(self.effort.tried.len()).unwrap_or(u8::MAX),
            flags: self.flags,
            duration_us: 0,
            upstream_us: 0,
            guard_us: lists.guard_us,
            queue_us: u32::try_from(self.effort.queued.as_micros()).unwrap_or(u32::MAX),
            ttfb_us: self.ttfb_us,
            req_bytes: u32::try_from(self.req_bytes).unwrap_or(u32::MAX),
            resp_bytes: self.resp_bytes,
            tokens_in: 0,
            tokens_out: 0,
            cost: 0,
            price_book: "",
            policy: self.rule.as_deref().unwrap_or_default(),
            guard_action: lists.guard_action,
            guard_rules: &lists.guard_rules,
            pii_in: &lists.pii_in,
            pii_out: &lists.pii_out,
            attrs: &lists.attrs,
        }
    }
}

fn tried(effort: &Effort) -> String {
    let earlier = effort.tried.split_last().map(|(_, earlier)| earlier);
    earlier.unwrap_or_default().join(" ")
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
    fn of(guarded: &'a Guarded) -> Self {
        fn kinds(report: &Report) -> Vec<(&str, u16)> {
            let kinds = report.kinds.iter();
            kinds.map(|(kind, count)| (&**kind, *count)).collect()
        }
        let (forth, back) = (&guarded.forth, &guarded.back);
        let rules = forth.rules.iter().chain(&back.rules).map(|rule| &**rule);
        let mut guard_rules: Vec<&str> = rules.collect();
        guard_rules.sort_unstable();
        guard_rules.dedup();
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
            attrs: Vec::new(),
        }
    }
}

/// One attribute a finding: kind, place, rule, action and keyed hash, never the value.
fn described(guarded: &Guarded) -> Vec<(String, String)> {
    let sides = [("in", &guarded.forth), ("out", &guarded.back)];
    let degraded = sides.iter().filter(|(_, report)| report.degraded);
    let degraded: Vec<&str> = degraded.map(|(side, _)| *side).collect();
    let degraded = (!degraded.is_empty()).then(|| (DEGRADED.to_owned(), degraded.join(" ")));
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
        .chain(degraded)
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
