//! Limits, prices, and the Redis that replicas share limits through.

use std::collections::BTreeMap;

use gantry_analytics::cost::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::bounds;
use crate::config::quantity::Period;
use crate::config::rate::{BUDGET_FORM, BYTE_RATE_FORM, CURRENCY_FORM, RATE_FORM};
use crate::config::secret::Secret;

/// What a tool looks like in a rule.
pub(in crate::config) const TOOL_FORM: &str = "`server/tool`, `server/prompt:name` or `server/resource:uri`, with `*` for anything, such as `orders/*`";
/// What a date looks like.
pub(in crate::config) const DATE_FORM: &str =
    "a date such as `2026-01-31`, or with a time `2026-01-31T06:00:00Z`";
/// What the URL of a Redis looks like.
pub(in crate::config) const REDIS_FORM: &str =
    "a URL such as `redis://redis:6379/0`, or `rediss://` for TLS";

/// One rule: which calls it is about, what it counts them by, and how much it lets through. Of the keys that say how
/// much, it needs at least one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Limit {
    /// The rule's name in records, log lines and `gantry explain`. Left out: the rule in short.
    pub id: Option<String>,
    /// Each of these has a count of its own. Left out: one count for everybody. A caller with several teams is counted
    /// under the one that `team` names, else under the first.
    #[schemars(extend("maxItems" = 4))]
    pub per: Vec<Per>,
    /// Only calls by this agent. `*` stands for anything, here and below.
    pub agent: Option<String>,
    /// Only calls by members of this team.
    pub team: Option<String>,
    /// Only calls to this server.
    pub server: Option<String>,
    /// Only calls of this tool, as `server/tool`. Prompts and resources are limited only where they are named here:
    /// `server/prompt:name`, `server/resource:uri`.
    #[schemars(extend("x-form" = TOOL_FORM))]
    pub tool: Option<String>,
    /// How many calls: `5/min`, per `second`, `min`, `hour` or `day`. They fill up again evenly.
    #[schemars(extend("x-form" = RATE_FORM))]
    pub calls: Option<String>,
    /// How many calls may come at once, after a while without any. Left out: the number in `calls`.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::BURST_MAX))]
    pub burst: Option<u32>,
    /// How many tokens of arguments and results: `50k/hour`. They are counted after the answer, so that one call may go
    /// beyond; no other is admitted until that is made up for.
    #[schemars(extend("x-form" = RATE_FORM))]
    pub tokens: Option<String>,
    /// How many bytes of requests and answers: `10MiB/min`. Counted after the answer, as tokens are.
    #[schemars(extend("x-form" = BYTE_RATE_FORM))]
    pub bytes: Option<String>,
    /// How many calls may be under way together.
    #[schemars(extend("minimum" = 1, "maximum" = bounds::CONCURRENT_MAX))]
    pub concurrent: Option<u32>,
    /// How much money by `prices`: `20 USD/day` or `/month`, by the calendar in UTC. Nothing is admitted once it is spent.
    #[schemars(extend("x-form" = BUDGET_FORM))]
    pub cost: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Per {
    Agent,
    Team,
    Tool,
    Server,
}

/// What calls cost. Every call that reached its server is priced, and its record holds the cost and the book's name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["currency", "books"]))]
pub(in crate::config) struct Prices {
    /// The currency of all prices and budgets.
    #[schemars(extend("x-form" = CURRENCY_FORM))]
    pub currency: String,
    /// The claim of a caller's token that names its tenant, such as `tid`. Left out: nobody has one.
    pub tenant_claim: Option<String>,
    /// Price books by name. In force is the one that became valid last.
    #[schemars(extend("minProperties" = 1, "maxProperties" = bounds::BOOKS_MAX))]
    pub books: BTreeMap<String, Book>,
}

/// One price book.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["prices"]))]
pub(in crate::config) struct Book {
    /// When it becomes valid: a date, which begins in UTC, or a moment. Left out: it always was.
    #[schemars(extend("x-form" = DATE_FORM))]
    pub valid_from: Option<String>,
    /// Its prices. A call has the closest one: of its tool, else of its server, else of everything; and of each the
    /// tenant's own before that of all tenants.
    #[schemars(extend("minItems" = 1, "maxItems" = bounds::PRICES_MAX))]
    pub prices: Vec<Price>,
}

/// The price of one tool, of a server's tools, or of all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Price {
    /// Only for this tenant, which `tenant_claim` names.
    pub tenant: Option<String>,
    /// Only for the tools of this server.
    pub server: Option<String>,
    /// Only for this one, without `*`: `server/tool`, `server/prompt:name` or `server/resource:uri`.
    #[schemars(extend("x-form" = TOOL_FORM))]
    pub tool: Option<String>,
    /// For a call.
    pub per_call: Option<Money>,
    /// For 1,000 tokens of arguments.
    pub per_1k_in: Option<Money>,
    /// For 1,000 tokens of results.
    pub per_1k_out: Option<Money>,
    /// For 1 MiB of request and answer.
    pub per_mib: Option<Money>,
    /// For a second that the call takes.
    pub per_second: Option<Money>,
}

/// An amount of money.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Money(pub Amount);

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let amount = Amount::parse(&text);
        amount
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("an amount of money"))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "format": "money",
            "pattern": "^[0-9]+(\\.[0-9]{1,9})?$|\\$\\{",
        })
    }
}

/// The Redis or Valkey that replicas of the gateway share their limits through.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Redis {
    /// One server, or a proxy in front of several: `redis://redis:6379/0`, or `rediss://` for TLS.
    #[schemars(extend("x-form" = REDIS_FORM))]
    pub url: String,
    /// The user to sign in as. Left out: the default user.
    pub user: Option<String>,
    /// That user's password, as `${VARIABLE}` or `file:PATH` rather than in the open. It never prints.
    pub password: Option<Secret>,
    /// What its keys begin with. Gateways with the same prefix and the same rules share limits.
    pub prefix: String,
    /// What happens to limited calls while it is away.
    pub fail: RedisFail,
    /// How long one request to it may take. After that it counts as away.
    #[schemars(extend("x-min-ms" = bounds::REDIS_MIN.ms, "x-max-ms" = bounds::REDIS_MAX.ms))]
    pub timeout: Period,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: None,
            password: None,
            prefix: "gantry".into(),
            fail: RedisFail::default(),
            timeout: Period::from_ms(250),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RedisFail {
    /// Each replica goes on with counts of its own.
    #[default]
    Local,
    /// They are refused with 503.
    Closed,
}
