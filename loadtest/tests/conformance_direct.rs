//! The fixture by itself passes the official suite in full, so that a loss seen through a gateway
//! is the gateway's.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first fault"
)]

use gantry_loadtest::{
    conformance::{self, Outcome, Report},
    fixture::{self, Options},
};

async fn report(requirements: &str) -> Report {
    let fixture = fixture::start(Options::default()).await.unwrap();
    conformance::run(&fixture.url(), requirements)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_marks_for_2025_11_25() {
    let report = report("2025-11-25").await;
    assert_eq!(report.to_string(), "30/30 scored, 3/3 unscored");

    // The one stream that the fixture breaks was taken up again.
    let polling = &report.scenarios["server-sse-polling"];
    let resumed = ("server-sse-disconnect-resume".to_owned(), Outcome::Passed);
    assert!(polling.checks.contains(&resumed), "{:?}", polling.checks);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_marks_for_2026_07_28() {
    assert_eq!(
        report("2026-07-28").await.to_string(),
        "37/37 scored, 13/13 unscored"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_nothing_useful_scores_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
    let report = conformance::run(&url, "2025-11-25").await.unwrap();
    serving.abort();
    assert_eq!(
        (report.scored_passed, report.scored_total),
        (0, 30),
        "{report}"
    );
    assert!(
        report.scenarios.values().all(|scenario| scenario.ran),
        "{report}"
    );
}
