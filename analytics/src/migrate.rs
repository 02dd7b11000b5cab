//! Numbered migrations, forward only.
//!
//! The files are part of the program. What was applied stands in `schema_migrations` with the
//! SHA-256 of its text; a file that changed after it was applied is refused, never applied again.
//! Every statement may be repeated, so a migration that broke off half-way is simply run again.
//!
//! On a cluster the statements say so themselves; several servers without one are migrated one by
//! one.

mod form;

use ::clickhouse::{Client, Row, error::Error};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    Store,
    clickhouse::{ConnectError, reason_of},
    stats::FailureReason,
};
use form::Form;

/// The table that remembers; it must be there before anything can be remembered.
const BOOKKEEPING: &str = include_str!("../migrations/schema_migrations.sql");

/// One numbered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    pub version: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

/// Every migration, in order.
pub const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        name: "audit_log",
        sql: include_str!("../migrations/0001_audit_log.sql"),
    },
    Migration {
        version: 2,
        name: "audit_seal",
        sql: include_str!("../migrations/0002_audit_seal.sql"),
    },
    Migration {
        version: 3,
        name: "price_book",
        sql: include_str!("../migrations/0003_price_book.sql"),
    },
    Migration {
        version: 4,
        name: "audit_payload",
        sql: include_str!("../migrations/0004_audit_payload.sql"),
    },
];

impl Migration {
    /// SHA-256 of the text, in lower-case hex.
    pub fn sha256(&self) -> String {
        let digest = Sha256::digest(self.sql.as_bytes());
        hex::encode(digest)
    }

    /// The statements as the store gets them.
    pub fn statements(&self, store: &Store) -> Vec<String> {
        form_of(store).statements(self.sql)
    }
}

fn form_of(store: &Store) -> Form {
    Form {
        cluster: store.cluster.clone(),
        days: store.days,
    }
}

/// A migration that was applied just now or, in a dry run, would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub migration: Migration,
    pub sha256: String,
}

/// Why the store could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("cannot prepare the connection to the store")]
    Connect(#[from] ConnectError),
    #[error("cannot {operation}")]
    Store {
        operation: String,
        #[source]
        source: Error,
    },
    #[error(
        "migration {version} ({name}) was applied with the text {applied}, and this program's is {here}; a migration may not change"
    )]
    Changed {
        version: u32,
        name: &'static str,
        applied: String,
        here: String,
    },
    #[error("{0:?} cannot be a database's or cluster's name: letters, digits and underscores only")]
    Name(String),
}

/// Applies what is missing, in order; a dry run only says what that is.
///
/// # Errors
/// The first server or statement that failed; what was applied until then stays, and running it
/// again goes on from there.
pub async fn migrate(store: &Store, dry_run: bool) -> Result<Vec<Applied>, MigrateError> {
    for name in [Some(&store.database), store.cluster.as_ref()]
        .into_iter()
        .flatten()
    {
        if !is_name(name) {
            return Err(MigrateError::Name(name.clone()));
        }
    }
    let mut done: Vec<Applied> = Vec::new();
    for server in store.connect_servers()? {
        for applied in migrate_server(store, &server, dry_run).await? {
            if !done.contains(&applied) {
                done.push(applied);
            }
        }
    }
    Ok(done)
}

async fn migrate_server(
    store: &Store,
    server: &Client,
    dry_run: bool,
) -> Result<Vec<Applied>, MigrateError> {
    let failed = |operation: &str| {
        let operation = operation.to_owned();
        move |source| MigrateError::Store { operation, source }
    };
    let client = server.clone().with_database(&store.database);
    let applied = applied(&client)
        .await
        .map_err(failed("read which migrations were applied"))?;
    refuse_changed(&applied)?;
    let missing = not_in(&applied);
    if dry_run || missing.is_empty() {
        return Ok(missing.into_iter().map(applied_now).collect());
    }
    let form = form_of(store);
    let cluster = store.cluster.as_ref();
    let on_cluster = cluster.map_or_else(String::new, |name| format!(" ON CLUSTER {name}"));
    let database = format!(
        "CREATE DATABASE IF NOT EXISTS {}{on_cluster}",
        store.database
    );
    run(server, &database)
        .await
        .map_err(failed("create the database"))?;
    for statement in form.statements(BOOKKEEPING) {
        run(&client, &statement)
            .await
            .map_err(failed("create the table of migrations"))?;
    }
    let mut done = Vec::with_capacity(missing.len());
    for migration in missing {
        let operation = format!("apply migration {} ({})", migration.version, migration.name);
        apply(&client, store, migration)
            .await
            .map_err(failed(&operation))?;
        done.push(applied_now(migration));
    }
    Ok(done)
}

/// The migrations that the store lacks.
pub(crate) async fn missing(client: &Client) -> Result<Vec<Migration>, Error> {
    applied(client).await.map(|applied| not_in(&applied))
}

async fn apply(client: &Client, store: &Store, migration: Migration) -> Result<(), Error> {
    for statement in migration.statements(store) {
        run(client, &statement).await?;
    }
    client
        .query(
            "INSERT INTO schema_migrations (version, name, sha256, applied_by) VALUES (?, ?, ?, ?)",
        )
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.sha256())
        .bind(&store.user)
        .execute()
        .await
}

async fn run(client: &Client, statement: &str) -> Result<(), Error> {
    client.query_raw(statement).execute().await
}

#[derive(Row, Deserialize)]
struct AppliedRow {
    version: u32,
    sha256: String,
}

/// What `schema_migrations` remembers; nothing when there is none yet.
async fn applied(client: &Client) -> Result<Vec<AppliedRow>, Error> {
    let rows = client
        .query("SELECT version, toString(sha256) AS sha256 FROM schema_migrations FINAL ORDER BY version")
        .fetch_all()
        .await;
    match rows {
        Err(error) if reason_of(&error) == FailureReason::MissingTable => Ok(Vec::new()),
        rows => rows,
    }
}

fn refuse_changed(applied: &[AppliedRow]) -> Result<(), MigrateError> {
    for migration in MIGRATIONS {
        let here = migration.sha256();
        let changed = applied
            .iter()
            .find(|row| row.version == migration.version && row.sha256 != here);
        if let Some(row) = changed {
            return Err(MigrateError::Changed {
                version: migration.version,
                name: migration.name,
                applied: row.sha256.clone(),
                here,
            });
        }
    }
    Ok(())
}

fn not_in(applied: &[AppliedRow]) -> Vec<Migration> {
    let is_applied =
        |migration: &Migration| applied.iter().any(|row| row.version == migration.version);
    MIGRATIONS
        .into_iter()
        .filter(|migration| !is_applied(migration))
        .collect()
}

fn applied_now(migration: Migration) -> Applied {
    Applied {
        sha256: migration.sha256(),
        migration,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
