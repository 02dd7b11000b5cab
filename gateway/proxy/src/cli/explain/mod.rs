//! `gantry explain`: what would be decided about a call, and why.

mod call;
mod page;

use std::{
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use clap::Args;
use gantry_mcp::frame::{self, Bounds};
use serde_json::{Map, Value, json};

use crate::{
    auth::{self, Caller, Fetcher, Identity},
    config::{self, Checked},
    policy::{Asked, Policy},
};
use call::{Call, calls};

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
    /// `orders/resource:file:///a`, `orders/method:tools/list`. At a bundle it is what clients call it there:
    /// `desk/orders__orders_get`.
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
    let (entrance, calls) = match calls(&config, &arguments.tool) {
        Ok(calls) => calls,
        Err(error) => {
            eprintln!("gantry: --tool {}: {error}", arguments.tool);
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let caller = match arguments.caller(&config, &entrance) {
        Ok(caller) => caller,
        Err(error) => {
            eprintln!("gantry: this is nobody's call: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let policy = Policy::compile(&config);
    let told = calls
        .iter()
        .map(|call| arguments.told(&config, &policy, &caller, call));
    let told = match told.collect::<Result<Vec<_>, _>>() {
        Ok(told) => told,
        Err(error) => {
            eprintln!("gantry: {error}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let is_allowed = told.iter().any(|one| one.is_allowed);
    let is_server = config.server(&entrance).is_some();
    let page = match (arguments.json, is_server) {
        (true, true) => told.iter().map(|one| format!("{:#}\n", one.json)).collect(),
        (true, false) => {
            let calls: Vec<&Value> = told.iter().map(|one| &one.json).collect();
            format!("{:#}\n", json!({"tool": arguments.tool, "calls": calls}))
        }
        (false, true) => told.into_iter().map(|one| one.text).collect(),
        (false, false) => {
            let calls = told.into_iter().map(|one| one.text);
            format!("{} is\n{}", arguments.tool, calls.collect::<String>())
        }
    };
    match io::stdout().write_all(page.as_bytes()) {
        Ok(()) if is_allowed => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// What is decided about one call.
struct Told {
    is_allowed: bool,
    text: String,
    json: Value,
}

impl Arguments {
    fn told(
        &self,
        config: &Checked,
        policy: &Policy,
        caller: &Caller,
        call: &Call,
    ) -> Result<Told, frame::Malformed> {
        let message = call.message(self.arguments.as_ref());
        // The message goes through the same reader as a real one.
        let frame = frame::parse(message.as_bytes(), &Bounds::default())?;
        let asked = Asked::read(Some(&frame), "POST");
        let access = policy.explain(caller, call.server(), &asked);
        let limits = call.limits(config, caller);
        let named = call.to_string();
        let mut json = page::as_json(&named, caller, &access);
        if let Some(members) = json.as_object_mut() {
            members.insert("limits".to_owned(), page::limits_as_json(&limits));
        }
        Ok(Told {
            is_allowed: access.allowed,
            text: page::as_text(&named, caller, &access) + &page::limits_as_text(&limits),
            json,
        })
    }

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
