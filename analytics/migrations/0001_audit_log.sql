-- The trail and its roll-ups.
-- Names are unqualified: they belong to the database that the statements are run in.
-- Every table has a deduplication window, the roll-ups' too: a batch that is sent again under
-- its token is then dropped everywhere alike.
-- Each statement ends with a semicolon at the end of a line, and nothing else does.
-- What stands in double braces is filled in for a single server or for a cluster.

-- one row per MCP operation, refused ones too
CREATE TABLE IF NOT EXISTS audit_log{{local}}{{on_cluster}}
(
    -- identity: deterministic, dense, gap-checkable (no random UUID)
    gateway         LowCardinality(String),
    epoch           UInt32                       CODEC(Delta(4), ZSTD(1)),
    seq             UInt64                       CODEC(Delta(8), ZSTD(1)),
    ts              DateTime64(6, 'UTC')         CODEC(Delta(8), ZSTD(1)),

    -- who
    tenant          LowCardinality(String),
    team            LowCardinality(String),
    agent           LowCardinality(String),
    subject         UInt64                       CODEC(ZSTD(1)),
    auth_method     Enum8('none'=0,'jwt'=1,'oidc'=2,'api_key'=3,'mtls'=4),
    client_name     LowCardinality(String),
    client_version  LowCardinality(String),
    client_ip       IPv6                         CODEC(ZSTD(1)),

    -- what
    method          LowCardinality(String),
    server          LowCardinality(String),
    server_version  LowCardinality(String),
    endpoint        LowCardinality(String),
    kind            Enum8('other'=0,'tool'=1,'prompt'=2,'resource'=3,'task'=4),
    tool            LowCardinality(String),
    resource_uri    String                       CODEC(ZSTD(3)),
    args_hash       UInt64                       CODEC(ZSTD(1)),
    protocol        LowCardinality(String),
    transport       Enum8('streamable_http'=0,'sse'=1,'stdio'=2,'rest'=3),
    session_id      String                       CODEC(ZSTD(1)),
    rpc_id          String                       CODEC(ZSTD(1)),
    trace_id        FixedString(16)              CODEC(ZSTD(1)),
    span_id         FixedString(8)               CODEC(ZSTD(1)),

    -- outcome
    outcome         Enum8('ok'=0,'tool_error'=1,'rpc_error'=2,'upstream_error'=3,'timeout'=4,
                          'denied'=5,'rate_limited'=6,'guardrail'=7,'cancelled'=8,'bad_request'=9,
                          'unauthenticated'=10,'gateway_error'=11,'unknown'=12),
    http_status     UInt16                       CODEC(ZSTD(1)),
    rpc_code        Int32                        CODEC(ZSTD(1)),
    error           String                       CODEC(ZSTD(3)),
    attempts        UInt8                        CODEC(ZSTD(1)),
    -- 1: the answer was an event stream, 2: the caller left before it was whole,
    -- 4: a stream without an end of its own, whose duration is no latency
    flags           UInt32                       CODEC(ZSTD(1)),

    -- time budget, microseconds
    duration_us     UInt64                       CODEC(T64, ZSTD(1)),
    upstream_us     UInt64                       CODEC(T64, ZSTD(1)),
    guard_us        UInt32                       CODEC(T64, ZSTD(1)),
    queue_us        UInt32                       CODEC(T64, ZSTD(1)),
    ttfb_us         UInt64                       CODEC(T64, ZSTD(1)),

    -- volume and cost
    req_bytes       UInt32                       CODEC(T64, ZSTD(1)),
    resp_bytes      UInt64                       CODEC(T64, ZSTD(1)),
    tokens_in       UInt32                       CODEC(T64, ZSTD(1)),
    tokens_out      UInt32                       CODEC(T64, ZSTD(1)),
    cost            Decimal(18, 9)               CODEC(ZSTD(1)),
    price_book      LowCardinality(String),

    -- policy and guardrails
    policy          LowCardinality(String),
    guard_action    Enum8('none'=0,'allow'=1,'mask'=2,'block'=3,'flag'=4),
    guard_rules     Array(LowCardinality(String)) CODEC(ZSTD(1)),
    pii_in          Map(LowCardinality(String), UInt16) CODEC(ZSTD(1)),
    pii_out         Map(LowCardinality(String), UInt16) CODEC(ZSTD(1)),
    attrs           Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    trace_hex       String ALIAS lower(hex(trace_id)),
    event_id        String ALIAS concat(gateway, '/', toString(epoch), '/', toString(seq)),
    is_error        UInt8  ALIAS outcome NOT IN ('ok','cancelled'),

    INDEX ix_trace   trace_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_subject subject    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_tool    tool       TYPE set(256)            GRANULARITY 1,
    INDEX ix_seq     seq        TYPE minmax              GRANULARITY 1,
    INDEX ix_outcome outcome    TYPE set(16)             GRANULARITY 1,
    INDEX ix_dur     duration_us TYPE minmax             GRANULARITY 1
)
ENGINE = {{MergeTree}}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant, toStartOfHour(ts), agent, server, ts, gateway, epoch, seq)
PRIMARY KEY (tenant, toStartOfHour(ts), agent, server)
TTL toDateTime(ts) + INTERVAL {{days}} DAY DELETE
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
         {{deduplicated}};

-- operations view: no agent dimension, so it stays small whatever the number of agents
CREATE TABLE IF NOT EXISTS usage_1m{{local}}{{on_cluster}}
(
    minute          DateTime('UTC')              CODEC(Delta(4), ZSTD(1)),
    tenant LowCardinality(String), server LowCardinality(String), server_version LowCardinality(String),
    method LowCardinality(String), tool LowCardinality(String),
    outcome         Enum8('ok'=0,'tool_error'=1,'rpc_error'=2,'upstream_error'=3,'timeout'=4,'denied'=5,'rate_limited'=6,'guardrail'=7,'cancelled'=8,'bad_request'=9,'unauthenticated'=10,'gateway_error'=11,'unknown'=12),
    calls           SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    pii             SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    req_bytes       SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    resp_bytes      SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    duration_sum    SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    duration_max    SimpleAggregateFunction(max, UInt64)   CODEC(T64, ZSTD(1)),
    gateway_sum     SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    -- base-2^(1/8) buckets (= Prometheus native histogram schema 3, OTel scale 3)
    duration_hist   SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1))
)
ENGINE = {{AggregatingMergeTree}}
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, minute, server, tool, method, server_version, outcome)
TTL minute + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, {{deduplicated}};

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_1m_mv{{on_cluster}} TO usage_1m{{local}} AS
SELECT toStartOfMinute(ts) AS minute, tenant, server, server_version, method, tool, outcome,
       count() AS calls,
       sum(arraySum(mapValues(a.pii_in)) + arraySum(mapValues(a.pii_out))) AS pii,
       sum(a.req_bytes) AS req_bytes, sum(a.resp_bytes) AS resp_bytes,
       sumIf(a.duration_us, bitAnd(a.flags, 4) = 0) AS duration_sum,
       maxIf(a.duration_us, bitAnd(a.flags, 4) = 0) AS duration_max,
       sum(greatest(toInt64(a.duration_us) - toInt64(a.upstream_us), 0)) AS gateway_sum,
       sumMapIf(map(toUInt8(least(255, ceil(log2(greatest(a.duration_us, 1)) * 8))), toUInt64(1)), bitAnd(a.flags, 4) = 0) AS duration_hist
FROM audit_log{{local}} AS a
GROUP BY minute, tenant, server, server_version, method, tool, outcome;

-- chargeback view: who used what, per hour
CREATE TABLE IF NOT EXISTS usage_1h{{local}}{{on_cluster}}
(
    hour            DateTime('UTC')              CODEC(Delta(4), ZSTD(1)),
    tenant LowCardinality(String), team LowCardinality(String), agent LowCardinality(String),
    server LowCardinality(String), tool LowCardinality(String), price_book LowCardinality(String),
    calls           SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    errors          SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    denied          SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    limited         SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    blocked         SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    tokens_in       SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    tokens_out      SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    bytes           SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    cost            SimpleAggregateFunction(sum, Decimal(38, 9)) CODEC(ZSTD(1)),
    duration_sum    SimpleAggregateFunction(sum, UInt64)   CODEC(T64, ZSTD(1)),
    duration_hist   SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1))
)
ENGINE = {{AggregatingMergeTree}}
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, team, agent, server, tool, price_book)
TTL hour + INTERVAL 1100 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, {{deduplicated}};

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_1h_mv{{on_cluster}} TO usage_1h{{local}} AS
SELECT toStartOfHour(ts) AS hour, tenant, team, agent, server, tool, price_book,
       count() AS calls,
       countIf(outcome NOT IN ('ok','cancelled')) AS errors,
       countIf(outcome IN ('denied','unauthenticated')) AS denied,
       countIf(outcome = 'rate_limited') AS limited,
       countIf(outcome = 'guardrail') AS blocked,
       sum(a.tokens_in) AS tokens_in, sum(a.tokens_out) AS tokens_out,
       sum(a.req_bytes + a.resp_bytes) AS bytes, sum(a.cost) AS cost,
       sumIf(a.duration_us, bitAnd(a.flags, 4) = 0) AS duration_sum,
       sumMapIf(map(toUInt8(least(255, ceil(log2(greatest(a.duration_us, 1)) * 8))), toUInt64(1)), bitAnd(a.flags, 4) = 0) AS duration_hist
FROM audit_log{{local}} AS a
GROUP BY hour, tenant, team, agent, server, tool, price_book;

-- on a cluster: what is read, over all shards
{{distributed audit_log}};
{{distributed usage_1m}};
{{distributed usage_1h}};
