//! What happened to one request: a fact per stage, closed once into the record.
//!
//! The trail never holds arguments or results, and never a session id: a digest stands for it, so
//! that calls of one session can be found while nobody can take the session over from the record.

use std::{
    borrow::Cow,
    fmt::Write as _,
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use gantry_analytics::record::{AuthMethod, GuardAction, Kind, Outcome, Record, Transport};
use gantry_mcp::{
    answer::Verdict,
    frame::{Call, Frame},
    headers::Era,
    method,
    revision::Revision,
};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use super::{Refusal, request::SESSION_ID};
use crate::{
    auth::Caller,
    policy::Permit,
    routing::Server,
    telemetry::trace::TraceContext,
    upstream::{Exchange, Verb},
};

/// The answer was an event stream.
pub(super) const FLAG_STREAM: u32 = 1;
/// The exchange was a stream that lives as long as both ends want: its duration is no latency.
pub(super) const FLAG_ENDLESS: u32 = 4;
/// The caller left before the answer was whole.
pub(super) const FLAG_DEPARTED: u32 = 2;

/// The longest JSON-RPC id that is kept; longer ones are cut.
const ID_BYTES_MAX: usize = 256;

/// The facts of a request that is still under way.
#[derive(Debug)]
pub struct Trail {
    started: Instant,
    ts_us: i64,
    client: IpAddr,
    trace: TraceContext,
    server: Option<Arc<str>>,
    agent: Option<String>,
    auth_method: AuthMethod,
    client_name: String,
    client_version: String,
    method: Cow<'static, str>,
    kind: Kind,
    tool: String,
    resource_uri: String,
    protocol: &'static str,
    session: String,
    id: Option<String>,
    rule: &'static str,
    endpoint: Option<Arc<str>>,
    attempts: u8,
    flags: u32,
    sent: Option<Instant>,
    ttfb_us: u64,
    req_bytes: u64,
    resp_bytes: u64,
}

impl Trail {
    /// Begins the trail of a request that just arrived.
    pub fn begin(client: IpAddr, headers: &HeaderMap) -> Self {
        let ts = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            started: Instant::now(),
            ts_us: ts.map_or(0, |age| age.as_micros() as i64),
            client,
            trace: TraceContext::from_headers(headers, rand::random(), rand::random()),
            server: None,
            agent: None,
            auth_method: AuthMethod::None,
            client_name: String::new(),
            client_version: String::new(),
            method: Cow::Borrowed(""),
            kind: Kind::Other,
            tool: String::new(),
            resource_uri: String::new(),
            protocol: "",
            session: headers
                .get(&SESSION_ID)
                .map_or_else(String::new, |id| digest(id.as_bytes())),
            id: None,
            rule: "",
            endpoint: None,
            attempts: 0,
            flags: 0,
            sent: None,
            ttfb_us: 0,
            req_bytes: 0,
            resp_bytes: 0,
        }
    }

    /// The request's body was read.
    pub fn received(&mut self, body_bytes: usize) {
        self.req_bytes = body_bytes as u64;
    }

    /// The message was understood.
    pub fn read(&mut self, frame: Option<&Frame<'_>>, verb: Verb) {
        match frame {
            Some(Frame::Request(call) | Frame::Notification(call)) => self.called(call),
            Some(Frame::Response(_)) => self.method = Cow::Borrowed("response"),
            None => self.method = Cow::Borrowed(verb.as_str()),
        }
    }

    fn called(&mut self, call: &Call<'_>) {
        let known = call.known();
        self.method = known.map_or_else(
            || Cow::Owned(call.method.clone().into_owned()),
            |method| Cow::Borrowed(method.as_str()),
        );
        self.kind = known.map_or(Kind::Other, |method| kind(method.kind()));
        self.id = call.id.as_ref().map(|id| id.as_raw().to_owned());
        let params = &call.params;
        if let Some(name) = &params.name {
            self.tool = name.clone().into_owned();
        }
        if let Some(uri) = params.uri.as_ref().or(params.task_id.as_ref()) {
            self.resource_uri = uri.clone().into_owned();
        }
        if let Some(info) = params
            .meta
            .client_info
            .as_ref()
            .or(params.client_info.as_ref())
        {
            self.client_name = info.name.clone().unwrap_or_default().into_owned();
            self.client_version = info.version.clone().unwrap_or_default().into_owned();
        }
        if let Some(parent) = params.meta.traceparent.as_deref() {
            self.trace.adopt(parent);
        }
    }

    /// The revision is known.
    pub fn classified(&mut self, era: Option<Era>) {
        self.protocol = match era {
            Some(Era::Modern(revision) | Era::Legacy(Some(revision))) => revision.as_str(),
            Some(Era::Legacy(None)) => Revision::ASSUMED.as_str(),
            None => "",
        };
    }

    /// The server is known.
    pub fn addressed(&mut self, server: &Server) {
        self.server = Some(Arc::clone(server.name()));
    }

    /// The caller is known.
    pub fn identified(&mut self, caller: &Caller) {
        self.agent = Some(caller.agent().to_owned());
        self.auth_method = caller.method();
    }

    /// A rule has allowed the call.
    pub fn permitted(&mut self, permit: &Permit) {
        self.rule = permit.rule();
    }

    /// The exchange with the server begins.
    pub fn sending(&mut self) {
        self.sent = Some(Instant::now());
    }

    /// Counts the endpoints that are tried.
    pub fn attempts(&mut self) -> &mut u8 {
        &mut self.attempts
    }

    /// The head of the answer is here.
    pub fn answering(&mut self, exchange: &Exchange) {
        self.endpoint = Some(Arc::clone(exchange.endpoint()));
        self.ttfb_us = micros(self.started);
        // A session that was just opened: the server names it in its answer.
        if let Some(id) = exchange.headers().and_then(|all| all.get(&SESSION_ID)) {
            self.session = digest(id.as_bytes());
        }
    }

    /// The exchange may last as long as both ends want.
    pub fn endless(&mut self) {
        self.flags |= FLAG_ENDLESS;
    }

    /// The answer is an event stream.
    pub fn streaming(&mut self) {
        self.flags |= FLAG_STREAM;
    }

    /// The caller is gone while the answer goes on.
    pub fn departed(&mut self) {
        self.flags |= FLAG_DEPARTED;
    }

    /// A piece of the answer arrived.
    pub fn answered(&mut self, body_bytes: usize) {
        self.resp_bytes = self.resp_bytes.saturating_add(body_bytes as u64);
    }

    /// The JSON text of the request's id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The id of a message that could not be read whole.
    pub fn named(&mut self, id: &str) {
        self.id = Some(id.to_owned());
    }

    /// Whether the exchange is a stream without an end of its own.
    pub fn is_endless(&self) -> bool {
        self.flags & FLAG_ENDLESS != 0
    }

    /// The server's name, once it is known.
    pub fn server(&self) -> Option<&Arc<str>> {
        self.server.as_ref()
    }

    /// The trace context that the server is given, as a `traceparent` header.
    pub fn traceparent(&self) -> String {
        self.trace.to_string()
    }

    /// Whether the call may have reached its server.
    pub fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Closes the trail: nothing can be added to what is returned.
    pub fn close(self, ending: Ending) -> Entry {
        let duration_us = micros(self.started);
        let upstream_us = self.sent.map_or(0, micros);
        Entry {
            id: self.id.as_deref().map(plain_id).unwrap_or_default(),
            trail: self,
            ending,
            duration_us,
            upstream_us,
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What the record, the metrics and the dashboards call it.
    pub outcome: Outcome,
    /// The status that the caller got; 0 when none was sent.
    pub http_status: u16,
    /// The JSON-RPC error code; 0 when there is none.
    pub rpc_code: i32,
    /// The operator's text of a fault.
    pub error: String,
    /// The rule that refused.
    pub rule: Option<&'static str>,
}

impl Ending {
    /// The gateway refused.
    pub fn refused(refusal: &Refusal) -> Self {
        let answer = refusal.answer();
        Self {
            outcome: refusal.outcome(),
            http_status: answer.status,
            rpc_code: rpc_code(answer.code),
            error: refusal.to_string(),
            rule: refusal.rule(),
        }
    }

    /// The server's answer went through; `verdict` is what it says, where it says anything.
    pub fn answered(status: StatusCode, verdict: Option<&Verdict>, expected: bool) -> Self {
        let (outcome, code) = match verdict {
            Some(Verdict::Complete { is_error: true, .. }) => (Outcome::ToolError, 0),
            Some(Verdict::Complete { .. }) => (Outcome::Ok, 0),
            Some(Verdict::Error { code }) => (Outcome::RpcError, rpc_code(*code)),
            None if status.is_server_error() => (Outcome::UpstreamError, 0),
            None if !status.is_success() => (Outcome::RpcError, 0),
            // The stream ended without the response, which may come on another one.
            None if expected => (Outcome::Unknown, 0),
            None => (Outcome::Ok, 0),
        };
        Self {
            outcome,
            http_status: status.as_u16(),
            rpc_code: code,
            error: String::new(),
            rule: None,
        }
    }

    /// The exchange broke after the head of the answer had gone through.
    pub fn broken(status: StatusCode, refusal: &Refusal) -> Self {
        Self {
            http_status: status.as_u16(),
            ..Self::refused(refusal)
        }
    }

    /// The caller left before the answer was whole.
    pub fn cancelled(status: Option<StatusCode>) -> Self {
        Self {
            outcome: Outcome::Cancelled,
            http_status: status.map_or(0, |status| status.as_u16()),
            rpc_code: 0,
            error: String::new(),
            rule: None,
        }
    }
}

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
    /// Whether the exchange was a stream without an end of its own.
    pub fn is_endless(&self) -> bool {
        self.trail.is_endless()
    }

    /// The row of the audit log.
    pub fn record(&self) -> Record<'_> {
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
            guard_us: 0,
            queue_us: 0,
            ttfb_us: trail.ttfb_us,
            req_bytes: u32::try_from(trail.req_bytes).unwrap_or(u32::MAX),
            resp_bytes: trail.resp_bytes,
            tokens_in: 0,
            tokens_out: 0,
            cost: 0,
            price_book: "",
            policy: ending.rule.unwrap_or(trail.rule),
            guard_action: GuardAction::None,
            guard_rules: &[],
            pii_in: &[],
            pii_out: &[],
            attrs: &[],
        }
    }
}

fn kind(kind: method::Kind) -> Kind {
    match kind {
        method::Kind::Tool => Kind::Tool,
        method::Kind::Prompt => Kind::Prompt,
        method::Kind::Resource => Kind::Resource,
        method::Kind::Task => Kind::Task,
        method::Kind::Other => Kind::Other,
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn rpc_code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(i32::MIN)
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

/// 128 bits of SHA-256 in hexadecimal: enough to tell sessions apart, of no use to hijack one.
fn digest(session: &[u8]) -> String {
    let hash = Sha256::digest(session);
    hash.iter()
        .take(16)
        .fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
