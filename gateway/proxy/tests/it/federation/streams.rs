//! One stream for what several servers have to say.

use serde_json::{Value, json};

use super::{Session, answered, before, everybody, modern};
use crate::{gateway::fixture, peer::Server};

/// A stream as it comes.
pub(super) struct News {
    answer: reqwest::Response,
    pub(super) seen: String,
}

impl News {
    pub(super) async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            seen: String::new(),
        }
    }

    /// Reads on until the stream has said this.
    pub(super) async fn until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            self.more().await;
        }
    }

    /// Reads on until the stream has said this so often.
    async fn until_again(&mut self, text: &str, times: usize) {
        while self.seen.matches(text).count() < times {
            self.more().await;
        }
    }

    pub(super) async fn more(&mut self) {
        let piece = self.answer.chunk().await.unwrap();
        let piece = piece.unwrap_or_else(|| panic!("the stream ended: {}", self.seen));
        self.seen.push_str(std::str::from_utf8(&piece).unwrap());
    }

    /// The messages so far.
    fn messages(&self) -> Vec<Value> {
        let events = self
            .seen
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        events
            .map(|json| serde_json::from_str(json).unwrap())
            .collect()
    }
}

/// Listens with this filter, and has been told so.
pub(super) async fn listen(url: &str, filter: Value) -> News {
    let params = json!({ "notifications": filter });
    let mut news = News::of(modern(url, "subscriptions/listen", None, params)).await;
    news.until("notifications/subscriptions/acknowledged").await;
    news
}

async fn announce(url: &str, server: &str, what: &str, arguments: Value) {
    let name = format!("{server}__{what}");
    let params = json!({"name": name, "arguments": arguments});
    answered(modern(url, "tools/call", Some(&name), params)).await;
}

#[tokio::test]
async fn one_subscription_hears_all_servers_under_the_clients_own_names() {
    let (one, other) = (fixture(), fixture());
    let gateway = before(&[("one", &one), ("other", &other)], "");
    let url = everybody(&gateway);
    let watched = "test://watched-resource";
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": [
        format!("gantry://one/{watched}"), format!("gantry://other/{watched}-2"), "nobody://x"]});
    let mut news = listen(&url, filter).await;
    let first = &news.messages()[0];
    let agreed = &first["params"]["notifications"];
    assert_eq!(agreed["toolsListChanged"], true);
    assert_eq!(agreed.get("promptsListChanged"), None);
    let agreed = agreed["resourceSubscriptions"].to_string();
    assert!(
        agreed.contains(&format!("gantry://one/{watched}\"")),
        "{agreed}"
    );
    assert!(!agreed.contains("nobody"), "{agreed}");
    announce(
        &url,
        "one",
        "test_trigger_resource_update",
        json!({ "uri": watched }),
    )
    .await;
    // The acknowledgement has named it, too.
    news.until_again(&format!("gantry://one/{watched}\""), 2)
        .await;
    announce(&url, "other", "test_trigger_tool_change", json!({})).await;
    // What the one hears is not what the other has been asked for.
    announce(
        &url,
        "other",
        "test_trigger_resource_update",
        json!({ "uri": watched }),
    )
    .await;
    announce(&url, "other", "test_trigger_prompt_change", json!({})).await;
    let uri = format!("{watched}-2");
    announce(
        &url,
        "other",
        "test_trigger_resource_update",
        json!({ "uri": uri }),
    )
    .await;
    news.until_again(&format!("gantry://other/{uri}"), 2).await;
    let messages = news.messages();
    let methods: Vec<&str> = messages
        .iter()
        .map(|one| one["method"].as_str().unwrap())
        .collect();
    assert_eq!(
        methods,
        [
            "notifications/subscriptions/acknowledged",
            "notifications/resources/updated",
            "notifications/tools/list_changed",
            "notifications/resources/updated",
        ]
    );
    for message in &messages {
        let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*id, json!(1), "{message}");
    }
}

#[tokio::test]
async fn a_sessions_stream_hears_all_servers() {
    let (one, other) = (fixture(), Server::FastMcp.start());
    let gateway = before(&[("one", &one), ("other", &one), ("fast", &other)], "");
    let url = everybody(&gateway);
    let session = Session::open(&url).await;
    let get = crate::gateway::client()
        .get(&url)
        .header("accept", "text/event-stream");
    let mut news = News::of(session.with(get)).await;
    for server in ["one", "other"] {
        gateway
            .logs(&format!(
                "\"server\":\"{server}\",\"method\":\"notifications/initialized\""
            ))
            .await;
    }
    // The servers' streams are open once what they say arrives.
    for server in ["one", "other"] {
        let uri = format!("gantry://{server}/test://watched-resource");
        while !news.seen.contains(&uri) {
            let name = format!("{server}__test_trigger_resource_update");
            let arguments = json!({"uri": "test://watched-resource"});
            session
                .request("tools/call", json!({"name": name, "arguments": arguments}))
                .await;
            let heard = news.until(&uri);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(300), heard).await;
        }
    }
    assert!(!news.seen.contains("\nid:"), "{}", news.seen);
}

#[tokio::test]
async fn a_stream_that_broke_off_goes_on_at_its_server() {
    let (one, other) = (fixture(), fixture());
    let gateway = before(&[("one", &one), ("other", &other)], "");
    let url = everybody(&gateway);
    let session = Session::open(&url).await;
    for server in ["one", "other"] {
        let call = json!({"jsonrpc": "2.0", "id": server, "method": "tools/call",
            "params": {"name": format!("{server}__test_reconnection"), "arguments": {}}});
        let begun = session
            .message(&call)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let id = begun
            .lines()
            .find_map(|line| line.strip_prefix("id: "))
            .unwrap();
        assert!(id.starts_with(&format!("{server}/")), "{begun}");
        let get = crate::gateway::client()
            .get(&url)
            .header("accept", "text/event-stream");
        let mut rest = News::of(session.with(get).header("last-event-id", id)).await;
        rest.until("Reconnection test completed").await;
        assert!(
            rest.seen.contains(&format!("id: {server}/")),
            "{}",
            rest.seen
        );
    }
}
