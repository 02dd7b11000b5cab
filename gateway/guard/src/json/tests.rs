use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// Writes down what it is told.
struct Told<'a>(&'a [u8], String);

impl Visit for Told<'_> {
    type Error = JsonError;

    fn open(&mut self, object: bool) -> Result<(), JsonError> {
        self.1.push(if object { '{' } else { '[' });
        Ok(())
    }

    fn close(&mut self) -> Result<(), JsonError> {
        self.1.push('.');
        Ok(())
    }

    fn key(&mut self, span: Span) -> Result<(), JsonError> {
        self.1 += &format!("{}=", String::from_utf8_lossy(span.of(self.0)));
        Ok(())
    }

    fn scalar(&mut self, token: Token, span: Span) -> Result<(), JsonError> {
        let sign = match (token, span.escaped) {
            (Token::Number, _) => '#',
            (_, true) => '\\',
            (_, false) => '\'',
        };
        self.1 += &format!("{sign}{}", String::from_utf8_lossy(span.of(self.0)));
        Ok(())
    }

    fn literal(&mut self) -> Result<(), JsonError> {
        self.1.push('!');
        Ok(())
    }
}

fn told(text: &[u8]) -> Result<String, JsonError> {
    let mut told = Told(text, String::new());
    walk(text, &mut told)?;
    Ok(told.1)
}

#[test]
fn all_is_told_in_its_order_and_faults_by_their_place() {
    for (text, expected) in [
        (r#"{"a":[1,"b\n",{}],"c":null}"#, Ok(r"{a=[#1\b\n{..c=!.")),
        (" [ ] ", Ok("[.")),
        ("-0.5e+3", Ok("#-0.5e+3")),
        (
            r#""more than sixteen bytes""#,
            Ok("'more than sixteen bytes"),
        ),
        ("", Err(JsonError::Syntax(0))),
        (r#"{"a"}"#, Err(JsonError::Syntax(4))),
        (r#"{"a":1,}"#, Err(JsonError::Syntax(7))),
        ("[1,]", Err(JsonError::Syntax(3))),
        ("[1;2]", Err(JsonError::Syntax(2))),
        ("[1}", Err(JsonError::Syntax(2))),
        ("[1] 2", Err(JsonError::Syntax(4))),
        ("[\"\u{1}\"]", Err(JsonError::Syntax(2))),
        (r#"["\u12"]"#, Err(JsonError::Syntax(2))),
        ("[01]", Err(JsonError::Syntax(2))),
        ("[1.]", Err(JsonError::Syntax(3))),
        ("[tru]", Err(JsonError::Syntax(1))),
        ("]", Err(JsonError::Syntax(0))),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(told(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(told(b"\"\xff\""), Err(JsonError::Utf8));
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(told(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(
        told(nested(DEPTH_MAX + 1).as_bytes()),
        Err(JsonError::Depth)
    );
}

/// Pieces of JSON, of which a few in a row are often a text, or nearly one.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[1]",
        ",",
        ";",
        ":",
        "\"a\":",
        "\"a\\u00e9\"",
        "\"\\x\"",
        "\"",
        "1",
        "-",
        "0.5",
        "01",
        "1e9",
        "1e",
        "true",
        "null",
        "nul",
        " ",
        "\n",
        "\u{b}",
        "\u{e9}",
        "\"a long string\u{e9} of text\"",
    ]);
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]
    #[test]
    fn the_same_texts_are_json_as_for_serde(inside in pieces(), outside in 0..3_usize) {
        let text = match outside {
            0 => inside,
            1 => format!("[{inside}]"),
            _ => format!("{{\"a\":{inside}}}"),
        };
        let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
        prop_assert_eq!(told(text.as_bytes()).is_ok(), is_json, "{}", text);
    }
}
