//! Lawful erasure: a person's link, and if that is not enough, the person's rows.
//!
//! Erasing the link leaves every row where it is, under a pseudonym that nobody can resolve any
//! more. Erasing rows leaves a tombstone for each: its hash, so that its batch still fits its
//! seal, signed, so that nobody else can make a deletion look like one. Tombstones are written
//! before rows go; repeated after a failure, it goes on.

use std::time::{SystemTime, UNIX_EPOCH};

use ::clickhouse::{Client, Row, error::Error};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    clickhouse::ConnectError,
    columns::COLUMNS,
    payload,
    seal::{Hash, Signer},
};

/// Rows that go with one statement.
const CHUNK_ROWS: usize = 1_000;

/// Why nothing, or not everything, was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("cannot prepare the connection to the store")]
    Connect(#[from] ConnectError),
    #[error("the store did not do it")]
    Store(#[from] Error),
}

/// Whose traces go: a pseudonym within a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub tenant: &'a str,
    pub subject: u64,
}

/// What a tombstone's signature is over.
pub(crate) fn claim(hash: &Hash, gateway: &str, epoch: u32, seq: u64) -> Vec<u8> {
    let words = format!("erased/{gateway}/{epoch}/{seq}");
    [&hash[..], words.as_bytes()].concat()
}

/// Forgets who the pseudonym is.
pub async fn link(store: &Store, whose: Subject<'_>) -> Result<(), EraseError> {
    let sql = format!(
        "DELETE FROM {}{} WHERE tenant = ? AND subject = ?",
        store.local("subject"),
        on_cluster(store)
    );
    for client in servers(store)? {
        let delete = client.query(&sql).bind(whose.tenant).bind(whose.subject);
        delete.execute().await?;
    }
    Ok(())
}

/// Deletes the arguments and results that are kept of the person's calls; returns how many there
/// were. They are no part of the trail, so that nothing is left in their place.
pub async fn payloads(store: &Store, whose: Subject<'_>) -> Result<u64, EraseError> {
    let table = store.local(payload::TABLE);
    // Rewrites what is on the disk, where a lightweight delete would only hide it.
    let sql = format!(
        "ALTER TABLE {table}{} DELETE WHERE tenant = ? AND subject = ?",
        on_cluster(store)
    );
    let count = format!(
        "SELECT count() FROM {} WHERE tenant = ? AND subject = ?",
        payload::TABLE
    );
    let mut total = 0;
    for client in servers(store)? {
        let counted = client.query(&count).bind(whose.tenant).bind(whose.subject);
        total += counted.fetch_one::<u64>().await?;
        let delete = client.query(&sql).with_setting("mutations_sync", "2");
        let delete = delete.bind(whose.tenant).bind(whose.subject);
        delete.execute().await?;
    }
    Ok(total)
}

#[derive(Row, Deserialize)]
struct Erased {
    gateway: String,
    epoch: u32,
    seq: u64,
    hash: Hash,
}

#[derive(Row, Serialize)]
struct Tombstone<'a> {
    gateway: &'a str,
    epoch: u32,
    seq: u64,
    hash: Hash,
    erased_at: i64,
    reason: &'a str,
    signature: serde_bytes_vec::Bytes<'a>,
    key_id: &'a str,
}

/// A `String` column takes bytes that are no text.
mod serde_bytes_vec {
    use serde::{Serialize, Serializer};

    pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

    impl Serialize for Bytes<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
}

/// Erases every row of the subject and leaves tombstones; returns how many rows there were.
pub async fn rows(
    store: &Store,
    whose: Subject<'_>,
    reason: &str,
    signer: &Signer,
) -> Result<u64, EraseError> {
    let mut total = 0;
    for client in servers(store)? {
        loop {
            let chunk = next_chunk(&client, whose).await?;
            if chunk.is_empty() {
                break;
            }
            bury(&client, store, &chunk, reason, signer).await?;
            delete(&client, store, &chunk).await?;
            total += chunk.len() as u64;
        }
    }
    Ok(total)
}

async fn next_chunk(client: &Client, whose: Subject<'_>) -> Result<Vec<Erased>, Error> {
    let sql = format!(
        "SELECT toString(gateway) AS gateway, epoch, seq, SHA256(formatRow('RowBinary', {})) AS hash \
         FROM audit_log WHERE tenant = ? AND subject = ? LIMIT {CHUNK_ROWS}",
        COLUMNS.join(", ")
    );
    let rows = client.query(&sql).bind(whose.tenant).bind(whose.subject);
    rows.fetch_all().await
}

async fn bury(
    client: &Client,
    store: &Store,
    chunk: &[Erased],
    reason: &str,
    signer: &Signer,
) -> Result<(), Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let erased_at = now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    let mut insert = client
        .insert::<Tombstone<'_>>(&store.local("audit_erasure"))
        .await?
        .with_setting("async_insert", "0");
    for row in chunk {
        let signature = signer.sign(&claim(&row.hash, &row.gateway, row.epoch, row.seq));
        let tombstone = Tombstone {
            gateway: &row.gateway,
            epoch: row.epoch,
            seq: row.seq,
            hash: row.hash,
            erased_at,
            reason,
            signature: serde_bytes_vec::Bytes(&signature),
            key_id: signer.public().id(),
        };
        insert.write(&tombstone).await?;
    }
    insert.end().await
}

/// Deletes exactly the rows that have their tombstone, and waits until they are gone.
async fn delete(client: &Client, store: &Store, chunk: &[Erased]) -> Result<(), Error> {
    let places: Vec<(&str, u32, u64)> = chunk
        .iter()
        .map(|row| (row.gateway.as_str(), row.epoch, row.seq))
        .collect();
    let sql = format!(
        "DELETE FROM {}{} WHERE (gateway, epoch, seq) IN ?",
        store.local("audit_log"),
        on_cluster(store)
    );
    client
        .query(&sql)
        .with_setting("lightweight_deletes_sync", "2")
        .bind(places)
        .execute()
        .await
}

/// On a cluster one server passes the statements on; else each has its own part.
fn servers(store: &Store) -> Result<Vec<Client>, ConnectError> {
    let clients = store.connect_servers()?;
    Ok(clients
        .into_iter()
        .map(|client| client.with_database(&store.database))
        .collect())
}

fn on_cluster(store: &Store) -> String {
    let cluster = store.cluster.as_ref();
    cluster.map_or_else(String::new, |name| format!(" ON CLUSTER {name}"))
}
