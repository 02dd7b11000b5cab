-- Arguments and results of calls, where the operator asks for them: redacted, and gone after a while.
-- The same rules of writing as in 0001.
-- No seal covers them, so that they may go at any time: the record of the call stays as it is.

-- at most two rows per record: what the caller sent, and what its server answered
CREATE TABLE IF NOT EXISTS audit_payload{{local}}{{on_cluster}}
(
    -- the record's identity
    gateway         LowCardinality(String),
    epoch           UInt32                       CODEC(Delta(4), ZSTD(1)),
    seq             UInt64                       CODEC(Delta(8), ZSTD(1)),
    direction       Enum8('request'=0,'response'=1),
    ts              DateTime64(6, 'UTC')         CODEC(Delta(8), ZSTD(1)),

    -- whose it is, so that it can be erased
    tenant          LowCardinality(String),
    subject         UInt64                       CODEC(ZSTD(1)),
    server          LowCardinality(String),
    tool            LowCardinality(String),

    -- length of the text as it passed; as much as was read, where that is more than is inspected
    bytes           UInt64                       CODEC(T64, ZSTD(1)),
    -- the payload is cut, or empty where it could not be inspected as a whole
    truncated       UInt8                        CODEC(ZSTD(1)),
    -- JSON text without personal data and secrets
    payload         String                       CODEC(ZSTD(6)),
    -- each row knows its end, so that another `keep_days` needs no other table
    expires         DateTime('UTC')              CODEC(Delta(4), ZSTD(1)),

    event_id        String ALIAS concat(gateway, '/', toString(epoch), '/', toString(seq)),

    INDEX ix_subject subject TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{MergeTree}}
PARTITION BY toYYYYMMDD(expires)
ORDER BY (gateway, epoch, seq, direction)
TTL expires DELETE
SETTINGS merge_with_ttl_timeout = 3600, {{deduplicated}};

{{distributed audit_payload}};
