//! A call as spans, in the words of OpenTelemetry's semantic conventions for MCP
//! (<https://github.com/open-telemetry/semantic-conventions-genai>).

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use gantry_analytics::record::{Kind, Outcome, Record};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Link, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::telemetry::trace::{Parent, TraceContext};

/// A call that has ended.
#[derive(Debug)]
pub struct Call<'a> {
    pub record: &'a Record<'a>,
    /// The record's identity; empty where it is not known.
    pub event_id: &'a str,
    pub trace: &'a TraceContext,
    pub started: SystemTime,
    pub phases: &'a [Part],
    pub tries: &'a [Try],
}

/// A phase of a call, in microseconds since the call's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    pub start_us: u64,
    pub end_us: u64,
}

/// One try at a server, in microseconds since the call's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Address and port.
    pub endpoint: std::sync::Arc<str>,
    /// The gateway's span towards the server; the server's own spans are its children.
    pub start_us: u64,
    pub end_us: u64,
    pub failed: bool,
}

impl Call<'_> {
    /// Whether it is traced whatever the ratio.
    pub(super) fn is_error(&self) -> bool {
        !matches!(self.record.outcome, Outcome::Ok | Outcome::Cancelled)
    }

    /// The number that is compared with the ratio's.
    pub(super) fn sample(&self) -> u64 {
        let low = self.trace.trace_id.last_chunk::<8>();
        low.map_or(0, |low| u64::from_be_bytes(*low) >> 1)
    }

    /// The call's span first, then its children.
    pub(super) fn spans(&self) -> Vec<SpanData> {
        let duration_us = self.record.duration_us;
        let mut call = self.span(self.name(), SpanKind::Server, 0, duration_us);
        call.span_context = self.context(SpanId::from_bytes(self.trace.span_id));
        call.parent_span_id = SpanId::from_bytes(self.trace.parent_id.unwrap_or_default());
        call.parent_span_is_remote = self.trace.parent_id.is_some();
        call.attributes = self.attributes();
        if let Some(error) = self.error_type() {
            call.attributes.push(KeyValue::new("error.type", error));
            call.status = Status::error(self.record.outcome.as_str());
        }
        if let Some(link) = &self.trace.link {
            call.links = links(link);
        }
        let phases = self.phases.iter().map(|part| {
            self.span(
                part.name.to_owned(),
                SpanKind::Internal,
                part.start_us,
                part.end_us,
            )
        });
        let tries = self.tries.iter().map(|one| self.attempt(one));
        std::iter::once(call)
            .chain(phases.collect::<Vec<_>>())
            .chain(tries)
            .collect()
    }

    fn attempt(&self, one: &Try) -> SpanData {
        let mut span = self.span(self.name(), SpanKind::Client, one.start_us, one.end_us);
        span.attributes = vec![
            KeyValue::new("mcp.method.name", self.record.method.to_owned()),
            KeyValue::new("gantry.endpoint", one.endpoint.to_string()),
        ];
        if let Ok(address) = one.endpoint.parse::<SocketAddr>() {
            span.attributes.extend([
                KeyValue::new("server.address", address.ip().to_string()),
                KeyValue::new("server.port", i64::from(address.port())),
            ]);
        }
        if one.failed {
            span.status = Status::error("failed");
        }
        span
    }

    /// A span of its own id below the call's.
    fn span(&self, name: String, kind: SpanKind, start_us: u64, end_us: u64) -> SpanData {
        let at = |us| self.started + Duration::from_micros(us);
        SpanData {
            span_context: self.context(SpanId::from_bytes(rand::random())),
            parent_span_id: SpanId::from_bytes(self.trace.span_id),
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.into(),
            start_time: at(start_us),
            end_time: at(end_us.max(start_us)),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("gantry")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }

    fn context(&self, span_id: SpanId) -> SpanContext {
        let trace_id = TraceId::from_bytes(self.trace.trace_id);
        let state = TraceState::default();
        SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state)
    }

    /// `{method} {tool or prompt}`.
    fn name(&self) -> String {
        match (self.record.method, self.record.tool) {
            (method, "") => method.to_owned(),
            (method, name) => format!("{method} {name}"),
        }
    }

    fn error_type(&self) -> Option<String> {
        match (self.record.outcome, self.record.rpc_code) {
            (Outcome::Ok, _) => None,
            (Outcome::ToolError, _) | (_, 0) => Some(self.record.outcome.as_str().to_owned()),
            (_, code) => Some(code.to_string()),
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let record = self.record;
        let named = match record.kind {
            Kind::Tool => "gen_ai.tool.name",
            Kind::Prompt => "gen_ai.prompt.name",
            _ => "",
        };
        let operation = if record.kind == Kind::Tool && record.method == "tools/call" {
            "execute_tool"
        } else {
            ""
        };
        let texts = [
            ("mcp.method.name", record.method),
            ("mcp.protocol.version", record.protocol),
            // A digest: nobody can take a session over from a trace.
            ("mcp.session.id", record.session_id),
            ("mcp.resource.uri", record.resource_uri),
            ("jsonrpc.request.id", record.rpc_id),
            (named, record.tool),
            ("gen_ai.operation.name", operation),
            ("network.protocol.name", "http"),
            ("gantry.event_id", self.event_id),
            ("gantry.server", record.server),
            ("gantry.server.version", record.server_version),
            ("gantry.agent", record.agent),
            ("gantry.team", record.team),
            ("gantry.outcome", record.outcome.as_str()),
            ("gantry.rule", record.policy),
        ];
        let mut attributes: Vec<KeyValue> = texts
            .into_iter()
            .filter(|(name, text)| !name.is_empty() && !text.is_empty())
            .map(|(name, text)| KeyValue::new(name, text.to_owned()))
            .collect();
        attributes.push(KeyValue::new(
            "client.address",
            record.client_ip.to_string(),
        ));
        if record.http_status != 0 {
            let status = i64::from(record.http_status);
            attributes.push(KeyValue::new("http.response.status_code", status));
        }
        if record.rpc_code != 0 {
            let code = record.rpc_code.to_string();
            attributes.push(KeyValue::new("rpc.response.status_code", code));
        }
        attributes
    }
}

/// The caller's HTTP request, where the message itself named another parent.
fn links(parent: &Parent) -> SpanLinks {
    let context = SpanContext::new(
        TraceId::from_bytes(parent.trace_id),
        SpanId::from_bytes(parent.span_id),
        TraceFlags::new(parent.flags),
        true,
        TraceState::default(),
    );
    let mut links = SpanLinks::default();
    links.links.push(Link::new(context, Vec::new(), 0));
    links
}
