//! `gantry explain`: what would be decided about a call, and why.

use std::{
    fmt::Write as _,
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use clap::Args;
use gantry_analytics::{cost::Item, record};
use gantry_mcp::frame::{self, Bounds};
use serde_json::{Map, Value, json};

use crate::{
    auth::{self, Caller, Fetcher, Identity},
    config::{self, Checked, Kind, Pattern},
    limits::{self, Description},
    policy::{Asked, Considered, Explanation, Policy},
};

/// What is read of standard input for a token.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Who would call what.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(short, long)]
    config: PathBuf,
    /// The agent that calls.
    #[arg(long, default_value = auth::ANONYMOUS)]
    agent: String,
    /// One of its teams; may be given several times.
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,
    /// One of its scopes; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A claim of its token; the value is JSON, or text where it is not. May be given several times.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// The token that it calls with, instead of saying who it is. `-` reads it from standard input, where no other
    /// process can see it.
    #[arg(long, conflicts_with_all = ["agent", "teams", "scopes", "claims"])]
    token: Option<String>,
    /// Believe what the token says, without asking its issuer for keys.
    #[arg(long, requires = "token")]
    unverified: bool,
    /// What it calls, in the notation of access rules: `orders/orders_get`, `orders/prompt:greeting`,
    /// `orders/resource:file:///a`, `orders/method:tools/list`.
    #[arg(long, value_name = "SERVER/TOOL")]
    tool: String,
    /// The arguments of the call, a JSON object.
    #[arg(long, value_name = "JSON", value_parser = object)]
    arguments: Option<Value>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Prints what is decided. The exit code says it too: 0 for allowed, 1 for denied.
pub fn run(arguments: &Arguments) -> ExitCode {
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let (server, message) = match called(&arguments.tool, arguments.arguments.as_ref()) {
        Ok(called) => called,
        Err(error) => {
            eprintln!("gantry: --tool {}: {error}", arguments.tool);
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    if config.server(&server).is_none() {
        eprintln!(
            "gantry: --tool {}: there is no server `{server}`",
            arguments.tool
        );
        return ExitCode::from(super::FAULTY_CONFIGURATION);
    }
    // The message goes through the same reader as a real one.
    let frame = match frame::parse(message.as_bytes(), &Bounds::default()) {
        Ok(frame) => frame,
        Err(error) => {
            eprintln!("gantry: {error}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let caller = match arguments.caller(&config, &server) {
        Ok(caller) => caller,
        Err(error) => {
            eprintln!("gantry: this is nobody's call: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let asked = Asked::read(Some(&frame), "POST");
    let access = Policy::compile(&config).explain(&caller, &server, &asked);
    let limits = limits(&config, &caller, &arguments.tool);
    let page = if arguments.json {
        let mut page = as_json(&arguments.tool, &caller, &access);
        if let Some(members) = page.as_object_mut() {
            members.insert("limits".to_owned(), limits_as_json(&limits));
        }
        format!("{page:#}\n")
    } else {
        as_text(&arguments.tool, &caller, &access) + &limits_as_text(&limits)
    };
    match io::stdout().write_all(page.as_bytes()) {
        Ok(()) if access.allowed => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

impl Arguments {
    fn caller(&self, config: &Checked, server: &str) -> anyhow::Result<Caller> {
        if let Some(token) = &self.token {
            return self.holder(token, config, server);
        }
        let claims: Map<String, Value> = self.claims.iter().cloned().collect();
        Ok(auth::suppose(
            &self.agent,
            self.teams.clone(),
            None,
            self.scopes.clone(),
            claims,
        ))
    }

    /// Who calls with this token.
    fn holder(&self, token: &str, config: &Checked, server: &str) -> anyhow::Result<Caller> {
        let token = match token {
            "-" => io::read_to_string(io::stdin().take(TOKEN_BYTES_MAX))?,
            token => token.to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let identity = Identity::compile(config, &Fetcher::start()?)?;
        let verify = !self.unverified;
        let examined = identity.examine(Some(server), token.trim(), verify, SystemTime::now());
        Ok(runtime.block_on(examined)?)
    }
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("this is no JSON object".to_owned()),
        Err(error) => Err(format!("this is not JSON: {error}")),
    }
}

/// The server and the message that would call what `text` names there.
fn called(text: &str, arguments: Option<&Value>) -> Result<(String, String), String> {
    let pattern = Pattern::parse(text).map_err(|error| error.to_string())?;
    let (kind, name) = pattern
        .named
        .ok_or("write what is called at the server: `server/tool`")?;
    if !pattern.server.is_literal() {
        return Err("the server is one server, without `*`".to_owned());
    }
    let name = name.as_str();
    let (method, mut params) = match kind {
        Kind::Tool => ("tools/call", json!({"name": name})),
        Kind::Prompt => ("prompts/get", json!({"name": name})),
        Kind::Resource => ("resources/read", json!({"uri": name})),
        Kind::Method => (name, json!({})),
    };
    if let (Some(arguments), Some(params)) = (arguments, params.as_object_mut()) {
        params.insert("arguments".to_owned(), arguments.clone());
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Ok((pattern.server.as_str().to_owned(), message.to_string()))
}

fn as_json(tool: &str, caller: &Caller, access: &Explanation) -> Value {
    let considered = access.considered.iter().map(|one| {
        json!({
            "rule": one.rule, "line": one.line, "allows": one.allows, "denies": one.denies,
            "when": one.condition.as_ref().map(|(text, _)| text),
            "holds": one.condition.as_ref().map(|(_, holds)| match holds {
                Ok(holds) => json!(holds),
                Err(error) => json!({"error": error}),
            }),
        })
    });
    json!({
        "agent": caller.agent(), "teams": caller.teams(), "tool": tool,
        "access": {
            "decision": decision(access), "rule": access.rule, "line": access.line,
            "considered": considered.collect::<Vec<_>>(),
        },
    })
}

fn decision(access: &Explanation) -> &'static str {
    if access.allowed { "allowed" } else { "denied" }
}

fn as_text(tool: &str, caller: &Caller, access: &Explanation) -> String {
    // Writing into a `String` cannot fail.
    let mut page = String::new();
    let teams = match caller.teams() {
        [] => String::new(),
        teams => format!(" of {}", teams.join(", ")),
    };
    let _ = writeln!(page, "{}{teams}: {tool}", caller.agent());
    let _ = match (access.line, &*access.rule) {
        (Some(line), rule) => writeln!(
            page,
            "access: {} by rule {rule} (line {line})",
            decision(access)
        ),
        (None, "open") => writeln!(page, "access: allowed: no access rules are in force"),
        (None, _) => writeln!(page, "access: denied: no rule allows it"),
    };
    for one in &access.considered {
        let _ = writeln!(page, "  {}", line(one));
    }
    page
}

fn line(one: &Considered) -> String {
    let mut text = format!("rule {} (line {})", one.rule, one.line);
    for (verb, pattern) in [("denies", &one.denies), ("allows", &one.allows)] {
        if let Some(pattern) = pattern {
            let _ = write!(text, ": {verb} {pattern}");
        }
    }
    if let Some((condition, holds)) = &one.condition {
        let holds = match holds {
            Ok(true) => "which holds".to_owned(),
            Ok(false) => "which does not hold".to_owned(),
            Err(error) => format!("which counts against the caller: {error}"),
        };
        let _ = write!(text, ", when {condition}, {holds}");
    }
    text
}

/// The limits that the call would meet, which is a call of something that can be limited.
fn limits(config: &Checked, caller: &Caller, tool: &str) -> Vec<Description> {
    let Ok(pattern) = Pattern::parse(tool) else {
        return Vec::new();
    };
    let Some((kind, name)) = &pattern.named else {
        return Vec::new();
    };
    let kind = match kind {
        Kind::Tool => record::Kind::Tool,
        Kind::Prompt => record::Kind::Prompt,
        Kind::Resource => record::Kind::Resource,
        Kind::Method => return Vec::new(),
    };
    let item = Item {
        server: pattern.server.as_str(),
        kind,
        name: name.as_str(),
    };
    limits::describe(config, caller.agent(), caller.teams(), item)
}

fn limits_as_json(limits: &[Description]) -> Value {
    let limit = |one: &Description| {
        let under: Map<String, Value> = one
            .counted_under
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        json!({"rule": one.rule, "allows": one.allows, "counted_under": under})
    };
    limits.iter().map(limit).collect()
}

fn limits_as_text(limits: &[Description]) -> String {
    let mut page = String::new();
    for one in limits {
        let under: Vec<String> = one
            .counted_under
            .iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        let under = if under.is_empty() {
            "everybody together".to_owned()
        } else {
            under.join(", ")
        };
        let allows = one.allows.join(", ");
        let _ = writeln!(page, "limit {}: {allows}, counted under {under}", one.rule);
    }
    page
}
