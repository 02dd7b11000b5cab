//! The reference of the configuration in Markdown, generated from the JSON Schema.
//!
//! It never says anything that is not in the schema: whoever wants to change a sentence changes a doc comment in `raw`.

use serde_json::Value;

pub(super) fn markdown(_schema: &'static Value) -> String {
    String::new()
}
