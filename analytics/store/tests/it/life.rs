//! Starting, stopping, being killed, and clients that go away.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::server::{Server, command};

fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn refuses_to_start_where_it_must() {
    let data = tempfile::tempdir().unwrap();
    let said = failure(command(data.path()).args(["--engine", "/nowhere/libchdb.so"]));
    assert!(
        said.contains("/nowhere/libchdb.so is missing; `cargo xtask setup`"),
        "{said}"
    );
    let said = failure(command(data.path()).env("GANTRY_STORE_PASSWORD", ""));
    assert!(said.contains("GANTRY_STORE_PASSWORD is not set"), "{said}");
    let mut open_to_all = Command::new(env!("CARGO_BIN_EXE_gantry-store"));
    open_to_all
        .arg("--data")
        .arg(data.path())
        .args(["--listen", "0.0.0.0:0"])
        .env("GANTRY_STORE_PASSWORD", "secret-word");
    let said = failure(&mut open_to_all);
    assert!(
        said.contains("not a loopback address") && !said.contains("secret-word"),
        "{said}"
    );
    let _server = Server::start(data.path());
    let said = failure(&mut command(data.path()));
    assert!(said.contains("another process has"), "{said}");
}

#[test]
fn stops_when_asked_and_keeps_its_data() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.sql("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    server.sql("INSERT INTO t SELECT number FROM numbers(1000)");
    let failed = server.curl("", b"SELECT throwIf(1)", &[]);
    assert_eq!(failed.header("x-clickhouse-exception-code"), "395");
    assert_eq!(server.stop().code(), Some(0));
    let server = Server::start(data.path());
    assert_eq!(server.sql("SELECT count() FROM t"), "1000\n");
    assert_eq!(server.stop().code(), Some(0));
}

/// Begins an answer without end and reads some of it.
fn begin_endless(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    // The store's user and password in base64.
    let key = "Z2FudHJ5OmEgImxvbmciIHBhc3M6d29yZC/DvA==";
    let head = format!(
        "GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; 4096];
    socket.read_exact(&mut begun).unwrap();
    assert!(
        begun.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&begun)
    );
    socket
}

#[test]
fn a_statement_runs_beside_another() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let endless = begin_endless(&server);
    assert_eq!(server.sql("SELECT 1"), "1\n");
    drop(endless);
}

#[test]
fn clients_that_go_away_free_their_places() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    // Three times as many as may run at once.
    for _ in 0..24 {
        drop(begin_endless(&server));
    }
    assert_eq!(server.sql("SELECT 1"), "1\n");
    let _unread = begin_endless(&server);
}

#[test]
fn an_upload_cut_short_stores_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.sql("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let key = "Z2FudHJ5OmEgImxvbmciIHBhc3M6d29yZC/DvA==";
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /?query=INSERT+INTO+t+FORMAT+CSV HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\nContent-Length: 1000\r\n\r\n1\n2\n3\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    // The store closes the connection, with an answer or without.
    drop(socket.read_to_string(&mut answer));
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.sql("SELECT count() FROM t"), "0\n");
}

/// The body of an answer, if there is one.
fn answer(server: &Server, pairs: &str, body: &str) -> Option<String> {
    let reply = server.curl(pairs, body.as_bytes(), &[]);
    (reply.exit == 0 && reply.status == 200).then(|| reply.text())
}

/// Inserts one batch and says whether it was acknowledged, as the gateway's delivery does it. The engine writes down a
/// token before the rows that come under it: where it was killed between the two, it takes the batch for sent before.
fn insert_batch(server: &Server, batch: u64, may_be_cut_off: bool) -> bool {
    let (first, behind) = (batch * 2_000, (batch + 1) * 2_000);
    let rows: String = (first..behind).map(|row| format!("{row}\n")).collect();
    let insert = |token: &str| {
        let pairs = format!("async_insert=0&insert_deduplication_token={token}");
        answer(server, &pairs, &format!("INSERT INTO t FORMAT CSV\n{rows}")).is_some()
    };
    let token = format!("batch-{batch}");
    if !insert(&token) {
        return false;
    }
    if !may_be_cut_off {
        return true;
    }
    let stored = format!("SELECT count() FROM t WHERE n >= {first} AND n < {behind}");
    match answer(server, "", &stored).as_deref() {
        Some("0\n") => insert(&format!("{token}-again")),
        stored => stored.is_some(),
    }
}

fn start_with_table(data: &Path) -> Server {
    let server = Server::start(data);
    server.sql("CREATE TABLE IF NOT EXISTS t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000");
    server
}

#[test]
fn killed_at_any_time_it_loses_and_doubles_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut batch = 0;
    for round in 0..6 {
        let server = start_with_table(data.path());
        // A batch that was cut off comes again under its token, as a sender would do it.
        let acknowledged = std::thread::scope(|scope| {
            let server = &server;
            let sender = scope.spawn(move || {
                let mut next = batch;
                while next < batch + 12 && insert_batch(server, next, round > 0 && next == batch) {
                    next += 1;
                }
                next
            });
            if round < 5 {
                // Rows are there, so the sender is at work; where exactly is chance.
                while server.sql(&format!(
                    "SELECT count() > {} FROM t",
                    (batch + round) * 2_000
                )) == "0\n"
                {}
                server.kill_now();
            }
            sender.join().unwrap()
        });
        assert!(acknowledged > batch, "the round got nowhere");
        batch = acknowledged;
    }
    let server = start_with_table(data.path());
    let expected = format!("{0}\t{0}\n", batch * 2_000);
    assert_eq!(server.sql("SELECT count(), uniqExact(n) FROM t"), expected);
}
