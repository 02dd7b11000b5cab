//! Servers that are no MCP servers on the network, in the words of the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::URL;
use crate::config::Secret;
use crate::config::bounds;
use crate::config::quantity::Size;

/// What a list of operations looks like.
const SELECTOR: &str =
    "an operationId, a tool's name, `METHOD /path` or `tag:NAME`, with `*` for any text";
/// What a JSON Pointer looks like.
pub(in crate::config) const POINTER: &str = "a JSON Pointer such as `/items/*/name`";

/// A REST API as an MCP server: each of its operations is a tool.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["spec", "base_url"]))]
pub(in crate::config) struct OpenApi {
    /// Its description: Swagger 2.0 or OpenAPI 3, in JSON or YAML; a file, or a URL, which is fetched whenever the
    /// configuration is read.
    #[schemars(extend("x-form" = "the path of a file, or a URL"))]
    pub spec: String,
    /// Where the API is: `https://api.example.com/v2`. No other address is ever called, whatever the description, the
    /// arguments or the answers say; redirections are followed within its origin.
    #[schemars(extend("x-form" = URL))]
    pub base_url: String,
    /// The operations to offer: an `operationId`, a tool's name, `METHOD /path` or `tag:NAME`, with `*` for any text. Left
    /// out: all. `gantry openapi FILE` shows what there is.
    #[schemars(extend("maxItems" = bounds::OPERATIONS_MAX, "x-form" = SELECTOR))]
    pub include: Vec<String>,
    /// The operations not to offer, whatever is included: in the same notation.
    #[schemars(extend("maxItems" = bounds::OPERATIONS_MAX, "x-form" = SELECTOR))]
    pub exclude: Vec<String>,
    /// What is changed about tools. Of several that are about one operation, the first that says something decides.
    #[schemars(extend("maxItems" = bounds::OPERATIONS_MAX))]
    pub overrides: Vec<Override>,
    /// How large definitions and answers may be.
    pub limits: OpenApiLimits,
    /// Let the names in `base_url` and `spec` resolve to addresses of this machine and of private networks. An address
    /// that is written there, and `localhost`, need no leave.
    pub private_addresses: bool,
}

/// What is changed about the tools of some operations.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["operation"]))]
pub(in crate::config) struct Override {
    /// Which operations: an `operationId`, a tool's name, `METHOD /path` or `tag:NAME`, with `*` for any text.
    #[schemars(extend("x-form" = SELECTOR))]
    pub operation: String,
    /// The tool's name.
    pub name: Option<String>,
    /// The tool's description.
    pub description: Option<String>,
    /// Arguments that are not offered.
    #[schemars(extend("maxItems" = bounds::ARGUMENTS_MAX))]
    pub hide: Vec<String>,
    /// Arguments that are not offered, with what is sent in their place: JSON, and what is not JSON is a text. It may be a
    /// key, as `${VARIABLE}` or `file:PATH`, and never prints.
    #[schemars(extend("maxProperties" = bounds::ARGUMENTS_MAX))]
    pub fixed: BTreeMap<String, Secret>,
    /// Arguments of the path whose values may hold slashes, which are sent as `%2F`.
    #[schemars(extend("maxItems" = bounds::ARGUMENTS_MAX))]
    pub slashes: Vec<String>,
    /// The part of an answer that takes the place of the whole: a JSON Pointer such as `/data`.
    #[schemars(extend("x-form" = POINTER))]
    pub at: Option<String>,
    /// The parts of an answer that are kept: JSON Pointers, in which `*` stands for every element or member.
    #[schemars(extend("maxItems" = bounds::POINTERS_MAX))]
    pub keep: Vec<String>,
    /// Whether the tool changes nothing, in place of what its method says.
    pub read_only: Option<bool>,
    /// Whether the tool may destroy something, in place of what its method says.
    pub destructive: Option<bool>,
    /// Whether calling the tool twice does no more than calling it once, in place of what its method says.
    pub idempotent: Option<bool>,
}

/// How large the tools of a REST API and their answers may be.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct OpenApiLimits {
    /// The definition of a tool as a whole.
    #[schemars(extend("minimum" = bounds::DEFINITION_BYTES_MIN, "maximum" = bounds::DEFINITION_BYTES_MAX))]
    pub tool_bytes: Size,
    /// Its input schema.
    #[schemars(extend("minimum" = bounds::DEFINITION_BYTES_MIN, "maximum" = bounds::DEFINITION_BYTES_MAX))]
    pub input_bytes: Size,
    /// Its output schema; 0 for none.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::DEFINITION_BYTES_MAX))]
    pub output_bytes: Size,
    /// Its description.
    #[schemars(extend("minimum" = 0, "maximum" = bounds::DEFINITION_BYTES_MAX))]
    pub description_bytes: Size,
    /// An answer as it is read. A larger one is a fault of the call.
    #[schemars(extend("minimum" = bounds::BODY_BYTES_MIN, "maximum" = bounds::BODY_BYTES_MAX))]
    pub answer_bytes: Size,
    /// What of an answer in text is passed on. JSON beyond it is a fault of the call; other text is cut.
    #[schemars(extend("minimum" = bounds::BODY_BYTES_MIN, "maximum" = bounds::BODY_BYTES_MAX))]
    pub text_bytes: Size,
}

impl Default for OpenApiLimits {
    fn default() -> Self {
        Self {
            tool_bytes: Size(64_000),
            input_bytes: Size(24_000),
            output_bytes: Size(8_000),
            description_bytes: Size(1_500),
            answer_bytes: Size(8 << 20),
            text_bytes: Size(1 << 20),
        }
    }
}
