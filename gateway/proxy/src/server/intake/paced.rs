//! A connection that has to say something in time: its first byte, then a whole head.
//!
//! Pingora bounds each read of a head, so that one byte a minute would keep a connection for ever.

use std::{
    fmt,
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
    raw_connect::ProxyDigest,
    tls::{SslDigest, TlsRef},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a connection may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Pace {
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// Until that first byte.
    pub idle: Duration,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has come.
    Idle,
    /// Some have.
    Head,
    /// A request is being served.
    Serving,
}

/// A connection with its pace.
pub(super) struct Paced {
    inner: Stream,
    pace: Pace,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
    /// Whether a request is being served, as those say who serve it.
    serving: AtomicBool,
    /// One has been since the phase was last looked at: nothing may have been read meanwhile.
    served: AtomicBool,
    /// What was peeked at and has not been read.
    peeked: Vec<u8>,
}

impl Paced {
    pub(super) fn new(inner: Stream, pace: Pace) -> Self {
        Self {
            inner,
            phase: Phase::Idle,
            timer: Box::pin(sleep(pace.idle)),
            pace,
            serving: AtomicBool::new(false),
            served: AtomicBool::new(false),
            peeked: Vec::new(),
        }
    }

    pub(super) fn begun(&self) {
        self.serving.store(true, Relaxed);
    }

    pub(super) fn ended(&self) {
        self.serving.store(false, Relaxed);
        self.served.store(true, Relaxed);
    }

    /// Whether the time is up.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.serving.load(Relaxed) {
            self.phase = Phase::Serving;
            return Poll::Pending;
        }
        if self.served.swap(false, Relaxed) || self.phase == Phase::Serving {
            self.enter(Phase::Idle, self.pace.idle);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.timer = Box::pin(sleep(limit));
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.peeked.is_empty() {
            let length = buf.remaining().min(self.peeked.len());
            let rest = self.peeked.split_off(length);
            buf.put_slice(&self.peeked);
            self.peeked = rest;
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(error) = self.poll_pace(cx) {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.phase == Phase::Idle && buf.filled().len() > before {
            let limit = self.pace.head;
            self.enter(Phase::Head, limit);
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Peek for Paced {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.read_exact(buf).await?;
        self.peeked.splice(..0, buf.iter().copied());
        // HTTP/2 keeps its own time.
        if buf.starts_with(b"PRI * HTTP/2.0") {
            self.begun();
        }
        Ok(true)
    }
}

#[async_trait]
impl Shutdown for Paced {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} connection {:?}", self.phase, self.inner)
    }
}

impl UniqueID for Paced {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Paced {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Paced {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Paced {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Paced {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}
