//! The embedded store as a process of the test's own, with the trail's tables.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use gantry_analytics::{Store, migrate::migrate, query};
use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "only-for-tests";

/// A running store; it ends with the value.
pub(crate) struct RunningStore {
    _data: TempDir,
    process: Child,
    store: Store,
}

impl RunningStore {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = Command::new(binary())
            .arg("--data")
            .arg(data.path())
            .args(["--listen", "127.0.0.1:0"])
            .env("GANTRY_STORE_PASSWORD", PASSWORD)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("the store said {line:?}"));
        let mut store = Store::new(address);
        store.password = Some(PASSWORD.to_owned());
        migrate(&store, false).await.unwrap();
        Self {
            _data: data,
            process,
            store,
        }
    }

    /// Runs statements that write.
    pub(crate) async fn execute(&self, statement: &str) {
        let client = clickhouse::Client::default()
            .with_url(&self.store.shards[0][0])
            .with_user("gantry")
            .with_password(PASSWORD)
            .with_database("gantry");
        client
            .query_raw(statement)
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The answer to a statement that reads, within the limits that `/usage` has.
    pub(crate) async fn ask(&self, sql: &str) -> Value {
        let mut answer = Vec::new();
        query::query(&self.store, sql, query::Format::Columns, &mut answer)
            .await
            .unwrap_or_else(|error| panic!("{sql}\n{error:?}"));
        serde_json::from_slice(&answer).unwrap()
    }
}

impl Drop for RunningStore {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `GANTRY_STORE_BIN`, else `gantry-store` beside the directory of this test's binary.
fn binary() -> PathBuf {
    env::var_os("GANTRY_STORE_BIN").map_or_else(
        || {
            let test = env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().join("gantry-store")
        },
        PathBuf::from,
    )
}
