//! The canned answers, written around the id of the request.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::{Request, Verb};

/// An answer may be asked to be this large.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const PHRASE: &[u8] = b"pack my box with five dozen liquor jugs and send it off by rail ";
const EVENTS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
    X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";
const SERVER: &str = "{\"name\":\"gantry-echo\",\"version\":\"1\"}";

/// How what was written is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// In one piece, after the delay.
    Whole { delay: Duration },
    /// The head, then `count` progress notifications under the JSON `token` with the delay before each, then `last`.
    Events {
        count: u32,
        delay: Duration,
        token: String,
        last: Vec<u8>,
    },
    /// The head, then nothing until the caller leaves.
    Silence,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    bytes: usize,
    #[serde(default)]
    events: u32,
    #[serde(default)]
    delay_ms: u64,
}

/// Everything that can be prepared before the first request.
pub(super) struct Answers {
    /// The result of `tools/list`.
    list: String,
    sessions: AtomicU64,
}

impl Answers {
    pub(super) fn new(tools: usize) -> Self {
        Self {
            list: list(tools),
            sessions: AtomicU64::new(0),
        }
    }

    /// Writes the answer to `request`, or its head, to `out`.
    pub(super) fn answer(&self, request: &Request, out: &mut Vec<u8>) -> Answer {
        let at_once = Answer::Whole {
            delay: Duration::ZERO,
        };
        match request.verb {
            Verb::Post => {}
            Verb::Get => {
                out.extend_from_slice(EVENTS_HEAD);
                return Answer::Silence;
            }
            Verb::Delete => {
                out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                return at_once;
            }
        }
        let Ok(message) = serde_json::from_slice::<Message<'_>>(&request.body) else {
            let body = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no request\"}}";
            json(out, "400 Bad Request", "", &[body.as_bytes()]);
            return at_once;
        };
        let Some(id) = message.id.map(RawValue::get) else {
            out.extend_from_slice(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
            return at_once;
        };
        match message.method.as_ref() {
            "tools/call" => return call(id, message.params, out),
            "tools/list" => result(out, id, "", &self.list),
            "ping" => result(out, id, "", "{}"),
            "initialize" => {
                let number = self.sessions.fetch_add(1, Ordering::Relaxed);
                let session = format!("Mcp-Session-Id: echo-{number}\r\n");
                let body = "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":";
                result(out, id, &session, &format!("{body}{SERVER}}}"));
            }
            "server/discover" => {
                let body = "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\",\"2025-11-25\"],\
                    \"capabilities\":{\"tools\":{}},\"ttlMs\":60000,\"cacheScope\":\"public\"";
                result(
                    out,
                    id,
                    "",
                    &format!(
                        "{body},\"_meta\":{{\"io.modelcontextprotocol/serverInfo\":{SERVER}}}}}"
                    ),
                );
            }
            _ => {
                let error = "\"error\":{\"code\":-32601,\"message\":\"unknown method\"}}";
                let body = ["{\"jsonrpc\":\"2.0\",\"id\":", id, ",", error].map(str::as_bytes);
                json(out, "404 Not Found", "", &body);
            }
        }
        at_once
    }
}

/// Writes the progress notification number `event` of `count`, as one chunk.
pub(super) fn progress(token: &str, event: u32, count: u32, out: &mut Vec<u8>) {
    let message = format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{token},\
         \"progress\":{event},\"total\":{count},\"message\":\"step {event} of {count} is done\"}}}}\n\n"
    );
    chunk(message.as_bytes(), out);
}

fn call(id: &str, params: Option<Params<'_>>, out: &mut Vec<u8>) -> Answer {
    let (arguments, meta) = params.map_or((None, None), |params| (params.arguments, params.meta));
    let arguments = arguments.unwrap_or_default();
    let bytes = arguments.bytes.min(ANSWER_BYTES_MAX);
    let delay = Duration::from_millis(arguments.delay_ms);
    if let Some(text) = arguments.text {
        let (before, after) = around(id);
        let parts = [before.as_bytes(), text.get().as_bytes(), after.as_bytes()];
        json(out, "200 OK", "", &parts);
    } else if arguments.events > 0 {
        out.extend_from_slice(EVENTS_HEAD);
        let token = meta
            .and_then(|meta| meta.progress_token)
            .map_or("null", RawValue::get);
        let last = last_event(id, bytes);
        return Answer::Events {
            count: arguments.events,
            delay,
            token: token.to_owned(),
            last,
        };
    } else {
        let mut body = Vec::with_capacity(bytes + 256);
        filled(id, bytes, &mut body);
        json(out, "200 OK", "", &[&body]);
    }
    Answer::Whole { delay }
}

/// The event that answers a call with a text of `bytes`, and the stream's end.
fn last_event(id: &str, bytes: usize) -> Vec<u8> {
    let mut event = Vec::with_capacity(bytes + 256);
    event.extend_from_slice(b"data: ");
    filled(id, bytes, &mut event);
    event.extend_from_slice(b"\n\n");
    let mut out = Vec::with_capacity(event.len() + 32);
    chunk(&event, &mut out);
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// What stands before and after the text in the answer to a call.
fn around(id: &str) -> (String, &'static str) {
    let before = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\",\"content\":[{{\"type\":\"text\",\"text\":"
    );
    (before, "}]}}")
}

/// Writes an answer whose text is `bytes` long.
fn filled(id: &str, bytes: usize, out: &mut Vec<u8>) {
    let (before, after) = around(id);
    out.extend_from_slice(before.as_bytes());
    out.push(b'"');
    let end = out.len() + bytes;
    while out.len() < end {
        let left = (end - out.len()).min(PHRASE.len());
        out.extend_from_slice(PHRASE.get(..left).unwrap_or(PHRASE));
    }
    out.push(b'"');
    out.extend_from_slice(after.as_bytes());
}

fn result(out: &mut Vec<u8>, id: &str, headers: &str, result: &str) {
    let parts = [
        "{\"jsonrpc\":\"2.0\",\"id\":",
        id,
        ",\"result\":",
        result,
        "}",
    ]
    .map(str::as_bytes);
    json(out, "200 OK", headers, &parts);
}

fn json(out: &mut Vec<u8>, status: &str, headers: &str, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn chunk(data: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, "{:x}\r\n", data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// A `tools/list` result with `tools` tools, each with a schema of ordinary size.
fn list(tools: usize) -> String {
    let mut list = String::from(
        "{\"resultType\":\"complete\",\"ttlMs\":60000,\"cacheScope\":\"public\",\"tools\":[",
    );
    for number in 0..tools {
        let name = match number {
            0 => "echo".to_owned(),
            1 => "sized".to_owned(),
            _ => format!("orders_lookup_{number:04}"),
        };
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(
            list,
            "{comma}{{\"name\":\"{name}\",\"title\":\"Order lookup {number}\",\"description\":\"Looks orders up by \
             number, customer or date, and returns the first page of what was found.\",\"inputSchema\":{{\"type\":\
             \"object\",\"properties\":{{\"order\":{{\"type\":\"string\",\"description\":\"Number of the order\"}},\
             \"limit\":{{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}}}},\"required\":[\"order\"]}},\
             \"annotations\":{{\"readOnlyHint\":true}}}}"
        );
    }
    list.push_str("]}");
    list
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer_to(body: &str) -> (Answer, String) {
        let (answers, mut out) = (Answers::new(3), Vec::new());
        let request = Request {
            verb: Verb::Post,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let answer = answers.answer(&request, &mut out);
        if let Answer::Events {
            count, token, last, ..
        } = &answer
        {
            (0..*count).for_each(|event| progress(token, event, *count, &mut out));
            out.extend_from_slice(last);
        }
        (answer, String::from_utf8(out).expect("UTF-8"))
    }

    fn body_of(text: &str) -> serde_json::Value {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        serde_json::from_str(body).expect("JSON")
    }

    #[test]
    fn echo_answers_with_the_text_and_the_id() {
        let (_, text) = answer_to(
            r#"{"id":"a-1","jsonrpc":"2.0","method":"tools\/call","params":{"name":"echo","arguments":{"text":"h\u00e9"}}}"#,
        );
        let body = body_of(&text);
        assert_eq!(body["id"], "a-1");
        assert_eq!(body["result"]["content"][0]["text"], "hé");
    }

    #[test]
    fn sized_answers_with_the_size() {
        let call = r#"{"id":4,"method":"tools/call","params":{"name":"sized","arguments":{"bytes":100000}}}"#;
        let body = body_of(&answer_to(call).1);
        assert_eq!(
            body["result"]["content"][0]["text"].as_str().map(str::len),
            Some(100_000)
        );
    }

    #[test]
    fn sized_streams_its_events_and_then_the_answer() {
        let (answer, text) = answer_to(
            r#"{"id":4,"method":"tools/call","params":{"name":"sized","arguments":{"bytes":9,"events":3},"_meta":{"progressToken":"p"}}}"#,
        );
        assert!(
            matches!(answer, Answer::Events { count: 3, .. }),
            "{answer:?}"
        );
        let events: Vec<serde_json::Value> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).expect("JSON"))
            .collect();
        assert_eq!(events.len(), 4);
        assert!(
            events[..3]
                .iter()
                .all(|event| event["params"]["progressToken"] == "p")
        );
        assert_eq!(
            (events[3]["id"].as_u64(), text.ends_with("\r\n0\r\n\r\n")),
            (Some(4), true)
        );
    }

    #[test]
    fn the_rest_of_the_protocol() {
        let table = [
            (r#"{"id":1,"method":"tools/list"}"#, "HTTP/1.1 200 OK"),
            (
                r#"{"id":1,"method":"initialize","params":{}}"#,
                "HTTP/1.1 200 OK",
            ),
            (r#"{"id":1,"method":"server/discover"}"#, "HTTP/1.1 200 OK"),
            (r#"{"id":1,"method":"ping"}"#, "HTTP/1.1 200 OK"),
            (
                r#"{"id":1,"method":"prompts/list"}"#,
                "HTTP/1.1 404 Not Found",
            ),
        ];
        for (request, status) in table {
            let (_, text) = answer_to(request);
            assert!(text.starts_with(status), "{text}");
            assert_eq!(body_of(&text)["id"], 1, "{request}");
        }
        let list = body_of(&answer_to(table[0].0).1);
        assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(3));
        assert!(
            answer_to(r#"{"method":"notifications/initialized"}"#)
                .1
                .starts_with("HTTP/1.1 202 ")
        );
        assert!(answer_to("[]").1.starts_with("HTTP/1.1 400 "));
    }
}
