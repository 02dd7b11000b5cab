//! What the trail's delivery does: rows per second into the store, and what a row takes on its disk.

use std::path::Path;

use anyhow::{Context, Result};

use super::contestants::Field;
use crate::command::{self, cargo};

/// Runs the example of the trail's own crate against the store of the bench; `None` where there is no store.
pub(crate) fn measure(root: &Path, field: &Field, profile: &str) -> Result<Option<String>> {
    let Some((url, password)) = field.store() else {
        return Ok(None);
    };
    println!("bench: delivery of the trail");
    let mut example = cargo(root);
    example
        .args([
            "run",
            "--quiet",
            "--profile",
            profile,
            "--package",
            "gantry-analytics",
        ])
        .args(["--example", "delivery_cost", "--", url])
        .env("GANTRY_STORE_PASSWORD", password);
    command::capture(&mut example)
        .context("cannot measure the delivery")
        .map(Some)
}
