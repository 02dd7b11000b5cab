use std::time::Duration;

use gantry_analytics::log;
use serde_json::Value;
use tempfile::TempDir;

use super::*;

const CONFIG: &str = "
servers: {orders: {url: http://127.0.0.1:8000/mcp}}
audit: {gateway: test, clickhouse: {url: http://127.0.0.1:8123, password: hunter2}}
";

/// A gateway's state around a real spool.
fn state() -> (State, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(log::Settings::new(folder.path(), "test")).unwrap();
    let config = config::parse(CONFIG, "gantry.yaml").unwrap();
    (State::new(config, Metrics::new(&["orders"]), log), folder)
}

fn get(state: &State, path: &str) -> (u16, &'static str, String) {
    let answer = answer(&Method::GET, path, state);
    let body = String::from_utf8(answer.body).unwrap();
    (answer.status.as_u16(), answer.content_type, body)
}

#[test]
fn pages() {
    let (state, _folder) = state();
    assert_eq!(get(&state, "/healthz"), (200, TEXT, "ok\n".into()));
    assert_eq!(
        get(&state, "/readyz"),
        (200, JSON, "{\"ready\":true}\n".into())
    );
    let (status, kind, metrics) = get(&state, "/metrics");
    assert_eq!((status, kind), (200, "text/plain; version=0.0.4"));
    assert!(metrics.contains("\nmcp_gateway_inflight_requests{server=\"orders\"} 0\n"));
    assert!(metrics.contains("\nmcp_gateway_audit_records_total{stage=\"accepted\"} 0\n"));
    let (status, kind, config) = get(&state, "/config");
    assert_eq!((status, kind), (200, YAML));
    assert!(
        config.contains("password: \"***\"") && !config.contains("hunter2"),
        "{config}"
    );
    for path in ["/", "", "/metrics/", "/healthz/x"] {
        assert_eq!(get(&state, path).0, 404, "{path}");
    }
}

#[test]
fn verbs() {
    let (state, _folder) = state();
    let head = answer(&Method::HEAD, "/healthz", &state);
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refused = answer(&method, "/config", &state);
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[test]
fn a_gateway_that_cannot_record_is_alive_but_not_ready() {
    let (state, _folder) = state();
    state.log.close(Duration::from_secs(10));
    assert_eq!(get(&state, "/healthz").0, 200);
    let (status, kind, body) = get(&state, "/readyz");
    assert_eq!((status, kind), (503, JSON));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert!(body["reason"].as_str().unwrap().contains("audit"), "{body}");
}
