//! What a program answers, as HTTP: one message as JSON, several as an event stream.

use bytes::Bytes;
use futures::stream;
use gantry_mcp::jsonrpc::{
    self, HEADER_MISMATCH, INTERNAL_ERROR, METHOD_NOT_FOUND, MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::{super::message, super::message::Answer, line::Line, process::Underway};

/// The answer to a request under way; `modern` answers have the status of their error.
pub(super) async fn answer(mut underway: Underway, modern: bool, discovers: bool) -> Answer {
    let first = tokio::select! {
        biased;
        note = underway.notes.recv() => note,
        answer = &mut underway.answer => return whole(&underway, answer.ok(), modern, discovers),
    };
    match first {
        Some(first) => events(stream::unfold(Some((underway, Some(first))), next)),
        None => {
            let answer = (&mut underway.answer).await.ok();
            whole(&underway, answer, modern, discovers)
        }
    }
}

/// What a program says that is about no request.
pub(super) fn listening(heard: mpsc::Receiver<Bytes>) -> Answer {
    events(stream::unfold(heard, |mut heard| async move {
        let text = heard.recv().await?;
        Some((event(&text), heard))
    }))
}

fn whole(underway: &Underway, answer: Option<Bytes>, modern: bool, discovers: bool) -> Answer {
    let Some(answer) = answer else {
        // Whoever ends a program of its own must not make the server look broken to others.
        let status = match underway.concerns_all() {
            true => StatusCode::BAD_GATEWAY,
            false => StatusCode::OK,
        };
        return message::json(status, ended(underway));
    };
    let code = std::str::from_utf8(&answer)
        .ok()
        .and_then(|text| Line::read(text)?.code());
    let status = match code {
        _ if !modern => StatusCode::OK,
        // A client that speaks both eras then knows that this server speaks the earlier one.
        Some(METHOD_NOT_FOUND) if discovers => StatusCode::BAD_REQUEST,
        Some(METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    message::json(status, answer.into())
}

fn ended(underway: &Underway) -> Vec<u8> {
    let text = match underway.ended() {
        true => "the server has ended",
        false => "the request was withdrawn",
    };
    jsonrpc::error(Some(&underway.id), INTERNAL_ERROR, text, None)
}

type Under = Option<(Underway, Option<Bytes>)>;

/// The next event of an answer, its last one being the answer itself.
async fn next(under: Under) -> Option<(Event, Under)> {
    let (mut underway, first) = under?;
    if let Some(first) = first {
        return Some((event(&first), Some((underway, None))));
    }
    tokio::select! {
        biased;
        Some(note) = underway.notes.recv() => Some((event(&note), Some((underway, None)))),
        answer = &mut underway.answer => {
            let answer = answer.unwrap_or_else(|_| ended(&underway).into());
            Some((event(&answer), None))
        }
    }
}

type Event = Result<Frame<Bytes>, std::convert::Infallible>;

/// A message as an event. It is one line.
fn event(text: &[u8]) -> Event {
    Ok(Frame::data(
        [b"event: message\ndata: ", text, b"\n\n"].concat().into(),
    ))
}

fn events(events: impl futures::Stream<Item = Event> + Send + 'static) -> Answer {
    let mut answer = Response::new(StreamBody::new(events).boxed_unsync());
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}
