//! The JSON files are what the source says, and what Grafana's own SDK reads.

use std::{env, fs, path::Path, process::Command};

use gantry_dashboards::{grafana, source};

#[test]
fn the_files_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("json");
    let mut expected = Vec::new();
    for dashboard in source::all() {
        let path = folder.join(dashboard.name).with_extension("json");
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text == grafana::text(&dashboard),
            "{} is stale; run: cargo xtask dashboards --json",
            path.display()
        );
        expected.push(path);
    }
    expected.sort();
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    found.sort();
    assert_eq!(found, expected, "files and dashboards are the same");
}

#[test]
fn the_foundation_sdk_reads_every_file_and_loses_nothing() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = env::var_os("GANTRY_CACHE").map_or_else(
        || Path::new(&env::var_os("HOME").unwrap()).join(".cache/gantry"),
        Into::into,
    );
    let python =
        env::var_os("GANTRY_PYTHON").map_or_else(|| cache.join("venv/bin/python"), Into::into);
    let files = source::all().into_iter().map(|dashboard| {
        here.join("json")
            .join(dashboard.name)
            .with_extension("json")
    });
    let output = Command::new(python)
        .arg(here.join("tests/foundation.py"))
        .args(files)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
