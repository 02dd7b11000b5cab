//! Answers as a ClickHouse server gives them: headers, exceptions before the first byte, and
//! exceptions in mid-answer.
//!
//! Never says more of a fault than its exception does, and never logs what an exception says.

use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;

use crate::exception::{Exception, code};
use crate::native;
use crate::outlet::{Opening, Piece, Summary};

/// What is the same for every answer of this process.
pub(crate) struct Identity {
    /// The engine's version, e.g. `26.7.2.1`.
    pub(crate) version: String,
    /// The engine's time zone, e.g. `Etc/UTC`.
    pub(crate) timezone: String,
}

/// The answer to `/ping`.
pub(crate) fn alive() -> Response {
    let mut response = Response::new(Body::from("Ok.\n"));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=UTF-8"),
    );
    response
}

/// The answer to a request that failed before its first byte.
pub(crate) fn fail(identity: &Identity, query_id: &str, exception: &Exception) -> Response {
    let mut response = Response::new(Body::from(text_of(&identity.version, exception)));
    *response.status_mut() = exception.status();
    let headers = response.headers_mut();
    headers.insert(
        "x-clickhouse-exception-code",
        HeaderValue::from(exception.code),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    if exception.code == code::AUTHENTICATION_FAILED
        && exception.status() == StatusCode::UNAUTHORIZED
    {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"ClickHouse server HTTP API\""),
        );
    }
    label(&mut response, identity, query_id);
    response
}

/// The answer to a statement that has begun to answer.
pub(crate) fn succeed(
    identity: &Identity,
    query_id: &str,
    opening: Opening,
    pieces: mpsc::Receiver<Piece>,
    compress: bool,
) -> Response {
    let tag = tag();
    let body = match opening.whole {
        Some(bytes) => Body::from(bytes),
        None => Body::from_stream(relay(
            pieces,
            identity.version.clone(),
            tag.clone(),
            compress,
        )),
    };
    let mut response = Response::new(body);
    put(
        &mut response,
        "x-clickhouse-summary",
        &summary_text(&opening.summary),
    );
    put(&mut response, "x-clickhouse-format", &opening.format);
    put(&mut response, "x-clickhouse-exception-tag", &tag);
    put(
        &mut response,
        header::CONTENT_TYPE.as_str(),
        content_type(&opening.format),
    );
    label(&mut response, identity, query_id);
    response
}

fn label(response: &mut Response, identity: &Identity, query_id: &str) {
    put(response, "x-clickhouse-query-id", query_id);
    put(response, "x-clickhouse-timezone", &identity.timezone);
    put(response, "x-clickhouse-server-display-name", "gantry-store");
}

/// Sets a header; a value that no header can hold is left out.
fn put(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

fn text_of(version: &str, exception: &Exception) -> String {
    let text = exception.text.trim_end();
    // The engine adds its version to some texts and not to others; clients look for it.
    if text.contains("(version ") {
        format!("{text}\n")
    } else {
        format!("{text} (version {version})\n")
    }
}

/// Sixteen letters that a client can tell an exception in mid-answer by.
fn tag() -> String {
    std::iter::repeat_with(|| char::from(b'a' + rand::random_range(0..26_u8)))
        .take(16)
        .collect()
}

/// An exception in mid-answer, in the layout of ClickHouse 25.11 and later
/// (`src/Server/HTTP/WriteBufferFromHTTPServerResponse.cpp`).
fn marker(text: &str, tag: &str) -> Vec<u8> {
    format!(
        "\r\n__exception__\r\n{tag}\r\n{text}{} {tag}\r\n__exception__\r\n",
        text.len()
    )
    .into_bytes()
}

/// Passes pieces on. An exception becomes its marker and then a broken body, and an answer that was
/// cut off a broken body, so that no client takes either for complete.
fn relay(
    mut pieces: mpsc::Receiver<Piece>,
    version: String,
    tag: String,
    compress: bool,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    enum Stage {
        Running,
        Marked,
        Broken,
    }
    let mut stage = Stage::Running;
    futures::stream::poll_fn(move |context| match stage {
        Stage::Running => match std::task::ready!(pieces.poll_recv(context)) {
            Some(Piece::Data(data)) => Poll::Ready(Some(Ok(data))),
            Some(Piece::End) => Poll::Ready(None),
            Some(Piece::Failed(exception)) => {
                stage = Stage::Marked;
                let marker = marker(&text_of(&version, &exception), &tag);
                let marker = if compress {
                    native::compress(&marker)
                } else {
                    marker
                };
                Poll::Ready(Some(Ok(marker.into())))
            }
            None => Poll::Ready(Some(Err(broken()))),
        },
        Stage::Marked => {
            // A pause lets the server flush what it holds; at an error it would drop it.
            stage = Stage::Broken;
            context.waker().wake_by_ref();
            Poll::Pending
        }
        Stage::Broken => Poll::Ready(Some(Err(broken()))),
    })
}

fn broken() -> std::io::Error {
    std::io::Error::other("the answer ended early")
}

fn summary_text(summary: &Summary) -> String {
    // All values are strings, as the server writes them.
    serde_json::json!({
        "read_rows": summary.read_rows.to_string(),
        "read_bytes": summary.read_bytes.to_string(),
        "written_rows": summary.written_rows.to_string(),
        "written_bytes": summary.written_bytes.to_string(),
        "total_rows_to_read": "0",
        "result_rows": summary.result_rows.to_string(),
        "result_bytes": summary.result_bytes.to_string(),
        "elapsed_ns": summary.elapsed.as_nanos().to_string(),
    })
    .to_string()
}

fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    if format.starts_with("json") {
        if format.contains("eachrow") || format == "jsonlines" {
            "application/x-ndjson; charset=UTF-8"
        } else {
            "application/json; charset=UTF-8"
        }
    } else if format.starts_with("tabseparated") || format.starts_with("tsv") {
        "text/tab-separated-values; charset=UTF-8"
    } else if format.starts_with("csv") {
        "text/csv; charset=UTF-8"
    } else if format.starts_with("pretty")
        || format == "vertical"
        || format == "values"
        || format == "markdown"
    {
        "text/plain; charset=UTF-8"
    } else {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    /// What a client receives of these pieces: the bytes, and whether the body ended well.
    async fn received(pieces: Vec<Piece>) -> (Vec<u8>, bool) {
        let (sender, receiver) = mpsc::channel(4);
        for piece in pieces {
            assert!(sender.try_send(piece).is_ok());
        }
        drop(sender);
        let mut body = std::pin::pin!(relay(receiver, "26.7".to_owned(), tag(), false));
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => return (bytes, false),
            }
        }
        (bytes, true)
    }

    #[tokio::test]
    async fn only_an_answer_that_came_to_its_end_looks_whole() {
        let data = || Piece::Data(Bytes::from_static(b"rows"));
        assert_eq!(
            received(vec![data(), data(), Piece::End]).await,
            (b"rowsrows".to_vec(), true)
        );
        assert_eq!(received(vec![data()]).await, (b"rows".to_vec(), false));
        let failure = Exception::from_engine("Code: 1. DB::Exception: x".to_owned());
        let (bytes, whole) = received(vec![data(), Piece::Failed(failure)]).await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !whole && text.starts_with("rows\r\n__exception__\r\n"),
            "{text}"
        );
        assert!(
            text.contains("\r\nCode: 1. DB::Exception: x (version 26.7)\n"),
            "{text}"
        );
    }

    #[test]
    fn marks_an_exception_as_the_server_does() {
        let marker =
            String::from_utf8(marker("Code: 1. DB::Exception: x\n", "abcdefghijklmnop")).unwrap();
        assert_eq!(
            marker,
            "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 1. DB::Exception: x\n26 abcdefghijklmnop\r\n__exception__\r\n"
        );
        let tag = tag();
        assert!(
            tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_lowercase()),
            "{tag}"
        );
    }
}
