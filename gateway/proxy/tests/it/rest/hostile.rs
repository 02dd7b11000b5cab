//! Arguments that want to lead somewhere else than to the operation that they are for.

use serde_json::json;

use super::{before, call};
use crate::raw::Raw;

const SPEC: &str = r#"
openapi: 3.0.3
paths:
  /a/{one}/b/{two}:
    get:
      operationId: two
      parameters:
        - {name: one, in: path, required: true, schema: {type: string}}
        - {name: two, in: path, required: true, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
        - {name: x-note, in: header, schema: {type: string}}
        - {name: host, in: header, schema: {type: string}}
        - {name: transfer-encoding, in: header, schema: {type: string}}
        - {name: c, in: cookie, schema: {type: string}}
  /a/{one}.{two}:
    get:
      operationId: dotted
      parameters:
        - {name: one, in: path, required: true, schema: {type: string}}
        - {name: two, in: path, required: true, schema: {type: string}}
"#;

const VALUES: [&str; 34] = [
    "..",
    ".",
    "",
    "../x",
    "..\\x",
    "x/../../y",
    "%2e%2e",
    "%2e%2e%2f",
    "..%2f",
    "..%252f",
    "%252e%252e",
    "/",
    "//evil.example.com",
    "http://evil.example.com/",
    "a/b",
    "a\\b",
    "a%2fb",
    "a;b=c",
    "a?b=c",
    "a#b",
    "@evil.example.com",
    ":81",
    "a\r\nx-evil: 1",
    "a\nb",
    "a\tb",
    "a\u{0}b",
    "a b",
    "ä",
    "\u{202e}",
    "&q=2",
    "a=b; d=e",
    "\"",
    "${x}",
    "{one}",
];

#[tokio::test]
async fn no_argument_leads_anywhere_else() {
    let service = Raw::answering("application/json", b"{}").await;
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.yaml");
    std::fs::write(&spec, SPEC).unwrap();
    let base = service.url.replace("/mcp", "/base/v1");
    let gateway = before(
        &format!("spec: '{}', base_url: '{base}'", spec.display()),
        "",
    );
    let mut sent = 0;
    for value in VALUES {
        for arguments in [
            json!({"one": value, "two": "x"}),
            json!({"one": "x", "two": value}),
            json!({"one": "x", "two": "y", "q": value}),
            json!({"one": "x", "two": "y", "x-note": value}),
            json!({"one": "x", "two": "y", "c": value}),
            json!({"one": value, "two": value, "q": value}),
        ] {
            for tool in ["two", "dotted"] {
                let answer = call(&gateway, tool, arguments.clone()).await;
                // Refused for the model to read, or sent: nothing in between.
                assert!(
                    answer["result"]["isError"].is_boolean(),
                    "{tool} {arguments}: {answer}"
                );
                sent += usize::from(answer["result"]["isError"] == false);
            }
        }
    }
    let requests = service.requests();
    assert_eq!(requests.len(), sent);
    assert!(sent > 150, "only {sent} were sent");
    let host = base
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap();
    for request in requests {
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{text}");
        let mut lines = head.lines();
        let line = lines.next().unwrap();
        let target = line
            .strip_prefix("GET ")
            .unwrap()
            .strip_suffix(" HTTP/1.1")
            .unwrap();
        let path = target.split('?').next().unwrap();
        let rest = path
            .strip_prefix("/base/v1/a/")
            .unwrap_or_else(|| panic!("{line}"));
        let pieces: Vec<&str> = rest.split('/').collect();
        match pieces.as_slice() {
            [one, "b", two] => assert!(!one.is_empty() && !two.is_empty(), "{line}"),
            [both] => assert!(both.contains('.'), "{line}"),
            _ => panic!("{line}"),
        }
        // Also for a server that decodes before it routes, once or twice.
        let once = decoded(rest);
        for read in [rest.to_owned(), once.clone(), decoded(&once)] {
            let out = read
                .split(['/', '\\'])
                .any(|piece| piece == ".." || piece == ".");
            assert!(!out, "{line}");
        }
        assert!(
            target
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'#'),
            "{line}"
        );
        assert!(target.matches('?').count() <= 1, "{line}");
        let fields: Vec<String> = lines.map(|line| line.to_lowercase()).collect();
        let named = |name: &str| {
            fields
                .iter()
                .filter(|field| field.starts_with(&format!("{name}:")))
                .count()
        };
        assert_eq!(named("host"), 1, "{head}");
        assert!(fields.contains(&format!("host: {host}")), "{head}");
        for none in [
            "x-evil",
            "transfer-encoding",
            "x-gantry-inner-key",
            "authorization",
            "mcp-protocol-version",
            "traceparent",
        ] {
            assert_eq!(named(none), 0, "{head}");
        }
        assert!(named("cookie") <= 1 && named("x-note") <= 1, "{head}");
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The inner server answers nobody but the gateway, which tells nobody how.
#[tokio::test]
async fn the_inner_server_answers_nobody_else() {
    let service = Raw::answering("application/json", b"{}").await;
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.yaml");
    std::fs::write(&spec, SPEC).unwrap();
    let base = service.url.replace("/mcp", "");
    let mut gateway = before(
        &format!("spec: '{}', base_url: '{base}'", spec.display()),
        "",
    );
    let own = [gateway.address.port(), gateway.admin.port()];
    let inner: Vec<u16> = gateway
        .process()
        .listens()
        .into_iter()
        .filter(|port| !own.contains(port))
        .collect();
    let [inner] = inner.as_slice() else {
        panic!("{inner:?}");
    };
    for key in ["", "0", &"0".repeat(64)] {
        for path in ["/", "/server/0", "/server/1"] {
            let call = crate::message::tool_call(
                &format!("http://127.0.0.1:{inner}{path}"),
                &json!(1),
                "two",
                json!({"one": "x", "two": "y"}),
            );
            let answer = call.header("x-gantry-inner-key", key).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{path}");
        }
    }
    assert!(service.requests().is_empty());
    // What a client calls by that name goes nowhere, and the call is answered as any.
    let call = crate::message::tool_call(
        &gateway.url("server"),
        &json!(1),
        "two",
        json!({"one": "x", "two": "y"}),
    );
    let answer = call.header("x-gantry-inner-key", "0").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(service.requests().len(), 1);
}
