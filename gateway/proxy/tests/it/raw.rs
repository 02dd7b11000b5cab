//! A server that is nothing but bytes: it keeps what it is sent, and answers what it is told to.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// One thing that the server does once it has read a request.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Close,
    /// Closes once [`Raw::close`] is called.
    Wait,
    /// Keeps the connection open and says nothing more.
    Hang,
}

/// What a server does about a request.
type Steps = dyn Fn(&[u8]) -> Vec<Step> + Send + Sync;

/// A scripted server; it ends with its handle.
pub(crate) struct Raw {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    closing: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Raw {
    /// Answers every request with the same steps.
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        Self::deciding(move |_| steps.clone()).await
    }

    /// Answers each request with the steps for it.
    pub(crate) async fn deciding(
        steps: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let steps: Arc<Steps> = Arc::new(steps);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(Notify::new());
        let (log, close) = (Arc::clone(&received), Arc::clone(&closing));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    stream,
                    Arc::clone(&steps),
                    Arc::clone(&log),
                    Arc::clone(&close),
                ));
            }
        });
        Self {
            url,
            received,
            closing,
            task,
        }
    }

    /// Answers as soon as the first bytes of a request are there, reads no more of it, and keeps
    /// the connection open.
    pub(crate) async fn refusing_bodies(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut piece = vec![0; 4096];
                let read = stream.read(&mut piece).await.unwrap_or(0);
                log.lock().unwrap().push(piece[..read].to_vec());
                let _ = stream.write_all(&answer).await;
                open.push(stream);
            }
        });
        Self {
            url,
            received,
            closing: Arc::new(Notify::new()),
            task,
        }
    }

    /// Closes the connection that waits, or the next one that will.
    pub(crate) fn close(&self) {
        self.closing.notify_one();
    }

    /// Answers every request with one whole response.
    pub(crate) async fn answering(content_type: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self::start(vec![Step::Send([head.as_bytes(), body].concat())]).await
    }

    /// The requests so far, head and body each.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }

    /// Head and body of the only request so far.
    pub(crate) fn request(&self) -> (String, Vec<u8>) {
        let all = self.requests();
        assert_eq!(all.len(), 1);
        let end = head_end(&all[0]).unwrap();
        let head = String::from_utf8(all[0][..end].to_vec()).unwrap();
        (head, all[0][end..].to_vec())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    steps: Arc<Steps>,
    log: Arc<Mutex<Vec<Vec<u8>>>>,
    closing: Arc<Notify>,
) {
    stream.set_nodelay(true).unwrap();
    while let Some(request) = read_request(&mut stream).await {
        let steps = steps(&request);
        log.lock().unwrap().push(request);
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    // Each step is its own packet, as far as that can be had.
                    tokio::task::yield_now().await;
                }
                Step::Close => return,
                Step::Wait => return closing.notified().await,
                Step::Hang => std::future::pending().await,
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = head_end(&bytes) {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |value| value.trim().parse::<usize>().unwrap());
            if bytes.len() >= end + length {
                return Some(bytes);
            }
        }
        let mut piece = [0; 65536];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}
