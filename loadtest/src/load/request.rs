//! The bytes of the calls, rendered once, with gaps for the length, the session and the id.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Era, Fault, Options, Work};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
/// The id of the call that begins a session. It is no number and has no prefix, so it never meets a call's id.
pub(super) const INITIALIZE_ID: &str = "\"gantry-load-initialize\"";
/// The string in a body that each call's id takes the place of.
const GAP: &str = "{id}";

/// The requests of one run.
pub(super) struct Calls {
    call: Template,
    pub(super) session: Option<SessionCalls>,
    prefix: Option<String>,
}

/// What begins a session: `initialize`, then the notification that it was understood.
pub(super) struct SessionCalls {
    pub(super) initialize: Template,
    pub(super) initialized: Template,
}

/// One request with gaps.
pub(super) struct Template {
    /// From the request line to `Content-Length: `.
    head: String,
    /// The body, cut at the gaps for the id.
    body: Vec<String>,
}

#[derive(Serialize)]
struct Message<'a, P> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<P>,
}

#[derive(Serialize)]
struct Params<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Box<RawValue>>,
    #[serde(rename = "_meta", skip_serializing_if = "Meta::is_empty")]
    meta: Meta,
}

#[derive(Default, Serialize)]
struct Meta {
    #[serde(rename = "progressToken", skip_serializing_if = "Option::is_none")]
    progress_token: Option<&'static str>,
    #[serde(flatten)]
    modern: Option<serde_json::Value>,
}

impl Meta {
    fn is_empty(&self) -> bool {
        self.progress_token.is_none() && self.modern.is_none()
    }
}

impl Calls {
    pub(super) fn new(options: &Options) -> Result<Self, Fault> {
        let (method, name, arguments, progress) = match &options.work {
            Work::Call {
                tool,
                arguments,
                progress,
            } => (
                "tools/call",
                Some(tool.as_str()),
                Some(raw(arguments)?),
                *progress,
            ),
            Work::List => ("tools/list", None, None, false),
        };
        let (headers, modern) = match options.era {
            Era::Stateless => {
                let named = name
                    .map(|name| format!("Mcp-Name: {name}\r\n"))
                    .unwrap_or_default();
                (
                    format!("MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n{named}"),
                    Some(modern_meta()),
                )
            }
            Era::Session => (format!("MCP-Protocol-Version: {LEGACY}\r\n"), None),
        };
        // The spec wants tokens unique among the calls under way; their ids are.
        let meta = Meta {
            progress_token: progress.then_some(GAP),
            modern,
        };
        let message = Message {
            jsonrpc: "2.0",
            id: Some(GAP),
            method,
            params: Some(Params {
                name,
                arguments,
                meta,
            }),
        };
        let session = (options.era == Era::Session)
            .then(|| SessionCalls::new(options))
            .transpose()?;
        Ok(Self {
            call: Template::new(options, &headers, &message)?,
            session,
            prefix: options.ids.clone(),
        })
    }

    /// Writes the id of call `number` as JSON text: a number, or a string when the run has a prefix.
    pub(super) fn write_id(&self, number: u64, id: &mut String) {
        use std::fmt::Write;
        id.clear();
        let number = number + 1;
        // Writing to a String cannot fail.
        let _ = match &self.prefix {
            Some(prefix) => write!(id, "\"{prefix}-{number}\""),
            None => write!(id, "{number}"),
        };
    }

    pub(super) fn render(&self, id: &str, session: Option<&str>, out: &mut Vec<u8>) {
        self.call.render(id, session, out);
    }
}

impl SessionCalls {
    fn new(options: &Options) -> Result<Self, Fault> {
        let params =
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client_info()});
        let initialize = Message {
            jsonrpc: "2.0",
            id: Some(GAP),
            method: "initialize",
            params: Some(params),
        };
        let method = "notifications/initialized";
        let initialized = Message::<()> {
            jsonrpc: "2.0",
            id: None,
            method,
            params: None,
        };
        let version = format!("MCP-Protocol-Version: {LEGACY}\r\n");
        Ok(Self {
            initialize: Template::new(options, "", &initialize)?,
            initialized: Template::new(options, &version, &initialized)?,
        })
    }
}

impl Template {
    fn new(options: &Options, mcp: &str, message: &impl Serialize) -> Result<Self, Fault> {
        let further: String = options
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{mcp}{further}Content-Length: ",
            options.target.path, options.target.authority
        );
        let body = serde_json::to_string(message)
            .map_err(|error| Fault::Option("arguments", error.to_string()))?;
        Ok(Self {
            head,
            body: body
                .split(&format!("\"{GAP}\""))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Writes the request over `out`.
    pub(super) fn render(&self, id: &str, session: Option<&str>, out: &mut Vec<u8>) {
        out.clear();
        let parts_bytes: usize = self.body.iter().map(String::len).sum();
        let body_bytes = parts_bytes + id.len() * self.body.len().saturating_sub(1);
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(body_bytes.to_string().as_bytes());
        if let Some(session) = session {
            out.extend_from_slice(b"\r\nMcp-Session-Id: ");
            out.extend_from_slice(session.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        for (index, part) in self.body.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(id.as_bytes());
            }
            out.extend_from_slice(part.as_bytes());
        }
    }
}

fn raw(json: &str) -> Result<Box<RawValue>, Fault> {
    serde_json::from_str(json).map_err(|error| Fault::Option("arguments", error.to_string()))
}

fn modern_meta() -> serde_json::Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": client_info(),
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn client_info() -> serde_json::Value {
    json!({"name": "gantry-load", "version": env!("CARGO_PKG_VERSION")})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(options: &Options, session: Option<&str>) -> (String, serde_json::Value) {
        let (calls, mut id, mut out) = (
            Calls::new(options).expect("good options"),
            String::new(),
            Vec::new(),
        );
        calls.write_id(6, &mut id);
        calls.render(&id, session, &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    #[test]
    fn a_stateless_call_says_everything_twice() {
        let mut options = Options::new("http://127.0.0.1:9/mcp/a").expect("a good url");
        options.ids = Some("run".into());
        let (head, body) = rendered(&options, None);
        assert!(
            head.starts_with("POST /mcp/a HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"),
            "{head}"
        );
        for line in [
            "MCP-Protocol-Version: 2026-07-28",
            "Mcp-Method: tools/call",
            "Mcp-Name: echo",
        ] {
            assert!(head.lines().any(|l| l == line), "{line} in {head}");
        }
        assert_eq!(body["id"], "run-7");
        assert_eq!(
            body["params"]["arguments"]["text"].as_str().map(str::len),
            Some(100)
        );
        assert_eq!(
            body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"],
            "2026-07-28"
        );
    }

    #[test]
    fn a_session_call_carries_the_session() {
        let mut options = Options::new("http://127.0.0.1:9/mcp").expect("a good url");
        options.era = Era::Session;
        options.work = Work::List;
        let (head, body) = rendered(&options, Some("s-1"));
        assert!(head.ends_with("Mcp-Session-Id: s-1"), "{head}");
        assert_eq!(
            body,
            serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}})
        );
    }

    #[test]
    fn a_session_begins_with_valid_json() {
        let mut options = Options::new("http://127.0.0.1:9/mcp").expect("a good url");
        options.era = Era::Session;
        let calls = Calls::new(&options)
            .expect("good options")
            .session
            .expect("sessions");
        for (template, id, method) in [
            (calls.initialize, INITIALIZE_ID, "initialize"),
            (calls.initialized, "", "notifications/initialized"),
        ] {
            let mut out = Vec::new();
            template.render(id, None, &mut out);
            let text = String::from_utf8(out).expect("UTF-8");
            let body: serde_json::Value =
                serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
            assert_eq!(body["method"], method);
        }
    }

    #[test]
    fn the_id_goes_wherever_it_is_asked_for() {
        let mut options = Options::new("http://127.0.0.1:9/mcp").expect("a good url");
        options.work = Work::Call {
            tool: "t".into(),
            arguments: r#"{"z":"{id}","a":1.0}"#.into(),
            progress: true,
        };
        let mut out = Vec::new();
        Calls::new(&options)
            .expect("good options")
            .render("123", None, &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        let (_, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            body.starts_with(r#"{"jsonrpc":"2.0","id":123,"method":"tools/call""#),
            "{body}"
        );
        assert!(body.contains(r#""arguments":{"z":123,"a":1.0}"#), "{body}");
        assert!(body.contains(r#""progressToken":123"#), "{body}");
        assert!(
            text.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{text}"
        );
    }
}
