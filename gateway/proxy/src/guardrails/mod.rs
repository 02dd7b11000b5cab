//! What may pass.
//!
//! [`Screened`] is the only form in which the upstream side takes a message; [`screen`] makes it of a
//! caller's, [`Screened::declining`] of a block, in which nothing is a caller's. Headers are part of it, since they mirror the message's parameters: what is
//! redacted in one is redacted in the other. Answers go through [`Guardrails::answer`], message by
//! message. Both are pure; what asks somebody else is in [`hooks`].
//!
//! The stage never keeps a value that it has found, but for the tokens that a rule lets it turn
//! back, and never says more about one than its kind, its place and a keyed hash.

mod act;
mod compile;
mod definitions;
mod headers;
pub mod hooks;
pub mod pin;
mod report;
mod rules;
mod seen;
mod storable;
mod vault;

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gantry_guard::{ScanError, Scanner};
use gantry_mcp::headers::PROTOCOL_VERSION;
use http::{HeaderMap, HeaderValue, header};

pub use act::Acted;
use act::By;
pub use compile::GuardrailsError;
pub use definitions::LockError;
pub use report::{Evidence, Report};
pub use rules::Scope;
pub use storable::Storable;

use crate::{config::guardrails::Direction, policy::Permit};
use definitions::Approved;
use hooks::Hooks;
use rules::Rules;
use seen::Seen;
use vault::Vault;

/// The JSON-RPC code of a block: outside of what JSON-RPC and MCP reserve.
pub const BLOCKED: i64 = 403;

/// How long the scan of one message may take, and once more looking at what was rewritten of it. A
/// message that takes longer is not scanned, and does not pass unless `on_error` says so.
const SCAN_TIME_MAX: Duration = Duration::from_secs(1);

/// The guardrails of one configuration. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Guardrails(Option<Arc<InForce>>);

#[derive(Debug)]
struct InForce {
    scanner: Scanner,
    rules: Rules,
    vault: Vault,
    hooks: Hooks,
    approved: Option<Approved>,
    seen: Seen,
    blocked_as_error: bool,
    open: bool,
}

/// A message that may leave for its server.
#[derive(Debug, Clone)]
pub struct Screened {
    headers: HeaderMap,
    body: Bytes,
    report: Report,
    /// The message as it came, where tokens in it were turned back.
    tokenised: Option<Bytes>,
}

impl Screened {
    /// What the server is told whose own request, or the answer to it, was blocked: an error to the
    /// request with this id (its JSON text). `revision` is that of the session.
    pub fn declining(blocked: &Blocked, id: &str, revision: Option<HeaderValue>) -> Self {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::ACCEPT, both);
        if let Some(revision) = revision {
            headers.insert(PROTOCOL_VERSION, revision);
        }
        // What goes to a client is an answer, but for what the server asks of it.
        let what = if blocked.request { "answer" } else { "request" };
        let text = blocked.about(what);
        let error = gantry_mcp::jsonrpc::error(Some(id), BLOCKED, &text, Some(&blocked.data()));
        Self {
            headers,
            body: Bytes::from(error),
            report: Report::default(),
            tokenised: None,
        }
    }

    /// The message's length in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// The message.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What was found and done.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The message for whoever is not its server: where a rule has turned tokens back for that, it
    /// has the tokens. `None` where that cannot be had.
    pub fn for_others(&self, guardrails: &Guardrails, scope: Option<&Scope<'_>>) -> Option<Bytes> {
        let Some(message) = &self.tokenised else {
            return Some(self.body.clone());
        };
        let acted = guardrails.act(scope?, message).ok()?;
        Some(Bytes::from(acted.message.into_owned()))
    }

    /// Hands the message to the upstream side.
    pub fn into_parts(self) -> (HeaderMap, Bytes) {
        (self.headers, self.body)
    }
}

/// Why a message may not pass.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("blocked by guardrail {rule}")]
pub struct Blocked {
    /// The rule that stopped it.
    pub rule: String,
    /// The kinds that it is about.
    pub kinds: Vec<String>,
    /// The way that the message was going.
    pub request: bool,
    /// Whether the message is a request, which gets an answer.
    pub answered: bool,
    /// Whether a tool's caller is told in a result that its model can read.
    pub as_result: bool,
    /// What was found and done.
    pub report: Box<Report>,
}

impl Blocked {
    /// By an external classifier.
    fn moderated(scope: &Scope<'_>, rule: &str, as_result: bool, report: Report) -> Self {
        Self {
            rule: rule.to_owned(),
            kinds: vec!["MODERATION".to_owned()],
            request: scope.direction == Direction::Request,
            answered: true,
            as_result: as_result && scope.method == "tools/call",
            report: Box::new(report),
        }
    }
}

impl Blocked {
    /// The public text: what was found, never the value.
    pub fn text(&self) -> String {
        self.about(if self.request { "request" } else { "answer" })
    }

    fn about(&self, what: &str) -> String {
        let kinds = if self.kinds.is_empty() {
            "a message that cannot be inspected".to_owned()
        } else {
            self.kinds.join(", ")
        };
        format!(
            "[blocked by policy: the {what} holds {kinds} (rule {})]",
            self.rule
        )
    }

    /// The whole answer to the request with this id (its JSON text).
    pub fn message(&self, id: Option<&str>) -> Vec<u8> {
        if !self.as_result {
            return gantry_mcp::jsonrpc::error(id, BLOCKED, &self.text(), Some(&self.data()));
        }
        let text = serde_json::Value::from(self.text());
        let id = id.unwrap_or("null");
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":{text}}}],"isError":true}}}}"#).into_bytes()
    }

    /// The JSON text of the error's `data`.
    pub fn data(&self) -> String {
        let direction = if self.request { "request" } else { "response" };
        serde_json::json!({"guardrail": {"rule": self.rule, "types": self.kinds, "direction": direction}}).to_string()
    }
}

impl Guardrails {
    /// Nothing is scanned: what is in force while a configuration lists no guardrails.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether anything is looked at.
    pub fn is_in_force(&self) -> bool {
        self.0.is_some()
    }

    /// The external classifiers.
    pub fn hooks(&self) -> Option<&Hooks> {
        self.0
            .as_deref()
            .map(|force| &force.hooks)
            .filter(|hooks| !hooks.is_empty())
    }

    /// The name of the method's block, for a tool call a result.
    fn blocked(&self, force: &InForce, scope: &Scope<'_>, rule: String, report: Report) -> Blocked {
        let kinds = report.blocking(&rule);
        Blocked {
            rule,
            kinds,
            request: scope.direction == Direction::Request,
            as_result: scope.method == "tools/call" && !force.blocked_as_error,
            answered: !matches!(scope.method, "response")
                && !scope.method.starts_with("notifications/"),
            report: Box::new(report),
        }
    }

    /// Scans one message and does to it what the rules say.
    ///
    /// # Errors
    /// [`Blocked`] where a rule says so, and where the message cannot be scanned.
    pub fn act<'a>(&self, scope: &Scope<'_>, message: &'a [u8]) -> Result<Acted<'a>, Blocked> {
        self.act_on(scope, message, false)
    }

    /// [`Guardrails::act`]; of a `mirrored` message it is kept which texts were rewritten.
    fn act_on<'a>(
        &self,
        scope: &Scope<'_>,
        message: &'a [u8],
        mirrored: bool,
    ) -> Result<Acted<'a>, Blocked> {
        let Some(force) = self.0.as_deref() else {
            return Ok(Acted::untouched(message));
        };
        let started = Instant::now();
        if let Some(mut acted) = force.seen.again(scope, message) {
            acted.report.micros = micros(started);
            return Ok(acted);
        }
        let by = By {
            scanner: &force.scanner,
            rules: &force.rules,
            vault: &force.vault,
        };
        // Nobody has waited yet when it is asked first, for every message.
        let asked = Cell::new(false);
        let in_time =
            |times: u32| !asked.replace(true) || started.elapsed() < times * SCAN_TIME_MAX;
        let scan = force.scanner.scan_while(message, &|| in_time(1));
        let acted = scan.and_then(|scan| act::act(by, scope, scan, &|| in_time(2), mirrored));
        let mut acted = match acted {
            Ok(acted) => acted,
            Err(error) => return self.unscanned(force, scope, message, error),
        };
        let removed = force.approved.as_ref().and_then(|approved| {
            definitions::review(approved, scope, message, &acted.message, &mut acted.report)
        });
        if let Some(removed) = removed {
            acted.message = removed.into();
        }
        force.seen.keep(&force.rules, scope, message, &acted);
        acted.report.micros = micros(started);
        match acted.blocked.take() {
            Some(rule) => Err(self.blocked(force, scope, rule.to_string(), acted.report)),
            None => Ok(acted),
        }
    }

    fn unscanned<'a>(
        &self,
        force: &InForce,
        scope: &Scope<'_>,
        message: &'a [u8],
        error: ScanError,
    ) -> Result<Acted<'a>, Blocked> {
        tracing::warn!(%error, "a message cannot be scanned");
        let mut acted = Acted::untouched(message);
        acted.report.degraded = true;
        if force.open {
            return Ok(acted);
        }
        Err(self.blocked(force, scope, "unscannable".to_owned(), acted.report))
    }

    /// Whether a tool may be called, as far as its definition was approved.
    fn callable(&self, force: &InForce, scope: &Scope<'_>) -> Result<(), Blocked> {
        match &force.approved {
            Some(approved)
                if scope.method == "tools/call"
                    && approved.is_blocked(scope.server, scope.subject) =>
            {
                let mut report = Report::default();
                report.block("definitions");
                Err(self.blocked(force, scope, "definitions".to_owned(), report))
            }
            _ => Ok(()),
        }
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Screens a permitted message on its way to the server.
///
/// # Errors
/// [`Blocked`] with the rule that stopped it.
pub fn screen(
    guardrails: &Guardrails,
    _permit: &Permit,
    scope: Option<&Scope<'_>>,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Screened, Blocked> {
    let (Some(force), Some(scope), false) = (guardrails.0.as_deref(), scope, body.is_empty())
    else {
        return Ok(Screened {
            headers,
            body,
            report: Report::default(),
            tokenised: None,
        });
    };
    guardrails.callable(force, scope)?;
    let (body, tokenised) = match force.vault.restored(&force.rules, scope, &body) {
        Some(restored) => (Bytes::from(restored), Some(body)),
        None => (body, None),
    };
    let mirrored = headers.keys().any(headers::mirrors);
    let acted = guardrails.act_on(scope, &body, mirrored)?;
    headers::mirror(&mut headers, &acted.rewritten);
    let report = acted.report;
    let body = match acted.message {
        std::borrow::Cow::Borrowed(_) => body,
        std::borrow::Cow::Owned(changed) => Bytes::from(changed),
    };
    Ok(Screened {
        headers,
        body,
        report,
        tokenised,
    })
}
