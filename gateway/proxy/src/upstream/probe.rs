//! Asking an endpoint whether it is there, in the language that it speaks.
//!
//! A probe is `server/discover`; a server of an earlier revision, which does not know it, is asked to
//! `initialize`, and the session is ended at once. Probes have connections of their own: they find
//! out whether one can be made.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pingora_core::{connectors::http::Connector, protocols::http::client::HttpSession};
use pingora_http::RequestHeader;
use tokio::time::{interval, timeout};

use super::{
    endpoint::Endpoint,
    head,
    pool::{Pool, Went},
};
use crate::{
    config::{Check, Health},
    local::KEY,
    routing::SESSION_ID,
};

/// How much of an answer is looked at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What every answer of an MCP server holds.
const MARK: &[u8] = b"\"jsonrpc\"";

const DISCOVER: &str = concat!(
    r#"{"jsonrpc":"2.0","id":"gantry-check","method":"server/discover","params":{"_meta":{"#,
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"gantry","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}}"#
);

const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":"gantry-check","method":"initialize","params":{"#,
    r#""protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"gantry","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);

/// Endpoints that answered `initialize` last are not asked to discover.
const LEGACY: u8 = 1;

/// Why an endpoint is taken for unhealthy.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("no connection can be made, or it broke: {0}")]
    Broken(String),
    #[error("no answer in time")]
    Timeout,
    #[error("it answers with status {0}")]
    Status(StatusCode),
    #[error("what it answers is not MCP")]
    NotMcp,
}

impl From<pingora_core::BError> for Unhealthy {
    fn from(error: pingora_core::BError) -> Self {
        Self::Broken(error.etype().as_str().to_owned())
    }
}

/// The answer to a probe, as far as it is looked at.
struct Answer {
    status: StatusCode,
    session: Option<HeaderValue>,
    is_mcp: bool,
}

/// Asks endpoints.
pub(super) struct Prober {
    connector: Connector,
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            connector: Connector::new(None),
        }
    }
}

impl Prober {
    /// Asks every endpoint of a pool again and again, for as long as it is polled.
    pub(super) async fn keep_checking(&self, pool: &Pool) {
        let mut ticks = interval(pool.health.every);
        loop {
            ticks.tick().await;
            let endpoints = pool.endpoints();
            join_all(endpoints.iter().map(|endpoint| self.check(pool, endpoint))).await;
        }
    }

    async fn check(&self, pool: &Pool, endpoint: &Endpoint) {
        let rules = &pool.health;
        let probe = timeout(rules.timeout, self.probe(rules, endpoint));
        let found = probe.await.unwrap_or(Err(Unhealthy::Timeout));
        let place = endpoint.state.place();
        let (server, version) = (&*place.server, &*place.version);
        let label = &*endpoint.label;
        match found {
            Ok(()) => {
                if endpoint.state.checked(true, rules) {
                    // Whatever its calls did before, it has come back.
                    pool.report(endpoint, Went::Well, Instant::now());
                    tracing::info!(server, version, endpoint = label, "an endpoint is healthy");
                }
            }
            Err(why) => {
                if endpoint.state.checked(false, rules) {
                    tracing::warn!(server, version, endpoint = label, %why, "an endpoint is unhealthy");
                }
            }
        }
    }

    async fn probe(&self, rules: &Health, endpoint: &Endpoint) -> Result<(), Unhealthy> {
        if let Check::Http(path) = &rules.check {
            let answer = self
                .ask(endpoint, Method::GET, Some(path), HeaderMap::new(), "")
                .await?;
            return match answer.status {
                status if status.as_u16() < 400 => Ok(()),
                status => Err(Unhealthy::Status(status)),
            };
        }
        if endpoint.state.dialect.load(Relaxed) != LEGACY {
            let answer = self
                .post(
                    endpoint,
                    DISCOVER,
                    &[
                        ("mcp-protocol-version", "2026-07-28"),
                        ("mcp-method", "server/discover"),
                    ],
                )
                .await?;
            match judge(&answer) {
                Err(Unhealthy::Status(status)) if !status.is_server_error() => {}
                judged => return judged,
            }
        }
        let answer = self.post(endpoint, INITIALIZE, &[]).await?;
        let judged = judge(&answer);
        let dialect = if judged.is_ok() { LEGACY } else { 0 };
        endpoint.state.dialect.store(dialect, Relaxed);
        if let Some(session) = answer.session {
            let headers = HeaderMap::from_iter([(SESSION_ID, session)]);
            // A session that cannot be ended ends by itself.
            let _ = self.ask(endpoint, Method::DELETE, None, headers, "").await;
        }
        judged
    }

    async fn post(
        &self,
        endpoint: &Endpoint,
        body: &'static str,
        fields: &[(&'static str, &'static str)],
    ) -> Result<Answer, Unhealthy> {
        let always = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let headers = always.iter().chain(fields).map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        self.ask(endpoint, Method::POST, None, headers.collect(), body)
            .await
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: Option<&str>,
        headers: HeaderMap,
        body: &'static str,
    ) -> Result<Answer, Unhealthy> {
        let (mut session, _) = self.connector.get_http_session(&endpoint.peer).await?;
        let (host, own_path) = head::address_parts(&endpoint.url);
        let path = path.unwrap_or(own_path);
        let posts = method == Method::POST;
        let mut request = RequestHeader::build_no_case(method, path.as_bytes(), None)?;
        request.insert_header(header::HOST, host)?;
        for (name, value) in &headers {
            request.append_header(name, value)?;
        }
        if let Some(key) = &endpoint.key {
            request.insert_header(KEY, key.clone())?;
        }
        if posts {
            request.insert_header(header::CONTENT_LENGTH, body.len())?;
        }
        request.set_send_end_stream(!posts);
        session.write_request_header(Box::new(request)).await?;
        if posts {
            session
                .write_request_body(Bytes::from_static(body.as_bytes()), true)
                .await?;
        }
        session.finish_request_body().await?;
        read(session).await
    }
}

/// Reads an answer until it is plain what it is.
async fn read(mut session: HttpSession<()>) -> Result<Answer, Unhealthy> {
    session.read_response_header().await?;
    let Some(head) = session.response_header() else {
        return Err(Unhealthy::NotMcp);
    };
    let (status, id) = (head.status, head.headers.get(&SESSION_ID).cloned());
    let mut seen = Vec::new();
    let mut is_mcp = false;
    while !is_mcp && seen.len() < ANSWER_BYTES_MAX {
        let Some(bytes) = session.read_response_body().await? else {
            break;
        };
        seen.extend_from_slice(&bytes);
        is_mcp = seen.windows(MARK.len()).any(|window| window == MARK);
    }
    session.shutdown().await;
    Ok(Answer {
        status,
        session: id,
        is_mcp,
    })
}

fn judge(answer: &Answer) -> Result<(), Unhealthy> {
    match answer.status {
        status if status.is_success() && answer.is_mcp => Ok(()),
        status if status.is_success() => Err(Unhealthy::NotMcp),
        // It is there, and answers only those whom it knows.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Ok(()),
        status => Err(Unhealthy::Status(status)),
    }
}
