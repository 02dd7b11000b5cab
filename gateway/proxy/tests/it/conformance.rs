//! The official conformance suite sees no difference between a server and the same server behind
//! Gantry.

use gantry_loadtest::{
    conformance::{self, Outcome},
    fixture,
};

use crate::{gateway::Gateway, process::program};

async fn through_equals_direct(requirements: &str, scored: usize, unscored: usize) {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let direct = conformance::run(&fixture.url(), requirements)
        .await
        .unwrap();
    let through = conformance::run(&gateway.url("server"), requirements)
        .await
        .unwrap();
    assert_eq!(through.scenarios, direct.scenarios, "{through}");
    assert_eq!(
        (through.scored_passed, through.unscored_passed),
        (scored, unscored),
        "{through}"
    );
}

#[tokio::test]
async fn revision_2025_11_25() {
    through_equals_direct("2025-11-25", 30, 3).await;
}

#[tokio::test]
async fn revision_2026_07_28() {
    through_equals_direct("2026-07-28", 37, 13).await;
}

/// The same server as a program over stdio: what fails of the suite.
async fn over_stdio(requirements: &str) -> (usize, usize, Vec<String>) {
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{command: {{run: ['{}', --stdio, --quiet]}}}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        program("gantry-fixture").display()
    ));
    let report = conformance::run(&gateway.url("server"), requirements).await;
    let report = report.unwrap();
    let checks = report.scenarios.values().flat_map(|one| &one.checks);
    let failed = checks.filter(|(_, outcome)| *outcome == Outcome::Failed);
    let failed = failed.map(|(check, _)| check.clone()).collect();
    (report.scored_passed, report.unscored_passed, failed)
}

#[tokio::test]
async fn a_program_of_2025_11_25() {
    assert_eq!(over_stdio("2025-11-25").await, (30, 3, Vec::new()));
}

#[tokio::test]
async fn a_program_of_2026_07_28() {
    // It calls `echo` without its text, and takes the error for a refusal of its header, which it does not where the
    // error comes as an event: so answer servers that listen themselves.
    let echo = "sep-2243-server-accepts-whitespace-header-value";
    let expected = (37, 12, vec![echo.to_owned()]);
    assert_eq!(over_stdio("2026-07-28").await, expected);
}
