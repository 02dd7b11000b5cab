-- Every seal that does not fit what it says, or does not follow the one before it; none is the
-- answer to wish for. Signatures are checked by `gantry audit verify`.
SELECT gateway, epoch, first_seq, last_seq, if(fits, 'unchained', 'changed') AS fault
FROM
(
    SELECT gateway, epoch, first_seq, last_seq, prev,
           seal = SHA256(concat(prev, root, SHA256(arrayStringConcat(tags, ',')),
               gateway, '/', toString(epoch), '/', toString(first_seq), '-', toString(last_seq), '/',
               toString(rows), '/', toString(kind), '/', toString(toUnixTimestamp64Micro(newest)), '/',
               toString(schema_version))) AS fits,
           row_number() OVER chain AS place,
           lagInFrame(seal) OVER chain AS seal_before,
           lagInFrame(epoch) OVER chain AS epoch_before,
           lagInFrame(last_seq) OVER chain AS last_before
    FROM audit_seal
    WINDOW chain AS (PARTITION BY gateway ORDER BY epoch, first_seq
                     ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE NOT fits
   OR NOT if(place > 1 AND epoch = epoch_before, first_seq = last_before + 1, first_seq = 1)
   OR NOT if(place > 1 AND epoch = epoch_before,
             prev = seal_before,
             prev = unhex(repeat('00', 32)) OR (gateway, prev) IN (SELECT gateway, seal FROM audit_seal))
ORDER BY gateway, epoch, first_seq
LIMIT 100;
