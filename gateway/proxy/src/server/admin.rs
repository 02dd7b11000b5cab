//! The admin listener: what `admin` answers, over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, Response, header};
use pingora_core::{apps::http_app::ServeHttp, protocols::http::ServerSession};

use crate::admin;

/// The admin listener.
pub(super) struct Admin {
    pub state: Arc<admin::State>,
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        let answer = admin::answer(&head.method, head.uri.path(), &self.state);
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
