//! What of a message is counted, and how many tokens it is.

use bytes::Bytes;
use gantry_mcp::{
    answer::Format,
    messages::{Messages, Part},
};
use serde_json::Value;

/// How much of a text is counted. The rest is taken to have as many tokens a byte.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Members that hold no text for a model.
const PASSED_OVER: [&str; 2] = ["structuredContent", "_meta"];

/// Reads the vocabulary, which takes a while the first time.
pub(super) fn load() {
    bpe_openai::o200k_base();
}

/// Arguments count as the JSON text that a model wrote.
pub(super) fn arguments(json: &[u8]) -> Option<u64> {
    let mut tally = Tally::default();
    tally.add(std::str::from_utf8(json).ok()?);
    Some(tally.tokens())
}

/// The tokens of an answer's response; none where there is none that can be read.
pub(super) fn answer(body: Vec<u8>, format: Format) -> Option<u64> {
    let mut messages = Messages::new(format, body.len());
    messages.feed(Bytes::from(body));
    messages.end();
    let mut found = None;
    while let Ok(Some(part)) = messages.next_part() {
        if let Part::Message(message) = part {
            found = found.or_else(|| response(&message.json()));
        }
    }
    found
}

/// The tokens of one message, where it is a response. An error has a message and no result.
fn response(json: &[u8]) -> Option<u64> {
    let message: Value = serde_json::from_slice(json).ok()?;
    let mut tally = Tally::default();
    match (message.get("result"), message.get("error")) {
        (Some(result), _) => {
            gather(result, &mut tally);
            if tally.bytes == 0
                && let Some(structured) = result.get("structuredContent")
            {
                tally.add(&structured.to_string());
            }
        }
        (None, Some(error)) => {
            let text = error.get("message").and_then(Value::as_str);
            tally.add(text.unwrap_or_default());
        }
        // A request or notification of the server.
        (None, None) => return None,
    }
    Some(tally.tokens())
}

/// Adds every `text`. The depth is that of the reader, which is bounded.
fn gather(value: &Value, tally: &mut Tally) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, tally)),
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "text" => tally.add(text),
                    _ if PASSED_OVER.contains(&key.as_str()) => {}
                    _ => gather(member, tally),
                }
            }
        }
        _ => {}
    }
}

/// Tokens of several texts, of which so many bytes are counted.
#[derive(Default)]
struct Tally {
    bytes: u64,
    counted_bytes: u64,
    counted: u64,
}

impl Tally {
    fn add(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        let room = TEXT_BYTES_MAX.saturating_sub(self.counted_bytes as usize);
        let part = text.get(..text.floor_char_boundary(room)).unwrap_or(text);
        self.counted_bytes += part.len() as u64;
        self.counted += bpe_openai::o200k_base().count(part) as u64;
    }

    fn tokens(&self) -> u64 {
        if self.counted_bytes == self.bytes {
            return self.counted;
        }
        let scaled = u128::from(self.counted) * u128::from(self.bytes);
        let tokens = scaled.div_ceil(u128::from(self.counted_bytes.max(1)));
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(text: &str) -> u64 {
        bpe_openai::o200k_base().count(text) as u64
    }

    #[track_caller]
    fn check(result: Value, expected: &str) {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let counted = answer(message.clone().into_bytes(), Format::Json);
        assert_eq!(counted, Some(count(expected)), "{message}");
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress"});
        let events = format!("data: {progress}\n\n:\n\nevent: message\ndata: {message}\n\n");
        let counted = answer(events.into_bytes(), Format::EventStream);
        assert_eq!(counted, Some(count(expected)), "{message}");
    }

    #[test]
    fn a_vocabulary_that_everybody_knows() {
        // Figures of OpenAI's own tokenizer for o200k_base.
        for (text, tokens) in [
            ("", 0),
            ("hello world", 2),
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("2 + 2 = 4", 7),
            ("お誕生日おめでとう", 8),
        ] {
            assert_eq!(arguments(text.as_bytes()), Some(tokens), "{text}");
        }
    }

    #[test]
    fn the_texts_of_a_result_count_and_nothing_else_does() {
        check(json!({}), "");
        check(
            json!({"content": [{"type": "text", "text": "hello world"}], "structuredContent": {"text": "twice"}}),
            "hello world",
        );
        check(
            json!({"content": [{"type": "image", "data": "aGVsbG8gd29ybGQ=", "mimeType": "image/png"}]}),
            "",
        );
        check(
            json!({"content": [], "structuredContent": {"total": 12}}),
            r#"{"total":12}"#,
        );
        check(
            json!({"contents": [{"uri": "test://a", "text": "a resource"}], "_meta": {"text": "no"}}),
            "a resource",
        );
        check(
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": "a prompt"}}]}),
            "a prompt",
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_counted() {
        for body in ["", "{", "[]", "null", r#"{"method": "ping", "id": 1}"#] {
            assert_eq!(answer(body.into(), Format::Json), None, "{body:?}");
        }
        let deep = format!("{{\"result\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(answer(deep.into(), Format::Json), None);
        let error = r#"{"id": 1, "error": {"code": -32602, "message": "no such tool"}}"#;
        assert_eq!(answer(error.into(), Format::Json), Some(3));
    }

    #[test]
    fn a_long_text_is_counted_in_part() {
        let text = "word ".repeat(TEXT_BYTES_MAX / 5 * 3);
        let counted = arguments(text.as_bytes()).unwrap();
        let exact = text.len() as u64 / 5;
        assert!(
            counted.abs_diff(exact) <= exact / 1_000,
            "{counted} {exact}"
        );
    }
}
