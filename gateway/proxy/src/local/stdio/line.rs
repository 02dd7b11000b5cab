//! Messages as lines: what a program wrote is about, and ids that are unique within it.
//!
//! Several clients may be behind one program, and each counts its requests from 0. On the way there an id, and a token
//! of progress, becomes a number that occurs once; on the way back it becomes what it was. Everything else goes as it
//! came, byte for byte.

use std::{borrow::Cow, ops::Range};

use gantry_mcp::frame::{Call, Id};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message of a program, read as far as it must be.
#[derive(Deserialize)]
pub(super) struct Line<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'l, str>>,
    #[serde(borrow)]
    params: Option<&'l RawValue>,
    #[serde(borrow)]
    result: Option<&'l RawValue>,
    #[serde(borrow)]
    error: Option<&'l RawValue>,
}

#[derive(Default, Deserialize)]
struct Members<'l> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'l RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'l RawValue>,
}

#[derive(Default, Deserialize)]
struct Meta<'l> {
    #[serde(borrow, rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<&'l RawValue>,
}

#[derive(Deserialize)]
struct Fault {
    code: i64,
}

/// What a message of a program is.
pub(super) enum Said<'l> {
    /// The answer to the request of this number.
    Answer(u64),
    /// About the request of this number: progress, or what it has subscribed to.
    About(u64),
    /// A request of its own.
    Request(&'l str),
    /// A notification that is about no request.
    Notification,
}

impl<'l> Line<'l> {
    /// `None` where it is no JSON-RPC message.
    pub(super) fn read(text: &'l str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    pub(super) fn said(&self) -> Option<Said<'l>> {
        match (&self.method, self.id) {
            (None, Some(id)) if self.result.is_some() || self.error.is_some() => {
                Some(Said::Answer(number(id)?))
            }
            (Some(_), Some(id)) => Some(Said::Request(id.get())),
            (Some(_), None) => {
                let token = self.token().or(self.subscription());
                Some(
                    token
                        .and_then(number)
                        .map_or(Said::Notification, Said::About),
                )
            }
            (None, _) => None,
        }
    }

    /// Whether an answer is a result.
    pub(super) fn is_result(&self) -> bool {
        self.result.is_some()
    }

    pub(super) fn result(&self) -> Option<&'l str> {
        self.result.map(RawValue::get)
    }

    /// The code of an answer that is an error.
    pub(super) fn code(&self) -> Option<i64> {
        let fault: Fault = serde_json::from_str(self.error?.get()).ok()?;
        Some(fault.code)
    }

    /// The line with the client's own id and token in place of the number, in `text` out of which it was read.
    pub(super) fn restored(&self, text: &str, id: &str, token: Option<&str>) -> String {
        let mut edits = Vec::new();
        if self.method.is_none() {
            edits.extend(self.id.map(|old| (span(text, old.get()), id)));
        }
        edits.extend(
            self.token()
                .zip(token)
                .map(|(old, own)| (span(text, old.get()), own)),
        );
        edits.extend(self.subscription().map(|old| (span(text, old.get()), id)));
        spliced(text, edits)
    }

    fn members(&self) -> Option<Members<'l>> {
        serde_json::from_str(self.params.or(self.result)?.get()).ok()
    }

    fn token(&self) -> Option<&'l RawValue> {
        self.members()?
            .progress_token
            .filter(|_| self.method.is_some())
    }

    fn subscription(&self) -> Option<&'l RawValue> {
        let meta: Meta<'l> = serde_json::from_str(self.members()?.meta?.get()).ok()?;
        meta.subscription
    }
}

/// A request of a client as a line, with a number in place of its id and of its token of progress.
pub(super) fn numbered(body: &str, call: &Call<'_>, number: u64) -> String {
    let number = number.to_string();
    let ids = [call.id.as_ref(), call.params.meta.progress_token.as_ref()];
    let edit = |id: &Id<'_>| (span(body, id.as_raw()), number.as_str());
    line(&spliced(
        body,
        ids.into_iter().flatten().map(edit).collect(),
    ))
}

/// A message as one line. White space between values may hold line breaks; texts cannot.
pub(super) fn line(body: &str) -> String {
    let mut line = body.replace(['\n', '\r'], " ");
    line.push('\n');
    line
}

fn number(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok()
}

/// Where a part of `text` lies in it; nowhere for another text.
fn span(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    match start <= text.len() && text.len() - start >= part.len() {
        true => start..start + part.len(),
        false => 0..0,
    }
}

fn spliced(text: &str, mut edits: Vec<(Range<usize>, &str)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + 32);
    let mut from = 0;
    for (range, new) in edits {
        if range.is_empty() || range.start < from {
            continue;
        }
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(new);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use gantry_mcp::frame::{self, Bounds, Frame};

    use super::*;

    #[track_caller]
    fn sent(body: &str, expected: &str) {
        let Ok(Frame::Request(call)) = frame::parse(body.as_bytes(), &Bounds::default()) else {
            panic!("{body}");
        };
        assert_eq!(numbered(body, &call, 7), format!("{expected}\n"));
    }

    #[test]
    fn ids_become_numbers() {
        sent(
            r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
        );
        sent(
            "{\"method\":\"tools/call\",\r\n \"params\":{\"_meta\":{\"progressToken\":\"t\"},\"arguments\":{\"id\":\"a\\n\"}},\"jsonrpc\":\"2.0\",\"id\": 0 }",
            "{\"method\":\"tools/call\",   \"params\":{\"_meta\":{\"progressToken\":7},\"arguments\":{\"id\":\"a\\n\"}},\"jsonrpc\":\"2.0\",\"id\": 7 }",
        );
    }

    #[track_caller]
    fn back(text: &str, expected: &str) {
        let line = Line::read(text).unwrap();
        assert_eq!(line.restored(text, "\"own\"", Some("\"token\"")), expected);
    }

    #[test]
    fn numbers_become_ids() {
        back(
            r#"{"jsonrpc":"2.0","id":7,"result":{"id":7,"_meta":{"x":7}}}"#,
            r#"{"jsonrpc":"2.0","id":"own","result":{"id":7,"_meta":{"x":7}}}"#,
        );
        back(
            r#"{"method":"notifications/progress","params":{"progressToken":7,"progress":7}}"#,
            r#"{"method":"notifications/progress","params":{"progressToken":"token","progress":7}}"#,
        );
        back(
            r#"{"method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
            r#"{"method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"own"}}}"#,
        );
        back(
            r#"{"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},"progressToken":7},"id":7}"#,
            r#"{"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":"own"},"progressToken":7},"id":"own"}"#,
        );
        // Its own requests keep their ids.
        let own = r#"{"id":3,"method":"sampling/createMessage","params":{}}"#;
        back(own, own);
    }

    #[test]
    fn what_a_line_is() {
        let is = |text: &str| match Line::read(text).and_then(|line| line.said()) {
            None => "nothing".to_owned(),
            Some(Said::Answer(number)) => format!("answer {number}"),
            Some(Said::About(number)) => format!("about {number}"),
            Some(Said::Request(id)) => format!("request {id}"),
            Some(Said::Notification) => "notification".to_owned(),
        };
        for (text, expected) in [
            (r#"{"id":1,"result":{}}"#, "answer 1"),
            (r#"{"id":1,"error":{"code":-1,"message":""}}"#, "answer 1"),
            (r#"{"id":"1","result":{}}"#, "nothing"),
            (r#"{"id":1}"#, "nothing"),
            (r#"{"id":null,"error":{}}"#, "nothing"),
            (r#"{"id":"x","method":"ping"}"#, "request \"x\""),
            (
                r#"{"method":"notifications/message","params":[1]}"#,
                "notification",
            ),
            (
                r#"{"method":"notifications/progress","params":{"progressToken":5}}"#,
                "about 5",
            ),
            (
                r#"{"method":"notifications/progress","params":{"progressToken":"5"}}"#,
                "notification",
            ),
            ("listening", "nothing"),
            ("", "nothing"),
            ("[]", "nothing"),
        ] {
            assert_eq!(is(text), expected, "{text}");
        }
    }
}
