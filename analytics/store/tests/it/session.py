"""A session of the unmodified `clickhouse-connect` client with a store: session.py HOST PORT PASSWORD.

Exits with a traceback at the first surprise, and prints `done` at the end.
"""

import sys
from datetime import datetime, timezone

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, Error, StreamFailureError

host, port, password = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def connect(**more):
    return clickhouse_connect.get_client(
        host=host, port=port, username="gantry", password=password, **more
    )


def raises(kind, text, action):
    try:
        action()
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"expected {text}")


raises(Error, "516", lambda: clickhouse_connect.get_client(host=host, port=port, username="gantry", password="no"))

client = connect()
assert client.ping()
assert client.server_version.startswith("26.")
client.command("CREATE DATABASE py")
client.command(
    "CREATE TABLE py.t (n UInt64, s LowCardinality(String), at DateTime64(6, 'UTC'), tags Map(String, UInt16), maybe Nullable(Float64))"
    " ENGINE = MergeTree ORDER BY n"
)
at = datetime(2026, 7, 28, 12, 30, 45, 123456, tzinfo=timezone.utc)
columns = ["n", "s", "at", "tags", "maybe"]
rows = [[n, f"agent-{n % 7}", at, {"email": n % 9}, None if n % 2 else n / 4] for n in range(1000)]

written = 0
for compress in (False, True, "lz4", "zstd", "gzip"):
    session = connect(compress=compress, database="py")
    summary = session.insert("t", rows, column_names=columns)
    assert summary.written_rows == len(rows), (compress, summary.summary)
    written += len(rows)
    assert session.query("SELECT count() FROM t").result_rows == [(written,)], compress
    session.close()

result = client.query("SELECT * FROM py.t WHERE n = {n:UInt64} LIMIT 1", parameters={"n": 4})
assert result.column_names == tuple(columns), result.column_names
assert result.result_rows[0][:4] == (4, "agent-4", at.replace(tzinfo=result.result_rows[0][2].tzinfo), {"email": 4})
assert result.result_rows[0][4] == 1.0
awkward = "it's a 'quote', a \\ backslash,\ta tab\nand a line"
assert client.query("SELECT {s:String}", parameters={"s": awkward}).result_rows == [(awkward,)]
assert client.command("SELECT getSetting('max_threads')", settings={"max_threads": 3}) in (3, "3")
assert client.query("SELECT 1 WHERE 0").result_rows == []

with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(200000)") as stream:
    total = sum(row[0] for block in stream for row in block)
assert total == 200000 * 199999 // 2, total

assert client.raw_insert("py.t", ["n", "s"], insert_block="9001,raw\n9002,raw\n", fmt="CSV").written_rows == 2
assert client.raw_query("SELECT n FROM py.t WHERE s = 'raw' ORDER BY n", fmt="JSONEachRow") == b'{"n":9001}\n{"n":9002}\n'

raises(DatabaseError, "60", lambda: client.query("SELECT * FROM py.missing"))
raises(DatabaseError, "62", lambda: client.command("CREATE NONSENSE"))
raises(
    (StreamFailureError, DatabaseError),
    "395",
    lambda: client.query("SELECT throwIf(number = 300000) FROM numbers(400000)").result_rows,
)
assert client.command("SELECT count() FROM py.t") == written + 2, "the session is usable after errors"
client.close()
print("done")
