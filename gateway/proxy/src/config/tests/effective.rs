use super::*;

const ALL: &str = r#"
listen: {address: "[::1]:0", hosts: ["GW.example.com:8080"], origins: ["https://App.example.com:443"]}
servers:
  b: {url: "https://mcp.example.com/mcp?api_key=hunter2", protocol: http1, timeouts: {answer: 90s}, auth: {header: {value: "Bearer ${PASSWORD}"}}}
  "no": {urls: ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]}
  x: {url: "https://x/mcp?a=1", auth: {client_credentials: {token_url: "http://localhost:9400/token", client_id: gw, client_secret: "${PASSWORD}", scopes: [a, b]}}}
  p: {command: [a, "--b=c d"]}
  q: {versions: {v1: {command: {run: [a], per: caller, env: {B: "${PASSWORD}", A: ""}, processes_max: 1, memory_max: 32MiB, lifetime: 1h}}, v2: {url: "http://q/"}}}
  r: {openapi: {spec: "https://api/spec?key=1", base_url: "https://api/v1/", include: ["GET /*"], overrides: [{operation: a, hide: [b], fixed: {c: "007", d: "[1]"}, at: /x}, {operation: "tag:t", name: n, read_only: true}], limits: {output_bytes: 0}}}
  t: {url: "http://t/mcp", tools: {a: {name: b, group: g}, c: {hidden: true, description: "says \"c\""}}}
  z: {url: "https://z/mcp", audiences: ["api://z"], auth: {token_exchange: {token_url: "https://idp/token", client_id: gw, client_secret: "${PASSWORD}", audience: z}}}
federation: {prefix: none, separator: ., deadline: 1s, list_ttl: 1m}
bundles: {desk: {servers: [x], tools: ["b/orders_*", "b/prompt:a:b"], prefix: collision}, all: {servers: [b, x]}}
auth:
  resource: https://GW.example.com/base/
  issuers:
    - {issuer: "https://idp.example.com/", algorithms: [EdDSA, RS512], audiences: ["api://gw"]}
    - {issuer: "http://127.0.0.1:9400", jwks: "http://127.0.0.1:9400/jwks", introspection: {client_id: gw, client_secret: "${PASSWORD}"}}
  typ: compat
  required_scopes: [{scopes: [mcp]}, {server: b, scopes: [b]}, {tool: "*/delete_*", scopes: [w]}]
  api_keys: [{sha256: 5E884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8, agent: "nightly report", teams: [ops], claims: {tid: acme}}]
audit:
  gateway: ${NAME}
  clickhouse: {url: "http://db:8123", password: "${PASSWORD}", user: "null"}
  spool: {dir: "/var/$${odd dir"}
  capture: {tools: ["b/get_*", "x"], results: true, bytes_max: 1KiB}
requests: {body_bytes_max: 1025}
telemetry: {log: {level: debug, format: text}}
limits:
  - {id: a rule, per: [tool, agent], agent: "a*", team: t, server: b, tool: "b/prompt:*", calls: 1k/min, burst: 7}
  - {tokens: 5M/day, bytes: 10MiB/second, concurrent: 3, cost: 0.5 EUR/month}
prices:
  currency: EUR
  tenant_claim: tid
  books:
    "2026": {valid_from: "2026-01-01T06:00:00+06:00", prices: [{per_call: 0}, {tenant: t, server: b, per_1k_in: 0.10, per_mib: 2}]}
    first: {prices: [{tool: "b/resource:a:b", per_second: 1.5}]}
redis: {url: "rediss://cache:6380/2", user: u, password: "${PASSWORD}", fail: closed, timeout: 1s}
"#;

fn parse_all() -> Checked {
    let variables = [("NAME", "gw-7"), ("PASSWORD", "hunter2")];
    parse_there(ALL, FilePath::new("/nowhere"), &variables).unwrap()
}

#[test]
fn the_effective_configuration_is_filled_in_and_masked() {
    let page = effective(&parse_all());
    assert!(!page.contains("hunter2"), "{page}");
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("effective", page);
    });
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let page = effective(&parse_all());
    let again = parse_here(&page).unwrap();
    assert_eq!(effective(&again), page);
    assert_eq!(again.audit.spool.dir, FilePath::new("/var/${odd dir"));
}

#[test]
fn a_checked_configuration_never_prints_its_secrets() {
    let printed = format!("{:?} {:#?}", parse_all().audit, parse_all().audit);
    assert!(!printed.contains("hunter2"), "{printed}");
}
