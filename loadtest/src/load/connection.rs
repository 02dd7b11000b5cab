//! One kept-alive connection: writes a request, reads the answer to its end, and judges it.

use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Decoder, Head, Progress};
use super::events::Events;
use super::target::Target;
use super::verdict::{Verdict, judge};

/// An answer, or an event of it, may be this large.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Room for one read.
const READ_BYTES: usize = 64 * 1024;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("connect: {0}")]
    Connect(std::io::ErrorKind),
    #[error("session: {0}")]
    Session(Box<Failure>),
    #[error("write: {0}")]
    Write(std::io::ErrorKind),
    #[error("connection closed before the end of the answer")]
    Closed,
    #[error("timeout")]
    Timeout,
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    #[error("answer to another id")]
    OtherId,
    #[error("stream ended without an answer")]
    NoAnswer,
    #[error("http {0}")]
    Http(u16),
}

impl Failure {
    /// Whether nobody listened.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Session(failure) => failure.is_refusal(),
            _ => false,
        }
    }

    /// Whether the whole request may have reached the peer, so that the call may have had its effect.
    pub(super) fn was_sent(&self) -> bool {
        !matches!(self, Self::Connect(_) | Self::Session(_) | Self::Write(_))
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// None when nothing in the answer was addressed to the call.
    pub(super) verdict: Option<Verdict>,
    pub(super) session: Option<String>,
    pub(super) body_bytes: u64,
    /// Events of a stream before and with the answer.
    pub(super) events: u64,
    pub(super) first_event: Option<Instant>,
    /// The connection may carry the next call.
    pub(super) reusable: bool,
}

pub(super) struct Connection {
    stream: TcpStream,
    input: BytesMut,
    body: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self, Failure> {
        let address = target
            .address()
            .ok_or(Failure::Connect(std::io::ErrorKind::NotFound))?;
        let opened = TcpStream::connect(address)
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = opened.map_err(|source| Failure::Connect(source.kind()))?;
        Ok(Self {
            stream,
            input: BytesMut::new(),
            body: Vec::new(),
        })
    }

    /// Sends `request` and reads its answer, judged as one to the call with the JSON id `id`.
    pub(super) async fn exchange(&mut self, request: &[u8], id: &str) -> Result<Answer, Failure> {
        self.stream
            .write_all(request)
            .await
            .map_err(|source| Failure::Write(source.kind()))?;
        self.body.clear();
        let mut decoder = Decoder::new();
        let mut stream = Stream::new(id);
        let whole = loop {
            self.input.reserve(READ_BYTES);
            let read_bytes = self
                .stream
                .read_buf(&mut self.input)
                .await
                .map_err(|_| Failure::Closed)?;
            let pushed = decoder.push(&mut self.input, &mut self.body);
            let progress = pushed.map_err(|malformed| Failure::Malformed(malformed.0))?;
            if decoder.head().is_some_and(|head| head.streams) {
                stream.read(&mut self.body);
            }
            if self.body.len().max(stream.events.held_bytes()) > ANSWER_BYTES_MAX {
                return Err(Failure::Malformed("the answer is too large"));
            }
            match (progress, read_bytes) {
                (Progress::End, _) => break true,
                (Progress::More, 0) if decoder.ends_with_close() => break false,
                (Progress::More, 0) => return Err(Failure::Closed),
                (Progress::More, _) => {}
            }
        };
        if !self.input.is_empty() {
            return Err(Failure::Malformed("bytes after the end of the answer"));
        }
        let head = decoder.head().ok_or(Failure::Closed)?;
        Ok(self.answer(head, stream, whole))
    }

    fn answer(&self, head: &Head, stream: Stream<'_>, whole: bool) -> Answer {
        let (verdict, body_bytes) = if head.streams {
            (stream.verdict, stream.bytes)
        } else {
            let verdict = (!self.body.is_empty()).then(|| judge(&self.body, stream.id));
            (verdict, self.body.len() as u64)
        };
        Answer {
            status: head.status,
            verdict,
            session: head.session.clone(),
            body_bytes,
            events: stream.count,
            first_event: stream.first,
            reusable: whole && !head.closes,
        }
    }
}

/// The events of one answer as they come.
struct Stream<'a> {
    id: &'a str,
    events: Events,
    verdict: Option<Verdict>,
    first: Option<Instant>,
    count: u64,
    bytes: u64,
}

impl<'a> Stream<'a> {
    fn new(id: &'a str) -> Self {
        Self {
            id,
            events: Events::default(),
            verdict: None,
            first: None,
            count: 0,
            bytes: 0,
        }
    }

    /// Takes all bytes of `body` and judges the events that they complete.
    fn read(&mut self, body: &mut Vec<u8>) {
        self.bytes += body.len() as u64;
        let Self {
            id,
            events,
            verdict,
            first,
            count,
            ..
        } = self;
        events.push(body, |data| {
            *count += 1;
            first.get_or_insert_with(Instant::now);
            match judge(data, id) {
                Verdict::Aside => {}
                judged => *verdict = Some(judged),
            }
        });
        body.clear();
    }
}
