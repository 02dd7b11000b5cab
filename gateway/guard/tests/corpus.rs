//! Replays the checked-in inputs through what the fuzz targets check.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails says so by panicking"
)]

use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[allow(
    clippy::expect_used,
    unreachable_pub,
    reason = "shared with the fuzz targets"
)]
mod targets;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new("fuzz/seeds").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 10, "{target} has {seen} seeds");
}

#[test]
fn whatever_is_scanned_stays_json() {
    replay("scan", targets::scan);
}

#[test]
fn redacting_a_text_twice_changes_nothing() {
    replay("redact", |bytes| {
        targets::redact(&String::from_utf8_lossy(bytes));
    });
}
