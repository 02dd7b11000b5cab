//! Two tools in place of a long list: one that finds tools by what they are for, one that calls them.
//!
//! A model that is shown a thousand tools reads a thousand definitions before it begins. Behind these two
//! it reads those that fit. What can be found is what the caller's list would show, and a call by
//! `call_tool` is decided, screened and recorded as the call of the tool that it names.

mod search;
#[cfg(test)]
mod tests;
mod words;

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use gantry_mcp::{frame::Call, jsonrpc, listing::List, mentions};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::{Own, lists::Listed, merge, visit::Visit};
use crate::pipeline::{Refusal, Unreviewable};
use search::{Index, Tool};

pub(super) const SEARCH: &str = "search_tools";
pub(super) const CALL: &str = "call_tool";

/// Tools in one answer, unless the search asks for another number.
const FOUND: usize = 5;
const FOUND_MAX: usize = 20;

/// Of an intent, what is read.
const INTENT_BYTES_MAX: usize = 4 * 1024;

/// Lists that are kept ready to be searched, and how long after their last use.
const READY_MAX: u64 = 64;
const READY_IDLE: Duration = Duration::from_secs(600);

/// The definitions of the two.
const TOOLS: &str = r#""tools":[{"name":"search_tools","title":"Search tools","description":"Finds tools by what they are for. Say what you want to do in a few words; the answer has the definitions of the tools that fit best. Call one of them by call_tool.","inputSchema":{"type":"object","properties":{"intent":{"type":"string","description":"What you want to do, in a few words"},"max":{"type":"integer","minimum":1,"maximum":20,"default":5,"description":"How many tools to show at most"}},"required":["intent"],"additionalProperties":false},"outputSchema":{"type":"object","properties":{"tools":{"type":"array","items":{"type":"object"},"description":"Definitions, the best first"}},"required":["tools"]},"annotations":{"readOnlyHint":true,"idempotentHint":true,"openWorldHint":false}},{"name":"call_tool","title":"Call a tool","description":"Calls a tool that search_tools has found, by its name, with arguments as its inputSchema says.","inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"The tool's name, as search_tools gives it"},"arguments":{"type":"object","description":"Its arguments"}},"required":["name"],"additionalProperties":false}}]"#;

/// Lists that are ready to be searched.
pub(super) struct Discovery {
    ready: Cache<[u8; 32], Arc<Index>>,
}

impl Default for Discovery {
    fn default() -> Self {
        let ready = Cache::builder().max_capacity(READY_MAX);
        Self {
            ready: ready.time_to_idle(READY_IDLE).build(),
        }
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lists", self.ready.entry_count())
    }
}

impl Discovery {
    /// The places of the tools that fit an intent.
    async fn search(&self, tools: Vec<Vec<u8>>, intent: String, max: usize) -> Vec<Vec<u8>> {
        let mut hash = Sha256::new();
        for tool in &tools {
            hash.update((tool.len() as u64).to_le_bytes());
            hash.update(tool);
        }
        let key = hash.finalize().into();
        let ready = self.ready.clone();
        // Reading a thousand definitions takes milliseconds, which other calls should not wait for.
        let found = tokio::task::spawn_blocking(move || {
            let index = ready.get_with(key, || Arc::new(index(&tools)));
            let places = index.search(&intent, max);
            places
                .into_iter()
                .filter_map(|place| tools.get(place).cloned())
                .collect()
        });
        found.await.unwrap_or_default()
    }
}

fn index(tools: &[Vec<u8>]) -> Index {
    let texts: Vec<[String; 3]> = tools.iter().map(|tool| texts(tool)).collect();
    Index::new(texts.iter().map(|[names, description, arguments]| Tool {
        names,
        description,
        arguments,
    }))
}

/// The texts of a definition by field. What cannot be read has none, and is found by nothing.
fn texts(tool: &[u8]) -> [String; 3] {
    let tool: Value = serde_json::from_slice(tool).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let title = tool
        .get("title")
        .or_else(|| tool.pointer("/annotations/title"));
    let names = [tool.get("name"), title].into_iter().flatten().map(text);
    let properties = tool
        .pointer("/inputSchema/properties")
        .and_then(Value::as_object);
    let arguments = properties.into_iter().flatten().map(|(name, schema)| {
        let description = schema.get("description").map(text).unwrap_or_default();
        format!("{name} {description}")
    });
    [
        names.collect::<Vec<_>>().join(" "),
        tool.get("description").map(text).unwrap_or_default(),
        arguments.collect::<Vec<_>>().join(" "),
    ]
}

/// The list of tools where tools are searched.
pub(super) fn list(visit: &Visit, id: &str) -> Own {
    let mut result = TOOLS.to_owned();
    if visit.is_modern() {
        result.push_str(r#","resultType":"complete","ttlMs":3600000,"cacheScope":"public""#);
    }
    result.push_str(&merge::meta(visit, &[]));
    Own::result(id, result.as_bytes())
}

#[derive(Deserialize)]
struct Wanted {
    intent: String,
    max: Option<usize>,
}

/// Answers a call of `search_tools`.
///
/// # Errors
/// [`Refusal`] where no member's list can be read.
pub(super) async fn search(visit: &Visit, id: &str, call: &Call<'_>) -> Result<Own, Refusal> {
    let arguments = call.params.arguments.as_ref().map_or("{}", |raw| raw.get());
    let Ok(mut wanted) = serde_json::from_str::<Wanted>(arguments) else {
        return Ok(wrong(visit, id, "search_tools needs `intent`, a text"));
    };
    wanted
        .intent
        .truncate(wanted.intent.floor_char_boundary(INTENT_BYTES_MAX));
    let max = wanted.max.unwrap_or(FOUND).clamp(1, FOUND_MAX);
    let (tools, left_out) = merge::tools(visit, &Listed::of(call)).await?;
    let found = visit
        .front
        .discovery
        .search(tools, wanted.intent, max)
        .await;
    let structured = [b"{\"tools\":[".as_slice(), &found.join(&b','), b"]}"].concat();
    let text = jsonrpc::quoted(&String::from_utf8_lossy(&structured));
    let mut result =
        format!(r#""content":[{{"type":"text","text":{text}}}],"structuredContent":"#).into_bytes();
    result.extend(structured);
    result.extend(kind(visit));
    result.extend(merge::meta(visit, &left_out).into_bytes());
    Ok(Own::result(id, &result).partial(left_out))
}

/// What a model is told that uses one of the two wrongly.
fn wrong(visit: &Visit, id: &str, text: &str) -> Own {
    let text = jsonrpc::quoted(text);
    let mut result =
        format!(r#""content":[{{"type":"text","text":{text}}}],"isError":true"#).into_bytes();
    result.extend(kind(visit));
    result.extend(merge::meta(visit, &[]).into_bytes());
    Own::result(id, &result)
}

fn kind(visit: &Visit) -> &'static [u8] {
    match visit.is_modern() {
        true => br#","resultType":"complete""#,
        false => b"",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// The call of a tool that a call of `call_tool` stands for.
///
/// # Errors
/// The answer that says what is wrong with it, or the [`Refusal`] of a message that cannot be read.
pub(super) fn called(
    visit: &Visit,
    id: &str,
    call: &Call<'_>,
    body: &[u8],
) -> Result<Result<Vec<u8>, Own>, Refusal> {
    let Some(arguments) = &call.params.arguments else {
        return Ok(Err(wrong(
            visit,
            id,
            "call_tool needs `name`, a tool's name",
        )));
    };
    let named = serde_json::from_str::<Named<'_>>(arguments.get());
    let named = named
        .ok()
        .filter(|named| ![SEARCH, CALL].contains(&named.name.as_str()));
    let Some(Named {
        name,
        arguments: own,
    }) = named
    else {
        let text = "call_tool needs `name`, the name of a tool that search_tools has found, and its `arguments`, and nothing else";
        return Ok(Err(wrong(visit, id, text)));
    };
    let own = own.map_or("{}", RawValue::get);
    if !own.starts_with('{') {
        return Ok(Err(wrong(visit, id, "`arguments` has to be an object")));
    }
    let mentions = mentions::of_client(body).map_err(Unreviewable::Unclear)?;
    let names = mentions
        .iter()
        .filter(|mention| mention.what == mentions::What::Name);
    let mut edits: Vec<(Range<usize>, String)> = names
        .map(|mention| (mention.span(), jsonrpc::quoted(&name)))
        .collect();
    edits.extend(span(body, arguments.get()).map(|span| (span, own.to_owned())));
    Ok(Ok(mentions::splice(body, edits)))
}

/// Says in headers what the tool asks for that is called in the place of `call_tool`.
pub(super) async fn mirror(visit: &mut Visit, call: &Call<'_>) {
    let Some(name) = call.params.name.as_deref() else {
        return;
    };
    if !visit.front.mirrored.is_read() {
        let members = visit.usable();
        merge::learn(visit, List::Tools, &members, &Listed::of(call)).await;
    }
    let arguments = call.params.arguments.as_ref().map_or("{}", |raw| raw.get());
    let front = Arc::clone(&visit.front);
    front.mirrored.mirror(name, arguments, &mut visit.headers);
}

/// Where a part of a text stands in it.
fn span(whole: &[u8], part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start + part.len();
    (whole.get(start..end)? == part.as_bytes()).then_some(start..end)
}
