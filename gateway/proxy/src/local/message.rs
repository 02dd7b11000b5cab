//! What the inner HTTP server answers: JSON-RPC messages of both eras.

use std::convert::Infallible;

use bytes::Bytes;
use gantry_mcp::{
    frame::Call,
    jsonrpc::{self, METHOD_NOT_FOUND, UNSUPPORTED_VERSION},
    revision::Revision,
};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(super) type Answer = Response<Body>;

/// How long a client may keep a list, in milliseconds. What is listed changes with the configuration only.
const TTL_MS: u32 = 300_000;

/// An answer without a body.
pub(super) fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Empty::new().boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// An answer of JSON.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// A call, and the era in which it is made.
pub(super) struct Asking<'a> {
    pub call: &'a Call<'a>,
    /// As JSON.
    pub id: &'a str,
    pub modern: bool,
}

impl<'a> Asking<'a> {
    /// `None` for a notification.
    pub(super) fn new(call: &'a Call<'a>) -> Option<Self> {
        Some(Self {
            id: call.id.as_ref()?.as_raw(),
            modern: call.params.meta.protocol_version.is_some(),
            call,
        })
    }

    /// The refusal of a revision that nobody here speaks; `None` where it is spoken.
    pub(super) fn unspoken(&self) -> Option<Answer> {
        let named = self.call.params.meta.protocol_version.as_deref()?;
        if Revision::parse(named).is_some_and(Revision::is_modern) {
            return None;
        }
        let data = json!({"supported": modern_revisions(), "requested": named});
        let told = "this revision is not spoken here";
        let data = data.to_string();
        let error = jsonrpc::error(Some(self.id), UNSUPPORTED_VERSION, told, Some(&data));
        Some(json(StatusCode::BAD_REQUEST, error))
    }

    /// A result that is JSON text already: an object with a member at least.
    pub(super) fn result(&self, result: &str, server: &str) -> Answer {
        let mut body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":", self.id);
        match result.strip_prefix('{').filter(|_| self.modern) {
            Some(rest) => {
                body.push_str("{\"resultType\":\"complete\",");
                // Results that bring metadata of their own keep it as it is.
                if !result.contains("\"_meta\"") {
                    let info = json!({"io.modelcontextprotocol/serverInfo": info(server)});
                    body.push_str(&format!("\"_meta\":{info},"));
                }
                body.push_str(rest);
            }
            None => body.push_str(result),
        }
        body.push('}');
        json(StatusCode::OK, body.into_bytes())
    }

    /// As [`Asking::result`], of a result that a client may keep for a while.
    pub(super) fn kept(&self, result: &str, server: &str) -> Answer {
        match result.strip_prefix('{').filter(|_| self.modern) {
            Some(rest) => {
                let kept = format!("{{\"ttlMs\":{TTL_MS},\"cacheScope\":\"public\",{rest}");
                self.result(&kept, server)
            }
            None => self.result(result, server),
        }
    }

    /// A JSON-RPC error.
    pub(super) fn error(&self, status: StatusCode, code: i64, text: &str) -> Answer {
        json(status, jsonrpc::error(Some(self.id), code, text, None))
    }

    /// The method is none that is served here.
    pub(super) fn unknown_method(&self) -> Answer {
        let status = match self.modern {
            true => StatusCode::NOT_FOUND,
            false => StatusCode::OK,
        };
        self.error(status, METHOD_NOT_FOUND, "this method is not served here")
    }

    /// The answer to `initialize`.
    pub(super) fn initialized(&self, server: &str, capabilities: &Value) -> Answer {
        let wanted = self.call.params.protocol_version.as_deref();
        let spoken = wanted
            .and_then(Revision::parse)
            .filter(|revision| !revision.is_modern())
            .unwrap_or(Revision::V2025_11_25);
        let result = json!({
            "protocolVersion": spoken.as_str(),
            "capabilities": capabilities,
            "serverInfo": info(server),
        });
        self.result(&result.to_string(), server)
    }

    /// The answer to `server/discover`.
    pub(super) fn discovered(&self, server: &str, capabilities: &Value) -> Answer {
        let result = json!({
            "supportedVersions": Revision::SUPPORTED.map(Revision::as_str),
            "capabilities": capabilities,
        });
        self.kept(&result.to_string(), server)
    }
}

fn modern_revisions() -> Vec<&'static str> {
    let modern = Revision::SUPPORTED
        .into_iter()
        .filter(|one| one.is_modern());
    modern.map(Revision::as_str).collect()
}

fn info(server: &str) -> Value {
    json!({"name": server, "version": env!("CARGO_PKG_VERSION")})
}
