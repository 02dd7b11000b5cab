//! The admin listener: what `admin` answers, over HTTP.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, StatusCode, header};
use pingora_core::{apps::http_app::ServeHttp, protocols::http::ServerSession};

use super::{hooks::Snapshot, reload::Reloader};
use crate::admin::{self, Answer};

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
        let head = session.req_header();
        let acted = match head.method {
            Method::POST => self.act(head.uri.path()).await,
            _ => None,
        };
        let answer =
            acted.unwrap_or_else(|| admin::answer(&head.method, head.uri.path(), &self.state));
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(answer.content_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
