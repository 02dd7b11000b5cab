//! The two inserts of a batch: its rows, then its seal, each under a token of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::clickhouse::{Client, error::Result};
use bytes::Bytes;

use crate::{
    record::rowbinary::RowBuffer,
    seal::Seal,
    subject::Link,
    wal::{batch::Batch, cursor::Range},
};

/// Bytes handed to the connection at a time; each piece is one compressed block.
const PIECE_BYTES: usize = 1024 * 1024;

/// A batch must be one block, so that ClickHouse refuses it whole or not at all.
const BLOCK_ROWS: &str = "1000000";

/// Sends bytes as they are, synchronously: when it returns, ClickHouse has them and whatever its
/// views make of them, or had them before under the same token.
pub(crate) async fn send(
    client: &Client,
    statement: &str,
    token: String,
    bytes: &[u8],
    timeout: Duration,
) -> Result<()> {
    let timeout = Some(timeout);
    let mut insert = client
        .insert_formatted_with(statement)
        .with_setting("async_insert", "0")
        .with_setting("insert_deduplicate", "1")
        .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .with_setting("insert_deduplication_token", token)
        .with_setting("max_insert_block_size", BLOCK_ROWS)
        .with_setting("min_insert_block_size_rows", BLOCK_ROWS)
        .with_timeouts(timeout, timeout);
    for piece in bytes.chunks(PIECE_BYTES) {
        insert.send(Bytes::copy_from_slice(piece)).await?;
    }
    insert.end().await
}

/// The columns of `audit_seal` that [`seal_row`] fills, in its order.
const SEAL_COLUMNS: &str = "gateway, epoch, first_seq, last_seq, rows, kind, newest, sealed_at, \
    schema_version, root, prev, seal, signature, key_id, tags";

pub(super) fn seal_statement(table: &str) -> String {
    format!("INSERT INTO {table} ({SEAL_COLUMNS}) FORMAT RowBinary")
}

pub(super) fn seal_token(batch: &Batch) -> String {
    format!("seal/{}", batch.range.token())
}

/// The seal in RowBinary.
pub(super) fn seal_row(seal: &Seal) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_us = now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    let mut row = RowBuffer::with_capacity(512 + 4 * seal.tags.len());
    row.bytes(seal.gateway.as_bytes());
    row.fixed(seal.epoch.to_le_bytes());
    row.fixed(seal.first_seq.to_le_bytes());
    row.fixed(seal.last_seq.to_le_bytes());
    row.fixed(u32::try_from(seal.rows).unwrap_or(u32::MAX).to_le_bytes());
    row.fixed((seal.kind as i8).to_le_bytes());
    row.fixed(seal.newest_us.to_le_bytes());
    row.fixed(now_us.to_le_bytes());
    row.fixed(seal.schema_version.to_le_bytes());
    row.fixed(seal.root);
    row.fixed(seal.prev);
    row.fixed(seal.seal);
    row.bytes(&seal.signature);
    row.bytes(seal.key_id.as_bytes());
    row.count(seal.tags.len());
    for tag in &seal.tags {
        row.fixed(tag.to_le_bytes());
    }
    row.into_bytes()
}

pub(super) fn links_statement(table: &str) -> String {
    format!("INSERT INTO {table} (tenant, subject, display, issuer, seen) FORMAT RowBinary")
}

/// Who some pseudonyms are. The newest link of a pseudonym wins, so that none needs a token.
pub(super) async fn send_links(
    client: &Client,
    statement: &str,
    links: &[Link],
    timeout: Duration,
) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
    let rows: Vec<u8> = links.iter().flat_map(|link| link.encode(now)).collect();
    send(client, statement, String::new(), &rows, timeout).await
}

/// How many rows of a range the store has.
pub(super) async fn stored_rows(client: &Client, table: &str, range: &Range) -> Result<u64> {
    let rows = "SELECT count() FROM ? WHERE gateway = ? AND epoch = ? AND seq BETWEEN ? AND ?";
    stored(client, rows, table, range).await
}

/// How many seals of a range the store has.
pub(super) async fn stored_seals(client: &Client, table: &str, range: &Range) -> Result<u64> {
    let seals =
        "SELECT count() FROM ? WHERE gateway = ? AND epoch = ? AND first_seq = ? AND last_seq = ?";
    stored(client, seals, table, range).await
}

async fn stored(client: &Client, query: &str, table: &str, range: &Range) -> Result<u64> {
    client
        .query(query)
        .bind(::clickhouse::sql::Identifier(table))
        .bind(&range.gateway)
        .bind(range.epoch)
        .bind(range.first_seq)
        .bind(range.last_seq)
        .fetch_one()
        .await
}
