-- Price books as they are loaded, so that repricing is a query.
-- The same rules of writing as in 0001.
-- The table of 0002 cannot tell a tool from a prompt, nor one text of a book from another, and
-- nothing loads it. All that is in this one can be loaded again from the configuration.

DROP TABLE IF EXISTS price_book{{on_cluster}} SYNC;

DROP TABLE IF EXISTS price_book{{local}}{{on_cluster}} SYNC;

-- one row per price; the rows of one text of a book share its revision
CREATE TABLE IF NOT EXISTS price_book{{local}}{{on_cluster}}
(
    book            LowCardinality(String),
    -- SHA-256 of the book's prices; in force of a book is the revision that was loaded last
    revision        FixedString(32),
    valid_from      DateTime64(6, 'UTC'),
    -- empty: of every tenant, of every server
    tenant          LowCardinality(String),
    server          LowCardinality(String),
    -- other: of every tool
    kind            Enum8('other'=0,'tool'=1,'prompt'=2,'resource'=3),
    name            String,
    per_call        Decimal(18, 9),
    per_1k_in       Decimal(18, 9),
    per_1k_out      Decimal(18, 9),
    per_mib         Decimal(18, 9),
    per_second      Decimal(18, 9),
    currency        LowCardinality(String),
    loaded_at       DateTime64(6, 'UTC')
)
ENGINE = {{ReplacingMergeTree loaded_at}}
ORDER BY (book, revision, tenant, server, kind, name);

{{distributed price_book}};
