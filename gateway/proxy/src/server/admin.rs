//! The admin listener: what `admin` answers, over HTTP.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, StatusCode, header};
use pingora_core::{apps::http_app::ServeHttp, protocols::http::ServerSession};

use super::{hooks::Snapshot, reload::Reloader};
use crate::admin::{self, Answer, usage};

/// The admin listener.
pub(super) struct Admin {
    pub state: Arc<admin::State>,
    pub reloader: Arc<Reloader>,
    pub snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Admin {
    /// What changes something: only a POST does.
    async fn act(&self, path: &str) -> Option<Answer> {
        match path {
            "/reload" => Some(match self.reloader.reload("POST /reload").await {
                Ok(()) => Answer::text(StatusCode::OK, "the configuration is in effect\n"),
                Err(error) => {
                    let why = format!("nothing has changed\n{error}\n");
                    Answer::text(StatusCode::UNPROCESSABLE_ENTITY, why)
                }
            }),
            "/canary/reset" => Some(self.reset_canaries()),
            _ => None,
        }
    }

    fn reset_canaries(&self) -> Answer {
        let gateway = &self.snapshot.load().gateway;
        let mut page = String::new();
        for (server, version) in gateway.routes.reinstate(Instant::now()) {
            gateway
                .metrics
                .traffic()
                .withdrawn(&server, &version, false);
            tracing::warn!(
                server = &*server,
                version = &*version,
                "a withdrawn version has its weight again"
            );
            page.push_str(&format!("{server}/{version} has its weight again\n"));
        }
        Answer::text(StatusCode::OK, page)
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let answer = self.answer(session).await;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(answer.content_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in answer.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        response
    }
}

impl Admin {
    async fn answer(&self, session: &mut ServerSession) -> Answer {
        let head = session.req_header();
        let (method, path) = (head.method.clone(), head.uri.path().to_owned());
        if path != "/usage" && !path.starts_with("/usage/") {
            let acted = match method {
                Method::POST => self.act(&path).await,
                _ => None,
            };
            return acted.unwrap_or_else(|| admin::answer(&method, &path, &self.state));
        }
        let authorization = head.headers.get(header::AUTHORIZATION).cloned();
        let Some(body) = body(session).await else {
            return Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "too much\n");
        };
        let asked = usage::Asked {
            method: &method,
            path: &path,
            authorization: authorization.as_ref().map(HeaderValue::as_bytes),
            body: &body,
        };
        self.state.usage(&asked).await
    }
}

/// The body of a question, unless it is too large or breaks off.
async fn body(session: &mut ServerSession) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = session.read_request_body().await.ok()? {
        if body.len() + piece.len() > usage::QUESTION_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}
