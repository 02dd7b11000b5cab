//! What must hold for any input; a panic is a finding.

use std::sync::LazyLock;

use gantry_guard::{Limits, Scanner, Wanted, redact};
use serde_json::value::RawValue;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::compile(&[], Limits::default(), Wanted::default()).expect("the tables compile")
});

/// What is scanned is JSON; findings lie within their texts; the output is JSON, too.
pub fn scan(bytes: &[u8]) {
    let Ok(scan) = SCANNER.scan(bytes) else {
        return;
    };
    serde_json::from_slice::<&RawValue>(bytes).expect("what was walked is JSON");
    for finding in &scan.findings {
        assert!(finding.start <= finding.end && finding.end <= scan.text(finding.token).len());
        let pointer = scan.pointer(finding.token);
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
    }
    if let Ok(Some(out)) = redact::placeholders(&SCANNER, bytes, &|| true) {
        serde_json::from_slice::<&RawValue>(&out).expect("what was redacted is JSON");
    }
}

/// Redacting twice changes nothing.
pub fn redact(text: &str) {
    let message = serde_json::to_vec(&[text]).expect("a text is JSON");
    let redacted = |message: &[u8]| redact::placeholders(&SCANNER, message, &|| true);
    if let Ok(Some(once)) = redacted(&message) {
        let twice = redacted(&once).expect("what has come to rest stays there");
        assert!(twice.is_none(), "{text:?}");
    }
}
