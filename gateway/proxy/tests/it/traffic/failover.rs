//! Endpoints that die, stand still, drag and fail, under load.

use std::time::Duration;

use super::{
    AUDIT, calls,
    load::{Load, p99},
    metric, metric_becomes, set_faults, three, urls,
};
use crate::{
    gateway::{Gateway, fixture},
    process::{Process, program},
    raw::{Raw, Step},
};

const CALLERS: usize = 12;

fn gateway(fixtures: &[Process], more: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{urls: {}, health: {{every: 200ms, timeout: 400ms, unhealthy_after: 2, \
         eject_after: 3, eject_for: 1s}}{more}}}}}\n{AUDIT}",
        urls(fixtures)
    ))
}

fn up(fixture: &Process) -> String {
    let endpoint = &fixture.address;
    format!(
        "mcp_gateway_endpoint_up{{endpoint=\"{endpoint}\",server=\"server\",server_version=\"\"}}"
    )
}

#[tokio::test]
async fn endpoints_fail_one_after_the_other_and_calls_go_on() {
    let mut fixtures = three();
    let gateway = gateway(&fixtures, ", retry: {tools: [echo], try_timeout: 500ms}");
    let load = Load::start(&gateway.url("server"), CALLERS);
    load.more(600).await;

    // Killed: only what was under way on it may fail, and `echo` may be repeated, so nothing does.
    fixtures[0].kill();
    load.more(600).await;
    assert_eq!(load.failed().len(), 0, "{:?}", load.failed());
    metric_becomes(&gateway, &up(&fixtures[0]), 0.0).await;

    // Started again at its address: it gets calls again.
    let address = fixtures[0].address.clone();
    let mut command = std::process::Command::new(program("gantry-fixture"));
    command.args(["--listen", &address, "--quiet"]);
    fixtures[0] = Process::listening(&mut command);
    metric_becomes(&gateway, &up(&fixtures[0]), 1.0).await;
    load.more(600).await;
    assert!(calls(&fixtures[0]).await > 0);

    // Answering 500: calls are repeated elsewhere, and it is put out.
    set_faults(&fixtures[1], 0, 500).await;
    load.more(600).await;
    metric_becomes(&gateway, &up(&fixtures[1]), 0.0).await;
    assert_eq!(load.failed().len(), 0, "{:?}", load.failed());
    set_faults(&fixtures[1], 0, 0).await;
    metric_becomes(&gateway, &up(&fixtures[1]), 1.0).await;

    // Paused: what it holds is given up and repeated elsewhere, and it is put out.
    fixtures[2].pause();
    metric_becomes(&gateway, &up(&fixtures[2]), 0.0).await;
    load.more(600).await;
    fixtures[2].resume();
    metric_becomes(&gateway, &up(&fixtures[2]), 1.0).await;
    load.more(600).await;

    let retries = metric(&gateway, "mcp_gateway_retries_total").await;
    let done = load.stop().await;
    let failed: Vec<_> = done.iter().filter(|done| done.fault.is_some()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    println!(
        "{} calls over a kill, a restart, 500s and a pause: none failed, {retries} repeated, p99 {:?}",
        done.len(),
        p99(&done),
    );
    assert!(retries > 0.0);
}

#[tokio::test]
async fn only_what_was_under_way_on_a_killed_endpoint_fails() {
    let mut fixtures = three();
    let gateway = gateway(&fixtures, "");
    // Every call takes a while, so that each endpoint has some under way when one of them dies.
    for fixture in &fixtures {
        set_faults(fixture, 20, 0).await;
    }
    let load = Load::start(&gateway.url("server"), CALLERS);
    load.more(200).await;
    let under_way = load.under_way();
    fixtures[0].kill();
    load.more(600).await;
    let done = load.stop().await;
    let failed = done.iter().filter(|done| done.fault.is_some()).count();
    println!(
        "{failed} of {under_way} calls under way failed with the killed one of three endpoints"
    );
    assert!(failed >= 1, "the calls on it must have been seen to fail");
    // Round robin spreads them evenly; no caller fails twice.
    assert!(
        failed as u64 <= under_way.div_ceil(2),
        "{failed} of {under_way}"
    );
}

#[tokio::test]
async fn one_slow_endpoint_does_not_slow_the_others() {
    let fixtures = three();
    let gateway = gateway(&fixtures, ", balance: least_loaded");
    for fixture in &fixtures {
        set_faults(fixture, 80, 0).await;
    }
    let load = Load::start(&gateway.url("server"), CALLERS);
    load.more(300).await;
    let healthy = load.stop().await;

    set_faults(&fixtures[0], 800, 0).await;
    let load = Load::start(&gateway.url("server"), CALLERS);
    load.more(300).await;
    let all = load.stop().await;
    let (slow, rest): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|done| done.ended - done.begun >= Duration::from_millis(800));
    println!(
        "p99 of {} calls elsewhere {:?}, before {:?}; {} calls were slow",
        rest.len(),
        p99(&rest),
        p99(&healthy),
        slow.len()
    );
    assert!(rest.len() > 10 * slow.len().max(1));
    assert!(p99(&rest) <= 2 * p99(&healthy));
}

/// A good beginning says nothing about the end.
#[tokio::test]
async fn an_endpoint_whose_answers_break_off_is_put_out() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    let begun = [head.as_bytes(), br#"{"jsonrpc":"2.0","id":"#].concat();
    let breaking = Raw::start(vec![Step::Send(begun), Step::Close]).await;
    let fixture = fixture();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: ['{}', 'http://{}/mcp'], balance: round_robin, \
         health: {{every: 10m, eject_after: 3, eject_for: 1m}}}}}}\n{AUDIT}",
        breaking.url, fixture.address
    ));
    let load = Load::start(&gateway.url("server"), 1);
    load.more(60).await;
    let done = load.stop().await;
    let failed = done.iter().filter(|done| done.fault.is_some()).count();
    assert_eq!(failed, 3);
    let endpoint = breaking
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp");
    let up = format!(
        "mcp_gateway_endpoint_up{{endpoint=\"{endpoint}\",server=\"server\",server_version=\"\"}}"
    );
    metric_becomes(&gateway, &up, 0.0).await;
}

#[tokio::test]
async fn a_circuit_opens_and_closes() {
    let fixture = fixture();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: 'http://{}/mcp', health: {{eject_for: 500ms, open_after: 5}}}}}}\n{AUDIT}",
        fixture.address
    ));
    set_faults(&fixture, 0, 500).await;
    let load = Load::start(&gateway.url("server"), 1);
    load.more(20).await;
    let failed = load.failed();
    let refused = failed.iter().filter(|done| {
        let fault = done.fault.as_deref().unwrap_or_default();
        fault.starts_with("503")
    });
    assert!(refused.count() > 0, "{failed:?}");
    assert_eq!(metric(&gateway, "mcp_gateway_circuit_open").await, 1.0);
    set_faults(&fixture, 0, 0).await;
    metric_becomes(&gateway, "mcp_gateway_circuit_open", 0.0).await;
    let before = load.failed().len();
    load.more(50).await;
    assert_eq!(
        load.stop()
            .await
            .iter()
            .filter(|done| done.fault.is_some())
            .count(),
        before
    );
}
