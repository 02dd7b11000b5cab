-- Every row that is missing, doubled, changed, or covered by no seal; none is the answer to wish for.
-- A row counts as unchanged when the first four bytes of its hash are as they were sealed;
-- roots.sql compares the rest. Rows of the last seconds may still wait for their seal.
SELECT gateway, epoch, seq,
       multiIf(sum(sealed) = 0, 'unsealed', sum(stored) = 0, 'missing', sum(stored) > 1, 'doubled', 'changed') AS fault
FROM
(
    SELECT gateway, epoch, seq, 0 AS sealed, 1 AS stored,
           reinterpretAsUInt32(substring(SHA256(formatRow('RowBinary',
            gateway, epoch, seq, ts, tenant, team, agent, subject, auth_method, client_name,
            client_version, client_ip, method, server, server_version, endpoint, kind, tool, resource_uri,
            args_hash, protocol, transport, session_id, rpc_id, trace_id, span_id, outcome, http_status,
            rpc_code, error, attempts, flags, duration_us, upstream_us, guard_us, queue_us, ttfb_us,
            req_bytes, resp_bytes, tokens_in, tokens_out, cost, price_book, policy, guard_action,
            guard_rules, pii_in, pii_out, attrs)), 1, 4)) AS tag
    FROM audit_log
    UNION ALL
    SELECT gateway, epoch, seq, 0 AS sealed, 1 AS stored, reinterpretAsUInt32(substring(hash, 1, 4)) AS tag
    FROM audit_erasure
    UNION ALL
    SELECT gateway, epoch, toUInt64(first_seq + n - 1) AS seq, 1 AS sealed, 0 AS stored, tag
    FROM audit_seal
    ARRAY JOIN tags AS tag, arrayEnumerate(tags) AS n
    WHERE kind = 'batch'
)
GROUP BY gateway, epoch, seq
HAVING sum(sealed) != 1 OR sum(stored) != 1 OR uniqExact(tag) != 1
ORDER BY gateway, epoch, seq
LIMIT 100;
