//! What happened to one request: a fact per stage, closed once into the record.
//!
//! The trail never holds arguments or results, and never a session id: a digest stands for it, so
//! that calls of one session can be found while nobody can take the session over from the record.

mod ending;
mod entry;

use std::{
    borrow::Cow,
    fmt::Write as _,
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub use ending::Ending;
pub use entry::{Entry, Lists};

use gantry_analytics::record::{AuthMethod, Kind};
use gantry_mcp::{
    frame::{Call, Frame},
    headers::Era,
    method,
    revision::Revision,
};
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::request::SESSION_ID;
use crate::{
    auth::Caller,
    guardrails::Report,
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

/// What guardrails found, on the way to the server and back.
#[derive(Debug, Default)]
struct Guarded {
    forth: Report,
    back: Report,
}

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
    rule: Option<Arc<str>>,
    endpoint: Option<Arc<str>>,
    attempts: u8,
    flags: u32,
    sent: Option<Instant>,
    ttfb_us: u64,
    req_bytes: u64,
    resp_bytes: u64,
    guarded: Option<Box<Guarded>>,
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
            rule: None,
            endpoint: None,
            attempts: 0,
            flags: 0,
            sent: None,
            ttfb_us: 0,
            req_bytes: 0,
            resp_bytes: 0,
            guarded: None,
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
        self.rule = Some(Arc::clone(permit.rule()));
    }

    /// A message was inspected on its way to the server, or on its way back.
    pub fn screened(&mut self, back: bool, report: &Report) {
        if !report.is_empty() || report.micros > 0 {
            let guarded = self.guarded.get_or_insert_default();
            let side = if back {
                &mut guarded.back
            } else {
                &mut guarded.forth
            };
            side.merge(report.clone());
        }
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
        Entry::new(self, ending, duration_us, upstream_us)
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
