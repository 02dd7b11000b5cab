-- What makes a change of the trail visible, and what may lawfully go.
-- The same rules of writing as in 0001.

-- one row per delivered batch: the chain of each gateway
CREATE TABLE IF NOT EXISTS audit_seal{{local}}{{on_cluster}}
(
    gateway         LowCardinality(String),
    epoch           UInt32,
    first_seq       UInt64,
    last_seq        UInt64,
    rows            UInt32,
    -- batch: the rows are in audit_log; dead: a row that ClickHouse refused, kept by the gateway
    kind            Enum8('batch'=0,'dead'=1),
    newest          DateTime64(6, 'UTC'),
    sealed_at       DateTime64(6, 'UTC'),
    schema_version  UInt16,
    -- SHA-256 over the SHA-256 of each row's RowBinary bytes, in the order of seq
    root            FixedString(32),
    -- the seal before; zeros where a gateway's log begins
    prev            FixedString(32),
    -- SHA-256(prev || root || SHA-256('tag,tag,…') || 'gateway/epoch/first-last/rows/kind/newest/version')
    seal            FixedString(32),
    -- Ed25519 over seal
    signature       String,
    key_id          LowCardinality(String),
    -- the first four bytes of each row's hash: they name the row that no longer fits
    tags            Array(UInt32)                CODEC(NONE)
)
ENGINE = {{MergeTree}}
ORDER BY (gateway, epoch, first_seq)
SETTINGS {{deduplicated}};

-- one row per row that was lawfully erased: what was there, so that the chain stays whole
CREATE TABLE IF NOT EXISTS audit_erasure{{local}}{{on_cluster}}
(
    gateway         LowCardinality(String),
    epoch           UInt32,
    seq             UInt64,
    -- SHA-256 of the row's RowBinary bytes
    hash            FixedString(32),
    erased_at       DateTime64(6, 'UTC'),
    reason          String,
    -- Ed25519 over hash || 'erased/gateway/epoch/seq'
    signature       String,
    key_id          LowCardinality(String)
)
ENGINE = {{MergeTree}}
ORDER BY (gateway, epoch, seq)
SETTINGS {{deduplicated}};

-- the link from a pseudonym to a person; erasing it leaves the trail whole
CREATE TABLE IF NOT EXISTS subject{{local}}{{on_cluster}}
(
    tenant          LowCardinality(String),
    subject         UInt64,
    display         String,
    issuer          LowCardinality(String),
    seen            DateTime('UTC')
)
ENGINE = {{ReplacingMergeTree seen}}
ORDER BY (tenant, subject);

-- prices as they were loaded: repricing is a query
CREATE TABLE IF NOT EXISTS price_book{{local}}{{on_cluster}}
(
    book            LowCardinality(String),
    tenant          LowCardinality(String),
    server          LowCardinality(String),
    tool            LowCardinality(String),
    valid_from      DateTime64(6, 'UTC'),
    per_call        Decimal(18, 9),
    per_1k_in       Decimal(18, 9),
    per_1k_out      Decimal(18, 9),
    per_mib         Decimal(18, 9),
    per_second      Decimal(18, 9),
    currency        LowCardinality(String)       DEFAULT 'USD',
    loaded_at       DateTime64(3, 'UTC')         DEFAULT now64(3)
)
ENGINE = {{ReplacingMergeTree loaded_at}}
ORDER BY (tenant, server, tool, valid_from);

{{distributed audit_seal}};
{{distributed audit_erasure}};
{{distributed subject}};
{{distributed price_book}};
