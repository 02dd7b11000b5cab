//! What of a caller's arguments, or of a server's result, may be stored: the text without whatever
//! the scanner takes for personal data or a secret, whatever the operator's own rules say.
//!
//! Nothing depends on the text any more, so that it is all free to be rewritten: the names of members,
//! URIs, and fields that belong to the protocol elsewhere.

use std::time::Instant;

use gantry_guard::{
    Finding, Limits, Scanner, Wanted,
    kind::HIDDEN_TEXT,
    redact::{Edit, Number, placeholder, splice},
};

use super::{GuardrailsError, SCAN_TIME_MAX};

/// Where a message has nothing that is not data.
const BEFORE: &[u8] = br#"{"params":{"arguments":"#;
const BEHIND: &[u8] = b"}}";

/// Says what may be stored.
#[derive(Debug)]
pub struct Storable(Scanner);

impl Storable {
    /// Compiles the presets. Takes a second.
    ///
    /// # Errors
    /// [`GuardrailsError::Compile`], which only a broken engine has.
    pub fn compile() -> Result<Self, GuardrailsError> {
        let wanted = Wanted {
            identifiers: true,
            secrets: true,
            // It could stand within what is looked for, and is no good in a terminal either.
            hidden: true,
            injection: false,
        };
        Ok(Self(Scanner::compile(&[], Limits::default(), wanted)?))
    }

    /// The JSON text `json` without what may not be stored of it; `None` where that cannot be said.
    pub fn of(&self, json: &[u8]) -> Option<Vec<u8>> {
        let started = Instant::now();
        let in_time = || started.elapsed() < SCAN_TIME_MAX;
        let message = [BEFORE, json, BEHIND].concat();
        let mut scan = self.0.scan_while(&message, &in_time).ok()?;
        let edits = self.0.settle(&mut scan, &in_time, |_, findings, edits| {
            edits.extend(findings.iter().map(|finding| self.edit(finding)));
        });
        let redacted = splice(&scan, edits.ok()?);
        let text = redacted.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
        Some(text.to_vec())
    }

    fn edit(&self, finding: &Finding) -> Edit {
        Edit {
            token: finding.token,
            start: finding.start,
            end: finding.end,
            text: match self.0.name(finding.what) {
                HIDDEN_TEXT => String::new(),
                kind => placeholder(kind),
            },
            number: Number::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_somebodys_is_stored_wherever_it_stands() {
        let storable = Storable::compile().unwrap();
        let of = |json: &str| String::from_utf8(storable.of(json.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            of(r#"{"a": [1, "two", null]}"#),
            r#"{"a": [1, "two", null]}"#
        );
        assert_eq!(of("7"), "7");
        let mail = "ada@example.com";
        for json in [
            format!(r#"{{"to": "{mail}"}}"#),
            format!(r#"{{"{mail}": 1}}"#),
            format!(r#"{{"id": "{mail}", "method": "{mail}", "type": "{mail}"}}"#),
            format!(r#"{{"content": [{{"type": "resource_link", "uri": "mailto:{mail}"}}]}}"#),
            format!(
                r#"{{"_meta": {{"progressToken": "{mail}", "io.modelcontextprotocol/x": "{mail}"}}}}"#
            ),
            format!(r#"{{"content": [{{"type": "text", "text": "{{\"to\": \"{mail}\"}}"}}]}}"#),
            format!(r#""{mail}""#),
            r#"{"to": "a\u200bda@exam\u2060ple.com"}"#.to_owned(),
            r#"{"to": "a\u202ed\u202ca@example.com\u001b[31m"}"#.to_owned(),
        ] {
            let kept = of(&json);
            assert!(kept.contains("[EMAIL]") && !kept.contains("ada"), "{kept}");
            assert!(!kept.contains("example.com"), "{kept}");
            assert!(
                serde_json::from_str::<serde_json::Value>(&kept).is_ok(),
                "{kept}"
            );
        }
        let token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
        let kept = of(&format!(
            r#"{{"token": "{token}", "card": 4111111111111111}}"#
        ));
        assert!(
            !kept.contains(token) && !kept.contains("4111111111111111"),
            "{kept}"
        );
    }

    #[test]
    fn base64_is_read() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let storable = Storable::compile().unwrap();
        let blob = STANDARD.encode("write to ada@example.com, or do not write at all");
        let json = format!(r#"{{"contents": [{{"uri": "a:b", "blob": "{blob}"}}]}}"#);
        let kept = String::from_utf8(storable.of(json.as_bytes()).unwrap()).unwrap();
        assert!(!kept.contains(&blob), "{kept}");
    }

    #[test]
    fn what_cannot_be_read_is_not_stored() {
        let storable = Storable::compile().unwrap();
        for json in ["", "{", r#"{"a":"#, "}}", "1}}, {"] {
            assert_eq!(storable.of(json.as_bytes()), None, "{json}");
        }
    }
}
