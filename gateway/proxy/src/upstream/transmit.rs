//! Writing one request to a connection.

use bytes::Bytes;
use pingora_core::{
    Error, ErrorType, OrErr,
    protocols::{
        Stream,
        http::{
            client::HttpSession as AnyHttpSession,
            v1::client::{HttpSession as Http1Session, http_req_header_to_wire},
        },
    },
};
use pingora_http::RequestHeader;
use pingora_timeout::fast_timeout::fast_timeout;
use tokio::io::AsyncWriteExt;

use super::{Verb, peer::WRITE_TIMEOUT};

pub(super) type HttpSession = AnyHttpSession<()>;

/// The largest body that is copied behind its head to leave in one write.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

/// Sends a request. In HTTP/1.1, head and body leave in one write where Pingora's own session
/// would flush in between: each write is a system call and a packet, and most messages are smaller
/// than one packet.
pub(super) async fn transmit(
    session: HttpSession,
    verb: Verb,
    request: RequestHeader,
    body: Bytes,
) -> (HttpSession, pingora_core::Result<()>) {
    match session {
        HttpSession::H1(session) => {
            let mut stream = session.into_inner();
            let sent = match fast_timeout(WRITE_TIMEOUT, write(&mut stream, &request, &body)).await
            {
                Ok(sent) => sent,
                Err(_) => Error::e_explain(ErrorType::WriteTimedout, "sending a request"),
            };
            (HttpSession::H1(Http1Session::new(stream)), sent)
        }
        mut session => {
            let sent = async {
                session.write_request_header(Box::new(request)).await?;
                if verb == Verb::Post {
                    session.write_request_body(body, true).await?;
                }
                session.finish_request_body().await
            };
            // On the heap: requests over HTTP/1.1 would be as large without.
            let sent = Box::pin(sent).await;
            (session, sent)
        }
    }
}

async fn write(
    stream: &mut Stream,
    request: &RequestHeader,
    body: &[u8],
) -> pingora_core::Result<()> {
    let Some(mut head) = http_req_header_to_wire(request) else {
        return Error::e_explain(
            ErrorType::InvalidHTTPHeader,
            "the request line is not valid",
        );
    };
    let sent = async {
        if body.len() <= TOGETHER_BYTES_MAX {
            // Copying a small body costs less than a second system call.
            head.extend_from_slice(body);
            stream.write_all(&head).await?;
        } else {
            stream.write_all(&head).await?;
            stream.write_all(body).await?;
        }
        stream.flush().await
    };
    sent.await
        .or_err(ErrorType::WriteError, "sending a request")
}
