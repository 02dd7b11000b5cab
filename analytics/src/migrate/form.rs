//! One source of the tables, for a single server and for a cluster.
//!
//! | placeholder | single server | cluster |
//! |---|---|---|
//! | `{{on_cluster}}` | nothing | ` ON CLUSTER name` |
//! | `{{local}}` | nothing | `_local` |
//! | `{{MergeTree}}`, with a column after it | `MergeTree`, `ReplacingMergeTree(column)` | `Replicated…`, one path per shard |
//! | `{{everywhere …}}` | the same | `Replicated…`, one path for all shards |
//! | `{{deduplicated}}` | `non_replicated_deduplication_window` | `replicated_deduplication_window` and its seconds |
//! | `{{distributed table}}` | nothing | the `Distributed` table over `table_local` |
//! | `{{days}}` | days that rows are kept | the same |

/// Where the tables are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) cluster: Option<String>,
    pub(super) days: u32,
}

/// As long as a spool may wait for ClickHouse: the default of an hour would double what comes
/// later.
const REPLICATED_WINDOW: &str =
    "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800";
const SINGLE_WINDOW: &str = "non_replicated_deduplication_window = 10000";

impl Form {
    /// The statements of a text; ClickHouse takes one per request. A semicolon at the end of a
    /// line ends one.
    pub(super) fn statements(&self, sql: &str) -> Vec<String> {
        let filled = self.fill(sql);
        let statements = filled.split(";\n").map(str::trim);
        statements
            .filter(|statement| !is_empty(statement))
            .map(str::to_owned)
            .collect()
    }

    fn fill(&self, sql: &str) -> String {
        let mut filled = String::with_capacity(sql.len());
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            filled.push_str(&self.value(name));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    fn value(&self, placeholder: &str) -> String {
        let (name, argument) = placeholder.split_once(' ').unwrap_or((placeholder, ""));
        match (name, &self.cluster) {
            ("days", _) => self.days.to_string(),
            ("on_cluster" | "local" | "distributed", None) => String::new(),
            ("on_cluster", Some(cluster)) => format!(" ON CLUSTER {cluster}"),
            ("local", Some(_)) => "_local".to_owned(),
            ("deduplicated", None) => SINGLE_WINDOW.to_owned(),
            ("deduplicated", Some(_)) => REPLICATED_WINDOW.to_owned(),
            ("distributed", Some(cluster)) => format!(
                "CREATE TABLE IF NOT EXISTS {argument} ON CLUSTER {cluster} AS {argument}_local \
                 ENGINE = Distributed({cluster}, currentDatabase(), {argument}_local, rand())"
            ),
            ("everywhere", cluster) => {
                let (engine, column) = argument.split_once(' ').unwrap_or((argument, ""));
                engine_of(
                    engine,
                    column,
                    cluster.is_some(),
                    "all",
                    "{shard}-{replica}",
                )
            }
            (engine, cluster) => {
                engine_of(engine, argument, cluster.is_some(), "{shard}", "{replica}")
            }
        }
    }
}

/// An engine with its version column, where it has one.
fn engine_of(engine: &str, column: &str, replicated: bool, shard: &str, replica: &str) -> String {
    match (replicated, column) {
        (false, "") => engine.to_owned(),
        (false, column) => format!("{engine}({column})"),
        (true, column) => {
            let path = format!("'/clickhouse/tables/{shard}/{{database}}/{{table}}', '{replica}'");
            let more = if column.is_empty() { "" } else { ", " };
            format!("Replicated{engine}({path}{more}{column})")
        }
    }
}

/// Nothing but comments.
fn is_empty(statement: &str) -> bool {
    statement
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "-- a table\nCREATE TABLE t{{local}}{{on_cluster}} (a Int8)\nENGINE = {{MergeTree}} TTL a + {{days}}\nSETTINGS {{deduplicated}};\n\nCREATE TABLE r{{on_cluster}} ENGINE = {{everywhere ReplacingMergeTree at}};\n-- only there\n{{distributed t}};\n";

    #[test]
    fn a_single_server_gets_plain_engines() {
        let form = Form {
            cluster: None,
            days: 90,
        };
        assert_eq!(
            form.statements(SQL),
            [
                "-- a table\nCREATE TABLE t (a Int8)\nENGINE = MergeTree TTL a + 90\nSETTINGS non_replicated_deduplication_window = 10000",
                "CREATE TABLE r ENGINE = ReplacingMergeTree(at)",
            ]
        );
    }

    #[test]
    fn a_cluster_gets_replicated_and_distributed_ones() {
        let form = Form {
            cluster: Some("main".to_owned()),
            days: 30,
        };
        assert_eq!(
            form.statements(SQL),
            [
                "-- a table\nCREATE TABLE t_local ON CLUSTER main (a Int8)\nENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') TTL a + 30\nSETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800",
                "CREATE TABLE r ON CLUSTER main ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', at)",
                "-- only there\nCREATE TABLE IF NOT EXISTS t ON CLUSTER main AS t_local ENGINE = Distributed(main, currentDatabase(), t_local, rand())",
            ]
        );
    }
}
