//! The labelled sample, scored as its own scorer does it.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use super::before;
use crate::{peer::python, process::free_address};

/// The figures that must be reached on the sample: `tests/guard/score.py` explains itself.
#[track_caller]
fn reaches(report: &Value) {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert_eq!(report["invalid_json"], 0, "{report}");
    assert_eq!(report["structure_changed"], 0, "{report}");
    assert_eq!(report["id_or_method_changed"], 0, "{report}");
    assert!(number("/f1") >= 0.95, "{report}");
    assert!(number("/precision") >= 0.98, "{report}");
    assert!(number("/leak_rate") <= 0.03, "{report}");
    assert!(number("/hard_negative/rate") <= 0.01, "{report}");
    assert!(number("/evasion_macro") >= 0.90, "{report}");
}

fn sample(folder: &std::path::Path) -> (PathBuf, PathBuf) {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/guard");
    let corpus = folder.join("messages.jsonl");
    let unpack = "import lzma, sys; open(sys.argv[2], 'wb').write(lzma.open(sys.argv[1]).read())";
    let done = Command::new(python())
        .args(["-c", unpack])
        .arg(source.join("messages.jsonl.xz"))
        .arg(&corpus)
        .status();
    assert!(done.unwrap().success());
    (source.join("score.py"), corpus)
}

/// The messages of the sample that may be sent in one era. A request that claims the other one, or
/// none where one is due, is refused for that whatever it holds; it is scored in its own era.
fn of_era(corpus: &std::path::Path, modern: bool) -> PathBuf {
    let text = std::fs::read_to_string(corpus).unwrap();
    let fits = |line: &&str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let wire: Value = serde_json::from_str(row["wire"].as_str().unwrap()).unwrap();
        let claim = &wire["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        row["direction"] != "request" || claim.is_string() == modern
    };
    let kept: Vec<&str> = text.lines().filter(fits).collect();
    assert!(kept.len() > 100, "{}", kept.len());
    let path = corpus.with_file_name("era.jsonl");
    std::fs::write(&path, kept.join("\n") + "\n").unwrap();
    path
}

#[test]
fn the_sample_is_scored_through_gantry_scan() {
    let folder = tempfile::tempdir().unwrap();
    let (scorer, corpus) = sample(folder.path());
    let report = folder.path().join("report.json");
    let command = format!("{} scan", env!("CARGO_BIN_EXE_gantry"));
    let done = Command::new(python())
        .arg(scorer)
        .arg("--corpus")
        .arg(corpus)
        .args(["--cmd", &command])
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    reaches(&report);
    assert!(
        report
            .pointer("/injection/ALL_injection/tpr")
            .and_then(Value::as_f64)
            .unwrap()
            >= 0.3,
        "{report}"
    );
    assert!(
        report
            .pointer("/injection/ALL_poison/tpr")
            .and_then(Value::as_f64)
            .unwrap()
            >= 0.9,
        "{report}"
    );
}

#[test]
fn the_sample_is_scored_through_a_gateway_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (scorer, corpus) = sample(folder.path());
    for form in [
        &[][..],
        &["--sse"],
        &["--protocol", "2025-11-25", "--legacy-init"],
    ] {
        let corpus = of_era(&corpus, !form.contains(&"--legacy-init"));
        let upstream = free_address();
        let gateway = before(
            &format!("http://{upstream}/mcp"),
            "{pii: redact, secrets: redact, hidden-text: monitor, injection: monitor}",
        );
        let report = folder.path().join("report.json");
        let mut command = Command::new(python());
        command
            .arg(&scorer)
            .arg("--corpus")
            .arg(&corpus)
            .arg("--report")
            .arg(&report);
        command
            .args([
                "--gateway",
                &gateway.url("server"),
                "--upstream-port",
                &upstream.port().to_string(),
            ])
            .args(form);
        let done = command.output().unwrap();
        assert!(
            done.status.success(),
            "{form:?} {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
        assert_eq!(report["transport_errors"], 0, "{form:?}");
        reaches(&report);
    }
}
