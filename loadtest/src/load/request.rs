//! The bytes of the calls: a head and a body rendered once, with gaps for the length, the session and the id.

use super::{Era, Options, Work};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
/// The id of the call that begins a session. It is no number and has no prefix, so it never meets a call's id.
pub(super) const INITIALIZE_ID: &str = "\"gantry-load-initialize\"";

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
    body_before_id: String,
    body_after_id: String,
}

impl Calls {
    pub(super) fn new(options: &Options) -> Self {
        let (method, name, params) = match &options.work {
            Work::Call { tool, arguments } => (
                "tools/call",
                Some(tool.as_str()),
                format!("\"name\":\"{tool}\",\"arguments\":{arguments}"),
            ),
            Work::List => ("tools/list", None, String::new()),
        };
        let body_before_id = "{\"jsonrpc\":\"2.0\",\"id\":".to_owned();
        let call = match options.era {
            Era::Stateless => {
                let comma = if params.is_empty() { "" } else { "," };
                let standard =
                    format!("MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n");
                let named = name
                    .map(|name| format!("Mcp-Name: {name}\r\n"))
                    .unwrap_or_default();
                Template {
                    head: head(options, &format!("{standard}{named}")),
                    body_before_id,
                    body_after_id: format!(
                        ",\"method\":\"{method}\",\"params\":{{{params}{comma}{}}}}}",
                        meta()
                    ),
                }
            }
            Era::Session => Template {
                head: head(options, &format!("MCP-Protocol-Version: {LEGACY}\r\n")),
                body_before_id,
                body_after_id: format!(",\"method\":\"{method}\",\"params\":{{{params}}}}}"),
            },
        };
        let session = (options.era == Era::Session).then(|| SessionCalls::new(options));
        Self {
            call,
            session,
            prefix: options.ids.clone(),
        }
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
    fn new(options: &Options) -> Self {
        let info = client_info();
        let params = format!(
            "{{\"protocolVersion\":\"{LEGACY}\",\"capabilities\":{{}},\"clientInfo\":{info}}}"
        );
        let initialize = Template {
            head: head(options, ""),
            body_before_id: "{\"jsonrpc\":\"2.0\",\"id\":".to_owned(),
            body_after_id: format!(",\"method\":\"initialize\",\"params\":{params}}}"),
        };
        let initialized = Template {
            head: head(options, &format!("MCP-Protocol-Version: {LEGACY}\r\n")),
            body_before_id: "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
                .to_owned(),
            body_after_id: String::new(),
        };
        Self {
            initialize,
            initialized,
        }
    }
}

impl Template {
    /// Writes the request over `out`. An empty `id` leaves the gap closed, as a notification needs it.
    pub(super) fn render(&self, id: &str, session: Option<&str>, out: &mut Vec<u8>) {
        out.clear();
        let body_bytes = self.body_before_id.len() + id.len() + self.body_after_id.len();
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(body_bytes.to_string().as_bytes());
        if let Some(session) = session {
            out.extend_from_slice(b"\r\nMcp-Session-Id: ");
            out.extend_from_slice(session.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        for part in [&self.body_before_id, id, &self.body_after_id] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

fn head(options: &Options, mcp: &str) -> String {
    let further: String = options
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{mcp}{further}Content-Length: ",
        options.target.path, options.target.authority
    )
}

fn meta() -> String {
    format!(
        "\"_meta\":{{\"io.modelcontextprotocol/protocolVersion\":\"{MODERN}\",\
         \"io.modelcontextprotocol/clientInfo\":{},\"io.modelcontextprotocol/clientCapabilities\":{{}}}}",
        client_info()
    )
}

fn client_info() -> String {
    format!(
        "{{\"name\":\"gantry-load\",\"version\":\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(options: &Options, session: Option<&str>) -> (String, serde_json::Value) {
        let (calls, mut id, mut out) = (Calls::new(options), String::new(), Vec::new());
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
        let calls = Calls::new(&options).session.expect("sessions");
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
}
