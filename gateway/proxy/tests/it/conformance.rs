//! The official conformance suite sees no difference between a server and the same server behind
//! Gantry.

use gantry_loadtest::{conformance, fixture};

use crate::gateway::Gateway;

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
