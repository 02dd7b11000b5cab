//! Whether a message is one that was read before, but for its id.
//!
//! Servers answer the same lists again and again, each time under the id of another request. Whoever has
//! read one needs not read it again. Bytes are compared with bytes: nothing is hashed, so no server can
//! make a list that passes for another one.

use std::ops::Range;

use crate::json::{DEPTH_CEILING, Scan, Scanner};

/// Longest id of a message that is known again.
const ID_BYTES_MAX: usize = 128;

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    message: Box<[u8]>,
    id: Range<usize>,
}

impl Known {
    /// Keeps a copy of `message`. None where it is no JSON object with one plain id.
    pub fn new(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let id = id(text).ok()??;
        is_plain(message.get(id.clone())?).then(|| Self {
            message: message.into(),
            id,
        })
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.message.len()
    }

    /// Where the id stands in the message that was read.
    pub fn id(&self) -> Range<usize> {
        self.id.clone()
    }

    /// Where the id stands in `message`, if every other byte is that of the one that was read.
    pub fn is_again(&self, message: &[u8]) -> Option<Range<usize>> {
        let (head, tail) = (
            self.message.get(..self.id.start)?,
            self.message.get(self.id.end..)?,
        );
        let rest = message.strip_prefix(head)?;
        let id = rest.get(..rest.len().checked_sub(tail.len())?)?;
        // What a value is, and where it ends, is told by what stands before it and by itself.
        let again = is_plain(id) && rest.ends_with(tail);
        again.then(|| head.len()..head.len() + id.len())
    }
}

/// The span of the one id that the object has.
fn id(text: &str) -> Scan<Option<Range<usize>>> {
    let mut scan = Scanner::new(text, DEPTH_CEILING);
    let (mut found, mut first) = (None, true);
    scan.enter_object()?;
    while let Some((key, _)) = scan.next_key(first)? {
        first = false;
        let value = scan.value()?;
        if key == "id" && found.replace(value.span()).is_some() {
            return Ok(None);
        }
    }
    scan.end()?;
    Ok(found)
}

/// Whether these bytes are a whole number, or a string that is written as it is read.
fn is_plain(id: &[u8]) -> bool {
    if id.len() > ID_BYTES_MAX {
        return false;
    }
    match id {
        [b'"', inner @ .., b'"'] => inner
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')),
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":12,"result":{"tools":[{"name":"a"}]}}"#;

    #[test]
    fn a_message_is_known_again_under_another_id() {
        let known = Known::new(LIST).unwrap();
        for (message, id) in [
            (
                r#"{"jsonrpc":"2.0","id":12,"result":{"tools":[{"name":"a"}]}}"#,
                Some("12"),
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a"}]}}"#,
                Some("7"),
            ),
            (
                r#"{"jsonrpc":"2.0","id":"x-1","result":{"tools":[{"name":"a"}]}}"#,
                Some("\"x-1\""),
            ),
            (
                r#"{"jsonrpc":"2.0","id":12,"result":{"tools":[{"name":"b"}]}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","id":12,"x":1,"result":{"tools":[{"name":"a"}]}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","id":"1","x":"2","result":{"tools":[{"name":"a"}]}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","id":"1\"","result":{"tools":[{"name":"a"}]}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","id":,"result":{"tools":[{"name":"a"}]}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","id":01,"result":{"tools":[{"name":"a"}]}}"#,
                None,
            ),
            (r#"{"jsonrpc":"2.0","id":1"#, None),
            ("", None),
        ] {
            let found = known.is_again(message.as_bytes());
            assert_eq!(found.map(|id| &message[id]), id, "{message}");
        }
    }

    #[test]
    fn only_whole_messages_with_one_plain_id_are_kept() {
        for message in [
            r#"{"id":1,"id":2}"#,
            r#"{"method":"x"}"#,
            r#"{"id":null}"#,
            r#"{"id":{"a":1}}"#,
            r#"{"id":1.5}"#,
            r#"{"id":1"#,
            r#"[{"id":1}]"#,
            "{\"id\":\"\u{e9}\"}",
        ] {
            assert_eq!(Known::new(message.as_bytes()), None, "{message}");
        }
        assert_eq!(
            Known::new(br#"{"result":{"id":5},"id":3}"#).unwrap().id(),
            24..25
        );
    }
}
