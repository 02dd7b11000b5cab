//! A connection to a store that gives trouble: it is slow, answers wrongly, or is not there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// How the store behaves towards new connections.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Mood {
    Good = 0,
    /// Every piece of an answer takes its time.
    Slow = 1,
    /// Says that it has no memory, and takes nothing.
    Refusing = 2,
    /// Takes everything, and answers with what is no HTTP.
    Babbling = 3,
    /// Closes every connection.
    Gone = 4,
}

const REFUSAL: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: 241\r\nContent-Length: 47\r\nConnection: close\r\n\r\nCode: 241. DB::Exception: Memory limit exceeded";

/// Stands between a gateway and its store.
pub(crate) struct Trouble {
    pub(crate) url: String,
    mood: Arc<AtomicU8>,
    task: JoinHandle<()>,
}

impl Trouble {
    pub(crate) async fn before(store: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mood = Arc::new(AtomicU8::new(Mood::Good as u8));
        let seen = Arc::clone(&mood);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(client, store.clone(), seen.load(Relaxed)));
            }
        });
        Self { url, mood, task }
    }

    /// Connections from now on meet this mood.
    pub(crate) fn turn(&self, mood: Mood) {
        self.mood.store(mood as u8, Relaxed);
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Every end of a connection is one that the gateway has to live with.
async fn serve(mut client: TcpStream, store: String, mood: u8) {
    if mood == Mood::Gone as u8 {
        return;
    }
    if mood == Mood::Refusing as u8 {
        let mut piece = vec![0; 64 * 1024];
        let _ = client.read(&mut piece).await;
        let _ = client.write_all(REFUSAL).await;
        return;
    }
    let Ok(mut store) = TcpStream::connect(store).await else {
        return;
    };
    if mood == Mood::Good as u8 {
        let _ = copy_bidirectional(&mut client, &mut store).await;
        return;
    }
    let (mut from_client, mut to_client) = client.split();
    let (mut from_store, mut to_store) = store.split();
    let requests = tokio::io::copy(&mut from_client, &mut to_store);
    let answers = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_store.read(&mut piece).await {
            let answer = if mood == Mood::Babbling as u8 {
                &b"what?\n"[..]
            } else {
                sleep(Duration::from_millis(400)).await;
                &piece[..read]
            };
            if to_client.write_all(answer).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = requests => {}
        () = answers => {}
    }
}
