use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::{Command, Stdio},
};

use gantry_analytics::{
    record::{AuthMethod, GuardAction, Transport},
    stats::FailureReason,
};

use super::*;

fn stats() -> Stats {
    let mut insert_failures = FailureReason::ALL.map(|reason| (reason, 0));
    insert_failures[1].1 = 3;
    Stats {
        accepted_rows: 12,
        written_rows: 11,
        refused_rows: 1,
        dropped_rows: 0,
        delivered_rows: 9,
        dead_rows: 0,
        unsent_rows: 2,
        unsent_bytes: 600,
        oldest_unsent: Duration::from_millis(1_500),
        lost_rows: 0,
        wal_bytes: 4_096,
        wal_free_bytes: 1_000_000,
        inserts: 2,
        insert_time: Duration::from_millis(30),
        last_insert_time: Duration::from_millis(10),
        last_insert_rows: 4,
        insert_failures,
    }
}

const CALL: Operation<'_> = Operation {
    server: "orders",
    method: "tools/call",
    kind: Kind::Tool,
    tool: "get",
    outcome: Outcome::Ok,
    rpc_code: 0,
    endpoint: "10.0.0.1:8000",
    duration: Duration::from_millis(3),
    upstream: Some(Duration::from_millis(2)),
    request_bytes: 100,
    response_bytes: 2_000,
    endless: false,
};

/// The value of one series, written as it stands on the page.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find(|line| {
        line.rsplit_once(' ')
            .is_some_and(|(name, _)| name == series)
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[track_caller]
fn check(metrics: &Metrics, series: &str, expected: Option<f64>) {
    let page = metrics.render(&stats());
    assert_eq!(value(&page, series), expected, "{series}\n{page}");
}

fn requests(tool: &str, outcome: &str) -> String {
    format!(
        "mcp_gateway_requests_total{{gen_ai_tool_name=\"{tool}\",mcp_method_name=\"tools/call\",outcome=\"{outcome}\",server=\"orders\"}}"
    )
}

#[test]
fn a_stream_without_an_end_is_counted_and_not_timed() {
    let metrics = Metrics::new(&["orders"]);
    metrics.observe(&Operation {
        method: "subscriptions/listen",
        kind: Kind::Other,
        endless: true,
        ..CALL
    });
    let page = metrics.render(&stats());
    assert!(page.contains("mcp_method_name=\"subscriptions/listen\",outcome=\"ok\""));
    assert!(!page.contains("mcp_server_operation_duration_seconds_count{"));
    assert!(!page.contains("mcp_client_operation_duration_seconds_count{"));
}

#[test]
fn a_call_is_counted_timed_and_weighed() {
    let metrics = Metrics::new(&["orders"]);
    metrics.observe(&CALL);
    metrics.observe(&Operation {
        outcome: Outcome::ToolError,
        upstream: None,
        ..CALL
    });
    check(&metrics, &requests("get", "ok"), Some(1.0));
    check(&metrics, &requests("get", "tool_error"), Some(1.0));
    check(
        &metrics,
        "mcp_gateway_request_bytes_total{server=\"orders\"}",
        Some(200.0),
    );
    check(
        &metrics,
        "mcp_gateway_response_bytes_total{server=\"orders\"}",
        Some(4_000.0),
    );
    let duration = "mcp_server_operation_duration_seconds_bucket{error_type=\"\",mcp_method_name=\"tools/call\",server=\"orders\",le=";
    check(&metrics, &format!("{duration}\"0.0025\"}}"), Some(0.0));
    check(&metrics, &format!("{duration}\"0.005\"}}"), Some(1.0));
    let upstream = "mcp_client_operation_duration_seconds_count{endpoint=\"10.0.0.1:8000\",error_type=\"\",mcp_method_name=\"tools/call\",server=\"orders\"}";
    check(&metrics, upstream, Some(1.0));
    let failed = "mcp_server_operation_duration_seconds_count{error_type=\"tool_error\",mcp_method_name=\"tools/call\",server=\"orders\"}";
    check(&metrics, failed, Some(1.0));
}

#[test]
fn guards_rise_and_fall() {
    let metrics = Metrics::new(&["orders"]);
    let inflight = "mcp_gateway_inflight_requests{server=\"orders\"}";
    let streams = "mcp_gateway_open_streams{server=\"orders\"}";
    let one = metrics.in_flight("orders");
    let two = metrics.in_flight("orders");
    let stream = metrics.open_stream("orders");
    let connection = metrics.connection();
    check(&metrics, inflight, Some(2.0));
    check(&metrics, streams, Some(1.0));
    check(&metrics, "mcp_gateway_downstream_connections", Some(1.0));
    drop(connection);
    check(&metrics, "mcp_gateway_downstream_connections", Some(0.0));
    drop((one, two, stream));
    check(&metrics, inflight, Some(0.0));
    check(&metrics, streams, Some(0.0));
}

#[test]
fn a_tool_has_a_name_once_it_has_succeeded() {
    let metrics = Metrics::new(&["orders"]);
    let refused = Operation {
        outcome: Outcome::RpcError,
        rpc_code: -32602,
        ..CALL
    };
    metrics.observe(&refused);
    check(&metrics, &requests("__unknown__", "rpc_error"), Some(1.0));
    check(&metrics, &requests("get", "rpc_error"), None);
    metrics.observe(&CALL);
    metrics.observe(&refused);
    check(&metrics, &requests("get", "rpc_error"), Some(1.0));
    check(&metrics, &requests("__unknown__", "rpc_error"), Some(1.0));
}

#[test]
fn labels_are_bounded() {
    let metrics = Metrics::new(&["orders"]);
    for index in 0..210 {
        let [tool, endpoint] = [format!("tool-{index}"), format!("10.0.0.{index}:80")];
        metrics.observe(&Operation {
            tool: &tool,
            endpoint: &endpoint,
            ..CALL
        });
    }
    metrics.observe(&Operation {
        tool: &"x".repeat(129),
        ..CALL
    });
    check(&metrics, &requests("tool-199", "ok"), Some(1.0));
    check(&metrics, &requests("tool-200", "ok"), None);
    check(&metrics, &requests("__other__", "ok"), Some(11.0));
    let overflow = |family| format!("mcp_gateway_metrics_overflow_total{{family=\"{family}\"}}");
    check(
        &metrics,
        &overflow("mcp_gateway_requests_total"),
        Some(11.0),
    );
    // 210 endpoints in the loop and the one of the last call; 64 of them have a name.
    check(
        &metrics,
        &overflow("mcp_client_operation_duration_seconds"),
        Some(147.0),
    );
}

#[test]
fn what_clients_make_up_becomes_no_label() {
    let metrics = Metrics::new(&["orders"]);
    metrics.observe(&Operation {
        server: "made-up",
        method: "made/up",
        tool: "made up",
        outcome: Outcome::BadRequest,
        rpc_code: -12345,
        upstream: None,
        ..CALL
    });
    drop(metrics.in_flight("made-up"));
    let page = metrics.render(&stats());
    assert!(!page.contains("made") && !page.contains("12345"), "{page}");
    check(
        &metrics,
        "mcp_gateway_requests_total{gen_ai_tool_name=\"__unknown__\",mcp_method_name=\"__other__\",outcome=\"bad_request\",server=\"__unknown__\"}",
        Some(1.0),
    );
}

#[test]
fn the_trails_figures_are_those_of_the_moment() {
    let metrics = Metrics::new(&[]);
    for (series, expected) in [
        ("mcp_gateway_audit_records_total{stage=\"accepted\"}", 12.0),
        ("mcp_gateway_audit_records_total{stage=\"delivered\"}", 9.0),
        ("mcp_gateway_audit_records_total{stage=\"refused\"}", 1.0),
        ("mcp_gateway_audit_records_total{stage=\"dropped\"}", 0.0),
        ("mcp_gateway_audit_oldest_unsent_seconds", 1.5),
        ("mcp_gateway_audit_unsent_records", 2.0),
        ("mcp_gateway_audit_wal_bytes", 4_096.0),
        ("mcp_gateway_audit_insert_seconds_sum", 0.03),
        ("mcp_gateway_audit_insert_seconds_count", 2.0),
        ("mcp_gateway_audit_insert_rows_sum", 9.0),
        (
            "mcp_gateway_audit_insert_failures_total{reason=\"timeout\"}",
            3.0,
        ),
    ] {
        check(&metrics, series, Some(expected));
    }
}

const RECORD: Record<'_> = Record {
    ts_us: 0,
    tenant: "",
    team: "",
    agent: "",
    subject: 0,
    auth_method: AuthMethod::None,
    client_name: "",
    client_version: "",
    client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    method: "tools/call",
    server: "orders",
    server_version: "v2",
    endpoint: "",
    kind: Kind::Tool,
    tool: "get",
    resource_uri: "",
    args_hash: 0,
    protocol: "",
    transport: Transport::StreamableHttp,
    session_id: "",
    rpc_id: "",
    trace_id: [0; 16],
    span_id: [0; 8],
    outcome: Outcome::Ok,
    http_status: 200,
    rpc_code: 0,
    error: "",
    attempts: 1,
    flags: 0,
    duration_us: 0,
    upstream_us: 0,
    guard_us: 40,
    queue_us: 0,
    ttfb_us: 0,
    req_bytes: 100,
    resp_bytes: 200,
    tokens_in: 0,
    tokens_out: 0,
    cost: 0,
    price_book: "",
    policy: "team:support",
    guard_action: GuardAction::Mask,
    guard_rules: &[],
    pii_in: &[("email", 2)],
    pii_out: &[("iban", 1)],
    attrs: &[],
};

#[test]
fn decisions_and_findings_are_counted() {
    let metrics = Metrics::new(&["orders"]);
    metrics.govern(&Record {
        attrs: &[(DEGRADED, "in out"), ("tried", "a")],
        ..RECORD
    });
    metrics.govern(&Record {
        outcome: Outcome::Denied,
        guard_action: GuardAction::None,
        pii_in: &[],
        pii_out: &[],
        ..RECORD
    });
    let decision = |kind, action| {
        format!(
            "mcp_gateway_policy_decisions_total{{action=\"{action}\",kind=\"{kind}\",server=\"orders\"}}"
        )
    };
    for (series, expected) in [
        (decision("acl", "allow"), 1.0),
        (decision("acl", "deny"), 1.0),
        (decision("ratelimit", "allow"), 1.0),
        (decision("guardrail", "mask"), 1.0),
        (
            "mcp_gateway_pii_findings_total{action=\"mask\",direction=\"in\",kind=\"email\"}"
                .to_owned(),
            2.0,
        ),
        (
            "mcp_gateway_pii_findings_total{action=\"mask\",direction=\"out\",kind=\"iban\"}"
                .to_owned(),
            1.0,
        ),
        (
            "mcp_gateway_guardrail_degraded_total{direction=\"out\"}".to_owned(),
            1.0,
        ),
        (
            "mcp_gateway_guardrail_scanned_bytes_total".to_owned(),
            600.0,
        ),
    ] {
        check(&metrics, &series, Some(expected));
    }
    for index in 0..300 {
        let kind = format!("kind-{index}");
        metrics.govern(&Record {
            pii_in: &[(&kind, 1)],
            pii_out: &[],
            ..RECORD
        });
    }
    let other =
        "mcp_gateway_pii_findings_total{action=\"mask\",direction=\"in\",kind=\"__other__\"}";
    check(&metrics, other, Some(46.0));
}

#[test]
fn phases_of_our_own_are_timed() {
    let metrics = Metrics::new(&[]);
    metrics.phase("policy", Duration::from_micros(30));
    metrics.phase("upstream", Duration::from_secs(1));
    let bucket =
        |le| format!("mcp_gateway_overhead_seconds_bucket{{phase=\"policy\",le=\"{le}\"}}");
    check(&metrics, &bucket("0.000025"), Some(0.0));
    check(&metrics, &bucket("0.00005"), Some(1.0));
    check(
        &metrics,
        "mcp_gateway_overhead_seconds_count{phase=\"upstream\"}",
        None,
    );
}

#[test]
fn keys_are_as_old_as_their_issuer_says() {
    let metrics = Metrics::new(&["orders"]);
    let age = |seconds: u64| move || (seconds > 0).then(|| Duration::from_secs(seconds));
    let series = |issuer: &str| format!("mcp_gateway_jwks_age_seconds{{issuer=\"{issuer}\"}}");
    metrics.issuers(vec![
        ("https://a.example.com".to_owned(), Box::new(age(90))),
        ("odd \"\\".to_owned(), Box::new(age(5))),
        ("https://gone.example.com".to_owned(), Box::new(age(0))),
    ]);
    check(&metrics, &series("https://a.example.com"), Some(90.0));
    check(&metrics, &series("odd \\\"\\\\"), Some(5.0));
    check(&metrics, &series("https://gone.example.com"), None);
    metrics.issuers(Vec::new());
    check(&metrics, &series("https://a.example.com"), None);
}

#[test]
fn every_family_is_on_the_page() {
    let metrics = Metrics::new(&["orders"]);
    metrics.govern(&Record {
        outcome: Outcome::Unauthenticated,
        attrs: &[(DEGRADED, "in")],
        ..RECORD
    });
    for index in 0..=200 {
        metrics.observe(&Operation {
            tool: &index.to_string(),
            ..CALL
        });
    }
    metrics.unidentified("absent");
    let traffic = metrics.traffic();
    traffic.endpoint("orders", "v1", "10.0.0.1:80", true);
    traffic.ejected("orders", "v1", "10.0.0.1:80");
    traffic.circuit("orders", "v1", true);
    traffic.repeated("orders", "timeout");
    traffic.shed("orders", "queue_full");
    traffic.withdrawn("orders", "v2", true);
    traffic.mirrored("orders", "alike");
    traffic.left_out("orders", "timeout");
    traffic.untold("orders");
    metrics.limited("agent,tool", "calls");
    metrics.spent(&SPENT);
    let page = metrics.render(&stats());
    for family in Family::ALL {
        let help = format!(
            "# HELP {} {}\n# TYPE {} ",
            family.name(),
            family.help(),
            family.name()
        );
        assert_eq!(page.matches(&help).count(), 1, "{}", family.name());
    }
    assert!(page.contains("\nprocess_resident_memory_bytes "), "{page}");
    check(
        &metrics,
        "mcp_gateway_config_last_reload_success",
        Some(1.0),
    );
    metrics.reloaded(None);
    check(
        &metrics,
        "mcp_gateway_config_last_reload_success",
        Some(0.0),
    );
}

const SPENT: Spent<'_> = Spent {
    tenant: "",
    team: "support",
    server: "orders",
    tokens_in: 3,
    tokens_out: 5,
    cost: 250_000_000,
};

#[test]
fn what_is_spent_is_counted_for_a_bounded_number_of_teams() {
    let metrics = Metrics::new(&["orders"]);
    for number in 0..300 {
        for _ in 0..2 {
            let team = &format!("team-{number}");
            metrics.spent(&Spent { team, ..SPENT });
        }
    }
    metrics.spent(&Spent {
        tokens_in: 0,
        tokens_out: 0,
        cost: 0,
        team: "free",
        ..SPENT
    });
    let series = |family: &str, team: &str, more: &str| {
        format!("mcp_gateway_{family}_total{{{more}server=\"orders\",team=\"{team}\",tenant=\"\"}}")
    };
    let (into, out) = ("direction=\"in\",", "direction=\"out\",");
    check(&metrics, &series("tokens", "team-0", into), Some(6.0));
    check(&metrics, &series("tokens", "team-199", out), Some(10.0));
    check(&metrics, &series("cost", "team-199", ""), Some(0.5));
    check(&metrics, &series("tokens", "team-200", out), None);
    check(&metrics, &series("tokens", "free", out), None);
    let other = "mcp_gateway_cost_total{server=\"orders\",team=\"__other__\",tenant=\"__other__\"}";
    check(&metrics, other, Some(50.0));
    let overflow = "mcp_gateway_metrics_overflow_total{family=\"mcp_gateway_tokens_total\"}";
    check(&metrics, overflow, Some(200.0));
}

#[test]
fn figures_of_limits_only_rise() {
    let metrics = Metrics::new(&[]);
    metrics.limit_keys(7, 3);
    metrics.limit_keys(5, 2);
    metrics.limits_shared(true, 4, 1);
    metrics.limits_shared(false, 5, 1);
    for (series, expected) in [
        ("mcp_gateway_limit_keys", 5.0),
        ("mcp_gateway_limit_overflows_total", 3.0),
        ("mcp_gateway_limits_shared", 0.0),
        ("mcp_gateway_limits_redis_failures_total", 5.0),
        ("mcp_gateway_limits_settlements_lost_total", 1.0),
    ] {
        check(&metrics, series, Some(expected));
    }
}

/// Prometheus' own checker, where the development set-up has put it.
fn promtool() -> PathBuf {
    let cache = std::env::var_os("GANTRY_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/gantry"));
    let unpacked = cache
        .or_else(home)
        .map(|cache| cache.join("prometheus/usr/bin/promtool"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    installed
        .chain(unpacked)
        .find(|file| file.is_file())
        .expect("promtool is missing: `cargo xtask setup` brings it")
}

#[test]
fn prometheus_finds_no_fault_with_the_page() {
    let metrics = Metrics::new(&["orders"]);
    metrics.observe(&CALL);
    metrics.observe(&Operation {
        tool: "a \"quoted\"\\\nname",
        ..CALL
    });
    let mut check = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let page = metrics.render(&stats());
    check
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let said = check.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{text}\n{page}");
}
