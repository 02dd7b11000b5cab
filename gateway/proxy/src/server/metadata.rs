//! Protected resource metadata (RFC 9728): public documents that any page may read.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use pingora_core::{Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;

use super::{connection, inbound, origin::Door};
use crate::pipeline::Gateway;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANY: HeaderValue = HeaderValue::from_static("*");
const VERBS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const AGE: HeaderValue = HeaderValue::from_static("max-age=300");

/// The document that a request asks for. Only the host must be right: nothing in it is secret.
pub(super) fn find<'a>(
    session: &ServerSession,
    gateway: &'a Gateway,
    door: &Door,
) -> Option<&'a Bytes> {
    let head = session.req_header();
    let document = gateway.identity.metadata(head.uri.path())?;
    let served = door.admit_host(inbound::host(head)).is_ok();
    served.then_some(document)
}

/// Answers with it.
pub(super) async fn write(session: &mut ServerSession, document: &Bytes) -> Result<()> {
    let method = &session.req_header().method;
    let (status, body) = match *method {
        Method::GET => (200, document.clone()),
        Method::HEAD => (200, Bytes::new()),
        Method::OPTIONS => (204, Bytes::new()),
        _ => (405, Bytes::new()),
    };
    let mut head = ResponseHeader::build_no_case(status, None)?;
    head.insert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY)?;
    match status {
        200 => {
            head.insert_header(header::CONTENT_TYPE, JSON)?;
            head.insert_header(header::CONTENT_LENGTH, document.len())?;
            head.insert_header(header::CACHE_CONTROL, AGE)?;
        }
        204 => {
            head.insert_header(header::ACCESS_CONTROL_ALLOW_METHODS, VERBS)?;
            head.insert_header(header::ACCESS_CONTROL_ALLOW_HEADERS, ANY)?;
        }
        _ => {
            head.insert_header(header::ALLOW, VERBS)?;
            head.insert_header(header::CONTENT_LENGTH, 0)?;
            session.set_keepalive(None);
        }
    }
    connection::write_head(session, head).await?;
    session.write_response_body(body, true).await
}
