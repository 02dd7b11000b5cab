//! Several real servers behind one endpoint.

mod bundles;
mod clients;
mod discovery;
mod lists;
mod lost;
mod names;
mod sessions;
mod streams;
mod tasks;
mod trouble;
mod views;

use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    message::{modern, post},
    process::Process,
};

/// The endpoint of all servers.
fn everybody(gateway: &Gateway) -> String {
    format!("http://{}/mcp", gateway.address)
}

/// A gateway in front of these processes; `rest` is the configuration beside `servers` and `audit`.
fn before(servers: &[(&str, &Process)], rest: &str) -> Gateway {
    configured(servers, "audit: {gateway: test, spool: {dir: SPOOL}}", rest)
}

fn configured(servers: &[(&str, &Process)], audit: &str, rest: &str) -> Gateway {
    let servers: Vec<String> = servers
        .iter()
        .map(|(name, process)| format!("  {name}: {{url: 'http://{}/mcp'}}", process.address))
        .collect();
    Gateway::start(&format!(
        "servers:\n{}\n{rest}\n{audit}",
        servers.join("\n")
    ))
}

/// A list as a modern client gets it: its headers and its result.
async fn listed(url: &str, method: &str) -> (reqwest::header::HeaderMap, Value) {
    answered(modern(url, method, None, json!({}))).await
}

async fn answered(request: reqwest::RequestBuilder) -> (reqwest::header::HeaderMap, Value) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    let text = answer.text().await.unwrap();
    let message = crate::message::answer_of(&json!(1), &text);
    assert!(message["result"].is_object(), "{message}");
    (headers, message["result"].clone())
}

/// What the elements of a list are called.
fn called(list: &Value, key: &str) -> Vec<String> {
    let elements = list.as_array().unwrap().iter();
    elements
        .map(|element| element[key].as_str().unwrap().to_owned())
        .collect()
}

/// A session of an earlier revision.
struct Session {
    url: String,
    id: String,
}

impl Session {
    async fn open(url: &str) -> Self {
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "it", "version": "1"}}});
        let opened = post(url).body(initialize.to_string()).send().await.unwrap();
        assert_eq!(opened.status(), 200);
        let id = opened.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let welcome = opened.text().await.unwrap();
        assert!(welcome.contains("2025-11-25"), "{welcome}");
        let session = Self {
            url: url.to_owned(),
            id,
        };
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let answer = session.message(&ready).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        session
    }

    fn with(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", "2025-11-25")
    }

    fn message(&self, body: &Value) -> reqwest::RequestBuilder {
        self.with(post(&self.url)).body(body.to_string())
    }

    /// The whole answer to a request.
    async fn request(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.message(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        crate::message::answer_of(&json!(1), &text)
    }
}
