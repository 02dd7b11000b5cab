use super::*;

const ALL: &str = r#"
listen: {address: "[::1]:0", hosts: ["GW.example.com:8080"], origins: ["https://App.example.com:443"]}
servers:
  b: {url: "https://mcp.example.com/mcp?api_key=hunter2", protocol: http1, timeouts: {answer: 90s}, auth: {header: {value: "Bearer ${PASSWORD}"}}}
  "no": {urls: ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]}
  x: {url: "https://x/mcp?a=1", auth: {client_credentials: {token_url: "http://localhost:9400/token", client_id: gw, client_secret: "${PASSWORD}", scopes: [a, b]}}}
  z: {url: "https://z/mcp", audiences: ["api://z"], auth: {token_exchange: {token_url: "https://idp/token", client_id: gw, client_secret: "${PASSWORD}", audience: z}}}
auth:
  resource: https://GW.example.com/base/
  issuers:
    - {issuer: "https://idp.example.com/", algorithms: [EdDSA, RS512], audiences: ["api://gw"]}
    - {issuer: "http://127.0.0.1:9400", jwks: "http://127.0.0.1:9400/jwks", introspection: {client_id: gw, client_secret: "${PASSWORD}"}}
  typ: compat
  required_scopes: [{scopes: [mcp]}, {server: b, scopes: [b]}, {tool: "*/delete_*", scopes: [w]}]
  api_keys: [{sha256: 5E884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8, agent: "nightly report", teams: [ops]}]
audit:
  gateway: ${NAME}
  clickhouse: {url: "http://db:8123", password: "${PASSWORD}", user: "null"}
  spool: {dir: "/var/$${odd dir"}
requests: {body_bytes_max: 1025}
telemetry: {log: {level: debug, format: text}}
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
