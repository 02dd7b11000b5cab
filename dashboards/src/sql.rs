//! Words that the statements of the source share: `{minute}` stands for the range and the selection
//! over a table, `{failed}` for the outcomes that count against an upstream, and so on.

/// Each word and what it stands for. Later ones may occur in earlier ones.
const WORDS: &[(&str, &str)] = &[
    // Whole minutes and hours: a roll-up knows nothing finer, and its first row must not be lost.
    (
        "{minute}",
        "minute >= toStartOfMinute($__fromTime) AND minute <= $__toTime AND {tenant} AND {server}",
    ),
    (
        "{hour}",
        "hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND {callers} AND {server}",
    ),
    ("{calls}", "$__timeFilter(ts) AND {callers} AND {server}"),
    ("{callers}", "{tenant} AND {team} AND {agent}"),
    (
        "{tenant}",
        "$__conditionalAll(tenant IN (${tenant:singlequote}), $tenant)",
    ),
    (
        "{team}",
        "$__conditionalAll(team IN (${team:singlequote}), $team)",
    ),
    (
        "{agent}",
        "$__conditionalAll(agent IN (${agent:singlequote}), $agent)",
    ),
    (
        "{server}",
        "$__conditionalAll(server IN (${server:singlequote}), $server)",
    ),
    // The service's own faults. A tool's business error and a caller's own faults are not.
    (
        "{failed}",
        "outcome IN ('upstream_error', 'timeout', 'gateway_error')",
    ),
    (
        "{eligible}",
        "outcome NOT IN ('denied', 'unauthenticated', 'rate_limited', 'bad_request', 'cancelled')",
    ),
    // A roll-up's bucket k holds the durations in (2^((k-1)/8), 2^(k/8)] microseconds.
    ("{bucket_s}", "exp2((k - 0.5) / 8) / 1e6"),
];

/// The statement with its words filled in, on one line.
pub(crate) fn fill(statement: &str) -> String {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    WORDS
        .iter()
        .fold(words, |text, (word, meaning)| text.replace(word, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_filled_in() {
        for (word, _) in WORDS {
            let filled = fill(word);
            assert!(
                !WORDS.iter().any(|(word, _)| filled.contains(word)),
                "{filled}"
            );
        }
        assert_eq!(fill("SELECT 1\n   FROM x"), "SELECT 1 FROM x");
    }
}
