//! The unmodified `clickhouse` crate.

use clickhouse::{Compression, Row};
use serde::{Deserialize, Serialize};

use crate::server::Server;

#[derive(Row, Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Call {
    seq: u64,
    agent: String,
    kind: i8,
    found: Vec<(String, u16)>,
    cost: i64,
}

#[derive(Row, Deserialize, Debug, PartialEq)]
struct Total {
    agent: String,
    calls: u64,
}

const TABLE: &str = "CREATE TABLE calls (seq UInt64, agent LowCardinality(String), kind Enum8('other' = 0, 'tool' = 1), \
    found Map(LowCardinality(String), UInt16), cost Decimal(18, 9)) ENGINE = MergeTree ORDER BY seq \
    SETTINGS non_replicated_deduplication_window = 100";

fn call(seq: u64) -> Call {
    let found = if seq.is_multiple_of(10) {
        vec![("email".to_owned(), 2)]
    } else {
        vec![]
    };
    Call {
        seq,
        agent: format!("agent-{}", seq % 7),
        kind: 1,
        found,
        cost: 500_000,
    }
}

async fn insert(
    client: &clickhouse::Client,
    calls: impl Iterator<Item = u64>,
) -> clickhouse::error::Result<()> {
    let mut insert = client.insert::<Call>("calls").await?;
    for seq in calls {
        insert.write(&call(seq)).await?;
    }
    insert.end().await
}

async fn prepare(server: &Server) -> clickhouse::Client {
    server
        .client()
        .query("CREATE DATABASE `au-dit`")
        .execute()
        .await
        .unwrap();
    let client = server.client().with_database("au-dit");
    client.query(TABLE).execute().await.unwrap();
    client
}

#[tokio::test]
async fn creates_inserts_and_selects() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = prepare(&server).await;
    // With and without compression, with and without names and types.
    insert(&client.clone().with_compression(Compression::Lz4), 0..5_000)
        .await
        .unwrap();
    insert(
        &client.clone().with_compression(Compression::None),
        5_000..6_000,
    )
    .await
    .unwrap();
    insert(&client.clone().with_validation(false), 6_000..7_000)
        .await
        .unwrap();
    insert(&client, 0..0).await.unwrap();

    let all = client
        .query("SELECT ?fields FROM calls ORDER BY seq")
        .fetch_all::<Call>()
        .await
        .unwrap();
    assert_eq!(all, (0..7_000).map(call).collect::<Vec<_>>());
    let totals = client
        .query("SELECT agent, count() AS calls FROM calls WHERE agent != ? GROUP BY agent ORDER BY agent LIMIT 2")
        .bind("agent-0")
        .fetch_all::<Total>()
        .await
        .unwrap();
    assert_eq!(
        totals[1],
        Total {
            agent: "agent-2".to_owned(),
            calls: 1_000
        }
    );
    let none = client
        .query("SELECT ?fields FROM calls WHERE seq > ?")
        .bind(7_000)
        .fetch_optional::<Call>()
        .await
        .unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn parameters_stay_out_of_the_text() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let awkward = "'; DROP TABLE x -- \\ \r\n--boundary ü";
    let (text, number) = server
        .client()
        .query("SELECT {text:String}, {number:Int64} + 1")
        .param("text", awkward)
        .param("number", -7)
        .fetch_one::<(String, i64)>()
        .await
        .unwrap();
    assert_eq!((text.as_str(), number), (awkward, -6));
}

#[tokio::test]
async fn a_repeated_token_stores_nothing_twice() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = prepare(&server).await;
    for token in ["gw/1/0-999", "gw/1/0-999", "gw/1/1000-1999"] {
        let client = client
            .clone()
            .with_setting("insert_deduplication_token", token)
            .with_setting("async_insert", "0");
        insert(&client, 0..1_000).await.unwrap();
    }
    assert_eq!(
        client
            .query("SELECT count() FROM calls")
            .fetch_one::<u64>()
            .await
            .unwrap(),
        2_000
    );
}

#[tokio::test]
async fn a_long_answer_streams_and_a_failure_in_it_is_seen() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = server.client();
    let mut rows = client
        .query("SELECT number FROM numbers(3000000)")
        .fetch::<u64>()
        .unwrap();
    let mut next = 0;
    while let Some(number) = rows.next().await.unwrap() {
        assert_eq!(number, next);
        next += 1;
    }
    assert_eq!(next, 3_000_000);

    let mut rows = client
        .query("SELECT throwIf(number = 2000000) AS x FROM numbers(3000000)")
        .fetch::<u8>()
        .unwrap();
    let error = loop {
        match rows.next().await {
            Ok(row) => assert!(row.is_some(), "the failed answer looked complete"),
            Err(error) => break error,
        }
    };
    // The text, or a cut connection where the client read both at once.
    let text = error.to_string();
    assert!(
        text.contains("Code: 395") || matches!(error, clickhouse::error::Error::Network(_)),
        "{text}"
    );
}

#[tokio::test]
async fn errors_carry_the_servers_text() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let refused = |error: clickhouse::error::Error, expected: &str| {
        let text = error.to_string();
        assert!(
            matches!(error, clickhouse::error::Error::BadResponse(_)) && text.contains(expected),
            "{text}"
        );
    };
    refused(
        server
            .client()
            .query("SELECT nope")
            .fetch_one::<u64>()
            .await
            .unwrap_err(),
        "Code: 47.",
    );
    refused(
        server
            .client()
            .query("CREATE NONSENSE")
            .execute()
            .await
            .unwrap_err(),
        "Code: 62.",
    );
    let stranger = server.client().with_password("guess");
    refused(
        stranger
            .query("SELECT 1")
            .fetch_one::<u8>()
            .await
            .unwrap_err(),
        "Code: 516.",
    );
    let misled = server.client().with_setting("no_such_setting", "1");
    refused(
        misled
            .query("SELECT 1")
            .fetch_one::<u8>()
            .await
            .unwrap_err(),
        "Code: 115.",
    );
}
