//! Every panel and every variable, for All, for one and for several, with the answers that must come.

use std::fmt::Write as _;

use gantry_dashboards::{
    Dashboard, Kind, Panel, Store, macros,
    question::{Question, statements},
    source,
};
use serde_json::{Value, json};

use crate::{
    calls::{BEGIN_S, CALLS, insert, insert_books, insert_seals},
    store::RunningStore,
};

/// The values selected of each variable.
type Selected = [(&'static str, &'static [&'static str])];

/// What is selected: everything, one of each, several of each.
const SELECTIONS: [(&str, &Selected); 3] = [
    ("all", &[]),
    (
        "one",
        &[
            ("tenant", &["acme"]),
            ("team", &["support"]),
            ("agent", &["bot-a"]),
            ("server", &["orders"]),
        ],
    ),
    (
        "several",
        &[
            ("tenant", &["acme", "globex"]),
            ("team", &["support", "ops"]),
            ("agent", &["bot-a", "bot-c"]),
            ("server", &["orders", "crm"]),
        ],
    ),
];

async fn known() -> RunningStore {
    let store = RunningStore::start().await;
    // The calls keep their date for ever.
    for table in ["audit_log", "usage_1m", "usage_1h"] {
        store
            .execute(&format!("ALTER TABLE {table} REMOVE TTL"))
            .await;
    }
    store.execute(&insert()).await;
    store.execute(&insert_seals()).await;
    store.execute(&insert_books()).await;
    store
}

/// From an hour before the calls to an hour after them.
fn question(selection: &[(&str, &[&str])]) -> Question {
    let owned = |values: &&[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Question {
        from_ms: (BEGIN_S - 3_600) * 1_000,
        to_ms: (BEGIN_S + 3 * 3_600) * 1_000,
        interval_ms: 0,
        selection: selection
            .iter()
            .map(|(name, values)| ((*name).to_owned(), owned(values)))
            .collect(),
    }
}

fn trail() -> impl Iterator<Item = Dashboard> {
    source::all()
        .into_iter()
        .filter(|dashboard| dashboard.store == Store::ClickHouse)
}

/// The rows of a panel, one after the other.
async fn rows(store: &RunningStore, panel: &Panel, question: &Question) -> Vec<Value> {
    let mut rows = Vec::new();
    for sql in statements(panel, question).unwrap() {
        let answer = store.ask(&sql).await;
        rows.extend(answer["data"].as_array().unwrap().iter().cloned());
    }
    rows
}

#[tokio::test]
async fn every_panel_answers_for_all_for_one_and_for_several() {
    let store = known().await;
    for dashboard in trail() {
        let mut page = String::new();
        for (_, panel) in dashboard.panels() {
            for (name, selection) in SELECTIONS {
                writeln!(page, "\n## {} ({name})", panel.title).unwrap();
                for row in rows(&store, panel, &question(selection)).await {
                    writeln!(page, "{row}").unwrap();
                }
            }
        }
        insta::assert_snapshot!(dashboard.name, page);
    }
}

/// Counted by hand from the table of calls, so that the snapshots cannot drift unseen.
#[tokio::test]
async fn the_figures_are_those_of_the_calls() {
    let store = known().await;
    assert_eq!(CALLS.iter().map(|calls| calls.n).sum::<u32>(), 40);
    for (dashboard, panel, [all, one, several]) in [
        // The tables of minutes know no agents: `one` is acme's 22 calls to orders, `several` has all but the malformed one.
        ("overview", "Calls", [json!(40), json!(22), json!(39)]),
        ("overview", "Failed calls", [json!(3), json!(2), json!(3)]),
        ("overview", "PII findings", [json!(11), json!(1), json!(11)]),
        ("agents", "Active agents", [json!(3), json!(1), json!(2)]),
        ("agents", "Calls", [json!(40), json!(20), json!(27)]),
        ("agents", "Tokens", [json!(1200), json!(600), json!(810)]),
        ("agents", "Refused", [json!(5), json!(0), json!(0)]),
        // 20 x 0.01 + 7 x 0.5 + 7 x 0.02
        ("cost", "Cost", [json!(3.84), json!(0.2), json!(0.34)]),
        // 2 x 0.01 + 2 x 0.5 + 1 x 0.02
        (
            "cost",
            "Cost of failed calls",
            [json!(1.04), json!(0.02), json!(0.04)],
        ),
        ("security", "Denied", [json!(3), json!(0), json!(0)]),
        ("security", "Over a limit", [json!(1), json!(0), json!(0)]),
        (
            "security",
            "Stopped by guardrails",
            [json!(1), json!(0), json!(0)],
        ),
        ("security", "Malformed", [json!(1), json!(0), json!(0)]),
    ] {
        let dashboard = trail().find(|it| it.name == dashboard).unwrap();
        let panel = dashboard
            .panels()
            .find(|(_, it)| it.title == panel)
            .unwrap()
            .1;
        for ((name, selection), figure) in SELECTIONS.into_iter().zip([all, one, several]) {
            let rows = rows(&store, panel, &question(selection)).await;
            assert_eq!(
                rows,
                [json!([figure])],
                "{} {} ({name})",
                dashboard.name,
                panel.title
            );
        }
    }
}

/// By hand: 20 x 0.02; 7 x (0.1 + 10 tokens of 1 per thousand); 7 x 0.05, globex' own price.
#[tokio::test]
async fn calls_are_repriced_by_the_newest_book_in_force() {
    let store = known().await;
    let cost = trail().find(|it| it.name == "cost").unwrap();
    let panel = cost
        .panels()
        .find(|(_, it)| it.title == "Reprice with the current book")
        .unwrap()
        .1;
    let sales = json!(["sales", 7, 0, 3.5, 0.77, -2.73, "next"]);
    let support = json!(["support", 20, 0, 0.2, 0.4, 0.2, "next"]);
    let ops = json!(["ops", 7, 0, 0.14, 0.35, 0.21, "next"]);
    for ((name, selection), expected) in SELECTIONS.into_iter().zip([
        vec![&sales, &support, &ops],
        vec![&support],
        vec![&support, &ops],
    ]) {
        let rows = rows(&store, panel, &question(selection)).await;
        assert_eq!(rows.iter().collect::<Vec<_>>(), expected, "{name}");
    }
    // Without a book there is nothing to compare with, and the panel says so.
    store.execute("TRUNCATE TABLE price_book").await;
    let rows = rows(&store, panel, &question(&[])).await;
    let unpriced: Vec<_> = rows.iter().map(|row| (&row[1], &row[2], &row[4])).collect();
    assert_eq!(unpriced[0], (&json!(7), &json!(7), &json!(0)));
}

/// gw-2's second seal names another before it, and its third leaves two records out.
#[tokio::test]
async fn a_break_in_the_chain_of_seals_is_counted() {
    let store = known().await;
    let audit = trail().find(|it| it.name == "audit").unwrap();
    let panel = audit
        .panels()
        .find(|(_, it)| it.title == "Seals")
        .unwrap()
        .1;
    let rows = rows(&store, panel, &question(&[])).await;
    let figures: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.as_array().unwrap()[..7]
                .iter()
                .map(|it| it.to_string().replace('"', ""))
                .collect()
        })
        .collect();
    assert_eq!(
        figures,
        [
            ["gw-1", "1", "3", "0", "1", "0", "41"],
            ["gw-2", "1", "3", "2", "0", "3", "12"]
        ]
    );
}

#[tokio::test]
async fn every_variable_lists_what_the_wider_ones_leave() {
    let store = known().await;
    for (name, [all, one, several]) in [
        (
            "tenant",
            [
                &["acme", "globex"][..],
                &["acme", "globex"],
                &["acme", "globex"],
            ],
        ),
        (
            "team",
            [
                &["ops", "sales", "support"],
                &["sales", "support"],
                &["ops", "sales", "support"],
            ],
        ),
        (
            "agent",
            [
                &["bot-a", "bot-b", "bot-c"],
                &["bot-a"],
                &["bot-a", "bot-c"],
            ],
        ),
    ] {
        for ((_, selection), expected) in SELECTIONS.into_iter().zip([all, one, several]) {
            for dashboard in trail() {
                if let Some(values) = values(&store, &dashboard, name, selection).await {
                    assert_eq!(values, expected, "{} {name}", dashboard.name);
                }
            }
        }
    }
    for dashboard in trail() {
        let servers = values(&store, &dashboard, "server", &[("tenant", &["globex"])]).await;
        assert_eq!(servers.unwrap(), ["crm"], "{}", dashboard.name);
    }
}

async fn values(
    store: &RunningStore,
    dashboard: &Dashboard,
    name: &str,
    selection: &[(&str, &[&str])],
) -> Option<Vec<String>> {
    let Kind::Query(sql) = &dashboard.variable(name)?.kind else {
        panic!("{name} is no query")
    };
    let answer = store
        .ask(&macros::expand(sql, &question(selection)).unwrap())
        .await;
    let rows = answer["data"].as_array().unwrap().iter();
    Some(
        rows.map(|row| row[0].as_str().unwrap().to_owned())
            .collect(),
    )
}

/// What a reader types ends nowhere but in a value.
#[tokio::test]
async fn a_session_that_is_no_session_finds_nothing() {
    let store = known().await;
    let audit = trail().find(|it| it.name == "audit").unwrap();
    let panel = audit
        .panels()
        .find(|(_, it)| it.title == "One session")
        .unwrap()
        .1;
    for (session, found) in [
        ("session-0", 10),
        ("session-9", 6),
        (r"\' OR 1=1 --", 0),
        ("' OR 1=1 --", 0),
        ("'); DROP TABLE audit_log; --", 0),
        ("$__timeFilter(ts)", 0),
    ] {
        let rows = rows(&store, panel, &question(&[("session", &[session])])).await;
        assert_eq!(rows.len(), found, "{session}");
    }
    let trace = format!("{:032X}", 5);
    let rows = rows(&store, panel, &question(&[("trace", &[&trace])])).await;
    assert_eq!(rows.len(), 1);
}
