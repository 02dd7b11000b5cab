//! Decisions on record, tried again and explained.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store},
    message::tool_call,
    raw::Raw,
};

#[tokio::test]
async fn the_record_names_the_rule_and_new_rules_are_tried_against_it() {
    let store = Store::start().await;
    let server = Raw::answering(
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    )
    .await;
    let before = |access: &str| {
        format!(
            "servers: {{server: {{url: '{}'}}}}\naccess: {access}\n{}",
            server.url,
            store.audit()
        )
    };
    let gateway = Gateway::start(&before(
        "[{id: everything, allow: ['*']}, {id: no-deletes, deny: ['*/*_delete']}]",
    ));
    let url = gateway.url("server");
    for tool in ["get", "get", "pay", "orders_delete"] {
        tool_call(&url, &json!(1), tool, json!({"amount": 5}))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
    }
    let rows = store.rows("1", 4).await;
    let decided: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["tool"].as_str().unwrap(),
                row["policy"].as_str().unwrap(),
                row["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(decided[3], ("orders_delete", "no-deletes", "denied"));
    assert_eq!(decided[0], ("get", "everything", "ok"));

    let folder = tempfile::tempdir().unwrap();
    let [new, used] = ["new.yaml", "used.yaml"].map(|name| folder.path().join(name));
    let spool =
        |text: String| text.replace("SPOOL", &folder.path().join("spool").display().to_string());
    std::fs::write(&used, spool(before("[]"))).unwrap();
    std::fs::write(&new, spool(before("[{id: cheap, allow: [server/pay], when: arguments.amount <= 9}, {id: deletes, allow: [server/orders_delete]}]"))).unwrap();
    let gantry = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        command
            .args(["check", "-c"])
            .arg(&new)
            .arg("--dry-run")
            .arg(&used)
            .args(more);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let lines: Vec<Value> = gantry(&["--json", "--since", "1h"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let change = |tool: &str| lines.iter().find(|line| line["tool"] == tool).unwrap();
    let get = change("get");
    assert_eq!(
        (&get["was"], &get["would_be"], &get["rule"], &get["calls"]),
        (
            &json!("allowed"),
            &json!("denied"),
            &json!("default"),
            &json!(2)
        )
    );
    let deletes = change("orders_delete");
    assert_eq!(
        (&deletes["was"], &deletes["would_be"], &deletes["rule"]),
        (&json!("denied"), &json!("allowed"), &json!("deletes"))
    );
    let pay = change("pay");
    assert_eq!(
        (&pay["would_be"], &pay["rule"], &pay["otherwise"]),
        (&json!("undecided"), &json!("cheap"), &json!("default"))
    );
    assert_eq!(
        lines.last().unwrap(),
        &json!({"calls": 4, "changed": 3, "undecided": 1})
    );
    let page = gantry(&[]);
    assert!(
        page.contains("WOULD BE")
            && page.contains("denied (no-deletes)")
            && page.contains("4 calls looked at: 3"),
        "{page}"
    );
}

#[test]
fn a_decision_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gantry.yaml");
    let rules = "servers: {orders: {url: http://127.0.0.1:1/mcp}}\naccess:\n- {id: support, team: support, allow: ['orders/orders_*'], when: arguments.limit <= 10}\n- {claims: {tier: bronze}, deny: ['orders/*']}\n";
    std::fs::write(&file, rules).unwrap();
    let explain = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        command
            .args(["explain", "--agent", "bot", "-c"])
            .arg(&file)
            .args(more);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = explain(&[
        "--team",
        "support",
        "--tool",
        "orders/orders_get",
        "--arguments",
        r#"{"limit":5}"#,
    ]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("allowed by rule support (line 3)") && text.contains("which holds"),
        "{text}"
    );
    let (code, text) = explain(&[
        "--team",
        "support",
        "--claim",
        "tier=bronze",
        "--tool",
        "orders/orders_get",
        "--json",
    ]);
    assert_eq!(code, Some(1));
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&said["access"]["decision"], &said["access"]["rule"]),
        (&json!("denied"), &json!("access[1]"))
    );
    assert_eq!(said["access"]["considered"][1]["denies"], "orders/*");
    let (code, text) = explain(&["--tool", "orders/orders_get"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("no rule allows it"), "{text}");
    assert_eq!(explain(&["--tool", "orders"]).0, Some(2));
}

#[test]
fn a_decision_at_a_bundle_is_explained_by_what_is_behind_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gantry.yaml");
    let text = "servers:\n  \
          orders: {url: http://127.0.0.1:1/mcp, tools: {orders_get_v2: {name: find}, orders_drop: {hidden: true}}}\n  \
          crm: {url: http://127.0.0.1:1/mcp}\n\
        bundles:\n  desk: {servers: [crm], tools: [orders/orders_*]}\n  flat: {servers: [crm, orders], prefix: none}\n\
        access: [{id: support, allow: [orders/orders_get_v2, 'crm/resource:*']}]\n\
        limits: [{id: gets, tool: orders/orders_get_v2, calls: 5/min}]\n";
    std::fs::write(&file, text).unwrap();
    let explain = |tool: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        command.args(["explain", "--agent", "bot", "--tool", tool, "-c"]);
        let output = command.arg(&file).args(more).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = explain("desk/orders__find", &[]);
    assert_eq!(code, Some(0), "{said}");
    let expected =
        "desk/orders__find is\nbot: orders/orders_get_v2\naccess: allowed by rule support (line 7)";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("limit gets: calls 5/min"), "{said}");
    let (code, said) = explain("desk/resource:gantry://crm/file:///a", &["--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said["calls"][0]["tool"], "crm/resource:file:///a");
    assert_eq!(said["calls"][0]["access"]["decision"], "allowed");
    // Without prefixes it can be either's.
    let (code, said) = explain("flat/find", &[]);
    assert_eq!(code, Some(0), "{said}");
    let denied = "bot: crm/find\naccess: denied";
    assert!(
        said.contains(denied) && said.contains("bot: orders/orders_get_v2\naccess: allowed"),
        "{said}"
    );
    assert_eq!(explain("desk/crm__find", &[]).0, Some(1));
    for nothing in [
        "desk/find",
        "desk/orders__orders_get_v2",
        "desk/orders__orders_drop",
        "desk/orders__list",
        "nobody/x",
    ] {
        assert_eq!(explain(nothing, &[]).0, Some(2), "{nothing}");
    }
}
