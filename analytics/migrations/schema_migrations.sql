-- which migrations were applied, and from which text; the same on every server of a cluster
CREATE TABLE IF NOT EXISTS schema_migrations{{on_cluster}}
(
    version UInt32, name String, sha256 FixedString(64), applied_at DateTime64(3, 'UTC') DEFAULT now64(3), applied_by String
)
ENGINE = {{everywhere ReplacingMergeTree applied_at}} ORDER BY version;
