use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::config;

const CREDENTIAL: &str = "a-credential-for-tests";

fn config(credential: &str) -> Checked {
    let text = format!(
        "admin: {{address: '127.0.0.1:9090'{credential}}}\nservers: {{orders: {{url: http://127.0.0.1:8000/mcp}}}}\n"
    );
    config::parse(&text, "gantry.yaml").unwrap()
}

fn open() -> Checked {
    config(&format!(", credential: {CREDENTIAL}"))
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

async fn get(config: &Checked, path: &str, authorization: Option<&str>) -> Answer {
    request(config, Method::GET, path, authorization, b"").await
}

async fn request(
    config: &Checked,
    method: Method,
    path: &str,
    authorization: Option<&str>,
    body: &[u8],
) -> Answer {
    let asked = Asked {
        method: &method,
        path,
        authorization: authorization.map(str::as_bytes),
        body,
    };
    answer(&asked, config, &Semaphore::new(ASKING_MAX)).await
}

#[tokio::test]
async fn without_a_credential_it_is_closed() {
    let signed = basic("me:");
    for authorization in [None, Some(signed.as_str())] {
        let refused = get(&config(""), "/usage", authorization).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn only_the_credential_opens_it() {
    let open = open();
    let right = basic(&format!("anybody:{CREDENTIAL}"));
    for path in ["/usage", "/usage/page.js", "/usage/api/dashboards"] {
        assert_eq!(get(&open, path, Some(&right)).await.status, 200, "{path}");
        for wrong in [
            None,
            Some(basic("me:guess")),
            Some(basic(CREDENTIAL)),
            Some(basic("me:")),
            Some(format!("Bearer {CREDENTIAL}")),
            Some("Basic !".to_owned()),
            Some("Ba".to_owned()),
        ] {
            let refused = get(&open, path, wrong.as_deref()).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path} {wrong:?}");
            assert!(
                refused
                    .headers
                    .iter()
                    .any(|(name, _)| *name == "www-authenticate")
            );
        }
    }
}

#[tokio::test]
async fn the_page_loads_from_here_only() {
    let right = basic(&format!("me:{CREDENTIAL}"));
    let page = get(&open(), "/usage", Some(&right)).await;
    let policy = page
        .headers
        .iter()
        .find(|(name, _)| *name == "content-security-policy");
    assert!(
        policy
            .unwrap()
            .1
            .starts_with("default-src 'none'; script-src 'self';")
    );
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("://") && !text.contains("onclick") && !text.contains("<style"));
}

#[tokio::test]
async fn questions_are_checked_before_the_store_is_asked() {
    let open = open();
    let right = basic(&format!("me:{CREDENTIAL}"));
    for (question, status) in [
        ("", 400),
        ("{}", 400),
        (
            r#"{"dashboard":"nosuch","panel":1,"question":{"from_ms":0,"to_ms":1000}}"#,
            404,
        ),
        (
            r#"{"dashboard":"health","panel":1,"question":{"from_ms":0,"to_ms":1000}}"#,
            404,
        ),
        (
            r#"{"dashboard":"overview","panel":99,"question":{"from_ms":0,"to_ms":1000}}"#,
            404,
        ),
        (
            r#"{"dashboard":"overview","panel":1,"target":9,"question":{"from_ms":0,"to_ms":1000}}"#,
            404,
        ),
        (
            r#"{"dashboard":"overview","panel":1,"question":{"from_ms":5,"to_ms":1}}"#,
            400,
        ),
        // No SQL is taken, nor anything else that is not asked for.
        (
            r#"{"dashboard":"overview","panel":1,"sql":"SELECT 1","question":{"from_ms":0,"to_ms":1000}}"#,
            400,
        ),
        (
            r#"{"dashboard":"overview","panel":1,"question":{"from_ms":0,"to_ms":1000,"sql":"SELECT 1"}}"#,
            400,
        ),
        // All is well but the store.
        (
            r#"{"dashboard":"overview","panel":1,"question":{"from_ms":0,"to_ms":1000}}"#,
            409,
        ),
    ] {
        let path = "/usage/api/panel";
        let answer = request(&open, Method::POST, path, Some(&right), question.as_bytes()).await;
        assert_eq!(answer.status, status, "{question}");
    }
    let refused = request(&open, Method::GET, "/usage/api/panel", Some(&right), b"").await;
    assert_eq!(refused.status, 404);
    let refused = request(&open, Method::POST, "/usage", Some(&right), b"").await;
    assert_eq!(refused.status, 405);
}
