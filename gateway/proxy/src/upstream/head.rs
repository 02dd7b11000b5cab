//! The head of a request to a server: what is dropped, what is set.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use pingora_core::Result;
use pingora_http::RequestHeader;
use url::Url;

use crate::local::{CALLER, KEY};

/// The three things that a client does at an MCP endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Sends one message.
    Post,
    /// Opens the stream of the server's own messages (legacy revisions).
    Get,
    /// Ends its session (legacy revisions).
    Delete,
}

impl Verb {
    /// As in the request line, the metrics and the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Delete => "DELETE",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Post => Method::POST,
            Self::Get => Method::GET,
            Self::Delete => Method::DELETE,
        }
    }
}

/// Headers that concern the client's connection or trust and never a server behind the gateway:
/// hop-by-hop fields (RFC 9110 section 7.6.1), the client's credentials (an MCP server must not be
/// given a token that was not issued for it), what a browser says about its page, and forwarding
/// claims that the client could have invented.
const NOT_FORWARDED: [HeaderName; 24] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::CONTENT_LENGTH,
    header::HOST,
    header::ORIGIN,
    header::AUTHORIZATION,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("x-api-key"),
    header::COOKIE,
    header::ACCEPT_ENCODING,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    KEY,
    CALLER,
];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const VIA: HeaderValue = HeaderValue::from_static("1.1 gantry");

/// What the gateway says to a server for itself.
#[derive(Debug, Default, Clone)]
pub struct OwnHeaders {
    /// The trace that the call belongs to (W3C Trace Context).
    pub traceparent: String,
    /// What the gateway shows instead of the caller's credentials.
    pub credential: Option<(HeaderName, HeaderValue)>,
}

/// Removes what is not forwarded, the fields that `Connection` names included.
pub(super) fn strip(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in nominated.iter().chain(&NOT_FORWARDED) {
        headers.remove(name);
    }
}

/// Most headers that are added to those of a caller.
const ADDED_MAX: usize = 8;

/// Builds the request head for `url` from headers that [`strip`] has gone over; `inner` is for a server of this
/// process: the key, and whose call it is.
pub(super) fn build(
    verb: Verb,
    url: &Url,
    inner: Option<(&HeaderValue, Option<&HeaderValue>)>,
    headers: &HeaderMap,
    body: &Bytes,
    own: &OwnHeaders,
) -> Result<RequestHeader> {
    let (host, path) = address_parts(url);
    let room = Some(headers.len() + ADDED_MAX);
    let mut request = RequestHeader::build_no_case(verb.method(), path.as_bytes(), room)?;
    request.insert_header(header::HOST, host)?;
    let traceparent = HeaderValue::from_str(&own.traceparent).ok();
    for (name, value) in headers {
        if *name != TRACEPARENT || traceparent.is_none() {
            request.append_header(name.clone(), value.clone())?;
        }
    }
    if verb == Verb::Post {
        request.insert_header(header::CONTENT_LENGTH, body.len())?;
    }
    request.append_header(header::VIA, VIA)?;
    if let Some(traceparent) = traceparent {
        request.insert_header(TRACEPARENT, traceparent)?;
    }
    if let Some((key, caller)) = inner {
        request.insert_header(KEY, key.clone())?;
        if let Some(caller) = caller {
            request.insert_header(CALLER, caller.clone())?;
        }
    }
    if let Some((name, value)) = &own.credential {
        request.insert_header(name.clone(), value.clone())?;
    }
    request.set_send_end_stream(verb != Verb::Post);
    Ok(request)
}

pub(super) fn address_parts(url: &Url) -> (&str, &str) {
    (
        &url[url::Position::BeforeHost..url::Position::AfterPort],
        &url[url::Position::BeforePath..url::Position::AfterQuery],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    value.parse::<HeaderValue>().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn credentials_origin_and_hop_by_hop_fields_stay_behind() {
        let mut sent = headers(&[
            ("authorization", "Bearer secret"),
            ("cookie", "a=b"),
            ("dpop", "proof"),
            ("x-api-key", "secret"),
            ("origin", "https://app.example.com"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("mcp-session-id", "abc"),
            ("mcp-param-empty", ""),
            ("last-event-id", "7"),
        ]);
        strip(&mut sent);
        assert_eq!(
            sent,
            headers(&[
                ("mcp-session-id", "abc"),
                ("mcp-param-empty", ""),
                ("last-event-id", "7"),
            ])
        );
    }

    #[test]
    fn the_host_is_the_servers_own() {
        let url = Url::parse("http://[::1]:8000/a/mcp?key=1").unwrap();
        let own = OwnHeaders::default();
        let built = build(
            Verb::Post,
            &url,
            None,
            &HeaderMap::new(),
            &Bytes::from("{}"),
            &own,
        )
        .unwrap();
        assert_eq!(built.headers.get("host").unwrap(), "[::1]:8000");
        assert_eq!(built.headers.get("content-length").unwrap(), "2");
        assert_eq!(built.uri.to_string(), "/a/mcp?key=1");
    }
}
