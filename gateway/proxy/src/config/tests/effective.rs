use super::*;

const ALL: &str = r#"
listen: {address: "[::1]:0", hosts: ["GW.example.com:8080"], origins: ["https://App.example.com:443"]}
servers:
  b: {url: "https://mcp.example.com/mcp?api_key=hunter2", protocol: http1, timeouts: {answer: 90s}}
  "no": {urls: ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]}
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
