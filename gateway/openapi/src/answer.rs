//! From an HTTP answer to the result of a tool call (MCP 2025-06-18 and later, `CallToolResult`).

mod content;
mod filter;

pub use filter::Filter;

use content::{blob, cut, failed, fault, json, status_line, text, too_large, words};

use crate::argument::Place;
use crate::node::quote;
use crate::tool::Tool;
use crate::{link, media, raw};

/// An HTTP answer, read whole. Redirections are not followed by this crate and are told as faults.
#[derive(Debug, Clone, Copy)]
pub struct Response<'r> {
    /// The status code.
    pub status: u16,
    /// The fields, names in any case. `content-type`, `link` and `retry-after` are read.
    pub headers: &'r [(&'r str, &'r str)],
    /// The body, without any content coding.
    pub body: &'r [u8],
}

/// Bounds on what of an answer is passed on, in bytes of its body.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimits {
    /// JSON and other text. JSON beyond it is a fault, as half of it would mislead; other text is cut.
    pub text_bytes: usize,
    /// Anything else. Beyond it is a fault.
    pub blob_bytes: usize,
    /// The body of an answer that is a fault itself; it is cut.
    pub fault_bytes: usize,
}

impl Default for AnswerLimits {
    fn default() -> AnswerLimits {
        AnswerLimits {
            text_bytes: 1 << 20,
            blob_bytes: 4 << 20,
            fault_bytes: 4 << 10,
        }
    }
}

/// What a tool's answers become.
#[derive(Debug, Clone)]
pub(crate) struct Answering {
    pub(crate) output: Output,
    pub(crate) filter: Filter,
}

/// What its output schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Nothing,
    /// The answer is an object.
    Object,
    /// The answer is the member `result` of one.
    Wrapped,
}

/// Levels of nesting of JSON that is passed on as structured content.
const DEPTH_MAX: usize = 60;
/// Arguments of a next page and bytes of each.
const NEXT_MAX: usize = 20;
const NEXT_BYTES_MAX: usize = 500;

impl Response<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn media(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }
}

impl Tool {
    /// Tells an answer as a `CallToolResult`, as JSON text on one line.
    ///
    /// JSON is told as text and, where it is an object or the tool has an output schema, as `structuredContent`;
    /// images and sounds as such; other bytes as an embedded resource in base64, named by their digest. A status
    /// outside 200 to 299 makes the result an error that begins with the status. The query arguments of a next page
    /// (`Link` with `rel=next`, RFC 8288) are told in words and under `_meta`, as `gantry/next`.
    pub fn answer(&self, response: &Response<'_>, limits: &AnswerLimits) -> String {
        if !(200..300).contains(&response.status) {
            return failed(&fault(response, limits));
        }
        if response.body.is_empty() {
            return self.result(response, &text(&status_line(response.status)), None);
        }
        let media = response.media();
        if (media::is_json(media) || media.is_empty())
            && let Some(json) = json(response.body)
        {
            return self.told(response, json, limits);
        }
        match words(response.body, media) {
            Some(words) if media.is_empty() || media::is_text(media) || media::is_json(media) => {
                let cut = cut(&words, limits.text_bytes);
                let mut content = text(cut);
                if cut.len() < words.len() {
                    let note = format!(
                        "(cut: the answer has {} bytes, of which {} are shown)",
                        words.len(),
                        cut.len()
                    );
                    content.push(',');
                    content.push_str(&text(&note));
                }
                self.result(response, &content, None)
            }
            _ if response.body.len() > limits.blob_bytes => {
                failed(&too_large(response.body.len(), limits.blob_bytes))
            }
            _ => self.result(response, &blob(response.body, media), None),
        }
    }

    fn told(&self, response: &Response<'_>, json: &str, limits: &AnswerLimits) -> String {
        let Some(json) = self.answering.filter.apply(json) else {
            return self.result(
                response,
                &text("(nothing that is kept of the answer is in it)"),
                None,
            );
        };
        if json.len() > limits.text_bytes {
            return failed(&too_large(json.len(), limits.text_bytes));
        }
        let object = json.starts_with('{');
        let structured = match self.answering.output {
            Output::Nothing | Output::Object if object => Some(json.clone()),
            Output::Nothing => None,
            Output::Object | Output::Wrapped => Some(format!("{{\"result\":{json}}}")),
        };
        self.result(
            response,
            &text(&json),
            structured.filter(|_| raw::depth(&json) <= DEPTH_MAX),
        )
    }

    /// Puts a successful result together. A tool with an output schema always answers with structured content; the
    /// schema requires no member of it.
    fn result(&self, response: &Response<'_>, content: &str, structured: Option<String>) -> String {
        let structured =
            structured.or_else(|| (self.answering.output != Output::Nothing).then(|| "{}".into()));
        let next = self.next(response);
        let mut out = format!("{{\"content\":[{content}");
        if !next.is_empty() {
            let said: Vec<String> = next
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            out.push(',');
            out.push_str(&text(&format!(
                "There is a next page: call again with {}",
                said.join(", ")
            )));
        }
        out.push(']');
        if let Some(structured) = structured {
            out.push_str(",\"structuredContent\":");
            out.push_str(&structured);
        }
        out.push_str(",\"isError\":false");
        if !next.is_empty() {
            out.push_str(",\"_meta\":{\"gantry/next\":{");
            for (index, (name, value)) in next.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(name, &mut out);
                out.push(':');
                quote(value, &mut out);
            }
            out.push_str("}}");
        }
        out.push('}');
        out
    }

    /// The arguments that ask for the next page, as far as the tool has them.
    fn next(&self, response: &Response<'_>) -> Vec<(String, String)> {
        let fields = response
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("link"));
        let Some(url) = fields.filter_map(|(_, field)| link::next(field)).next() else {
            return Vec::new();
        };
        let query = url
            .split('#')
            .next()
            .and_then(|url| url.split_once('?'))
            .map(|(_, query)| query);
        let mut next: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').take(100) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| crate::encode::decoded(&text.replace('+', " "));
            let (key, value) = (decoded(key), decoded(value));
            let argument = self.call.arguments.iter().find(|argument| {
                argument.place == Place::Query
                    && *argument.wire == *key
                    && argument.hidden.is_none()
            });
            if let Some(argument) = argument
                && value.len() <= NEXT_BYTES_MAX
                && next.len() < NEXT_MAX
                && next.iter().all(|(name, _)| **name != *argument.name)
            {
                next.push((argument.name.to_string(), value));
            }
        }
        next
    }
}
