//! Who may do what: rules at work between real clients and real servers, and the ways around them
//! that there are not.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, client, endpoint, fixture},
    message::{answer_of, modern, post, tool_call},
    peer::{Client, Era, Server},
    raw::{Raw, Step},
};

/// A gateway in front of `server` with these access rules.
fn guarded(url: &str, access: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{url: '{url}'}}}}\naccess: {access}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}"
    ))
}

/// Status and JSON-RPC error of a refusal.
async fn refusal(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().get("www-authenticate").is_none());
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["error"].clone())
}

/// The names in the lists that a client reported, in the order of its steps.
fn names(reported: &[Value], list: &str, key: &str) -> Vec<String> {
    let steps = reported.iter().filter(|line| line["step"].is_object());
    let list = steps
        .filter_map(|line| line["result"][list].as_array())
        .next()
        .unwrap_or_else(|| panic!("no {list} in {reported:#?}"));
    list.iter()
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

/// The errors of two steps that must look the same but for the request's id.
fn errors(reported: &[Value], calls: [&str; 2]) -> [(Value, String); 2] {
    calls.map(|call| {
        let mut lines = reported.iter();
        let error = &lines.find(|line| line["step"]["call"] == call).unwrap()["error"];
        assert!(!error.is_null(), "{call} was not refused: {reported:#?}");
        let text = error.to_string();
        (
            error["code"].clone(),
            text.replace(|c: char| c.is_ascii_digit(), "#"),
        )
    })
}

#[tokio::test]
async fn clients_of_both_eras_see_what_they_may_call() {
    let process = Server::Fixture.start();
    let gateway = guarded(
        &format!("http://{}/mcp", process.address),
        "[{allow: [server/echo, 'server/prompt:*_with_arguments', 'server/resource:test://static-text', 'server/resource:test://template/*']}]",
    );
    for client in [Client::TypeScript, Client::Sdk] {
        for era in [Era::Modern, Era::Legacy] {
            let saw = client
                .hold_named(&gateway.url("server"), era, "access_fixture")
                .await;
            let context = format!("{client:?} {era:?}");
            assert_eq!(names(&saw, "tools", "name"), ["echo"], "{context}");
            assert_eq!(
                names(&saw, "prompts", "name"),
                ["test_prompt_with_arguments"],
                "{context}"
            );
            assert_eq!(
                names(&saw, "resources", "uri"),
                ["test://static-text"],
                "{context}"
            );
            assert_eq!(
                names(&saw, "resourceTemplates", "uriTemplate"),
                ["test://template/{id}/data"],
                "{context}"
            );
            let [hidden, unknown] = errors(&saw, ["sized", "no_such_tool"]);
            assert_eq!(hidden, unknown, "{context}");
        }
    }
}

#[tokio::test]
async fn a_legacy_server_shows_what_its_callers_may_call() {
    let process = Server::Everything.start();
    let gateway = guarded(
        &format!("http://{}/mcp", process.address),
        "[{allow: ['server/*', 'server/prompt:args-*']}, {id: only-echo, deny: ['server/get-*', 'server/trigger-*', 'server/toggle-*', 'server/gzip-*', 'server/simulate-*', server/no-such-tool]}]",
    );
    for client in [Client::TypeScript, Client::Sdk] {
        let saw = client
            .hold_named(&gateway.url("server"), Era::Legacy, "access_everything")
            .await;
        assert_eq!(names(&saw, "tools", "name"), ["echo"], "{client:?}");
        assert_eq!(
            names(&saw, "prompts", "name"),
            ["args-prompt"],
            "{client:?}"
        );
        assert!(names(&saw, "resources", "uri").is_empty(), "{client:?}");
        let [hidden, unknown] = errors(&saw, ["get-sum", "no-such-tool"]);
        assert_eq!(hidden, unknown, "{client:?}");
    }
}

#[tokio::test]
async fn there_is_no_way_around() {
    let server = Raw::answering(
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    )
    .await;
    let gateway = guarded(
        &server.url,
        "[{allow: [server/open, 'server/resource:file:///public/*']}]",
    );
    let url = gateway.url("server");
    let denied = |kind: &str| {
        (
            403,
            json!({"code": -32602, "message": format!("unknown {kind}, or not allowed")}),
        )
    };

    // By name, and the same for a name that nobody has.
    let hidden = refusal(tool_call(&url, &json!(1), "hidden", json!({}))).await;
    assert_eq!(hidden, denied("tool"));
    assert_eq!(
        refusal(tool_call(&url, &json!(1), "no_such_tool", json!({}))).await,
        hidden
    );
    // By a header that says something else than the message, either way round.
    for (header, name) in [("open", "hidden"), ("hidden", "open")] {
        let request = modern(&url, "tools/call", Some(header), json!({"name": name}));
        assert_eq!(refusal(request).await.1["code"], -32020);
    }
    // As a legacy message, which has no such headers.
    let legacy = |body: Value| post(&url).body(body.to_string());
    let call = |name: &str, more: Value| {
        let mut body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}});
        body["params"]["task"] = more;
        body
    };
    assert_eq!(
        refusal(legacy(call("hidden", Value::Null))).await,
        denied("tool")
    );
    // As a task of its own.
    assert_eq!(
        refusal(legacy(call("hidden", json!({"ttl": 1000})))).await,
        denied("tool")
    );
    // In a batch, behind something that is allowed.
    let batch = json!([call("open", Value::Null), call("hidden", Value::Null)]);
    assert_eq!(refusal(legacy(batch)).await.1["code"], -32600);
    // Twice in one message, under another key, as a notification.
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","name":"hidden"}}"#;
    assert_eq!(refusal(post(&url).body(twice)).await.1["code"], -32600);
    let folded = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","Name":"hidden"}}"#;
    assert_eq!(refusal(post(&url).body(folded)).await.1["code"], -32600);
    let silent = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "hidden"}});
    assert_eq!(refusal(legacy(silent)).await, denied("tool"));
    // A resource behind dots, and a subscription to it.
    let dots = "file:///public/..%2Fprivate";
    let read = modern(&url, "resources/read", Some(dots), json!({"uri": dots}));
    assert_eq!(refusal(read).await, denied("resource"));
    let listen = json!({"notifications": {"resourceSubscriptions": ["file:///public/a", dots]}});
    assert_eq!(
        refusal(modern(&url, "subscriptions/listen", None, listen)).await,
        denied("resource")
    );
    // What a completion would tell about it.
    let complete = json!({"ref": {"type": "ref/prompt", "name": "hidden"}, "argument": {"name": "a", "value": ""}});
    assert_eq!(
        refusal(modern(&url, "completion/complete", None, complete)).await,
        denied("prompt")
    );
    // A method that nobody knows.
    let unknown = (
        403,
        json!({"code": -32601, "message": "unknown method, or not allowed"}),
    );
    assert_eq!(
        refusal(modern(&url, "vendor/run", None, json!({"name": "open"}))).await,
        unknown
    );
    // Nothing of all that has reached the server.
    assert!(server.requests().is_empty());
    let open = tool_call(&url, &json!(1), "open", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!((open.status().as_u16(), server.requests().len()), (200, 1));
}

#[tokio::test]
async fn whoever_may_call_no_tool_has_no_tasks() {
    let server = Raw::answering(
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    )
    .await;
    let gateway = guarded(&server.url, "[{allow: ['server/prompt:*']}]");
    let url = gateway.url("server");
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let request = modern(&url, method, Some("t-1"), json!({"taskId": "t-1"}));
        assert_eq!(refusal(request).await.0, 403, "{method}");
    }
    let listen = json!({"notifications": {"taskIds": ["t-1"]}});
    assert_eq!(
        refusal(modern(&url, "subscriptions/listen", None, listen))
            .await
            .0,
        403
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn whoever_may_nothing_at_a_server_does_not_even_begin() {
    let server = Raw::answering("application/json", b"{}").await;
    let gateway = guarded(&server.url, "[{agent: somebody, allow: ['*']}]");
    let url = gateway.url("server");
    let denied = (403, json!({"code": -32600, "message": "not allowed"}));
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!(
        refusal(post(&url).body(initialize.to_string())).await,
        denied
    );
    assert_eq!(
        refusal(modern(&url, "server/discover", None, json!({}))).await,
        denied
    );
    let stream = client().get(&url).header("accept", "text/event-stream");
    assert_eq!(refusal(stream).await, denied);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_old_session_has_no_old_rights() {
    let server = fixture();
    let mut gateway = guarded(&endpoint(&server), "[{allow: ['*']}]");
    let url = gateway.url("server");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}});
    let opened = post(&url)
        .body(initialize.to_string())
        .send()
        .await
        .unwrap();
    let session = opened.headers()["mcp-session-id"].clone();
    opened.text().await.unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "a"}}});
    let request = || {
        post(&url)
            .header("mcp-session-id", &session)
            .body(call.to_string())
    };
    let answer = request().send().await.unwrap().text().await.unwrap();
    assert!(
        answer_of(&json!(1), &answer)["result"].is_object(),
        "{answer}"
    );

    let file = gateway.folder.path().join("gantry.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("[{allow: ['*']}]", "[{allow: ['server/sized']}]"),
    )
    .unwrap();
    gateway.restart();
    let (status, error) = refusal(request()).await;
    assert!(status == 403 || status == 404, "{status} {error}");
}

/// A list as a server with its own taste writes it, and what is left of it.
const LIST: &str = r#" {"result":{"ttlMs":1.0e3,"cacheScope" : "public","tools":[ {"name":"a","x":1E2} , {"name":"\u0068idden"} ,
  {"name":"b","inputSchema":{"$defs":{"name":"hidden"}}}],"nextCursor":""},"id":1,"jsonrpc":"2.0" }"#;
const SHOWN: &str = r#" {"result":{"ttlMs":1.0e3,"cacheScope" : "private","tools":[ {"name":"a","x":1E2} ,
  {"name":"b","inputSchema":{"$defs":{"name":"hidden"}}}],"nextCursor":""},"id":1,"jsonrpc":"2.0" }"#;

#[tokio::test]
async fn what_stays_in_a_list_stays_byte_for_byte() {
    let rules = "[{allow: ['server/*']}, {deny: [server/hidden]}]";
    let list = |url: &str| modern(url, "tools/list", None, json!({}));
    let server = Raw::answering("application/json", LIST.as_bytes()).await;
    let gateway = guarded(&server.url, rules);
    let answer = list(&gateway.url("server")).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(SHOWN.len() as u64));
    assert_eq!(answer.text().await.unwrap(), SHOWN);

    let one_line = |text: &str| text.replace("\n ", "");
    let event = |json: &str| {
        format!(
            ": hello\n\nid: 7\nevent: message\ndata: {}\n\n",
            one_line(json)
        )
    };
    let server = Raw::answering("text/event-stream", event(LIST).as_bytes()).await;
    let gateway = guarded(&server.url, rules);
    let answer = list(&gateway.url("server"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(answer, event(SHOWN));

    // Without rules nothing is touched.
    let gateway = Gateway::before(
        &Raw::answering("application/json", LIST.as_bytes())
            .await
            .url,
    );
    let _ = gateway;
    let server = Raw::answering("application/json", LIST.as_bytes()).await;
    let gateway = Gateway::before(&server.url);
    let answer = list(&gateway.url("server")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), LIST);
}

#[tokio::test]
async fn a_list_that_could_be_read_in_two_ways_is_not_shown() {
    let twice = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"hidden"}]}}"#;
    let server = Raw::answering("application/json", twice).await;
    let gateway = guarded(&server.url, "[{allow: ['server/open']}]");
    let (status, error) = refusal(modern(
        &gateway.url("server"),
        "tools/list",
        None,
        json!({}),
    ))
    .await;
    assert_eq!((status, &error["code"]), (502, &json!(-32603)));
}

/// A reader that guesses would find the list in a text; one that does not has lost nothing.
#[tokio::test]
async fn a_list_in_no_form_that_can_be_read_is_not_shown() {
    let answering = async |status: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            LIST.len()
        );
        let steps = vec![
            Step::Send([head.as_bytes(), LIST.as_bytes()].concat()),
            Step::Close,
        ];
        let server = Raw::start(steps).await;
        let gateway = guarded(&server.url, "[{allow: ['server/open']}]");
        let list = modern(&gateway.url("server"), "tools/list", None, json!({}));
        let answer = list.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = answering("200 OK").await;
    assert_eq!(status, 502);
    assert!(
        text.contains("-32603") && !text.contains("inputSchema"),
        "{text}"
    );
    assert_eq!(answering("404 Not Found").await, (404, String::new()));
}

/// A client's own stream: an answer that a legacy server finishes there, and news about resources.
#[tokio::test]
async fn a_stream_tells_nothing_about_what_is_hidden() {
    let event = |message: Value| format!("data: {message}\n\n");
    let updated = |uri: &str| {
        event(
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}),
        )
    };
    let list = |names: &[&str]| {
        let tools: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        event(json!({"jsonrpc": "2.0", "id": 3, "result": {"tools": tools}}))
    };
    let sent = [
        updated("file:///a"),
        updated("file:///secret"),
        list(&["open", "hidden"]),
        event(json!({"jsonrpc": "2.0", "method": "ping", "id": 9})),
    ];
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
    let server = Raw::start(vec![
        Step::Send(head),
        Step::Send(sent.concat().into_bytes()),
        Step::Close,
    ])
    .await;
    let gateway = guarded(
        &server.url,
        "[{allow: [server/open, 'server/resource:file:///a']}]",
    );
    let stream = client()
        .get(gateway.url("server"))
        .header("accept", "text/event-stream");
    let got = stream.send().await.unwrap().text().await.unwrap();
    assert_eq!(
        got,
        [updated("file:///a"), list(&["open"]), sent[3].clone()].concat()
    );
}

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
