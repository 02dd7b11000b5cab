//! `/usage` over HTTP: real calls, the real store, and what a browser would be told.

use std::time::{SystemTime, UNIX_EPOCH};

use gantry_dashboards::{Store as Source, question, source};
use gantry_loadtest::fixture;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, client},
    message::tool_call,
};

const CREDENTIAL: &str = "a-credential-for-tests";

/// A gateway with `/usage` in front of `url`; `audit` is its section.
fn open(url: &str, audit: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{url: '{url}'}}}}\nadmin: {{address: 'ADMIN', credential: {CREDENTIAL}}}\n{audit}"
    ))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// The last hour, with what is selected.
fn hour(selection: &Value) -> Value {
    json!({"from_ms": now_ms() - 3_600_000, "to_ms": now_ms() + 60_000, "selection": selection})
}

async fn post(gateway: &Gateway, path: &str, body: &str, password: Option<&str>) -> Response {
    let mut request = client().post(format!("http://{}/usage/api/{path}", gateway.admin));
    if let Some(password) = password {
        request = request.basic_auth("me", Some(password));
    }
    request.body(body.to_owned()).send().await.unwrap()
}

async fn ask(gateway: &Gateway, path: &str, wanted: &Value) -> Value {
    let answer = post(gateway, path, &wanted.to_string(), Some(CREDENTIAL)).await;
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{wanted}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The rows of the panel with this title.
async fn rows(gateway: &Gateway, dashboard: &str, title: &str, selection: &Value) -> Value {
    let dashboards = source::all();
    let one = dashboards.iter().find(|it| it.name == dashboard).unwrap();
    let panels = gantry_dashboards::grafana::json(one);
    let panel = panels["panels"].as_array().unwrap();
    let panel = panel.iter().find(|it| it["title"] == title).unwrap();
    let wanted = json!({"dashboard": dashboard, "panel": panel["id"], "question": hour(selection)});
    ask(gateway, "panel", &wanted).await["data"].take()
}

#[tokio::test]
async fn its_panels_have_the_figures_of_the_calls() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = open(&fixture.url(), &store.audit());
    let url = gateway.url("server");
    for (at, tool) in ["echo", "echo", "echo", "fail", "no_such_tool"]
        .iter()
        .enumerate()
    {
        let call = tool_call(&url, &json!(at), tool, json!({"text": "x"}));
        call.send().await.unwrap().text().await.unwrap();
    }
    store.rows("1", 5).await;

    let all = json!({});
    for (dashboard, title, expected) in [
        ("overview", "Calls", json!([[5]])),
        ("overview", "Failed calls", json!([[0]])),
        ("agents", "Active agents", json!([[1]])),
        ("agents", "Calls", json!([[5]])),
        ("security", "Denied", json!([[0]])),
    ] {
        let found = rows(&gateway, dashboard, title, &all).await;
        // ClickHouse writes 64-bit numbers as text.
        let number = |it: &Value| it.as_str().map_or(it.as_f64(), |text| text.parse().ok());
        assert_eq!(
            number(&found[0][0]),
            expected[0][0].as_f64(),
            "{dashboard} {title}: {found}"
        );
    }
    let calls = rows(&gateway, "audit", "Calls", &all).await;
    let tools = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row[6].as_str().unwrap(), row[7].as_str().unwrap()))
            .collect()
    };
    assert_eq!(
        tools(&calls),
        [
            "no_such_tool rpc_error",
            "fail tool_error",
            "echo ok",
            "echo ok",
            "echo ok"
        ]
    );

    let none = rows(&gateway, "audit", "Calls", &json!({"server": ["another"]})).await;
    assert_eq!(none, json!([]));
    let hostile = json!({"server": ["server') OR 1=1 --", "\\') OR 1=1 --"]});
    assert_eq!(rows(&gateway, "audit", "Calls", &hostile).await, json!([]));

    let wanted = json!({"dashboard": "overview", "variable": "server", "question": hour(&all)});
    assert_eq!(ask(&gateway, "values", &wanted).await, json!(["server"]));
}

#[tokio::test]
async fn every_panel_over_the_trail_is_answered() {
    let store = Store::start().await;
    let gateway = open("http://127.0.0.1:9/mcp", &store.audit());
    for dashboard in source::all() {
        if dashboard.store != Source::ClickHouse {
            continue;
        }
        for (id, panel) in dashboard.panels() {
            let asked: question::Question = serde_json::from_value(hour(&json!({}))).unwrap();
            for target in 0..question::statements(panel, &asked).unwrap().len() {
                let wanted = json!({"dashboard": dashboard.name, "panel": id, "target": target, "question": hour(&json!({}))});
                let answer = ask(&gateway, "panel", &wanted).await;
                assert!(answer["data"].is_array(), "{} {id}", dashboard.name);
            }
        }
    }
}

#[tokio::test]
async fn it_is_closed_to_everybody_else() {
    let gateway = open(
        "http://127.0.0.1:9/mcp",
        "audit: {gateway: test, spool: {dir: SPOOL}}",
    );
    let wanted = json!({"dashboard": "overview", "panel": 1, "question": hour(&json!({}))});
    for (password, status) in [
        (None, 401),
        (Some("guess"), 401),
        (Some(""), 401),
        // Right, and there is no store.
        (Some(CREDENTIAL), 409),
    ] {
        let answer = post(&gateway, "panel", &wanted.to_string(), password).await;
        assert_eq!(answer.status(), status, "{password:?}");
    }
    for path in ["/usage", "/usage/page.js", "/usage/api/dashboards"] {
        assert_eq!(gateway.admin(path).await.0, 401, "{path}");
    }
    let large = "x".repeat(65 << 10);
    let refused = post(&gateway, "panel", &large, Some(CREDENTIAL)).await;
    assert_eq!(refused.status(), 413);
    // What it shows of itself elsewhere does not hold the credential.
    for path in ["/config", "/metrics"] {
        assert!(!gateway.admin(path).await.1.contains(CREDENTIAL), "{path}");
    }
    assert!(!gateway.log().contains(CREDENTIAL));

    let page = client()
        .get(format!("http://{}/usage", gateway.admin))
        .basic_auth("me", Some(CREDENTIAL));
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["cache-control"], "no-store");
}

/// An answer of more rows than a page can use is refused, and says nothing of the store.
#[tokio::test]
async fn an_answer_has_a_size_that_it_may_not_exceed() {
    let store = Store::start().await;
    let gateway = open("http://127.0.0.1:9/mcp", &store.audit());
    store
        .select("INSERT INTO gantry.usage_1h (hour, agent, calls) SELECT toStartOfHour(now()), toString(number), 1 FROM numbers(20001)")
        .await;
    let wanted = json!({"dashboard": "agents", "variable": "agent", "question": hour(&json!({}))});
    let refused = post(&gateway, "values", &wanted.to_string(), Some(CREDENTIAL)).await;
    assert_eq!(refused.status(), 502);
    assert_eq!(refused.text().await.unwrap(), "the store has no answer\n");
}
