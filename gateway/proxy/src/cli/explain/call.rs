//! What would be called, and at which servers.

use std::fmt;

use gantry_analytics::{cost::Item, record};
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    config::{Checked, Kind, Pattern},
    federation::Fronts,
    limits::{self, Description},
};

/// A call of something at one server, by the server's own name.
pub(super) struct Call {
    server: String,
    kind: Kind,
    name: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, kind, name } = self;
        match kind {
            Kind::Tool if !name.contains(':') => write!(f, "{server}/{name}"),
            kind => write!(f, "{server}/{}:{name}", kind.as_str()),
        }
    }
}

/// The endpoint that `text` names, and what is called there: at a bundle, what clients see by that name.
///
/// # Errors
/// What is wrong with `text`.
pub(super) fn calls(config: &Checked, text: &str) -> Result<(String, Vec<Call>), String> {
    let pattern = Pattern::parse(text).map_err(|error| error.to_string())?;
    let (kind, name) = pattern
        .named
        .ok_or("write what is called at the server: `server/tool`")?;
    if !pattern.server.is_literal() {
        return Err("the server is one server, without `*`".to_owned());
    }
    let (entrance, name) = (pattern.server.as_str(), name.as_str());
    let call = |server: &str, name: &str| Call {
        server: server.to_owned(),
        kind,
        name: name.to_owned(),
    };
    if config.server(entrance).is_some() {
        return Ok((entrance.to_owned(), vec![call(entrance, name)]));
    }
    let fronts = Fronts::compile(config, None);
    let Some(front) = fronts.at(Some(entrance)) else {
        return Err(format!("there is no server or bundle `{entrance}`"));
    };
    let meant = front.meant(kind, name);
    if meant.is_empty() {
        return Err(format!(
            "nothing at the bundle `{entrance}` is called that; of a name that was cut, write the server's own"
        ));
    }
    let calls = meant.iter().map(|(server, own)| call(server, own));
    Ok((entrance.to_owned(), calls.collect()))
}

impl Call {
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// The message that makes the call.
    pub(super) fn message(&self, arguments: Option<&Value>) -> String {
        let name = self.name.as_str();
        let (method, mut params) = match self.kind {
            Kind::Tool => ("tools/call", json!({"name": name})),
            Kind::Prompt => ("prompts/get", json!({"name": name})),
            Kind::Resource => ("resources/read", json!({"uri": name})),
            Kind::Method => (name, json!({})),
        };
        if let (Some(arguments), Some(params)) = (arguments, params.as_object_mut()) {
            params.insert("arguments".to_owned(), arguments.clone());
        }
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    }

    /// The limits that the call would meet, which is a call of something that can be limited.
    pub(super) fn limits(&self, config: &Checked, caller: &Caller) -> Vec<Description> {
        let kind = match self.kind {
            Kind::Tool => record::Kind::Tool,
            Kind::Prompt => record::Kind::Prompt,
            Kind::Resource => record::Kind::Resource,
            Kind::Method => return Vec::new(),
        };
        let item = Item {
            server: &self.server,
            kind,
            name: &self.name,
        };
        limits::describe(config, caller.agent(), caller.teams(), item)
    }
}
