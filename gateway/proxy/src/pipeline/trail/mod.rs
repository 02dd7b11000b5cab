//! What happened to one request: a fact per stage, closed once into the record.
//!
//! The record never holds arguments or results, which the trail only carries where the operator asks
//! for them. It never holds a session id: a digest stands for it, so that calls of one session can be
//! found while nobody can take the session over from the record.

mod ending;
mod entry;
mod exchange;
mod phases;

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub use ending::Ending;
pub use entry::{Entry, Lists};
pub use phases::Phase;

use bytes::Bytes;
use gantry_analytics::{
    log::Intent,
    record::{AuthMethod, Kind, Transport},
};
use gantry_mcp::{
    frame::{Call, Frame},
    headers::Era,
    method,
    revision::Revision,
};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use phases::Phases;

use super::{capture::Captured, usage::Usage};
use crate::{
    auth::Caller,
    guardrails::Report,
    policy::Permit,
    routing::{SESSION_ID, Server},
    telemetry::trace::{self, TraceContext},
    upstream::{Effort, Verb},
};

/// The answer was an event stream.
pub(super) const FLAG_STREAM: u32 = 1;
/// The exchange was a stream that lives as long as both ends want: its duration is no latency.
pub(super) const FLAG_ENDLESS: u32 = 4;
/// The caller left before the answer was whole.
pub(super) const FLAG_DEPARTED: u32 = 2;
/// Tokens were not counted but made out from the number of bytes.
pub(super) const FLAG_ESTIMATED: u32 = 8;

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
    phases: Phases,
    ts_us: i64,
    client: IpAddr,
    trace: TraceContext,
    server: Option<Arc<str>>,
    tenant: String,
    agent: Option<String>,
    team: Option<String>,
    caller: Option<Caller>,
    args_hash: u64,
    /// All teams as a JSON array, where there are several.
    teams: String,
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
    version: Option<Arc<str>>,
    transport: Transport,
    effort: Effort,
    flags: u32,
    sent: Option<Instant>,
    ttfb_us: u64,
    req_bytes: u64,
    resp_bytes: u64,
    usage: Option<Box<Usage>>,
    guarded: Option<Box<Guarded>>,
    intent: Option<Intent>,
    captured: Option<Box<Captured>>,
}

impl Trail {
    /// Begins the trail of a request that just arrived.
    pub fn begin(client: IpAddr, headers: &HeaderMap) -> Self {
        let ts = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = Instant::now();
        Self {
            started,
            phases: Phases::begin(started),
            ts_us: ts.map_or(0, |age| age.as_micros() as i64),
            client,
            trace: TraceContext::from_headers(headers, rand::random(), rand::random()),
            server: None,
            tenant: String::new(),
            agent: None,
            team: None,
            caller: None,
            args_hash: 0,
            teams: String::new(),
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
            version: None,
            transport: Transport::StreamableHttp,
            effort: Effort::default(),
            flags: 0,
            sent: None,
            ttfb_us: 0,
            req_bytes: 0,
            resp_bytes: 0,
            usage: None,
            guarded: None,
            intent: None,
            captured: None,
        }
    }

    /// Begins the trail of something that the gateway itself did about a version of a server.
    pub fn event(method: &'static str, server: &Arc<str>, version: &str) -> Self {
        Self {
            method: Cow::Borrowed(method),
            server: Some(Arc::clone(server)),
            version: Some(version.into()),
            ..Self::begin(Ipv6Addr::UNSPECIFIED.into(), &HeaderMap::new())
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
        self.phases.ended(Phase::Read);
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

    /// It came to an endpoint of several servers.
    pub fn fronted(&mut self, name: &Arc<str>) {
        self.server = Some(Arc::clone(name));
    }

    /// The gateway itself has opened a session for the client.
    pub fn opened(&mut self, id: &HeaderValue) {
        self.session = digest(id.as_bytes());
    }

    /// The caller is known.
    pub fn identified(&mut self, caller: &Caller, tenant: &str) {
        self.phases.ended(Phase::Auth);
        self.tenant = tenant.to_owned();
        self.agent = Some(caller.agent().to_owned());
        self.team = caller.teams().first().cloned();
        if caller.teams().len() > 1 {
            self.teams = Value::from(caller.teams().to_vec()).to_string();
        }
        self.auth_method = caller.method();
        self.caller = Some(caller.clone());
    }

    /// The keyed hash of the call's arguments is known.
    pub fn argued(&mut self, hash: u64) {
        self.args_hash = hash;
    }

    /// A rule has allowed the call.
    pub fn permitted(&mut self, permit: &Permit) {
        self.phases.ended(Phase::Policy);
        self.rule = Some(Arc::clone(permit.rule()));
    }

    /// The limits have admitted the call.
    pub(super) fn admitted(&mut self, usage: Option<Usage>) {
        self.usage = usage.map(Box::new);
    }

    /// The message goes through the pipeline once more, since its server has done nothing with it: what
    /// it was charged and what was found in it does not count twice.
    pub fn again(&mut self) {
        if let Some(usage) = self.usage.take() {
            usage.forgive();
        }
        self.guarded = None;
    }

    /// A phase that leaves no other fact has ended.
    pub fn passed(&mut self, phase: Phase) {
        self.phases.ended(phase);
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

    /// Whether the call is noted already.
    pub(in crate::pipeline) fn is_noted(&self) -> bool {
        self.intent.is_some()
    }

    /// The call is noted, and its record concludes that.
    pub(in crate::pipeline) fn noted(&mut self, intent: Option<Intent>) {
        self.intent = intent;
    }

    /// Whose call it is, where the caller's credential says; pseudonyms are made of it.
    pub(in crate::pipeline) fn person(&self) -> Option<&str> {
        self.caller.as_ref().and_then(Caller::subject)
    }

    /// When the request arrived, in microseconds since the Unix epoch.
    pub fn started_us(&self) -> i64 {
        self.ts_us
    }

    /// The caller's tenant; empty where it has none.
    pub fn tenant(&self) -> &str {
        &self.tenant
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

    /// The body that goes on: with our span in place of the caller's, where the message names one.
    pub fn carry(&self, body: &Bytes, frame: Option<&Frame<'_>>) -> Bytes {
        let call = match frame {
            Some(Frame::Request(call) | Frame::Notification(call)) => call,
            Some(Frame::Response(_)) | None => return body.clone(),
        };
        let parent = call.params.meta.traceparent.as_deref();
        parent
            .and_then(|parent| trace::with_span(body, parent, self.trace.span_id))
            .map_or_else(|| body.clone(), Bytes::from)
    }

    /// Where the call is under way to: the server, its version, the endpoint.
    pub fn place(&self) -> Option<(&str, &str, &str)> {
        let endpoint = self.effort.tried.last()?;
        Some((self.server.as_deref()?, self.version.as_deref()?, endpoint))
    }

    /// Whether the call may have reached its server.
    pub fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Closes the trail: nothing can be added to what is returned.
    pub fn close(mut self, ending: Ending) -> Entry {
        if self.sent.is_some() {
            self.phases.ended(Phase::Upstream);
        }
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
    hex::encode(hash.get(..16).unwrap_or_default())
}
