//! Reading one request: its path, its door, its size, its time.

use bytes::{Bytes, BytesMut};
use gantry_mcp::frame::{self, Bounds};
use http::{HeaderMap, HeaderName, Method, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_timeout::fast_timeout::fast_timeout;

use super::{
    intake::{Full, Memory, Reserved},
    origin::Door,
};
use crate::{
    auth::{Caller, PeerCertificate},
    config::Requests,
    pipeline::{Refusal, Request, Trail},
    upstream::Verb,
};

/// Where the servers are mounted.
const MOUNT: &str = "/mcp/";

/// The endpoint of all servers.
const FEDERATED: &str = "/mcp";

/// How much of a body that is too large is read to find the id that its refusal should carry.
const PREFIX_BYTES_MAX: usize = 64 * 1024;

/// Memory for one body.
pub(super) struct Room<'a> {
    pub memory: &'a Memory,
    pub reserved: &'a mut Reserved,
}

impl Room<'_> {
    fn reserve(&mut self, bytes: u64) -> Result<(), Refusal> {
        let reserved = self.memory.reserve(self.reserved, bytes);
        reserved.map_err(|Full| Refusal::NoMemory)
    }
}

/// The name of the server that a path is about.
pub(super) fn server_name(path: &str) -> Option<&str> {
    path.strip_prefix(MOUNT)
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Judges the head of a request by what does not depend on its sender. Returns the server that the
/// path names; `None` at the endpoint of all servers.
///
/// # Errors
/// The [`Refusal`] that says which bound or rule it broke.
pub(super) fn admit<'a>(
    session: &'a ServerSession,
    door: &Door,
    bounds: &Requests,
) -> Result<Option<&'a str>, Refusal> {
    let head = session.req_header();
    door.admit(host(head), &head.headers)?;
    bound_headers(&head.headers, bounds.header_bytes_max)?;
    match head.uri.path() {
        FEDERATED => Ok(None),
        path => server_name(path).map(Some).ok_or(Refusal::Path),
    }
}

/// Reads the rest of a request whose sender is known.
///
/// # Errors
/// The [`Refusal`] that says which bound or rule it broke.
pub(super) async fn read(
    session: &mut ServerSession,
    bounds: &Requests,
    caller: Caller,
    room: Room<'_>,
    trail: &mut Trail,
) -> Result<Request, Refusal> {
    let client = client_ip(session);
    let head = session.req_header();
    // At the endpoint of all servers it is the message that says which one it is for.
    let entrance = server_name(head.uri.path()).map(str::to_owned);
    let verb = verb(&head.method)?;
    let headers = head.headers.clone();
    let body = match verb {
        Verb::Post => {
            check_media_type(&headers)?;
            let reading = read_body(session, &headers, bounds.body_bytes_max, room);
            match fast_timeout(bounds.read_timeout, reading).await {
                Ok(body) => body?,
                Err(_) => return Err(Refusal::BodyTimeout),
            }
        }
        Verb::Get | Verb::Delete => Bytes::new(),
    };
    trail.received(body.len());
    Ok(Request {
        verb,
        server: entrance.clone().unwrap_or_default(),
        entrance,
        caller,
        headers,
        body,
        client,
        is_part: false,
    })
}

/// The client certificate of the connection, which TLS has verified.
pub(super) fn certificate(session: &ServerSession) -> Option<&PeerCertificate> {
    let tls = session.digest()?.ssl_digest.as_ref()?;
    tls.extension.get::<PeerCertificate>()
}

/// The address of the other end; the unspecified address where the transport has none.
pub(super) fn client_ip(session: &ServerSession) -> std::net::IpAddr {
    session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(std::net::Ipv6Addr::UNSPECIFIED.into(), |inet| {
            inet.ip().to_canonical()
        })
}

/// `Host` in HTTP/1.1, `:authority` in HTTP/2.
pub(super) fn host(head: &pingora_http::RequestHeader) -> Option<&str> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let field = head.headers.get(header::HOST);
    authority.or_else(|| field.and_then(|value| value.to_str().ok()))
}

fn verb(method: &Method) -> Result<Verb, Refusal> {
    match *method {
        Method::POST => Ok(Verb::Post),
        Method::GET => Ok(Verb::Get),
        Method::DELETE => Ok(Verb::Delete),
        _ => Err(Refusal::Method),
    }
}

fn bound_headers(headers: &HeaderMap, max: u64) -> Result<(), Refusal> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes as u64 > max {
        return Err(Refusal::HeadersTooLarge { max });
    }
    Ok(())
}

/// A message that is encoded, or is in another charset, would be read differently by the server
/// than it was read here.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoding = only(headers, header::CONTENT_ENCODING)?;
    let plain = encoding.is_none_or(|value| value.eq_ignore_ascii_case("identity"));
    let text = only(headers, header::CONTENT_TYPE)?
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next() == Some("application/json");
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim() == "charset")
        .all(|(_, charset)| charset.trim().trim_matches('"') == "utf-8");
    if plain && json && utf8 {
        Ok(())
    } else {
        Err(Refusal::MediaType)
    }
}

/// The text of a header that may occur once at most.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str());
    match (first.transpose(), values.next()) {
        (Ok(text), None) => Ok(text),
        _ => Err(Refusal::MediaType),
    }
}

async fn read_body(
    session: &mut ServerSession,
    headers: &HeaderMap,
    max: u64,
    mut room: Room<'_>,
) -> Result<Bytes, Refusal> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let http1 = session.req_header().version == Version::HTTP_11;
    let expects = http1
        && headers
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if announced.is_some_and(|bytes| bytes > max) && expects {
        return Err(Refusal::BodyTooLarge { max, id: None });
    }
    if expects {
        let written = session.write_continue_response().await;
        written.map_err(|fault| Refusal::BodyBroken(fault.etype().as_str().to_owned()))?;
    }
    let limit = usize::try_from(max).unwrap_or(usize::MAX);
    // A body that is announced as too large is still read as far as its id may stand.
    let limit = match announced {
        Some(bytes) if bytes > max => PREFIX_BYTES_MAX.min(limit),
        _ => limit,
    };
    let expected = announced.map_or(0, |bytes| {
        usize::try_from(bytes).unwrap_or(limit).min(limit)
    });
    room.reserve(expected as u64)?;
    collect(session, limit, expected, max, room).await
}

/// Reads until the end or until `limit` bytes are exceeded. A body that arrives in one piece is
/// taken as it is.
async fn collect(
    session: &mut ServerSession,
    limit: usize,
    expected: usize,
    max: u64,
    mut room: Room<'_>,
) -> Result<Bytes, Refusal> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        let chunk = session
            .read_request_body()
            .await
            .map_err(|fault| Refusal::BodyBroken(fault.etype().as_str().to_owned()))?;
        let Some(chunk) = chunk else { break };
        match first.take() {
            None if rest.is_empty() => first = Some(chunk),
            Some(head) => {
                rest.reserve(expected.max(head.len() + chunk.len()));
                rest.extend_from_slice(&head);
                rest.extend_from_slice(&chunk);
            }
            None => rest.extend_from_slice(&chunk),
        }
        let read = first.as_ref().map_or(rest.len(), Bytes::len);
        room.reserve(read as u64)?;
        if read > limit {
            let prefix = first.as_deref().unwrap_or(&rest);
            return Err(Refusal::BodyTooLarge {
                max,
                id: frame::peek_id(prefix, &Bounds::default()).map(str::to_owned),
            });
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}
