//! `gantry pin`: writes the hashes of every definition that the servers list now.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{
    config::{self, Checked, Server},
    guardrails::pin::{LISTS, Lock, hash},
    local::{KEY, Local, Services},
};

/// Longest answer to one request.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most pages of one list.
const PAGES_MAX: usize = 1_000;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The revision that is asked for; servers answer with theirs.
const PROTOCOL: &str = "2025-11-25";

/// What `gantry pin` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(short, long)]
    config: PathBuf,
    /// The lockfile. Left out: `guardrails.definitions.lock`, else `gantry.lock` beside the
    /// configuration.
    #[arg(short, long)]
    out: Option<PathBuf>,
    /// Writes nothing, and fails where a definition differs from the lockfile.
    #[arg(long)]
    check: bool,
}

/// Asks every server and writes the lockfile.
pub fn run(arguments: &Arguments) -> ExitCode {
    // A lockfile that is not there yet must not keep this command from writing it.
    let checked = match config::load(&arguments.config) {
        Ok(checked) => checked,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let beside = || {
        arguments
            .config
            .parent()
            .unwrap_or(Path::new("."))
            .join("gantry.lock")
    };
    let path = arguments
        .out
        .clone()
        .or_else(|| checked.guardrails.definitions.lock.clone())
        .unwrap_or_else(beside);
    match pin(&checked, &path, arguments.check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gantry: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the lockfile now says what the servers say.
fn pin(config: &Checked, path: &Path, check: bool) -> Result<bool> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut lock = Lock {
        version: 1,
        servers: BTreeMap::new(),
    };
    let local = Local::default();
    let services = runtime.block_on(local.open(config))?;
    for server in &config.servers {
        let lists = runtime
            .block_on(definitions(server, &services))
            .with_context(|| format!("cannot list the definitions of {}", server.name))?;
        lock.servers.insert(server.name.clone(), lists);
    }
    let known: Option<Lock> = match std::fs::read(path) {
        Ok(text) => Some(
            serde_json::from_slice(&text)
                .with_context(|| format!("{} is no lockfile", path.display()))?,
        ),
        Err(_) => None,
    };
    let differences = differences(&known.unwrap_or_default(), &lock);
    for difference in &differences {
        println!("{difference}");
    }
    if check {
        return Ok(differences.is_empty());
    }
    let text = serde_json::to_string_pretty(&lock)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "{} definitions of {} servers are pinned in {}",
        count(&lock),
        lock.servers.len(),
        path.display()
    );
    Ok(true)
}

fn count(lock: &Lock) -> usize {
    lock.servers
        .values()
        .flat_map(BTreeMap::values)
        .map(BTreeMap::len)
        .sum()
}

/// One line a difference: `+` new, `-` gone, `~` changed.
fn differences(known: &Lock, now: &Lock) -> Vec<String> {
    fn flat(lock: &Lock) -> BTreeMap<(&str, &str, &str), &str> {
        let lists = lock.servers.iter().flat_map(|(server, lists)| {
            lists
                .iter()
                .map(move |(list, hashes)| (server, list, hashes))
        });
        lists
            .flat_map(|(server, list, hashes)| {
                hashes.iter().map(move |(name, hash)| {
                    (
                        (server.as_str(), list.as_str(), name.as_str()),
                        hash.as_str(),
                    )
                })
            })
            .collect()
    }
    let (known, now) = (flat(known), flat(now));
    let mut lines: Vec<String> = now
        .iter()
        .filter_map(
            |((server, list, name), hash)| match known.get(&(*server, *list, *name)) {
                None => Some(format!("+ {server} {list} {name}")),
                Some(before) if before != hash => Some(format!("~ {server} {list} {name}")),
                Some(_) => None,
            },
        )
        .collect();
    lines.extend(
        known
            .keys()
            .filter(|key| !now.contains_key(*key))
            .map(|(server, list, name)| format!("- {server} {list} {name}")),
    );
    lines
}

async fn definitions(
    server: &Server,
    services: &Services,
) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    // A server's versions list the same definitions, or the pinned ones are those of the first.
    let version = server
        .versions
        .first()
        .context("the server has no version")?;
    let place = services.place(&server.name, &version.name);
    let url = place.map(|place| &place.url).or(version.urls.first());
    let url = url.context("the server has no address")?;
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(authority) = &server.tls.ca {
        for certificate in reqwest::Certificate::from_pem_bundle(&std::fs::read(authority)?)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    let mut client = Client {
        http: builder.build()?,
        url: url.clone(),
        key: place.map(|place| place.key.clone()),
        session: None,
        id: 0,
    };
    let hello = json!({"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "gantry", "version": env!("CARGO_PKG_VERSION")}});
    let hello = client.request("initialize", hello).await?;
    client.notify("notifications/initialized").await?;
    let capabilities = hello.get("capabilities").cloned().unwrap_or_default();
    let mut lists = BTreeMap::new();
    for (method, member, name) in LISTS {
        let capability = method.split('/').next().unwrap_or_default();
        if capabilities.get(capability).is_none() {
            continue;
        }
        lists.insert(member.to_owned(), client.list(method, member, name).await?);
    }
    Ok(lists)
}

struct Client {
    http: reqwest::Client,
    url: url::Url,
    /// What a server of this process is shown.
    key: Option<http::HeaderValue>,
    session: Option<String>,
    id: u64,
}

impl Client {
    async fn list(
        &mut self,
        method: &str,
        member: &str,
        name: &str,
    ) -> Result<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let params = cursor
                .as_ref()
                .map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let result = self.request(method, params).await?;
            for definition in result
                .get(member)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let name = definition
                    .get(name)
                    .and_then(Value::as_str)
                    .with_context(|| format!("a definition of {member} has no {name}"))?;
                hashes.insert(name.to_owned(), hash(definition));
            }
            cursor = result
                .get("nextCursor")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if cursor.is_none() {
                return Ok(hashes);
            }
        }
        bail!("{method} has more than {PAGES_MAX} pages")
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        self.id += 1;
        let body = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        let answer = self.post(&body).await?;
        let messages = messages(&answer);
        let own = messages
            .into_iter()
            .find(|message| message.get("id").and_then(Value::as_u64) == Some(self.id))
            .with_context(|| format!("{method} was not answered"))?;
        if let Some(error) = own.get("error") {
            bail!("{method}: {error}");
        }
        own.get("result")
            .cloned()
            .with_context(|| format!("{method} has no result"))
    }

    async fn notify(&mut self, method: &str) -> Result<()> {
        self.post(&json!({"jsonrpc": "2.0", "method": method}))
            .await
            .map(drop)
    }

    async fn post(&mut self, body: &Value) -> Result<Vec<u8>> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", PROTOCOL)
            .body(body.to_string());
        if let Some(key) = &self.key {
            request = request.header(KEY, key.clone());
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        let mut answer = request.send().await?.error_for_status()?;
        if let Some(session) = answer.headers().get("mcp-session-id") {
            self.session = Some(session.to_str()?.to_owned());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                bail!("an answer is larger than {ANSWER_BYTES_MAX} bytes");
            }
        }
        Ok(bytes)
    }
}

/// The messages of an answer, JSON or a stream of events.
fn messages(answer: &[u8]) -> Vec<Value> {
    if let Ok(message) = serde_json::from_slice(answer) {
        return vec![message];
    }
    let text = String::from_utf8_lossy(answer);
    let text = text.replace("\r\n", "\n");
    let events = text.split("\n\n").map(|event| {
        let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
    });
    events
        .filter_map(|event| serde_json::from_str(&event).ok())
        .collect()
}
