//! What of a message is asked about.

use serde_json::Value;

/// Most bytes that a classifier gets at once; longer messages are asked about in pieces.
pub(super) const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Strings up to this length are asked about whatever they hold; longer ones unless they are nothing
/// but Base64.
const WORD_BYTES_MAX: usize = 1024;

/// Every string of a message that may say something.
pub(super) fn texts(message: &[u8]) -> Vec<String> {
    fn collect(value: Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) if says_something(&text) => texts.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members
                .into_iter()
                .for_each(|(_, member)| collect(member, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_slice::<Value>(message) {
        collect(value, &mut texts);
    }
    texts
}

/// Pictures and other files are long, and nothing but Base64.
fn says_something(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    !text.is_empty() && (text.len() <= WORD_BYTES_MAX || !text.bytes().all(is_base64))
}

/// A text in pieces of at most [`PIECE_BYTES_MAX`] bytes, cut between characters.
pub(super) fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES_MAX));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_asked_about_whatever_its_length_and_spaces() {
        let long = "ab ".repeat(100_000);
        let file = "QUJD".repeat(1_000);
        let message =
            serde_json::json!({"a": ["no_space", long, {"data": file, "b": "überall "}], "n": 1});
        let found = texts(message.to_string().as_bytes());
        assert_eq!(found, ["no_space", &*long, "überall "]);
        let whole = found.join("\n");
        let cut = pieces(&whole);
        assert_eq!((cut.len(), cut.concat()), (5, whole.clone()));
        assert!(cut.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
    }
}
