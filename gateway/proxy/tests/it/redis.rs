//! Limits that two gateways share through a real Redis, which goes away and comes back.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use gantry_loadtest::fixture;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    gateway::Gateway,
    message::tool_call,
    process::{Process, free_address},
};

/// A Redis of this test's own, which forgets everything when it is stopped.
struct Redis {
    process: Option<Process>,
    address: SocketAddr,
    folder: TempDir,
}

impl Redis {
    fn start() -> Self {
        let mut redis = Self {
            process: None,
            address: free_address(),
            folder: tempfile::tempdir().unwrap(),
        };
        redis.restart();
        redis
    }

    fn restart(&mut self) {
        let file = self.folder.path().join("redis.conf");
        let user = "user limits on >only-for-tests ~shared:* +@all\n";
        std::fs::write(&file, user).unwrap();
        let mut command = Command::new("redis-server");
        command
            .arg(&file)
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(self.address.port().to_string())
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null());
        self.process = Some(Process::accepting(&mut command, self.address));
    }

    fn stop(&mut self) {
        self.process = None;
    }

    /// A gateway that shares its limits through it.
    fn gateway(&self, url: &str, fail: &str, limits: &str) -> Gateway {
        Gateway::start(&format!(
            "servers: {{server: {{url: '{url}'}}}}\naudit: {{spool: {{dir: SPOOL}}}}\n\
             redis: {{url: 'redis://{}', user: limits, password: only-for-tests, prefix: shared, fail: {fail}, timeout: 2s}}\n\
             limits: {limits}",
            self.address
        ))
    }
}

async fn call(gateway: &Gateway) -> u16 {
    let request = tool_call(
        &gateway.url("server"),
        &json!(1),
        "echo",
        json!({"text": "x"}),
    );
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    response.text().await.unwrap();
    status
}

/// How many calls get each of some statuses, made at both gateways together, eight at a time.
async fn calls(gateways: [&Gateway; 2], count: usize, statuses: [u16; 2]) -> [usize; 2] {
    use futures::StreamExt;
    let calls = (0..count).map(|number| call(gateways[number % 2]));
    let all: Vec<u16> = futures::stream::iter(calls)
        .buffer_unordered(8)
        .collect()
        .await;
    let got = statuses.map(|status| all.iter().filter(|got| **got == status).count());
    assert_eq!(got[0] + got[1], count, "{all:?}");
    got
}

/// Waits until a gateway's metrics say so.
async fn until(gateway: &Gateway, line: &str) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let (_, page) = gateway.admin("/metrics").await;
        if page.lines().any(|have| have == line) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < patience,
            "{line} is not in\n{page}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const HERE: &str = "mcp_gateway_limits_shared 1";
const AWAY: &str = "mcp_gateway_limits_shared 0";

#[tokio::test]
async fn two_gateways_hold_one_limit_exactly() {
    let redis = Redis::start();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let limits = "[{per: [agent], calls: 100/day}]";
    let one = redis.gateway(&fixture.url(), "closed", limits);
    let two = redis.gateway(&fixture.url(), "closed", limits);
    assert_eq!(calls([&one, &two], 300, [200, 429]).await, [100, 200]);
    for gateway in [&one, &two] {
        until(gateway, HERE).await;
    }
}

#[tokio::test]
async fn budgets_tokens_and_calls_under_way_are_shared_too() {
    let redis = Redis::start();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let limits = "[{tool: server/echo, cost: 1 USD/month}]\nprices: {currency: USD, books: {test: {prices: [{per_call: 0.3}]}}}";
    let one = redis.gateway(&fixture.url(), "closed", limits);
    let two = redis.gateway(&fixture.url(), "closed", limits);
    let mut made = 0;
    for number in 0.. {
        match call([&one, &two][number % 2]).await {
            200 => made += 1,
            status => {
                assert_eq!(status, 429);
                break;
            }
        }
        // Spent behind the answer, so that a caller that does not wait may be a little early.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(made, 4, "1.20 USD at 0.30 each");
    assert_eq!(call(&one).await, 429);

    let limits = "[{tokens: 50/day}]";
    let one = redis.gateway(&fixture.url(), "closed", limits);
    let two = redis.gateway(&fixture.url(), "closed", limits);
    let mut made = 0;
    while call([&one, &two][made % 2]).await == 200 {
        made += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // {"text":"x"} and x.
    assert!((8..=13).contains(&made), "{made}");

    let slow = crate::raw::Raw::start(vec![crate::raw::Step::Wait]).await;
    let limits = "[{concurrent: 1}]";
    let one = redis.gateway(&slow.url, "closed", limits);
    let two = redis.gateway(&slow.url, "closed", limits);
    let held = tokio::spawn({
        let request = tool_call(&one.url("server"), &json!(1), "echo", json!({}));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    while slow.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(call(&two).await, 429);
    slow.close();
    assert_eq!(held.await.unwrap(), 502);
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        // For the connection that the call will make.
        slow.close();
        if call(&two).await != 429 {
            break;
        }
        assert!(tokio::time::Instant::now() < patience);
    }
}

#[tokio::test]
async fn redis_goes_away_and_comes_back_under_load() {
    let mut redis = Redis::start();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let limits = "[{calls: 50/day}]";
    let open = redis.gateway(&fixture.url(), "local", limits);
    let also_open = redis.gateway(&fixture.url(), "local", limits);
    let closed = redis.gateway(&fixture.url(), "closed", limits);
    assert_eq!(calls([&open, &also_open], 60, [200, 429]).await, [50, 10]);
    assert_eq!(call(&closed).await, 429);

    // Load goes on while it is stopped: no call fails but by a limit.
    let load = calls([&open, &also_open], 400, [200, 429]);
    let (load, ()) = tokio::join!(load, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        redis.stop();
    });
    assert!(
        load[0] <= 100,
        "each has a limit of its own at most: {load:?}"
    );
    for gateway in [&open, &also_open] {
        let _ = call(gateway).await;
        until(gateway, AWAY).await;
    }
    // By now both have spent what is theirs alone.
    let _ = calls([&open, &also_open], 200, [200, 429]).await;
    assert_eq!(calls([&open, &also_open], 20, [200, 429]).await, [0, 20]);
    assert_eq!(call(&closed).await, 503);
    until(&closed, AWAY).await;

    redis.restart();
    for gateway in [&open, &also_open, &closed] {
        until(gateway, HERE).await;
    }
    // It has forgotten everything, so that there is one whole limit again, for all together.
    assert_eq!(calls([&open, &closed], 80, [200, 429]).await, [50, 30]);
    for line in ["redis is away", "limits are shared through redis"] {
        open.logs(line).await;
    }
    assert!(!open.log().contains("only-for-tests"));
}
