-- which migrations were applied, and from which text
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32, name String, sha256 FixedString(64), applied_at DateTime64(3, 'UTC') DEFAULT now64(3), applied_by String
)
ENGINE = ReplacingMergeTree(applied_at) ORDER BY version;
