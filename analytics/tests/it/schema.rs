//! Migrations against the store.

use gantry_analytics::migrate::{MIGRATIONS, MigrateError, migrate};

use crate::store::RunningStore;

#[tokio::test]
async fn migrations_apply_once_and_a_dry_run_applies_nothing() {
    let running = RunningStore::start();
    let store = running.store();
    let planned = migrate(&store, true).await.unwrap();
    assert_eq!(planned.len(), MIGRATIONS.len());
    let databases = "SELECT count() FROM system.databases WHERE name = 'gantry'";
    let anywhere = running.client().with_database("default");
    let found: u64 = anywhere.query_raw(databases).fetch_one().await.unwrap();
    assert_eq!(found, 0, "a dry run makes no database");

    assert_eq!(migrate(&store, false).await.unwrap(), planned);
    assert_eq!(migrate(&store, false).await.unwrap(), []);
    let tables = "SELECT groupArray(name) FROM (SELECT name FROM system.tables WHERE database = 'gantry' ORDER BY name)";
    let tables: Vec<String> = running
        .client()
        .query_raw(tables)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(
        tables,
        [
            "audit_erasure",
            "audit_log",
            "audit_payload",
            "audit_seal",
            "price_book",
            "schema_migrations",
            "subject",
            "usage_1h",
            "usage_1h_mv",
            "usage_1m",
            "usage_1m_mv"
        ]
    );
    let remembered = "SELECT count() FROM schema_migrations FINAL WHERE applied_by = 'gantry'";
    assert_eq!(running.number(remembered).await, MIGRATIONS.len() as u64);
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let running = RunningStore::start_migrated().await;
    let other_text = "INSERT INTO schema_migrations (version, name, sha256, applied_at) \
         VALUES (1, 'audit_log', repeat('0', 64), now64(3) + 1)";
    running
        .client()
        .query_raw(other_text)
        .execute()
        .await
        .unwrap();
    let refused = migrate(&running.store(), false).await;
    assert!(
        matches!(refused, Err(MigrateError::Changed { version: 1, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn another_database_works_and_a_strange_one_is_refused() {
    let running = RunningStore::start();
    let mut store = running.store();
    store.database = "trail_2".to_owned();
    migrate(&store, false).await.unwrap();
    let client = running.client().with_database("trail_2");
    let rows: u64 = client
        .query_raw("SELECT count() FROM audit_log")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(rows, 0);

    store.database = "x; DROP DATABASE trail_2".to_owned();
    let refused = migrate(&store, false).await;
    assert!(matches!(refused, Err(MigrateError::Name(_))), "{refused:?}");
}

/// The engine has no Keeper to make a cluster's tables with, but it reads every statement.
#[tokio::test]
async fn a_cluster_gets_statements_that_the_engine_reads() {
    let running = RunningStore::start();
    let mut store = running.store();
    store.cluster = Some("main".to_owned());
    let client = running.client().with_database("default");
    let mut tables = 0;
    for statement in MIGRATIONS.iter().flat_map(|one| one.statements(&store)) {
        assert!(statement.contains("ON CLUSTER main"), "{statement}");
        assert!(!statement.contains("{{"), "{statement}");
        tables += usize::from(statement.contains("ENGINE = Replicated"));
        let explained: Vec<String> = client
            .query_raw(&format!("EXPLAIN AST {statement}"))
            .fetch_all()
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let is_of_tables = ["Create", "Drop"]
            .iter()
            .any(|what| explained[0].starts_with(what));
        assert!(is_of_tables, "{explained:?}");
    }
    assert_eq!(tables, 9);
}
