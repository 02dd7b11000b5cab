//! The embedded store as a process of the test's own.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use gantry_analytics::{
    Store,
    migrate::{MIGRATIONS, migrate},
};
use tempfile::TempDir;

const PASSWORD: &str = "only-for-tests";

/// A running store with its data; both end with the value.
pub(crate) struct RunningStore {
    data: TempDir,
    process: Child,
    address: String,
    cluster: Option<&'static str>,
}

/// What the engine reads where it is started: a cluster of itself alone, over which distributed tables
/// can be read. It has no Keeper, and so neither `ON CLUSTER` nor replicas.
const CLUSTER: &str = "<clickhouse><tcp_port>9000</tcp_port><remote_servers><main><shard><replica>\
    <host>localhost</host><port>9000</port></replica></shard></main></remote_servers></clickhouse>";

impl RunningStore {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (process, address) = spawn(&data, "127.0.0.1:0");
        Self {
            data,
            process,
            address,
            cluster: None,
        }
    }

    /// Starts a store that is a cluster, with the tables of one but for what needs a Keeper.
    pub(crate) async fn start_clustered() -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("config.xml"), CLUSTER).unwrap();
        let (process, address) = spawn(&data, "127.0.0.1:0");
        let running = Self {
            data,
            process,
            address,
            cluster: Some("main"),
        };
        // Which migrations are there is remembered; their tables are then those of a cluster.
        migrate(&store_at(&running.address), false).await.unwrap();
        let client = running.client();
        let tables = "SELECT name FROM system.tables WHERE database = 'gantry' AND name != 'schema_migrations'";
        let tables: Vec<String> = client.query_raw(tables).fetch_all().await.unwrap();
        for table in tables {
            running.run(&format!("DROP TABLE {table} SYNC")).await;
        }
        for migration in MIGRATIONS {
            for statement in migration.statements(&running.store()) {
                running.run(&without_keeper(&statement)).await;
            }
        }
        running
    }

    /// Runs a statement that writes.
    pub(crate) async fn run(&self, sql: &str) {
        let done = self.client().query_raw(sql).execute().await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Starts a store and applies the migrations.
    pub(crate) async fn start_migrated() -> Self {
        let running = Self::start();
        migrate(&running.store(), false).await.unwrap();
        running
    }

    pub(crate) fn store(&self) -> Store {
        Store {
            cluster: self.cluster.map(str::to_owned),
            ..store_at(&self.address)
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts again on the same data and the same address.
    pub(crate) fn revive(&mut self) {
        let (process, address) = spawn(&self.data, &self.address);
        assert_eq!(address, self.address);
        self.process = process;
    }

    /// The only value of a query's only row.
    pub(crate) async fn number(&self, sql: &str) -> u64 {
        let client = self.client();
        client
            .query_raw(sql)
            .fetch_one::<u64>()
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(format!("http://{}", self.address))
            .with_user("gantry")
            .with_password(PASSWORD)
            .with_database("gantry")
    }

    /// Asserts that `rows` rows are there, each once, and that both roll-ups say the same.
    pub(crate) async fn assert_exactly(&self, rows: u64) {
        for (what, sql) in [
            ("rows", "SELECT count() FROM audit_log"),
            (
                "distinct rows",
                "SELECT uniqExact(gateway, epoch, seq) FROM audit_log",
            ),
            ("calls per minute", "SELECT sum(calls) FROM usage_1m"),
            ("calls per hour", "SELECT sum(calls) FROM usage_1h"),
        ] {
            assert_eq!(self.number(sql).await, rows, "{what}");
        }
    }
}

impl Drop for RunningStore {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The statement for a cluster that is one server.
fn without_keeper(statement: &str) -> String {
    let mut sql = statement.replace(" ON CLUSTER main", "");
    for (shard, replica) in [("{shard}", "{replica}"), ("all", "{shard}-{replica}")] {
        let place = format!("('/clickhouse/tables/{shard}/{{database}}/{{table}}', '{replica}'");
        sql = sql.replace(&format!("{place}, "), "(");
        sql = sql.replace(&format!("{place})"), "()");
    }
    let window = "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800";
    sql.replace("ENGINE = Replicated", "ENGINE = ")
        .replace(window, "non_replicated_deduplication_window = 10000")
}

/// The store of a test, known by its address alone.
pub(crate) fn store_at(address: &str) -> Store {
    let mut store = Store::new(format!("http://{address}"));
    store.password = Some(PASSWORD.to_owned());
    store
}

fn spawn(data: &TempDir, listen: &str) -> (Child, String) {
    let mut process = Command::new(binary())
        .arg("--data")
        .arg(data.path())
        .current_dir(data.path())
        .args(["--listen", listen])
        .env("GANTRY_STORE_PASSWORD", PASSWORD)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = process.stdout.take().unwrap();
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.unwrap_or_else(|| panic!("the store did not start; it said {line:?}"));
    (process, address.to_owned())
}

/// `GANTRY_STORE_BIN`, else `gantry-store` beside the directory of this test's binary.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("GANTRY_STORE_BIN") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("gantry-store");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p gantry-store`, or set GANTRY_STORE_BIN",
        path.display()
    );
    path
}
