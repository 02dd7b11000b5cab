//! Prometheus itself scrapes the gateway, and reads the alert rules.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, client},
    message::tool_call,
    process::{Process, free_address},
};

fn alerts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/alerts")
}

/// A program of Prometheus: on the `PATH`, or where the development set-up has put it.
fn prometheus(name: &str) -> PathBuf {
    let cache = std::env::var_os("GANTRY_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/gantry"));
    let unpacked = cache
        .or_else(home)
        .map(|cache| cache.join("prometheus/usr/bin").join(name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join(name));
    installed
        .chain(unpacked)
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: `cargo xtask setup` brings it"))
}

#[test]
fn every_rule_is_valid_and_fires_on_what_it_is_for() {
    for arguments in [
        ["check", "rules", "gantry.rules.yml"],
        ["test", "rules", "gantry.tests.yml"],
    ] {
        let output = Command::new(prometheus("promtool"))
            .args(arguments)
            .current_dir(alerts())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
    let [rules, tests] = ["gantry.rules.yml", "gantry.tests.yml"]
        .map(|file| std::fs::read_to_string(alerts().join(file)).unwrap());
    let names: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert_eq!(names.len(), 19);
    for name in names {
        assert!(
            tests.contains(&format!("alertname: {name}\n")),
            "{name} has no test"
        );
    }
}

#[tokio::test]
async fn prometheus_scrapes_the_gateway_and_evaluates_every_rule() {
    let store = Store::start().await;
    let fixture = gantry_loadtest::fixture::start(gantry_loadtest::fixture::Options::default())
        .await
        .unwrap();
    let gateway = Gateway::recording(&fixture.url(), &store);
    let call = tool_call(
        &gateway.url("server"),
        &json!(1),
        "echo",
        json!({"text": "x"}),
    );
    call.send().await.unwrap().text().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n  - {{job_name: gantry, static_configs: [{{targets: ['{}']}}]}}\n",
        alerts().join("gantry.rules.yml").display(),
        gateway.admin
    );
    std::fs::write(&config, text).unwrap();
    let address = free_address();
    let mut command = Command::new(prometheus("prometheus"));
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error");
    let _process = Process::accepting(&mut command, address);

    let get = async |path: String| -> Value {
        let response = client()
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .unwrap();
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
    };
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    let seen = "mcp_gateway_requests_total%7Bgen_ai_tool_name%3D%22echo%22%7D";
    loop {
        let found = get(format!("/api/v1/query?query={seen}")).await;
        if found["data"]["result"][0]["value"][1] == "1" {
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "{found}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Every rule has been evaluated, and none has failed.
    loop {
        let found = get("/api/v1/rules".to_owned()).await;
        let groups = found["data"]["groups"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let rules: Vec<&Value> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap())
            .collect();
        assert!(
            rules.iter().all(|rule| rule["health"] != "err"),
            "{rules:#?}"
        );
        if rules.len() == 26 && rules.iter().all(|rule| rule["health"] == "ok") {
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "{rules:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
