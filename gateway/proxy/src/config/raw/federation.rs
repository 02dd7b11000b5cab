//! One endpoint for several servers, in the words of the file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PATTERN;
use crate::config::bounds;
use crate::config::quantity::Period;

/// What a separator looks like.
pub(in crate::config) const SEPARATOR: &str =
    "1 to 8 of letters, digits, `_`, `.` and `-`, beginning with `_`, `.` or a capital letter";

/// How names of several servers stand side by side.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Prefix {
    /// Every name begins with its server's.
    #[default]
    Always,
    /// Names that several servers have begin with their server's. All lists are read to their end for that, and given
    /// on one page.
    Collision,
    /// No name does. Of a name that several servers have, the first server's is seen.
    None,
}

/// How clients come to know tools.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Discovery {
    /// A list shows them all.
    #[default]
    List,
    /// The list shows two: `search_tools` finds tools by what they are for, `call_tool` calls one.
    Search,
}

/// The endpoint of all servers, `/mcp`: one list of tools, prompts and resources for everything that the caller may
/// use.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Federation {
    /// How names of tools and prompts tell their servers apart.
    pub prefix: Prefix,
    /// How clients come to know tools.
    pub discovery: Discovery,
    /// What stands between a server's name and a name.
    #[schemars(extend("x-form" = SEPARATOR))]
    pub separator: String,
    /// How long each server may take where several are asked at once. The answer is given without those that take longer,
    /// which counts as a failed call (`health`).
    #[schemars(extend("x-min-ms" = bounds::MEMBER_DEADLINE_MIN.ms, "x-max-ms" = bounds::MEMBER_DEADLINE_MAX.ms))]
    pub deadline: Period,
    /// How long lists are kept of servers that do not say how long they may be, as those of the earlier revisions.
    #[schemars(extend("x-min-ms" = bounds::LIST_TTL_MIN.ms, "x-max-ms" = bounds::LIST_TTL_MAX.ms))]
    pub list_ttl: Period,
}

impl Default for Federation {
    fn default() -> Self {
        Self {
            prefix: Prefix::Always,
            discovery: Discovery::List,
            separator: "__".into(),
            deadline: Period::from_ms(10_000),
            list_ttl: Period::from_ms(0),
        }
    }
}

/// A chosen set of servers and tools at an endpoint of its own, `/mcp/{name}`. What a caller may do of it is for `access`
/// to say, which names the servers behind it. It needs `servers` or `tools`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Bundle {
    /// Servers of which it has everything.
    #[schemars(extend("maxItems" = bounds::SERVERS_MAX))]
    pub servers: Vec<String>,
    /// What it has beside that: `server/tool`, `server/prompt:NAME`, `server/resource:URI`, with `*` for any run of
    /// characters in the last part.
    #[schemars(extend("maxItems" = bounds::PATTERNS_MAX, "x-form" = PATTERN))]
    pub tools: Vec<String>,
    /// As `federation.prefix`, which it is where left out.
    pub prefix: Option<Prefix>,
    /// As `federation.discovery`, which it is where left out.
    pub discovery: Option<Discovery>,
}

/// How clients see one tool of a server. Rules, limits, prices and the record go by the server's own name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tool {
    /// What clients call it by: 1 to 64 of letters, digits, `_`, `.` and `-`.
    pub name: Option<String>,
    /// The group that it belongs to; its name begins with that and `_`.
    pub group: Option<String>,
    /// What it is said to do.
    pub description: Option<String>,
    /// Nobody sees it, and nobody can call it here.
    pub hidden: bool,
}
