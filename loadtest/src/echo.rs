//! A canned MCP server that costs next to nothing, so that a benchmark measures what stands in front of it.
//!
//! It keeps no state, checks no header and answers any path: it is no example of an MCP server, and must never be
//! used to show that a client or a gateway behaves.

mod answer;
mod request;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use answer::{Answer, Answers};
use request::{Request, cut};

/// Room for one read.
const READ_BYTES: usize = 64 * 1024;
/// Pause after a connection could not be accepted, which is when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves on `listener` until the task is dropped. `tools/list` names `tools` tools.
pub async fn serve(listener: TcpListener, tools: usize) {
    let answers = Arc::new(Answers::new(tools));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answers = Arc::clone(&answers);
                // A connection that breaks is the caller's to notice.
                tokio::spawn(async move { converse(stream, &answers).await });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Answers one connection's requests until it closes.
async fn converse(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut out) = (BytesMut::new(), Vec::new());
    loop {
        let request = match cut(&mut input) {
            Ok(Some(request)) => request,
            Ok(None) => {
                input.reserve(READ_BYTES);
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            Err(refusal) => return stream.write_all(refusal.as_bytes()).await,
        };
        reply(&mut stream, answers, &request, &mut out).await?;
    }
}

async fn reply(
    stream: &mut TcpStream,
    answers: &Answers,
    request: &Request,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    out.clear();
    match answers.answer(request, out) {
        Answer::Whole { delay } => {
            pause(delay).await;
            stream.write_all(out).await
        }
        Answer::Events {
            count,
            delay,
            token,
            last,
        } => {
            // One write per event, as a server does that flushes what it has.
            for event in 0..count {
                pause(delay).await;
                answer::progress(&token, event, count, out);
                stream.write_all(out).await?;
                out.clear();
            }
            stream.write_all(&last).await
        }
        Answer::Silence => {
            stream.write_all(out).await?;
            // Nothing more will be sent; the caller ends it.
            while stream.read(&mut [0; 64]).await? > 0 {}
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
