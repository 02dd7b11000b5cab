//! The payloads of one record, read back.

use ::clickhouse::{Row, error::Error};
use serde::{Deserialize, Serialize};

use crate::{
    EventId, Store,
    clickhouse::ConnectError,
    query::{Limits, reading},
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot prepare the connection to the store")]
    Connect(#[from] ConnectError),
    #[error("the store did not answer")]
    Store(#[from] Error),
}

/// What is kept of one direction of a call.
#[derive(Clone, Debug, Row, Deserialize, Serialize)]
pub struct Kept {
    /// `request` or `response`.
    pub direction: String,
    /// When the call came, in UTC.
    pub time: String,
    pub server: String,
    pub tool: String,
    /// The length of the text as it passed.
    pub bytes: u64,
    /// 1 where not all of it is here.
    pub truncated: u8,
    /// JSON text, redacted; cut where it is truncated.
    pub payload: String,
    /// When it is deleted, in UTC.
    pub expires: String,
}

/// What is kept of the call with this record: its arguments, then its result. What has expired is
/// not shown, whether it has been deleted yet or not.
///
/// # Errors
/// The store could not be asked.
pub async fn of(store: &Store, id: &EventId) -> Result<Vec<Kept>, ReadError> {
    // Sent to another server after a failure, a payload may be there twice.
    let sql = "SELECT CAST(direction, 'String') AS direction, toString(ts) AS time, \
        CAST(server, 'String') AS server, CAST(tool, 'String') AS tool, bytes, \
        truncated, payload, toString(expires) AS expires \
        FROM audit_payload WHERE gateway = ? AND epoch = ? AND seq = ? AND audit_payload.expires > now() \
        LIMIT 1 BY direction";
    let mut kept: Vec<Kept> = Vec::new();
    for client in store.readers().await? {
        let rows = reading(client, Limits::default())
            .query(sql)
            .bind(&*id.gateway)
            .bind(id.epoch)
            .bind(id.seq);
        let rows: Vec<Kept> = rows.fetch_all().await?;
        let is_new = |row: &Kept| kept.iter().all(|one| one.direction != row.direction);
        let rows: Vec<Kept> = rows.into_iter().filter(is_new).collect();
        kept.extend(rows);
    }
    kept.sort_by(|one, other| one.direction.cmp(&other.direction));
    Ok(kept)
}
