-- What calls would have cost by the price books that are loaded, beside what they were charged.
-- Parameters:
--   since, until  the span of time, in UTC, without its end
--   book          the book for all calls; empty: of all books the one in force when a call came
--   books         the books that count; empty: all that are loaded
-- Counted are the calls that were charged, and those that their server answered while nothing had
-- a price for them; `unpriced` says how many have no price in these books either. Tokens are those
-- that were counted: none where neither a price nor a limit needed them when the call was made.
-- Exact: money is whole billionths, and each part of a price is rounded half up, per call.
WITH
    prices AS
    (
        SELECT book,
               if({book:String} = '', valid_from, toDateTime64(0, 6, 'UTC')) AS since,
               CAST(tenant, 'String') AS tenant, CAST(server, 'String') AS server,
               CAST(kind, 'String') AS kind, name,
               toUInt256(toDecimal128(per_call, 9) * 1000000000) AS call_price,
               toUInt256(toDecimal128(per_1k_in, 9) * 1000000000) AS in_price,
               toUInt256(toDecimal128(per_1k_out, 9) * 1000000000) AS out_price,
               toUInt256(toDecimal128(per_mib, 9) * 1000000000) AS mib_price,
               toUInt256(toDecimal128(per_second, 9) * 1000000000) AS second_price
        FROM price_book FINAL
        WHERE (book, revision) GLOBAL IN (SELECT book, argMax(revision, loaded_at) FROM price_book GROUP BY book)
          AND if({book:String} = '', empty({books:Array(String)}) OR has({books:Array(String)}, book), book = {book:String})
    ),
    (SELECT arraySort(groupUniqArray((since, CAST(book, 'String')))) FROM prices) AS shelf,
    calls AS
    (
        SELECT CAST(tenant, 'String') AS tenant, CAST(team, 'String') AS team, CAST(server, 'String') AS server,
               CAST(kind, 'String') AS item, if(kind = 'resource', resource_uri, CAST(tool, 'String')) AS name,
               arrayLast(one -> one.1 <= ts, shelf).2 AS book,
               tokens_in, tokens_out, toUInt256(req_bytes) + resp_bytes AS bytes, duration_us, cost
        FROM audit_log
        WHERE ts >= parseDateTime64BestEffort({since:String}, 6, 'UTC')
          AND ts < parseDateTime64BestEffort({until:String}, 6, 'UTC')
          AND method IN ('tools/call', 'prompts/get', 'resources/read')
          AND (price_book != '' OR (attempts > 0 AND outcome IN ('ok', 'tool_error', 'rpc_error')))
    ),
    -- the closest price of each thing: its own, else its server's, else that of everything; and of
    -- each the tenant's own first
    places AS
    (
        SELECT book, tenant, server, item, name,
               arrayJoin(arrayConcat(
                   [(1, tenant, server, item, name), (2, '', server, item, name)],
                   if(item = 'tool',
                      [(3, tenant, server, 'other', ''), (4, '', server, 'other', ''),
                       (5, tenant, '', 'other', ''), (6, '', '', 'other', '')],
                      []))) AS place
        FROM (SELECT DISTINCT book, tenant, server, item, name FROM calls)
    ),
    closest AS
    (
        SELECT s.book AS book, s.tenant AS tenant, s.server AS server, s.item AS item, s.name AS name,
               1 AS is_priced,
               argMin((p.call_price, p.in_price, p.out_price, p.mib_price, p.second_price), s.rank) AS rates
        FROM
        (
            SELECT book, tenant, server, item, name, place.1 AS rank, place.2 AS at_tenant,
                   place.3 AS at_server, place.4 AS at_kind, place.5 AS at_name
            FROM places
        ) AS s
        INNER JOIN (SELECT CAST(book, 'String') AS book, * EXCEPT (book) FROM prices) AS p
            ON p.book = s.book AND p.tenant = s.at_tenant AND p.server = s.at_server
               AND p.kind = s.at_kind AND p.name = s.at_name
        GROUP BY book, tenant, server, item, name
    ),
    toUInt256(999999999999999999) AS most,
    priced AS
    (
        SELECT c.tenant AS tenant, c.team AS team, c.server AS server, c.item AS kind, c.name AS name,
               c.book AS book, r.is_priced AS is_priced, c.cost AS cost,
               least(r.rates.1
                     + least(intDiv(r.rates.2 * c.tokens_in + 500, 1000), most)
                     + least(intDiv(r.rates.3 * c.tokens_out + 500, 1000), most)
                     + least(intDiv(r.rates.4 * c.bytes + 524288, 1048576), most)
                     + least(intDiv(r.rates.5 * c.duration_us + 500000, 1000000), most), most) AS billionths
        FROM calls AS c
        LEFT JOIN closest AS r
            ON r.book = c.book AND r.tenant = c.tenant AND r.server = c.server
               AND r.item = c.item AND r.name = c.name
    )
SELECT tenant, team, server, kind, name, book, count() AS calls, countIf(is_priced = 0) AS unpriced,
       toDecimal128(sum(cost), 9) AS charged,
       toDecimal128(sum(billionths), 9) / 1000000000 AS repriced,
       repriced - charged AS difference
FROM priced
GROUP BY tenant, team, server, kind, name, book
ORDER BY abs(difference) DESC, tenant, team, server, kind, name, book
