//! The rules of Grafana's dashboard linter, read from the JSON as Grafana would read it.

use std::collections::BTreeSet;

use gantry_dashboards::{Store, grafana, source};
use serde_json::Value;

/// What Grafana's npm libraries can draw without its server.
const DRAWABLE: [&str; 4] = ["timeseries", "stat", "bargauge", "table"];

fn dashboards() -> Vec<(Store, Value)> {
    source::all()
        .iter()
        .map(|dashboard| (dashboard.store, grafana::json(dashboard)))
        .collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap()
}

#[test]
fn dashboards_are_shared_and_found() {
    let mut uids = BTreeSet::new();
    for (_, dashboard) in dashboards() {
        let title = &dashboard["title"];
        assert!(uids.insert(dashboard["uid"].to_string()), "{title}: uid");
        assert_eq!(dashboard["editable"], false, "{title}: uneditable");
        assert_eq!(dashboard["graphTooltip"], 1, "{title}: shared crosshair");
        assert_eq!(dashboard["refresh"], "30s", "{title}");
        assert!(!dashboard["description"].as_str().unwrap().is_empty());
        assert!(list(&dashboard, "/tags").contains(&"gantry".into()));
        assert!(
            dashboard.get("id").is_none(),
            "{title}: an id belongs to one server"
        );
    }
}

#[test]
fn variables_reload_with_the_range_and_offer_all() {
    for (store, dashboard) in dashboards() {
        let variables = list(&dashboard, "/templating/list");
        assert_eq!(
            variables[0]["type"], "datasource",
            "template-datasource-rule"
        );
        let queries = variables.iter().filter(|it| it["type"] == "query");
        for variable in queries {
            assert_eq!(
                variable["refresh"], 2,
                "template-on-time-change-reload-rule"
            );
            assert_eq!(
                (&variable["multi"], &variable["includeAll"]),
                (&true.into(), &true.into())
            );
            assert!(
                !variable["label"].as_str().unwrap().is_empty(),
                "template-label"
            );
            let uid = &variable["datasource"]["uid"];
            assert!(
                uid.as_str().unwrap().starts_with("${"),
                "no source by its id"
            );
        }
        let names: Vec<_> = variables
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        let order = match store {
            Store::ClickHouse => vec!["datasource", "tenant", "team", "agent", "server"],
            Store::Prometheus => vec!["prometheus", "gateway", "server"],
        };
        let known: Vec<_> = order.iter().filter(|name| names.contains(name)).collect();
        assert!(
            names.iter().zip(known).all(|(name, known)| name == known),
            "{names:?}"
        );
    }
}

#[test]
fn panels_have_a_title_a_question_a_unit_and_a_source() {
    for (_, dashboard) in dashboards() {
        let mut titles = BTreeSet::new();
        for panel in list(&dashboard, "/panels") {
            let title = panel["title"].as_str().unwrap();
            assert!(
                !title.is_empty() && titles.insert(title),
                "panel-title: {title}"
            );
            assert!(
                panel["description"].as_str().unwrap().contains(['?', '.']),
                "panel-description: {title}"
            );
            assert!(
                DRAWABLE.contains(&panel["type"].as_str().unwrap()),
                "{title}"
            );
            assert!(
                panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "panel-units: {title}"
            );
            let source = &panel["datasource"]["uid"];
            assert!(
                ["${datasource}", "${prometheus}"].contains(&source.as_str().unwrap()),
                "panel-datasource: {title}"
            );
            let targets = list(panel, "/targets");
            assert!(!targets.is_empty(), "panel-no-targets: {title}");
            assert!(
                targets.iter().all(|it| it["datasource"]["uid"] == *source),
                "{title}"
            );
        }
    }
}

#[test]
fn panels_fill_the_width_and_do_not_overlap() {
    for (_, dashboard) in dashboards() {
        let mut cells = BTreeSet::new();
        let mut height = 0;
        for panel in list(&dashboard, "/panels") {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            height = height.max(side("y") + side("h"));
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(x < 24 && cells.insert((x, y)), "{}", panel["title"]);
                }
            }
        }
        assert_eq!(cells.len() as u64, 24 * height, "{}", dashboard["title"]);
    }
}

#[test]
fn counters_are_read_as_rates_over_a_fitting_window() {
    for (store, dashboard) in dashboards() {
        for panel in list(&dashboard, "/panels") {
            for target in list(panel, "/targets") {
                let Some(expr) = target["expr"].as_str() else {
                    assert_eq!(store, Store::ClickHouse);
                    continue;
                };
                let is_counter = expr.contains("_total{")
                    || expr.contains("_bucket{")
                    || expr.contains("_count{");
                assert!(
                    !is_counter || expr.contains("rate(") || expr.contains("increase("),
                    "target-counter-agg: {expr}"
                );
                assert!(
                    !expr.contains("rate(") || expr.contains("$__rate_interval"),
                    "target-rate-interval: {expr}"
                );
                assert!(expr.contains("$gateway"), "target-instance: {expr}");
            }
        }
    }
}

#[test]
fn links_lead_to_dashboards_and_variables_that_are_there() {
    let all = source::all();
    let mut followed = 0;
    for (_, dashboard) in dashboards() {
        for panel in list(&dashboard, "/panels") {
            for change in list(panel, "/fieldConfig/overrides") {
                let properties = list(change, "/properties").iter();
                for link in properties
                    .filter(|it| it["id"] == "links")
                    .flat_map(|it| list(it, "/value"))
                {
                    let url = link["url"].as_str().unwrap();
                    let Some(rest) = url.strip_prefix("/d/gantry-") else {
                        assert!(url.starts_with("${trace_url:raw}"));
                        continue;
                    };
                    let target = all
                        .iter()
                        .find(|it| rest.starts_with(&format!("{}?", it.name)))
                        .unwrap();
                    let variable = rest
                        .split("&var-")
                        .nth(1)
                        .unwrap()
                        .split('=')
                        .next()
                        .unwrap();
                    assert!(target.variable(variable).is_some(), "{url}");
                    followed += 1;
                }
            }
        }
    }
    assert!(
        followed > 20,
        "agents, servers and sessions lead on: {followed}"
    );
}
