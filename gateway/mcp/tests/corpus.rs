//! Replays the checked-in inputs through what the fuzz targets check.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

#[path = "../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    reason = "shared with the fuzz targets"
)]
mod shared;

use std::{fs, path::Path};

/// Runs every file of one corpus, and says how many there were.
fn replay(target: &str, check: impl Fn(&[u8])) -> usize {
    // A test runs in its package's folder.
    let dir = Path::new("fuzz/seeds").join(target);
    let files = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files.map(|path| check(&fs::read(path).unwrap())).count()
}

#[test]
fn frames() {
    assert!(replay("frame", shared::frame) > 20);
}

#[test]
fn streams() {
    assert!(replay("stream", shared::stream) > 10);
}

#[test]
fn listings() {
    assert!(replay("listing", shared::listing) > 3);
}

#[test]
fn mentions() {
    assert!(replay("mentions", shared::mentions) > 3);
}
