//! `guardrails`: what may pass, as the file says it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::quantity::Period;
use crate::config::{Secret, bounds};

/// What may pass, in both directions. Left out, nothing is scanned.
///
/// For each finding the first of `rules` that fits decides, then its kind in `kinds`, then its groups from the special
/// to the general: `payment`, `health` and `business`, then its region, then `pii` or `secrets`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Guardrails {
    /// Personal data and identifiers of every region.
    pub pii: Option<Action>,
    /// Credentials: tokens, keys, passwords.
    pub secrets: Option<Action>,
    /// Characters that cannot be seen: joiners, bidirectional controls, tags, terminal escapes.
    #[serde(rename = "hidden-text")]
    pub hidden_text: Option<Action>,
    /// Text that reads like an instruction to a model.
    pub injection: Option<Action>,
    /// Cards, accounts, wallets.
    pub payment: Option<Action>,
    /// Identifiers of health care, and dates of birth.
    pub health: Option<Action>,
    /// Identifiers of businesses: VAT, bank codes, vehicles.
    pub business: Option<Action>,
    /// Identifiers of Europe.
    pub europe: Option<Action>,
    /// Identifiers of the Americas.
    pub americas: Option<Action>,
    /// Identifiers of Asia and Oceania.
    #[serde(rename = "asia-pacific")]
    pub asia_pacific: Option<Action>,
    /// Identifiers of Africa and the Middle East.
    #[serde(rename = "africa-middle-east")]
    pub africa_middle_east: Option<Action>,
    /// Actions by kind, such as `EMAIL: off`.
    pub kinds: BTreeMap<String, Action>,
    /// Exceptions, in their order: the first that fits a finding decides.
    #[schemars(extend("maxItems" = bounds::GUARD_RULES_MAX))]
    pub rules: Vec<Rule>,
    /// Patterns of your own by name (1 to 64 letters, digits, `_`, `-` or `.`), which are kinds then.
    #[schemars(extend("maxProperties" = bounds::GUARD_PATTERNS_MAX))]
    pub patterns: BTreeMap<String, Pattern>,
    /// Classifiers by name.
    #[schemars(extend("maxProperties" = bounds::GUARD_HOOKS_MAX))]
    pub hooks: BTreeMap<String, Hook>,
    /// Definitions of tools, prompts and resources that were approved, and what becomes of others.
    pub definitions: Definitions,
    /// How a caller is told that its tool call, or the answer to it, was blocked.
    pub blocked: Blocked,
    /// What becomes of a message that cannot be scanned: too large, too deep, no JSON.
    pub on_error: OnError,
    /// The score, in hundredths, from which a text counts as an instruction.
    #[schemars(extend("minimum" = 1, "maximum" = 100))]
    pub injection_score: Option<u32>,
    /// The key of hashes and tokens, as `${VARIABLE}` or `file:PATH`. Left out: a new one in each life of the gateway.
    pub key: Option<Secret>,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Action {
    /// Nothing, and it is not recorded.
    Off,
    /// It is recorded and passes.
    Monitor,
    /// A placeholder stands in its place: `[EMAIL]`.
    Redact,
    /// Stars stand in its place, but for the last four characters.
    Mask,
    /// A placeholder with a keyed hash: the same value has the same one.
    Hash,
    /// A token that the gateway turns back where a rule says so.
    Tokenise,
    /// The message does not pass.
    Block,
}

/// One exception.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(in crate::config) struct Rule {
    /// The name in findings and records.
    pub name: Option<String>,
    /// Kinds and groups that it is about. Empty: all.
    #[schemars(extend("maxItems" = bounds::GUARD_KINDS_MAX))]
    pub kinds: Vec<String>,
    /// What becomes of them.
    pub action: Action,
    /// The way that the message goes.
    pub direction: Direction,
    /// The server.
    pub server: Option<String>,
    /// The tool as `server/tool`; `*` stands for any text.
    pub tool: Option<String>,
    /// The place as a JSON pointer; `*` stands for one step, `**` at the end for any.
    pub pointer: Option<String>,
    /// The agent.
    pub agent: Option<String>,
    /// A team that the agent is in.
    pub team: Option<String>,
    /// With `tokenise`: tools, as `server/tool`, whose calls get the values back.
    #[schemars(extend("maxItems" = bounds::GUARD_TOOLS_MAX))]
    pub detokenise: Vec<String>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            name: None,
            kinds: Vec::new(),
            action: Action::Off,
            direction: Direction::Both,
            server: None,
            tool: None,
            pointer: None,
            agent: None,
            team: None,
            detokenise: Vec::new(),
        }
    }
}

/// The way that a message goes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Direction {
    /// From client to server.
    Request,
    /// From server to client.
    Response,
    #[default]
    Both,
}

/// How a caller is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Blocked {
    /// A tool call gets a result with `isError`, which a model can read; other methods an error.
    #[default]
    ToolResult,
    /// A JSON-RPC error.
    Error,
}

/// What becomes of what cannot be looked at.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum OnError {
    /// It does not pass.
    #[default]
    Closed,
    /// It passes.
    Open,
}

/// A pattern, or a list of words.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(in crate::config) struct Pattern {
    /// A regular expression without look-around and back-references.
    pub pattern: Option<String>,
    /// Whole words and phrases, instead of `pattern`.
    #[schemars(extend("maxItems" = bounds::GUARD_WORDS_MAX))]
    pub words: Vec<String>,
    /// Words and phrases that are never findings of this pattern.
    #[schemars(extend("maxItems" = bounds::GUARD_WORDS_MAX))]
    pub allow: Vec<String>,
    /// Upper and lower case are one. Words are always so.
    pub ignore_case: bool,
    /// What becomes of its findings.
    pub action: Action,
    /// Texts that `gantry check` tries.
    pub examples: Examples,
}

impl Default for Pattern {
    fn default() -> Self {
        Self {
            pattern: None,
            words: Vec::new(),
            allow: Vec::new(),
            ignore_case: false,
            action: Action::Monitor,
            examples: Examples::default(),
        }
    }
}

/// Texts that `gantry check` tries.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Examples {
    /// Each must hold a finding of the pattern.
    #[schemars(extend("maxItems" = bounds::GUARD_EXAMPLES_MAX))]
    pub found: Vec<String>,
    /// None may hold one.
    #[schemars(extend("maxItems" = bounds::GUARD_EXAMPLES_MAX))]
    pub passed: Vec<String>,
}

/// A classifier, which judges whole texts: a service at `url`, or a `model` in a file.
///
/// A service gets `{"text", "direction", "server", "tool"}` and answers `{"flagged", "score"}`. A model takes a text, or
/// the tokens of one, and gives probabilities or logits of classes; it needs a gateway that was built with
/// `--features onnx`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(in crate::config) struct Hook {
    /// Where texts are posted.
    pub url: Option<String>,
    /// The file of a model in the ONNX format, instead of `url`.
    pub model: Option<String>,
    /// With `model`: the `tokenizer.json` of a model that takes tokens. Left out: the model takes the text itself.
    pub tokenizer: Option<String>,
    /// With `model`: the class that is looked for, counted from 0. Left out: the last one.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::MODEL_LABEL_MAX))]
    pub label: Option<u32>,
    /// With `model`: the score, in hundredths, from which a text is flagged. Left out: 50.
    #[schemars(extend("minimum" = 1, "maximum" = 100))]
    pub threshold: Option<u32>,
    /// What becomes of a message that is flagged: `monitor` or `block`.
    pub action: Action,
    /// The way that messages go.
    pub direction: Direction,
    /// How long it may take.
    #[schemars(extend("x-min-ms" = bounds::HOOK_MIN.ms, "x-max-ms" = bounds::HOOK_MAX.ms))]
    pub timeout: Period,
    /// What becomes of a message that it does not answer for.
    pub on_error: OnError,
    /// How long an answer is remembered for the same text. `0s`: not at all.
    #[schemars(extend("x-min-ms" = 0, "x-max-ms" = bounds::HOOK_CACHE_MAX.ms))]
    pub cache: Period,
}

impl Default for Hook {
    fn default() -> Self {
        Self {
            url: None,
            model: None,
            tokenizer: None,
            label: None,
            threshold: None,
            action: Action::Monitor,
            direction: Direction::Both,
            timeout: Period::from_ms(250),
            on_error: OnError::Closed,
            cache: Period::from_ms(300_000),
        }
    }
}

/// Approved definitions.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Definitions {
    /// The lockfile that `gantry pin` writes. Left out: nothing is pinned.
    pub lock: Option<String>,
    /// A definition that differs from the approved one.
    pub changed: Unapproved,
    /// A definition that nobody approved.
    pub new: Unapproved,
    /// A tool whose name another server's approved tool has, or one that looks the same.
    pub shadowing: Unapproved,
}

/// What becomes of a definition that was not approved as it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Unapproved {
    /// It passes and is recorded.
    #[default]
    Alert,
    /// It is left out of lists.
    Hide,
    /// It is left out of lists, and calls of the tool are refused.
    Block,
}
