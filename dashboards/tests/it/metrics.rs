//! The dashboard over the metrics against a real Prometheus that has scraped known figures.

use std::{
    collections::BTreeMap,
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gantry_dashboards::{Dashboard, Kind, Store, Target, promql, question::Question, source};
use serde_json::Value;
use tempfile::TempDir;

/// What two gateways say. Every family of the dashboard is there.
const PAGE: &str = r#"
mcp_gateway_build_info{version="0.1.0"} 1
mcp_gateway_requests_total{server="orders",mcp_method_name="tools/call",gen_ai_tool_name="get",outcome="ok"} 40
mcp_gateway_requests_total{server="crm",mcp_method_name="tools/call",gen_ai_tool_name="find",outcome="ok"} 2
mcp_gateway_inflight_requests{server="orders"} 3
mcp_gateway_inflight_requests{server="crm"} 1
mcp_gateway_open_streams{server="orders"} 2
mcp_server_operation_duration_seconds_bucket{server="orders",le="0.1"} 30
mcp_server_operation_duration_seconds_bucket{server="orders",le="+Inf"} 40
mcp_client_operation_duration_seconds_bucket{server="orders",endpoint="a",le="0.1"} 30
mcp_client_operation_duration_seconds_bucket{server="orders",endpoint="a",le="+Inf"} 40
mcp_gateway_audit_records_total{stage="accepted"} 42
mcp_gateway_audit_records_total{stage="dropped"} 0
mcp_gateway_audit_records_total{stage="dead_letter"} 0
mcp_gateway_audit_insert_failures_total{reason="network"} 1
mcp_gateway_overhead_seconds_bucket{phase="auth",le="0.001"} 30
mcp_gateway_overhead_seconds_bucket{phase="auth",le="+Inf"} 40
mcp_gateway_overhead_seconds_sum{phase="auth"} 0.04
mcp_gateway_overhead_seconds_count{phase="auth"} 40
mcp_gateway_endpoint_up{server="orders",server_version="v1",endpoint="a"} 1
mcp_gateway_endpoint_up{server="orders",server_version="v1",endpoint="b"} 0
mcp_gateway_endpoint_up{server="crm",server_version="",endpoint="c"} 1
mcp_gateway_endpoint_ejections_total{server="orders",server_version="v1",endpoint="b"} 1
mcp_gateway_endpoint_ejections_total{server="crm",server_version="",endpoint="c"} 0
mcp_gateway_retries_total{server="orders",reason="connect"} 1
mcp_gateway_retries_total{server="crm",reason="connect"} 1
mcp_gateway_auth_failures_total{reason="expired"} 1
mcp_gateway_rate_limited_total{scope="agent",unit="requests"} 1
mcp_gateway_shed_total{server="orders",reason="queue"} 1
mcp_gateway_audit_oldest_unsent_seconds 7
mcp_gateway_audit_unsent_records 5
mcp_gateway_audit_wal_bytes 1000
mcp_gateway_audit_wal_free_bytes 9000
mcp_gateway_audit_insert_seconds_sum 1.5
mcp_gateway_audit_insert_seconds_count 3
mcp_gateway_downstream_connections 6
mcp_gateway_jwks_age_seconds{issuer="https://idp.example.com"} 90
mcp_gateway_audit_payloads_total{stage="delivered"} 9
mcp_gateway_audit_payloads_total{stage="dropped"} 0
mcp_gateway_config_last_reload_success 1
mcp_gateway_metrics_overflow_total{family="x"} 0
process_cpu_seconds_total 12
process_resident_memory_bytes 50000000
process_open_fds 33
"#;

fn health() -> Dashboard {
    source::all()
        .into_iter()
        .find(|it| it.store == Store::Prometheus)
        .unwrap()
}

/// All queries: titles and expressions.
fn queries(dashboard: &Dashboard) -> Vec<(&str, &str)> {
    let panels = dashboard.panels().map(|(_, panel)| panel);
    panels
        .flat_map(|panel| panel.targets.iter().map(|target| (panel.title, target)))
        .map(|(title, target)| match target {
            Target::PromQl { expr, .. } => (title, expr.as_str()),
            Target::Sql(_) => panic!("{title} asks the trail"),
        })
        .collect()
}

#[test]
fn every_metric_named_is_one_of_the_gateways() {
    let families = include_str!("../../../gateway/proxy/src/telemetry/family.rs");
    let dashboard = health();
    for (title, expr) in queries(&dashboard) {
        let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| word.starts_with("mcp_")) {
            let whole = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            let is_known = |name: &str| families.contains(&format!("\"{name}\""));
            assert!(is_known(whole) || is_known(name), "{title}: {name}");
        }
    }
    for variable in &dashboard.variables {
        if let Kind::Labels { metric, .. } = variable.kind {
            assert!(families.contains(&format!("\"{metric}\"")), "{metric}");
        }
    }
}

#[test]
fn every_panel_is_answered_by_prometheus() {
    let prometheus = Prometheus::start();
    let dashboard = health();
    for (selection, expected) in [
        (
            &[][..],
            [
                ("Gateways", 2.0),
                ("Endpoints down", 2.0),
                ("Endpoints up", 0.5),
                ("In flight", 8.0),
                ("Oldest undelivered record", 7.0),
                ("Configuration", 1.0),
                ("Connections of callers", 6.0),
                ("Age of issuers' keys", 90.0),
                ("Payloads dropped", 0.0),
            ],
        ),
        (
            &[("server", &["crm"][..])][..],
            [
                ("Gateways", 2.0),
                ("Endpoints down", 0.0),
                ("Endpoints up", 1.0),
                ("In flight", 2.0),
                ("Oldest undelivered record", 7.0),
                ("Configuration", 1.0),
                ("Connections of callers", 6.0),
                ("Age of issuers' keys", 90.0),
                ("Payloads dropped", 0.0),
            ],
        ),
        (
            &[("server", &["crm", "orders"][..])][..],
            [
                ("Gateways", 2.0),
                ("Endpoints down", 2.0),
                ("Endpoints up", 0.5),
                ("In flight", 8.0),
                ("Oldest undelivered record", 7.0),
                ("Configuration", 1.0),
                ("Connections of callers", 6.0),
                ("Age of issuers' keys", 90.0),
                ("Payloads dropped", 0.0),
            ],
        ),
    ] {
        let question = question(selection);
        let mut found = BTreeMap::new();
        for (title, expr) in queries(&dashboard) {
            let expr = promql::expand(expr, &question, 1).unwrap();
            let answer = prometheus.ask(&expr);
            assert_eq!(answer["status"], "success", "{title}: {expr}: {answer}");
            let result = answer["data"]["result"].as_array().unwrap();
            let of_orders = expr.contains("open_streams") || expr.contains("operation_duration");
            assert!(
                !result.is_empty() || of_orders,
                "{title}: nothing for {expr}"
            );
            let figure = result
                .first()
                .and_then(|it| it["value"][1].as_str())
                .and_then(|it| it.parse::<f64>().ok());
            found.entry(title).or_insert(figure);
        }
        for (title, figure) in expected {
            assert_eq!(found[title], Some(figure), "{title} for {selection:?}");
        }
    }
}

fn question(selection: &[(&str, &[&str])]) -> Question {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let owned = |values: &&[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Question {
        from_ms: now - 60_000,
        to_ms: now,
        interval_ms: 1_000,
        selection: selection
            .iter()
            .map(|(name, values)| ((*name).to_owned(), owned(values)))
            .collect(),
    }
}

/// A Prometheus that has scraped both gateways often enough for rates.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let (one, other) = (gateway(), gateway());
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - {{job_name: gantry, static_configs: [{{targets: ['{one}', '{other}']}}]}}\n"
        );
        std::fs::write(&config, text).unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let process = Command::new(program("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            process,
            address,
            _folder: folder,
        };
        prometheus.until_scraped();
        prometheus
    }

    fn until_scraped(&self) {
        let scraped = "count(count_over_time(process_open_fds[1m]) >= 3) == 2";
        for _ in 0..600 {
            let answer = self.try_ask(scraped);
            if answer.is_some_and(|it| {
                it["data"]["result"]
                    .as_array()
                    .is_some_and(|it| !it.is_empty())
            }) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("Prometheus has not scraped");
    }

    fn ask(&self, expr: &str) -> Value {
        self.try_ask(expr).unwrap()
    }

    fn try_ask(&self, expr: &str) -> Option<Value> {
        let query: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut stream = std::net::TcpStream::connect(self.address).ok()?;
        let head = format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the page for ever.
fn gateway() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            let head = "HTTP/1.0 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n\r\n";
            let _ = write!(stream, "{head}{}", PAGE.trim_start());
        }
    });
    address
}

/// A program of Prometheus': on the path, else where `cargo xtask setup` puts it.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        let cache = env::var_os("GANTRY_CACHE").map_or_else(
            || Path::new(&env::var_os("HOME").unwrap()).join(".cache/gantry"),
            Into::into,
        );
        cache.join("prometheus/usr/bin").join(name)
    })
}
