//! The plugin's documented examples, Grafana's quoting, and what must never happen.

use std::collections::BTreeMap;

use super::*;

fn question(selection: &[(&str, &[&str])]) -> Question {
    let owned = |values: &&[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Question {
        from_ms: 1_415_792_726_123,
        to_ms: 1_447_328_726_456,
        interval_ms: 20_000,
        selection: selection
            .iter()
            .map(|(name, values)| ((*name).to_owned(), owned(values)))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// Macros and outputs of the table in the documentation of Grafana's ClickHouse plugin.
#[test]
fn the_documented_examples() {
    let mut question = question(&[]);
    for (query, sql) in [
        (
            "$__dateFilter(columnName)",
            "columnName >= toDate('2014-11-12') AND columnName <= toDate('2015-11-12')",
        ),
        (
            "$__timeFilter(columnName)",
            "columnName >= toDateTime(1415792726) AND columnName <= toDateTime(1447328726)",
        ),
        (
            "$__timeFilter_ms(columnName)",
            "columnName >= fromUnixTimestamp64Milli(1415792726123) AND columnName <= fromUnixTimestamp64Milli(1447328726456)",
        ),
        (
            "$__dateTimeFilter(dateColumn, timeColumn)",
            "dateColumn >= toDate('2014-11-12') AND dateColumn <= toDate('2015-11-12') AND timeColumn >= toDateTime(1415792726) AND timeColumn <= toDateTime(1447328726)",
        ),
        (
            "$__dt(d, t)",
            "d >= toDate('2014-11-12') AND d <= toDate('2015-11-12') AND t >= toDateTime(1415792726) AND t <= toDateTime(1447328726)",
        ),
        ("$__fromTime", "toDateTime(1415792726)"),
        ("$__toTime", "toDateTime(1447328726)"),
        ("$__fromTime_ms", "fromUnixTimestamp64Milli(1415792726123)"),
        ("$__toTime_ms", "fromUnixTimestamp64Milli(1447328726456)"),
        ("$__timeFrom(c)", "c >= toDateTime(1415792726)"),
        ("$__timeTo(c)", "c <= toDateTime(1447328726)"),
        (
            "$__timeInterval(columnName)",
            "toStartOfInterval(toDateTime(columnName), INTERVAL 20 second)",
        ),
        ("$__interval_s", "20"),
    ] {
        assert_eq!(expand(query, &question).as_deref(), Ok(sql));
    }
    question.interval_ms = 20;
    assert_eq!(
        expand("$__timeInterval_ms(columnName)", &question).as_deref(),
        Ok("toStartOfInterval(toDateTime64(columnName, 3), INTERVAL 20 millisecond)")
    );
    assert_eq!(
        expand("$__interval_s", &question).as_deref(),
        Ok("1"),
        "never zero"
    );
}

#[test]
fn a_condition_holds_for_a_selection_and_falls_away_for_all() {
    let query = "SELECT 1 FROM t WHERE $__conditionalAll(bar IN (${bar:singlequote}), $bar) AND x";
    for (selection, sql) in [
        (&[][..], "SELECT 1 FROM t WHERE 1=1 AND x"),
        (&[("bar", &[][..])][..], "SELECT 1 FROM t WHERE 1=1 AND x"),
        (
            &[("bar", &["$__all"][..])][..],
            "SELECT 1 FROM t WHERE 1=1 AND x",
        ),
        (
            &[("bar", &["a"][..])][..],
            "SELECT 1 FROM t WHERE bar IN ('a') AND x",
        ),
        (
            &[("bar", &["a", "b, c"][..])][..],
            "SELECT 1 FROM t WHERE bar IN ('a','b, c') AND x",
        ),
        (
            &[("other", &["a"][..])][..],
            "SELECT 1 FROM t WHERE 1=1 AND x",
        ),
    ] {
        assert_eq!(expand(query, &question(selection)).as_deref(), Ok(sql));
    }
}

#[test]
fn a_value_stays_a_value() {
    for (value, quoted) in [
        ("x') OR 1=1 --", r"'x\') OR 1=1 --'"),
        (r"\", r"'\\'"),
        (r"\' OR 1=1 --", r"'\\\' OR 1=1 --'"),
        ("$__timeFilter(ts)", "'$__timeFilter(ts)'"),
        ("${agent:singlequote}", "'${agent:singlequote}'"),
    ] {
        let asked = question(&[("server", &[value])]);
        let sql = expand(
            "$__conditionalAll(s IN (${server:singlequote}), $server)",
            &asked,
        );
        assert_eq!(sql.unwrap(), format!("s IN ({quoted})"));
    }
}

#[test]
fn nested_brackets_and_quotes_belong_to_the_argument() {
    let asked = question(&[("bar", &["a"])]);
    let query = "$__conditionalAll(has(['(', ',', '\\')'], f(x, y)) OR $__timeFilter(ts), $bar)!";
    let sql = "has(['(', ',', '\\')'], f(x, y)) OR ts >= toDateTime(1415792726) AND ts <= toDateTime(1447328726)!";
    assert_eq!(expand(query, &asked).as_deref(), Ok(sql));
}

#[test]
fn what_is_not_known_is_refused() {
    for query in [
        "$__nosuch(x)",
        "$__columns",
        "$__timeFilter(a, b)",
        "$__timeFilter(a",
        "$__conditionalAll(x)",
        "$__conditionalAll(x, bar)",
        "$bar",
        "${bar}",
        "${bar:raw}",
        "${bar",
    ] {
        assert!(expand(query, &question(&[])).is_err(), "{query}");
    }
}
