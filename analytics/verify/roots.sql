-- Every batch whose rows together do not fit its seal; none is the answer to wish for.
SELECT gateway, epoch, first_seq, last_seq
FROM
(
    SELECT gateway, epoch, seq, SHA256(formatRow('RowBinary',
            gateway, epoch, seq, ts, tenant, team, agent, subject, auth_method, client_name,
            client_version, client_ip, method, server, server_version, endpoint, kind, tool, resource_uri,
            args_hash, protocol, transport, session_id, rpc_id, trace_id, span_id, outcome, http_status,
            rpc_code, error, attempts, flags, duration_us, upstream_us, guard_us, queue_us, ttfb_us,
            req_bytes, resp_bytes, tokens_in, tokens_out, cost, price_book, policy, guard_action,
            guard_rules, pii_in, pii_out, attrs)) AS hash
    FROM audit_log
    UNION ALL
    SELECT gateway, epoch, seq, hash FROM audit_erasure
) AS rows
ASOF JOIN
(
    SELECT gateway, epoch, first_seq, last_seq, root FROM audit_seal WHERE kind = 'batch'
) AS seals
ON rows.gateway = seals.gateway AND rows.epoch = seals.epoch AND rows.seq >= seals.first_seq
WHERE seq <= last_seq
GROUP BY gateway, epoch, first_seq, last_seq, root
HAVING SHA256(unhex(arrayStringConcat(arrayMap(row -> hex(row.2), arraySort(groupArray((seq, hash))))))) != root
ORDER BY gateway, epoch, first_seq
LIMIT 100;
