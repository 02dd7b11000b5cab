//! Rules against calls: a table for each of what a rule can say.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gantry_analytics::{
    cost::{Amount, Item},
    record::Kind,
};

use super::*;

/// Limits, their ledger, and a time that moves when it is told to.
struct World {
    ledger: Arc<Ledger>,
    limits: Limits,
    began: Instant,
    ms: u64,
}

/// 2026-11-25 12:00:00 UTC.
const NOON: Duration = Duration::from_secs(1_795_608_000);

/// What most tables call.
const REFUND: &str = "orders/refund";

impl World {
    fn new(limits: &str) -> Self {
        let ledger = Arc::new(Ledger::default());
        Self {
            limits: Limits::compile(&config(limits), &ledger),
            ledger,
            began: Instant::now(),
            ms: 0,
        }
    }

    /// Takes another configuration into use.
    fn reload(&mut self, limits: &str) {
        self.limits = Limits::compile(&config(limits), &self.ledger);
    }

    fn now(&self) -> Now {
        let age = Duration::from_millis(self.ms);
        Now {
            instant: self.began + age,
            utc: UNIX_EPOCH + NOON + age,
        }
    }

    fn admit(&self, agent: &str, teams: &[&str], item: &str) -> Result<(Ticket, Tab), Limited> {
        let teams: Vec<String> = teams.iter().map(ToString::to_string).collect();
        let ask = Ask {
            agent,
            teams: &teams,
            item: read_item(item),
        };
        futures::executor::block_on(self.limits.admit(&ask, self.now()))
    }

    /// How many calls are admitted in a row, of ten; each ends at once and uses what it is told.
    fn admitted(&self, agent: &str, teams: &[&str], item: &str, used: Used) -> usize {
        let calls = (0..10).map(|_| self.admit(agent, teams, item));
        let ends = |(ticket, tab): (Ticket, Tab)| {
            drop(ticket);
            tab.settle(used, self.now());
        };
        calls.filter_map(Result::ok).map(ends).count()
    }
}

fn config(limits: &str) -> crate::config::Checked {
    let text = format!(
        "servers: {{orders: {{url: 'http://127.0.0.1:1/'}}, crm: {{url: 'http://127.0.0.1:2/'}}}}\n\
         prices: {{currency: USD, books: {{'1': {{prices: [{{per_call: 1}}]}}}}}}\n\
         limits:\n{limits}"
    );
    crate::config::parse(&text, "gantry.yaml").unwrap()
}

fn read_item(text: &str) -> Item<'_> {
    let (server, rest) = text.split_once('/').unwrap();
    let (kind, name) = match rest.split_once(':') {
        Some(("prompt", name)) => (Kind::Prompt, name),
        Some(("resource", name)) => (Kind::Resource, name),
        _ => (Kind::Tool, rest),
    };
    Item { server, kind, name }
}

const REACHED: Used = Used {
    reached: true,
    tokens: 0,
    bytes: 0,
    cost: Amount::ZERO,
};

/// Calls by (agent, team, item), and how many of ten each are admitted, one after the other.
#[track_caller]
fn check(limits: &str, calls: &[(&str, &str, &str, usize)]) {
    let world = World::new(limits);
    for (agent, team, item, expected) in calls {
        let admitted = world.admitted(agent, &[team], item, REACHED);
        assert_eq!(admitted, *expected, "{limits}: {agent} {team} {item}");
    }
}

#[test]
fn what_a_rule_is_about() {
    check(
        "  - {calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("b", "y", "crm/lookup", 0),
            ("a", "x", "orders/prompt:summary", 10),
            ("a", "x", "orders/resource:file:///a", 10),
        ],
    );
    check(
        "  - {tool: orders/refund, calls: 3/day}",
        &[
            ("a", "x", "orders/get", 10),
            ("a", "x", "crm/refund", 10),
            ("a", "x", "orders/prompt:refund", 10),
            ("a", "x", REFUND, 3),
            ("b", "x", REFUND, 0),
        ],
    );
    check(
        "  - {tool: 'orders/*', calls: 3/day}",
        &[
            ("a", "x", "crm/lookup", 10),
            ("a", "x", "orders/prompt:summary", 10),
            ("a", "x", "orders/a/b", 3),
            ("a", "x", REFUND, 0),
        ],
    );
    check(
        "  - {tool: '*/re*', calls: 3/day}",
        &[
            ("a", "x", "orders/get", 10),
            ("a", "x", "crm/read", 3),
            ("a", "x", REFUND, 0),
        ],
    );
    check(
        "  - {tool: 'orders/prompt:*', calls: 3/day}",
        &[
            ("a", "x", REFUND, 10),
            ("a", "x", "orders/prompt:summary", 3),
        ],
    );
    check(
        "  - {tool: 'orders/resource:file:///*', calls: 3/day}",
        &[
            ("a", "x", "orders/resource:http://a", 10),
            ("a", "x", "orders/resource:file:///a", 3),
        ],
    );
    check(
        "  - {server: orders, calls: 3/day}",
        &[("a", "x", "crm/lookup", 10), ("a", "x", REFUND, 3)],
    );
    check(
        "  - {agent: 'a*', calls: 3/day}",
        &[
            ("b", "x", REFUND, 10),
            ("a1", "x", REFUND, 3),
            ("a2", "x", REFUND, 0),
        ],
    );
    check(
        "  - {team: x, calls: 3/day}",
        &[
            ("a", "y", REFUND, 10),
            ("a", "x", REFUND, 3),
            ("b", "x", REFUND, 0),
        ],
    );
    check(
        "  - {agent: a, team: x, server: orders, tool: 'orders/re*', calls: 3/day}",
        &[
            ("b", "x", REFUND, 10),
            ("a", "y", REFUND, 10),
            ("a", "x", "orders/get", 10),
            ("a", "x", REFUND, 3),
        ],
    );
}

#[test]
fn what_a_rule_counts_by() {
    check(
        "  - {per: [agent], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("a", "y", "crm/lookup", 0),
            ("b", "x", REFUND, 3),
        ],
    );
    check(
        "  - {per: [team], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("b", "x", REFUND, 0),
            ("b", "y", REFUND, 3),
        ],
    );
    check(
        "  - {per: [server], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("b", "y", "orders/get", 0),
            ("b", "y", "crm/lookup", 3),
        ],
    );
    check(
        "  - {per: [tool], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("b", "y", REFUND, 0),
            ("a", "x", "crm/refund", 3),
            ("a", "x", "orders/get", 3),
        ],
    );
    check(
        "  - {per: [agent, tool], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("a", "x", "orders/get", 3),
            ("b", "x", REFUND, 3),
            ("a", "y", REFUND, 0),
        ],
    );
    check(
        "  - {per: [agent, team, tool, server], calls: 3/day}",
        &[
            ("a", "x", REFUND, 3),
            ("a", "x", REFUND, 0),
            ("a", "y", REFUND, 3),
        ],
    );
}

#[test]
fn a_caller_with_several_teams_is_counted_under_the_one_that_is_named() {
    let world = World::new("  - {per: [team], team: 'b*', calls: 3/day}");
    assert_eq!(world.admitted("1", &["a", "b1", "b2"], REFUND, REACHED), 3);
    assert_eq!(world.admitted("2", &["b1"], REFUND, REACHED), 0);
    assert_eq!(world.admitted("2", &["b2"], REFUND, REACHED), 3);
    assert_eq!(world.admitted("2", &["a"], REFUND, REACHED), 10);
    let world = World::new("  - {per: [team], calls: 3/day}");
    assert_eq!(world.admitted("1", &["a", "b"], REFUND, REACHED), 3);
    assert_eq!(world.admitted("2", &["b"], REFUND, REACHED), 3);
    assert_eq!(world.admitted("3", &[], REFUND, REACHED), 3);
    assert_eq!(world.admitted("4", &["a", "a"], REFUND, REACHED), 0);
    let world = World::new("  - {team: a, calls: 3/day}");
    assert_eq!(world.admitted("1", &["a", "a"], REFUND, REACHED), 3);
}

#[test]
fn all_rules_must_let_a_call_through_and_a_refused_one_is_charged_by_none() {
    let world = World::new(
        "  - {id: all, calls: 5/day}\n  - {id: refunds, tool: orders/refund, calls: 2/day}",
    );
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 2);
    let refused = world.admit("a", &[], REFUND).unwrap_err();
    assert_eq!(&**refused.rule(), "refunds");
    assert_eq!(world.admitted("a", &[], "orders/get", REACHED), 3);
    let refused = world.admit("a", &[], "orders/get").unwrap_err();
    assert_eq!(&**refused.rule(), "all");
    assert_eq!(refused.retry_after(), Duration::from_secs(86_400 / 5));
    // Within one rule, too.
    let world = World::new("  - {calls: 5/day, concurrent: 1}");
    let held = world.admit("a", &[], REFUND).unwrap();
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 0);
    drop(held);
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 4);
}

#[test]
fn messages_that_are_about_nothing_are_not_limited() {
    let world = World::new("  - {calls: 1/day}");
    let caller = local_caller();
    let policy = crate::policy::Policy::open();
    let asked = crate::policy::Asked::read(None, "GET");
    let permit = crate::policy::check(&policy, caller, &"orders".into(), &asked).unwrap();
    for _ in 0..3 {
        assert!(admit_here(&world, &permit, None));
    }
    let item = Some(read_item(REFUND));
    assert!(admit_here(&world, &permit, item));
    assert!(!admit_here(&world, &permit, item));
    assert!(admit_here(&world, &permit, None));
}

fn admit_here(world: &World, permit: &Permit, item: Option<Item<'_>>) -> bool {
    let admitted = admit(&world.limits, permit, item, world.now());
    futures::executor::block_on(admitted).is_ok()
}

fn local_caller() -> crate::auth::Caller {
    crate::auth::suppose(
        "local",
        Vec::new(),
        None,
        Vec::new(),
        serde_json::Map::new(),
    )
}

#[test]
fn tokens_and_bytes_are_charged_in_the_end() {
    let used = Used {
        tokens: 40,
        bytes: 1_000,
        ..REACHED
    };
    let mut world = World::new("  - {per: [agent], tokens: 100/hour}");
    assert_eq!(world.admitted("a", &[], REFUND, used), 3);
    assert_eq!(world.admitted("b", &[], REFUND, used), 3);
    // 20 are owed, and one must be there.
    let refused = world.admit("a", &[], REFUND).unwrap_err();
    assert_eq!(refused.retry_after(), Duration::from_secs(21 * 36));
    assert_eq!(
        refused.to_string(),
        "limit \"tokens 100/hour per agent\" is reached (tokens)"
    );
    world.ms = 21 * 36_000;
    assert_eq!(world.admitted("a", &[], REFUND, used), 1);
    let world = World::new("  - {bytes: 4KiB/day}");
    assert_eq!(world.admitted("a", &[], REFUND, used), 5);
}

#[test]
fn a_budget_blocks_once_it_is_spent_and_until_its_day_ends() {
    let used = Used {
        cost: Amount::parse("0.4").unwrap(),
        ..REACHED
    };
    let mut world = World::new("  - {per: [agent], cost: 1 USD/day}");
    assert_eq!(world.admitted("a", &[], REFUND, used), 3);
    assert_eq!(world.admitted("b", &[], REFUND, used), 3);
    let refused = world.admit("a", &[], REFUND).unwrap_err();
    assert_eq!(refused.retry_after(), Duration::from_secs(12 * 3_600));
    world.ms = 12 * 3_600_000;
    assert_eq!(world.admitted("a", &[], REFUND, used), 3);
}

#[test]
fn a_server_that_was_not_reached_costs_nothing() {
    let used = Used {
        reached: false,
        tokens: 1_000,
        bytes: 1_000_000,
        cost: Amount::parse("100").unwrap(),
    };
    let limits =
        "  - {calls: 1/day, tokens: 1/day, bytes: 1/day, cost: 1 USD/month, concurrent: 1}";
    let world = World::new(limits);
    assert_eq!(world.admitted("a", &[], REFUND, used), 10);
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 1);
}

#[test]
fn calls_under_way_are_counted_as_long_as_their_tickets_live() {
    let world = World::new("  - {per: [agent], concurrent: 2}");
    let first = world.admit("a", &[], REFUND).unwrap();
    let second = world.admit("a", &[], REFUND).unwrap();
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 0);
    assert_eq!(world.admitted("b", &[], REFUND, REACHED), 10);
    // The tab does not matter for it, nor does the configuration that the call came under.
    first.1.settle(REACHED, world.now());
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 0);
    drop(first.0);
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 10);
    drop(second);
    assert_eq!(world.ledger.figures().keys, 0);
}

#[test]
fn counts_outlive_a_change_of_the_configuration() {
    let mut world =
        World::new("  - {per: [agent], calls: 3/day}\n  - {concurrent: 2}\n  - {cost: 1 USD/day}");
    let spent = Used {
        cost: Amount::parse("0.5").unwrap(),
        ..REACHED
    };
    let held = world.admit("a", &[], REFUND).unwrap();
    held.1.settle(spent, world.now());
    assert_eq!(world.admitted("a", &[], REFUND, spent), 1);
    // Moved, renamed, and with other maxima where those do not matter.
    world.reload(
        "  - {cost: 3 USD/day}\n  - {concurrent: 1}\n  - {id: mine, per: [agent], calls: 3/day}",
    );
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 0);
    drop(held.0);
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 1);
    // Another rate is another limit.
    world.reload("  - {per: [agent], calls: 5/day}\n  - {cost: 1 USD/day}");
    assert_eq!(
        world.admitted("b", &[], REFUND, REACHED),
        0,
        "1 USD is spent"
    );
    // What no configuration uses any more is forgotten.
    world.reload("  - {calls: 5/day}");
    world.ledger.sweep(world.now());
    assert_eq!(world.ledger.figures().keys, 0);
}

#[test]
fn many_rules_that_cannot_match_are_not_looked_at() {
    let mut text = String::new();
    for number in 0..200 {
        text += &format!("  - {{agent: agent-{number}, calls: 1/day}}\n");
        text += &format!("  - {{team: team-{number}, calls: 1/day}}\n");
        text += &format!("  - {{tool: orders/tool-{number}, calls: 1/day}}\n");
    }
    text += "  - {per: [agent], calls: 3/day}";
    let world = World::new(&text);
    assert_eq!(world.admitted("other", &["team"], REFUND, REACHED), 3);
    assert_eq!(
        world.admitted("agent-7", &["team-7"], "orders/tool-7", REACHED),
        1
    );
    assert_eq!(world.admitted("agent-8", &[], "orders/tool-7", REACHED), 0);
    assert_eq!(world.admitted("agent-8", &[], "orders/get", REACHED), 1);
}

#[test]
fn what_explain_says() {
    let config = config(
        "  - {id: refunds, per: [agent, tool], tool: 'orders/re*', calls: 5/min, burst: 2, tokens: 50k/hour}\n  \
         - {cost: 20 USD/month}\n  - {agent: b, calls: 1/day}",
    );
    let found = describe(&config, "a", &["x".to_owned()], read_item(REFUND));
    let under = |key, value: &str| (key, value.to_owned());
    assert_eq!(
        found,
        [
            Description {
                rule: "refunds".to_owned(),
                allows: vec!["calls 5/min".to_owned(), "tokens 50000/hour".to_owned()],
                counted_under: vec![under("agent", "a"), under("tool", REFUND)],
            },
            Description {
                rule: "cost 20/month".to_owned(),
                allows: vec!["cost 20/month".to_owned()],
                counted_under: Vec::new(),
            },
        ]
    );
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let mut world = World::new("  - {calls: 3/day}");
    world.ms = 10_000;
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 3);
    world.ms = 0;
    assert_eq!(world.admitted("a", &[], REFUND, REACHED), 0);
    let before = Now {
        utc: SystemTime::UNIX_EPOCH - Duration::from_secs(1),
        ..world.now()
    };
    assert_eq!(world.ledger.moment(before).unix_s, 0);
}
