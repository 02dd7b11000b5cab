//! The provisioning files: their queries run, and what they name is there.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use gantry_dashboards::{macros, question::Question, source};

use crate::{
    calls::{BEGIN_S, insert},
    metrics::program,
    store::RunningStore,
};

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("provisioning")
        .join(file);
    fs::read_to_string(path).unwrap()
}

/// The values of all lines `key: "…"`.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.trim().strip_prefix(key)?.strip_prefix(": ");
    text.lines()
        .filter_map(value)
        .map(|it| it.trim_matches('"'))
        .collect()
}

#[tokio::test]
async fn alerts_over_the_trail_find_what_is_wrong() {
    let store = RunningStore::start().await;
    store.execute("ALTER TABLE audit_log REMOVE TTL").await;
    store.execute(&insert()).await;
    let question = Question {
        from_ms: BEGIN_S * 1_000,
        to_ms: (BEGIN_S + 7_200) * 1_000,
        interval_ms: 0,
        selection: BTreeMap::new(),
    };
    let alerts = text("grafana/alerting/gantry.yaml");
    let mut found = Vec::new();
    for sql in values(&alerts, "rawSql") {
        let answer = store.ask(&macros::expand(sql, &question).unwrap()).await;
        found.push(answer["data"][0].to_string());
    }
    // One record is missing, and bot-a has made the same call ten times.
    assert_eq!(found, [r#"["gw-1",1]"#, r#"["bot-a","orders","get",10]"#]);
}

#[test]
fn alerts_lead_to_panels_that_are_there() {
    let alerts = text("grafana/alerting/gantry.yaml");
    let (dashboards, panels) = (
        values(&alerts, "__dashboardUid__"),
        values(&alerts, "__panelId__"),
    );
    let titles: Vec<_> = dashboards
        .iter()
        .zip(panels)
        .map(|(uid, panel)| {
            let all = source::all();
            let dashboard = all.iter().find(|it| it.uid() == *uid).unwrap();
            dashboard.panel(panel.parse().unwrap()).unwrap().title
        })
        .collect();
    assert_eq!(titles, ["Completeness", "Suspected loops"]);
    let sources = text("grafana/datasources/gantry.yaml");
    for uid in values(&alerts, "datasourceUid")
        .iter()
        .filter(|uid| **uid != "__expr__")
    {
        assert!(values(&sources, "uid").contains(uid), "{uid}");
    }
}

#[test]
fn prometheus_takes_its_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("provisioning/prometheus/prometheus.yml");
    let output = Command::new(program("promtool"))
        .args(["check", "config"])
        .arg(file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
