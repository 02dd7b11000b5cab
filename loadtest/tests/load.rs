//! The load generator against servers over real sockets: the canned one, the fixture behind the bare pass-through, and
//! peers that break what a real server keeps.

#![expect(
    clippy::expect_used,
    reason = "what a test sets up either stands or fails the test"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command};
use std::time::Duration;

use gantry_loadtest::load::{self, Era, Extent, Options, Report, Work};
use gantry_loadtest::{echo, fixture, load::Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The canned server on a free port, for as long as the test's runtime lives.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(echo::serve(listener, 20));
    address
}

/// A peer that answers each connection's first request with `answer` and then closes.
async fn one_answer(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            // Reading to the end keeps the close from overtaking the answer.
            let _ = stream.shutdown().await;
            while stream.read(&mut request).await.is_ok_and(|n| n > 0) {}
        }
    });
    address
}

fn options(address: SocketAddr, calls: u64) -> Options {
    Options::calls(&format!("http://{address}/mcp"), calls).expect("a good url")
}

async fn run(options: Options) -> Report {
    load::run(options).await.expect("the run takes place")
}

#[tokio::test]
async fn every_call_gets_its_answer() {
    let address = echo_server().await;
    let works = [
        (Work::echo("echo", 100).expect("small"), 100, 0),
        (Work::sized("sized", 256 * 1024, 0, 0), 256 * 1024, 0),
        (Work::sized("sized", 50, 10, 0), 50, 11),
        (Work::List, 0, 0),
    ];
    for era in [Era::Stateless, Era::Session] {
        for (work, text_bytes, events) in works.clone() {
            let what = format!("{era:?} {work:?}")
                .chars()
                .take(80)
                .collect::<String>();
            let report = run(Options {
                connections: 4,
                era,
                work,
                ..options(address, 40)
            })
            .await;
            assert_eq!((report.calls, report.results), (40, 40), "{what}: {report}");
            assert_eq!(report.events, 40 * events, "{what}");
            assert!(
                report.body_bytes >= 40 * text_bytes,
                "{what}: {} bytes",
                report.body_bytes
            );
            assert_eq!(
                report.sessions,
                if era == Era::Session { 4 } else { 0 },
                "{what}"
            );
            assert!(
                report.latency.p50_us > 0.0 && report.latency.p50_us <= report.latency.max_us,
                "{what}"
            );
            assert_eq!(report.reconnects, 0, "{what}");
        }
    }
}

#[tokio::test]
async fn the_fixture_answers_in_both_eras() {
    let fixture = fixture::start(fixture::Options {
        extra_tools: 50,
        ..fixture::Options::default()
    });
    let fixture = fixture.await.expect("the fixture starts");
    let works = [
        (Work::echo("echo", 100).expect("small"), 1),
        (Work::sized("sized", 256 * 1024, 0, 0), 1),
        (Work::sized("sized", 50, 10, 0), 11),
        (Work::List, 1),
    ];
    for era in [Era::Stateless, Era::Session] {
        for (work, events) in works.clone() {
            let what = format!("{era:?} {work:?}")
                .chars()
                .take(80)
                .collect::<String>();
            let options = Options::calls(&fixture.url(), 20).expect("a good url");
            let report = run(Options {
                connections: 4,
                era,
                work,
                ..options
            })
            .await;
            assert_eq!((report.calls, report.results), (20, 20), "{what}: {report}");
            assert!(
                report.events >= 20 * events,
                "{what}: {} events",
                report.events
            );
        }
    }
    fixture.stop();
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_servers() {
    let fixture = fixture::start(fixture::Options::default())
        .await
        .expect("the fixture starts");
    let work = Work::Call {
        tool: "no-such-tool".into(),
        arguments: "{}".into(),
        progress: false,
    };
    let options = Options::calls(&fixture.url(), 3).expect("a good url");
    let report = run(Options { work, ..options }).await;
    assert_eq!(
        report.failures.get("rpc error -32602"),
        Some(&3),
        "{report}"
    );
}

#[tokio::test]
async fn a_fixed_rate_makes_the_calls_that_are_due() {
    let address = echo_server().await;
    let extent = Extent {
        calls_max: None,
        duration: Some(Duration::from_millis(200)),
    };
    let report = run(Options {
        connections: 8,
        rate: Some(1_000.0),
        extent,
        ..options(address, 0)
    })
    .await;
    assert_eq!((report.calls, report.results), (200, 200), "{report}");
    assert!(report.elapsed_s >= 0.199, "{report}");
    assert!(report.late.is_some(), "{report}");
}

#[tokio::test]
async fn a_stall_is_charged_to_the_calls_that_it_delayed() {
    let address = echo_server().await;
    // One connection, 10 ms per answer, 1,000 calls per second asked: call n is due at n ms but answered at 10(n+1) ms
    // at the earliest, so it takes at least 9n + 10 ms. Uncorrected, every call would seem to take about 10 ms.
    let work = Work::sized("sized", 10, 0, 10);
    let report = run(Options {
        rate: Some(1_000.0),
        work,
        ..options(address, 20)
    })
    .await;
    assert_eq!(report.results, 20, "{report}");
    assert!(report.latency.max_us >= 181_000.0, "{report}");
    assert!(report.latency.p50_us >= 90_000.0, "{report}");
}

#[tokio::test]
async fn the_journal_names_every_call_once() {
    let address = echo_server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("calls.tsv");
    let ids = Some("t-1".to_owned());
    run(Options {
        connections: 3,
        ids,
        journal: Some(journal.clone()),
        ..options(address, 50)
    })
    .await;
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| {
        line.split('\t')
            .next()
            .and_then(|id| id.rsplit('-').next()?.parse::<u32>().ok())
    });
    let expected: Vec<String> = (1..=50).map(|n| format!("t-1-{n}\tanswered\tok")).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn failures_are_counted_by_kind_and_journalled() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let table = [
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "http 503",
            "sent",
        ),
        (
            format!("{HEAD}Content-Length: 9\r\n\r\nshort"),
            "connection closed before the end of the answer",
            "sent",
        ),
        (
            String::new(),
            "connection closed before the end of the answer",
            "sent",
        ),
        (
            format!("{HEAD}Content-Length: 2\r\n\r\n[]"),
            "malformed answer: no JSON-RPC message",
            "sent",
        ),
        (
            "SSH-2.0-OpenSSH\r\n\r\n".to_owned(),
            "malformed answer: no status line",
            "sent",
        ),
        (
            rpc(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#),
            "answer to another id",
            "sent",
        ),
        (
            rpc(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"m"}}"#),
            "rpc error -32001",
            "answered",
        ),
        (
            rpc(r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true}}"#),
            "tool error",
            "answered",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            "stream ended without an answer",
            "sent",
        ),
    ];
    for (answer, kind, state) in table {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("calls.tsv");
        let address = one_answer(answer.clone().leak()).await;
        let report = run(Options {
            journal: Some(journal.clone()),
            ..options(address, 1)
        })
        .await;
        assert_eq!((report.calls, report.results), (1, 0), "{answer:?}");
        assert_eq!(
            report.failures.into_iter().collect::<Vec<_>>(),
            [(kind.to_owned(), 1)],
            "{answer:?}"
        );
        let text = std::fs::read_to_string(&journal).expect("a journal");
        assert_eq!(text, format!("1\t{state}\t{kind}\n"), "{answer:?}");
    }
}

fn rpc(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_opened_again() {
    let body = r#"{"jsonrpc":"2.0","id":"again-1","result":{}}"#;
    let address = one_answer(
        rpc(body)
            .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
            .leak(),
    )
    .await;
    let report = run(Options {
        ids: Some("again".into()),
        ..options(address, 2)
    })
    .await;
    // The second answer carries the first one's id: the generator must notice.
    assert_eq!((report.results, report.reconnects), (1, 1), "{report}");
    assert_eq!(
        report.failures.get("answer to another id"),
        Some(&1),
        "{report}"
    );
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let address = echo_server().await;
    let work = Work::sized("sized", 10, 0, 60_000);
    let report = run(Options {
        work,
        timeout: Duration::from_millis(500),
        ..options(address, 1)
    })
    .await;
    assert_eq!(report.failures.get("timeout"), Some(&1), "{report}");
}

#[tokio::test]
async fn a_target_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let fault = load::run(options(address, 1))
        .await
        .expect_err("nobody listens");
    assert!(matches!(fault, Fault::Open { .. }), "{fault}");
}

/// A program of this package, killed when the test is done with it.
struct Program(Child);

impl Program {
    fn start(program: &str, arguments: &[&str]) -> Self {
        Self(
            Command::new(program)
                .args(arguments)
                .spawn()
                .expect("the program starts"),
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody accepts connections at `address`.
async fn accepting(address: SocketAddr) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "nobody listens on {address}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_pass_through_passes_everything_on() {
    let upstream = echo_server().await.to_string();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port")
        .local_addr()
        .expect("an address");
    let listen = port.to_string();
    let _proxy = Program::start(
        env!("CARGO_BIN_EXE_gantry-passthrough"),
        &["--listen", &listen, "--upstream", &upstream],
    );
    accepting(port).await;
    for work in [
        Work::echo("echo", 100).expect("small"),
        Work::sized("sized", 262_144, 10, 0),
        Work::List,
    ] {
        let report = run(Options {
            connections: 4,
            work,
            ..options(port, 40)
        })
        .await;
        assert_eq!(report.results, 40, "{report}");
    }
}
