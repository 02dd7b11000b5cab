//! What the gateway says of itself at an endpoint of several servers.

use bytes::Bytes;
use gantry_mcp::jsonrpc;

use super::{opened::Opened, visit::Visit};

/// The message that answers an `initialize` with this id (its JSON text).
pub(super) fn welcome(id: &str, session: &Opened, visit: &Visit) -> Bytes {
    let revision = session.revision.as_str();
    let (info, instructions) = (info(visit), jsonrpc::quoted(&instructions(visit)));
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{revision}","capabilities":{OFFERED},"serverInfo":{info},"instructions":{instructions}}}}}"#
    )
    .into()
}

/// What the gateway can promise for its members: whatever they lack, it answers in their place.
const OFFERED: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}"#;

/// The same in the revisions without sessions, where a member may answer with a task.
pub(super) const DISCOVERED: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

/// The gateway's account of itself, in JSON.
pub(super) fn info(visit: &Visit) -> String {
    let name = visit.entrance.as_deref().unwrap_or("gantry");
    let version = env!("CARGO_PKG_VERSION");
    format!(r#"{{"name":"{name}","version":"{version}"}}"#)
}

/// What a model is told about the endpoint.
pub(super) fn instructions(visit: &Visit) -> String {
    let members = visit.usable();
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|at| visit.member(at))
        .map(|member| &*member.server)
        .collect();
    let names = names.join(", ");
    match visit.front.names_servers() {
        true => format!(
            "Several servers behind one endpoint: {names}. The name of each tool and prompt begins with its server's name and `{}`.",
            visit.front.separator()
        ),
        false => format!("Several servers behind one endpoint: {names}."),
    }
}
