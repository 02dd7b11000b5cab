//! Tools that clients see under other names than their servers give them.

use serde_json::json;

use super::{answered, called, everybody, listed, modern};
use crate::gateway::{Gateway, fixture};

#[tokio::test]
async fn tools_are_renamed_described_and_hidden_wherever_they_are_seen() {
    let process = fixture();
    let gateway = Gateway::start(&format!(
        "servers:\n  \
           one:\n    url: 'http://{0}/mcp'\n    tools:\n      \
             echo: {{name: repeat, description: 'Says it \"again\".'}}\n      \
             slow: {{hidden: true}}\n      \
             test_simple_text: {{group: text}}\n  \
           other: {{url: 'http://{0}/mcp'}}\n\
         access: [{{allow: ['*'], deny: [one/test_simple_text]}}]\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        process.address
    ));
    let (_, own) = listed(&gateway.url("other"), "tools/list").await;
    for (url, prefix) in [(gateway.url("one"), ""), (everybody(&gateway), "one__")] {
        let (_, seen) = listed(&url, "tools/list").await;
        let names = called(&seen["tools"], "name");
        for (name, is_there) in [
            ("repeat", true),
            ("echo", false),
            ("slow", false),
            ("text_test_simple_text", false),
            ("sized", true),
        ] {
            let name = format!("{prefix}{name}");
            assert_eq!(names.contains(&name), is_there, "{name} in {names:?}");
        }
        let find = |list: &serde_json::Value, name: &str| {
            let mut tools = list["tools"].as_array().unwrap().iter();
            tools.find(|tool| tool["name"] == name).unwrap().clone()
        };
        let mut expected = find(&own, "echo");
        expected["name"] = json!(format!("{prefix}repeat"));
        expected["description"] = json!("Says it \"again\".");
        assert_eq!(find(&seen, &format!("{prefix}repeat")), expected);
        let call = |name: &str| {
            let name = format!("{prefix}{name}");
            let params = json!({"name": name, "arguments": {"text": "x", "ms": 1}});
            modern(&url, "tools/call", Some(&name), params)
        };
        let (_, answer) = answered(call("repeat")).await;
        assert_eq!(answer["content"][0]["text"], "x");
        // By its own name it is not there, nor is what is hidden, nor what rules deny by its own name.
        for name in ["echo", "slow", "text_test_simple_text"] {
            let refused = call(name).send().await.unwrap();
            assert_eq!(refused.status(), 403, "{prefix}{name}");
        }
    }
    // The record knows the server's own name.
    gateway
        .logs("\"server\":\"one\",\"method\":\"tools/call\",\"tool\":\"echo\"")
        .await;
    gateway.logs("\"server\":\"one\",\"method\":\"tools/call\",\"tool\":\"test_simple_text\",\"outcome\":\"denied\"").await;
    assert!(!gateway.log().contains("repeat"), "{}", gateway.log());
}
