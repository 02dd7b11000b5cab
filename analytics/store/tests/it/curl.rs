//! curl, and through it the corners of the HTTP interface.

use crate::server::{PASSWORD, Server, curl};

fn start() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    (data, server)
}

fn with_table() -> (tempfile::TempDir, Server) {
    let (data, server) = start();
    server.sql("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    (data, server)
}

#[test]
fn the_store_is_up_without_credentials_and_answers_only_with_them() {
    let (_data, server) = start();
    for path in ["/ping", "/"] {
        let reply = curl(&format!("{}{path}", server.url()), b"", &[]);
        assert_eq!((reply.status, reply.text().as_str()), (200, "Ok.\n"));
    }
    let url = format!("{}/?query=SELECT+1", server.url());
    let none = curl(&url, b"", &[]);
    assert_eq!(
        (none.status, none.header("x-clickhouse-exception-code")),
        (401, "516")
    );
    assert!(none.header("www-authenticate").starts_with("Basic"));
    let wrong = curl(&url, b"", &["-u", "gantry:guess"]);
    assert_eq!(
        (wrong.status, wrong.header("x-clickhouse-exception-code")),
        (403, "516")
    );
    assert!(
        wrong
            .text()
            .starts_with("Code: 516. DB::Exception: Authentication failed"),
        "{}",
        wrong.text()
    );

    let by_headers = |key: &str| {
        let key = format!("X-ClickHouse-Key: {key}");
        curl(&url, b"", &["-H", "X-ClickHouse-User: gantry", "-H", &key]).status
    };
    assert_eq!((by_headers(PASSWORD), by_headers("guess")), (200, 403));
    let pair = format!("password={PASSWORD}");
    let by_url = curl(
        &url,
        b"",
        &[
            "-G",
            "--data-urlencode",
            "user=gantry",
            "--data-urlencode",
            &pair,
        ],
    );
    assert_eq!((by_url.status, by_url.text().as_str()), (200, "1\n"));
}

#[test]
fn a_statement_comes_by_get_by_post_or_by_both() {
    let (_data, server) = with_table();
    let reply = server.curl("query=SELECT", b"1 + 1", &[]);
    assert_eq!(reply.text(), "2\n");
    let get = server.curl("query=SELECT+version()", b"", &["-X", "GET"]);
    assert!(get.text().starts_with("26."));
    let writing = server.curl("query=DROP+TABLE+t", b"", &["-X", "GET"]);
    assert_eq!(
        (
            writing.status,
            writing.header("x-clickhouse-exception-code")
        ),
        (500, "164")
    );
    let user = format!("gantry:{PASSWORD}");
    let url = format!("{}/?query=SELECT+1", server.url());
    let head = curl(&url, b"", &["--head", "-u", &user]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("x-clickhouse-format"), "TabSeparated");
    assert_eq!(
        server.curl("query=SELECT+1", b"", &["-X", "PUT"]).status,
        405
    );

    let long = format!("SELECT 1 -- {}", "x".repeat(200_000));
    assert_eq!(server.sql(&long), "1\n");
    let in_url = server.curl(
        &format!("query=SELECT+1+--+{}", "x".repeat(70_000)),
        b"",
        &[],
    );
    assert_eq!(in_url.status, 414);
}

#[test]
fn the_answers_format_and_headers() {
    let (_data, server) = start();
    let format = |pairs: &str, text: &str| {
        let reply = server.curl(pairs, text.as_bytes(), &[]);
        (
            reply.header("x-clickhouse-format").to_owned(),
            reply.header("content-type").to_owned(),
            reply.text(),
        )
    };
    let tsv = (
        "TabSeparated".to_owned(),
        "text/tab-separated-values; charset=UTF-8".to_owned(),
        "1\n".to_owned(),
    );
    assert_eq!(format("", "SELECT 1"), tsv);
    assert_eq!(
        format("default_format=JSONEachRow", "SELECT 1 AS x").2,
        "{\"x\":1}\n"
    );
    let csv = format("default_format=JSON", "SELECT 1 FORMAT CSV");
    assert_eq!((csv.0.as_str(), csv.2.as_str()), ("CSV", "1\n"));
    let json = format("", "SELECT number FROM numbers(200000) FORMAT JSONCompact");
    assert_eq!(
        json.2.matches("\"meta\"").count(),
        1,
        "one document, however many blocks"
    );

    let reply = server.curl("query_id=my-id", b"SELECT 1", &[]);
    assert_eq!(reply.header("x-clickhouse-query-id"), "my-id");
    assert_eq!(
        reply.header("x-clickhouse-timezone"),
        server.sql("SELECT timezone()").trim()
    );
    assert_eq!(reply.summary("result_rows"), 1);
    let unknown = server.curl("", b"SELECT 1 FORMAT Nonsense", &[]);
    assert_eq!(
        (
            unknown.status,
            unknown.header("x-clickhouse-exception-code")
        ),
        (404, "73")
    );
    let compressed = server.curl("compress=1", b"SELECT 1", &[]).body;
    assert_eq!(
        compressed[16..],
        [0x82, 12, 0, 0, 0, 2, 0, 0, 0, 0x20, b'1', b'\n'],
        "one native frame"
    );
}

#[test]
fn the_pieces_of_a_long_answer_are_the_whole() {
    let (_data, server) = start();
    let formats = [
        "TSV",
        "CSV",
        "JSONEachRow",
        "RowBinary",
        "RowBinaryWithNamesAndTypes",
        "Native",
    ];
    for format in formats {
        let text = format!(
            "SELECT number % 7 AS n, toString(number) AS s, count() FROM numbers(200000) \
             GROUP BY number WITH TOTALS ORDER BY number FORMAT {format}"
        );
        let pieces = server.curl("max_block_size=30000", text.as_bytes(), &[]);
        assert_eq!(pieces.header("transfer-encoding"), "chunked", "{format}");
        let whole = server.curl("max_block_size=1000000", text.as_bytes(), &[]);
        // Native writes blocks as they are; the other formats know rows only.
        assert!(pieces.body == whole.body || format == "Native", "{format}");
    }
    for format in formats {
        let text = format!("SELECT number AS n FROM numbers(200000) FORMAT {format}");
        let answer = server.curl("", text.as_bytes(), &[]).body;
        let pairs = format!("query=INSERT+INTO+FUNCTION+null('n+UInt64')+FORMAT+{format}");
        let back = server.curl(&pairs, &answer, &[]);
        assert_eq!(
            (back.status, back.summary("written_rows")),
            (200, 200_000),
            "{format}"
        );
    }
}

#[test]
fn data_is_split_from_text_whatever_its_bytes() {
    let (_data, server) = with_table();
    // Row 0x0a0a0a0a0a0a0a0a, "\0;\n FORMAT": nothing in it may be taken for text.
    let mut row = vec![0x0a; 8];
    row.push(10);
    row.extend_from_slice(b"\0;\n FORMAT");
    let mut body = b"INSERT INTO t FORMAT RowBinary\n".to_vec();
    body.extend_from_slice(&row);
    for (pairs, body) in [
        ("", body.as_slice()),
        ("query=INSERT+INTO+t+FORMAT+RowBinary", row.as_slice()),
    ] {
        let reply = server.curl(pairs, body, &[]);
        assert_eq!(
            (reply.status, reply.summary("written_rows")),
            (200, 1),
            "{}",
            reply.text()
        );
    }
    assert_eq!(
        server.sql("SELECT hex(n), hex(s), count() FROM t GROUP BY ALL"),
        "0A0A0A0A0A0A0A0A\t003B0A20464F524D4154\t2\n"
    );

    assert_eq!(
        server
            .curl(
                "query=INSERT+INTO+t+VALUES",
                b"(1, 'a'), (1 + 1, upper('b'));",
                &[]
            )
            .summary("written_rows"),
        2
    );
    assert_eq!(
        server
            .curl(
                "",
                b"INSERT INTO t SELECT number, '' FROM numbers(50) WHERE number % 10 = 0",
                &[]
            )
            .summary("written_rows"),
        5
    );
    for empty in [
        "query=INSERT+INTO+t+FORMAT+RowBinary",
        "query=INSERT+INTO+t+FORMAT+CSV",
    ] {
        let reply = server.curl(empty, b"", &[]);
        assert_eq!((reply.status, reply.summary("written_rows")), (200, 0));
    }
    assert_eq!(server.sql("SELECT count() FROM t"), "9\n");
}

#[test]
fn an_insert_that_breaks_off_stores_nothing() {
    let (_data, server) = with_table();
    // More rows than the engine would write as one block by itself.
    let mut body = "7,x\n".repeat(1_500_000).into_bytes();
    body.extend_from_slice(b"not a number,x\n");
    let reply = server.curl("query=INSERT+INTO+t+FORMAT+CSV", &body, &[]);
    assert_eq!(
        (reply.status, reply.header("x-clickhouse-exception-code")),
        (400, "27"),
        "{}",
        reply.text()
    );
    assert_eq!(server.sql("SELECT count() FROM t"), "0\n");
    let reply = server.curl(
        "query=INSERT+INTO+t+FORMAT+CSV&decompress=1",
        b"these are no frames, not at all",
        &[],
    );
    assert_eq!(
        (reply.status, reply.header("x-clickhouse-exception-code")),
        (400, "117")
    );
    let reply = server.curl(
        "query=INSERT+INTO+t+FORMAT+CSV",
        b"1,x\n",
        &["-H", "Content-Encoding: br"],
    );
    assert_eq!(reply.status, 415);
    assert_eq!(server.sql("SELECT count() FROM t"), "0\n");
}

#[test]
fn settings_bind_their_statement_alone() {
    let (_data, server) = with_table();
    let code = |pairs: &str, text: &str| {
        server
            .curl(pairs, text.as_bytes(), &[])
            .header("x-clickhouse-exception-code")
            .to_owned()
    };
    assert_eq!(
        code("max_result_rows=5", "SELECT number FROM numbers(10)"),
        "396"
    );
    assert_eq!(
        code(
            "max_execution_time=1",
            "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
        ),
        "159"
    );
    assert_eq!(code("readonly=1", "INSERT INTO t VALUES (1, '')"), "164");
    assert_eq!(code("readonly=2", "DROP TABLE t"), "164");
    assert_eq!(
        code("", "SELECT number FROM system.numbers FORMAT JSON"),
        "396",
        "an answer held whole is bounded"
    );
    assert_eq!(code("no_such_setting=1", "SELECT 1"), "115");
    assert_eq!(code("max_threads=1'--", "SELECT 1"), "27");
    assert_eq!(code("database=nowhere", "SELECT 1"), "81");
    assert_eq!(
        server
            .curl("database=system", b"SELECT currentDatabase()", &[])
            .text(),
        "system\n"
    );
    assert_eq!(
        server
            .curl("session_id=s&session_timeout=60", b"SELECT 1", &[])
            .text(),
        "1\n"
    );
    assert_eq!(server.sql("INSERT INTO t VALUES (1, '')"), "");
}

#[test]
fn what_does_not_belong_on_http_is_refused() {
    let (data, server) = with_table();
    let code = |text: &str| {
        server
            .curl("", text.as_bytes(), &[])
            .header("x-clickhouse-exception-code")
            .to_owned()
    };
    assert_eq!(code("SELECT 1; DROP TABLE t"), "62");
    assert_eq!(code(" -- nothing\n"), "62");
    let file = data.path().join("out");
    assert_eq!(
        code(&format!("SELECT 1 INTO OUTFILE '{}'", file.display())),
        "48"
    );
    assert!(!file.exists());
    let form = server.curl(
        "",
        b"",
        &["-F", "query=SELECT * FROM x", "-F", "x=1;filename=x"],
    );
    assert_ne!(form.status, 200);
    assert_eq!(server.sql("EXISTS t"), "1\n");
}
