//! The gateway as a client of an authorization server's endpoints (RFC 6749 section 2.3.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header;
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{
    fetcher::{Answer, FetchError, fetch},
    token,
};
use crate::config::Secret;

/// Who the gateway is at an authorization server.
#[derive(Debug, Clone)]
pub(super) struct ClientId {
    pub id: String,
    pub secret: Secret,
}

/// Posts a form as a client, and reads the JSON object that is answered.
///
/// # Errors
/// [`FetchError::OAuth`] with the error's code where the server refuses.
pub(super) async fn post(
    client: &Client,
    url: Url,
    who: &ClientId,
    form: &[(&str, impl AsRef<str>)],
) -> Result<Map<String, Value>, FetchError> {
    let answer = fetch(request(client, url, who, form)).await?;
    let object = token::object(&answer.body);
    if answer.status.is_success() {
        return object.ok_or(FetchError::Shape("a JSON object"));
    }
    Err(refused(&answer, object))
}

fn request(
    client: &Client,
    url: Url,
    who: &ClientId,
    form: &[(&str, impl AsRef<str>)],
) -> RequestBuilder {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(&who.id), encode(who.secret.expose()));
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    client
        .post(url)
        .header(
            header::AUTHORIZATION,
            format!("Basic {}", STANDARD.encode(pair)),
        )
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(body)
}

fn refused(answer: &Answer, object: Option<Map<String, Value>>) -> FetchError {
    let code = object
        .as_ref()
        .and_then(|object| object.get("error")?.as_str());
    let word = |code: &&str| {
        code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match code.filter(word) {
        Some(code) => FetchError::OAuth(code.to_owned()),
        None => FetchError::Status(answer.status.as_u16()),
    }
}
