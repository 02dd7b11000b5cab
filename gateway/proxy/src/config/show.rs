//! The effective configuration as YAML: defaults filled in, secrets masked.
//!
//! What it prints reads back as the same configuration, but for the secrets: a masked one stays `***`.

mod federation;
mod guardrails;
mod limits;
mod local;
mod traffic;

use std::fmt::Display;

use gantry_analytics::log::{Ack, OnFull};
use url::Url;

use super::checked::*;
use super::condition::Condition;
use super::pattern::Pattern;
use super::quantity::{Period, Size};
use super::read::is_ambiguous_word;
use super::secret::MASK;

mod auth;

/// The configuration in the words of its file.
pub fn effective(checked: &Checked) -> String {
    let mut page = Page::default();
    page.map("listen", |page| listen(page, &checked.listen));
    page.map("admin", |page| {
        page.text("address", checked.admin.address);
        page.optional("credential", checked.admin.credential.as_ref());
    });
    if let Some(one) = &checked.auth {
        page.map("auth", |page| auth::auth(page, one));
    }
    page.map("servers", |page| {
        for one in &checked.servers {
            page.map(&one.name, |page| server(page, one));
        }
    });
    page.map("federation", |page| {
        federation::federation(page, &checked.federation)
    });
    if !checked.bundles.is_empty() {
        page.map("bundles", |page| {
            for one in &checked.bundles {
                page.map(&one.name, |page| federation::bundle(page, one));
            }
        });
    }
    page.items("access", &checked.access, access_rule);
    page.map("sessions", |page| {
        traffic::sessions(page, &checked.sessions)
    });
    limits::write(&mut page, checked);
    page.map("requests", |page| {
        page.text("body_bytes_max", Size(checked.requests.body_bytes_max));
        page.text("memory_bytes_max", Size(checked.requests.memory_bytes_max));
        page.text("header_bytes_max", Size(checked.requests.header_bytes_max));
        page.bare("depth_max", checked.requests.depth_max);
        page.period("read_timeout", checked.requests.read_timeout);
    });
    page.map("streams", |page| {
        page.period("keep_alive", checked.streams.keep_alive)
    });
    if !checked.guardrails.is_empty() {
        page.map("guardrails", |page| {
            guardrails::guardrails(page, &checked.guardrails)
        });
    }
    page.map("audit", |page| audit(page, &checked.audit));
    page.map("telemetry", |page| {
        page.map("log", |page| log(page, checked.telemetry.log));
        if let Some(otlp) = &checked.telemetry.otlp {
            page.map("otlp", |page| collector(page, otlp));
        }
    });
    page.map("insecure", |page| {
        page.bare("anonymous", checked.insecure.anonymous);
        page.bare("admin_remote", checked.insecure.admin_remote);
        page.bare("unrecorded", checked.insecure.unrecorded);
    });
    page.text
}

fn listen(page: &mut Page, listen: &Listen) {
    page.text("address", listen.address);
    page.list("hosts", &listen.hosts);
    page.list("origins", &listen.origins);
    page.bare("connections", listen.connections);
    page.period("header_timeout", listen.header_timeout);
    page.period("idle_timeout", listen.idle_timeout);
    if let Some(tls) = &listen.tls {
        page.map("tls", |page| {
            page.text("cert", tls.cert.display());
            page.text("key", tls.key.display());
            if !tls.further.is_empty() {
                page.items("further", &tls.further, |page, (cert, key)| {
                    page.text("cert", cert.display());
                    page.text("key", key.display());
                });
            }
        });
    }
}

fn server(page: &mut Page, server: &Server) {
    traffic::versions(page, server);
    page.text(
        "protocol",
        match server.protocol {
            Protocol::Auto => "auto",
            Protocol::Http1 => "http1",
            Protocol::Http2 => "http2",
        },
    );
    page.map("timeouts", |page| {
        page.period("connect", server.timeouts.connect);
        page.period("answer", server.timeouts.answer);
        page.period("idle", server.timeouts.idle);
    });
    let tls = &server.tls;
    if tls.ca.is_some() || tls.server_name.is_some() || tls.client.is_some() {
        page.map("tls", |page| {
            page.optional("ca", tls.ca.as_ref().map(|ca| ca.display()));
            page.optional("server_name", tls.server_name.as_ref());
            if let Some(client) = &tls.client {
                page.map("client", |page| {
                    page.text("cert", client.cert.display());
                    page.text("key", client.key.display());
                });
            }
        });
    }
    auth::server(page, &server.auth);
    if !server.audiences.is_empty() {
        page.list("audiences", &server.audiences);
    }
    federation::tools(page, &server.tools);
    traffic::traffic(page, server);
}

fn access_rule(page: &mut Page, rule: &AccessRule) {
    page.optional("id", rule.named.then_some(&rule.id));
    for (key, texts) in [("agent", &rule.agents), ("team", &rule.teams)] {
        if !texts.is_empty() {
            page.list(key, texts);
        }
    }
    if !rule.claims.is_empty() {
        page.map("claims", |page| {
            for claim in &rule.claims {
                page.list(&claim.path, &claim.values);
            }
        });
    }
    for (key, patterns) in [("allow", &rule.allow), ("deny", &rule.deny)] {
        let texts: Vec<String> = patterns.iter().map(Pattern::to_string).collect();
        page.list(key, &texts);
    }
    page.optional("when", rule.when.as_ref().map(Condition::as_str));
}

fn audit(page: &mut Page, audit: &Audit) {
    page.text("gateway", &audit.gateway);
    page.text(
        "ack",
        match audit.ack {
            Ack::Memory => "memory",
            Ack::Written => "written",
            Ack::Synced => "synced",
        },
    );
    page.text(
        "on_full",
        match audit.on_full {
            OnFull::Block => "block",
            OnFull::FailClosed => "fail_closed",
            OnFull::Degrade => "degrade",
        },
    );
    page.bare("intent", audit.intent);
    page.text("seal_key", audit.seal_key.display());
    page.text("pseudonym_key", audit.pseudonym_key.display());
    if let Some(clickhouse) = &audit.clickhouse {
        page.map("clickhouse", |page| store(page, clickhouse));
    }
    page.map("spool", |page| {
        page.text("dir", audit.spool.dir.display());
        page.text("bytes_max", Size(audit.spool.bytes_max));
    });
    if let Some(capture) = &audit.capture {
        page.map("capture", |page| {
            let tools: Vec<String> = capture.tools.iter().map(Pattern::to_string).collect();
            page.list("tools", &tools);
            page.bare("arguments", capture.arguments);
            page.bare("results", capture.results);
            page.text("bytes_max", Size(capture.bytes_max));
            page.bare("keep_days", capture.keep_days);
        });
    }
}

fn store(page: &mut Page, clickhouse: &ClickHouse) {
    let replicas = |urls: &Vec<Url>| urls.iter().map(shown_url).collect();
    let shards: Vec<Vec<String>> = clickhouse.shards.iter().map(replicas).collect();
    page.lists("shards", &shards);
    page.optional("cluster", clickhouse.cluster.as_ref());
    page.text("user", &clickhouse.user);
    page.optional("password", clickhouse.password.as_ref());
    page.text("database", &clickhouse.database);
    page.optional("ca", clickhouse.ca.as_ref().map(|ca| ca.display()));
    let compression = if clickhouse.is_compressed {
        "lz4"
    } else {
        "none"
    };
    page.text("compression", compression);
    page.period("timeout", clickhouse.timeout);
    page.bare("keep_days", clickhouse.keep_days);
}

fn collector(page: &mut Page, otlp: &Otlp) {
    page.text("url", shown_url(&otlp.url));
    page.text(
        "protocol",
        match otlp.protocol {
            OtlpProtocol::Http => "http",
            OtlpProtocol::Grpc => "grpc",
        },
    );
    page.map("headers", |page| {
        for (name, value) in &otlp.headers {
            page.text(name, value);
        }
    });
    page.period("timeout", otlp.timeout);
    page.bare("sampled_per_mille", otlp.sampled_per_mille);
}

fn log(page: &mut Page, log: Log) {
    page.text(
        "level",
        match log.level {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        },
    );
    page.text(
        "format",
        match log.format {
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        },
    );
}

/// Keys of hosted servers often stand in the query, so it is masked as a secret is.
fn shown_url(url: &Url) -> String {
    let mut url = url.clone();
    if url.query().is_some() {
        url.set_query(Some(MASK));
    }
    url.into()
}

/// A page of YAML as it is written, two columns per level.
#[derive(Default)]
struct Page {
    text: String,
    level: usize,
}

impl Page {
    fn map(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        self.line(key, "");
        self.level += 1;
        write(self);
        self.level -= 1;
    }

    /// A list of maps, or nothing where it is empty.
    fn items<T>(&mut self, key: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.line(key, "");
        for item in items {
            let begin = self.text.len();
            self.level += 2;
            write(self, item);
            self.level -= 2;
            // The dash stands where the first key is indented.
            let dash = begin + 2 * (self.level + 1);
            if self.text.get(dash..dash + 2) == Some("  ") {
                self.text.replace_range(dash..dash + 2, "- ");
            }
        }
    }

    fn list(&mut self, key: &str, items: &[String]) {
        self.line(key, &format!(" {}", listed(items)));
    }

    fn lists(&mut self, key: &str, lists: &[Vec<String>]) {
        let lists: Vec<String> = lists.iter().map(|items| listed(items)).collect();
        self.line(key, &format!(" [{}]", lists.join(", ")));
    }

    fn text(&mut self, key: &str, value: impl Display) {
        self.line(key, &format!(" {}", quoted(&value.to_string())));
    }

    fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn period(&mut self, key: &str, value: std::time::Duration) {
        self.text(
            key,
            Period::from_ms(u64::try_from(value.as_millis()).unwrap_or(u64::MAX)),
        );
    }

    fn bare(&mut self, key: &str, value: impl Display) {
        self.line(key, &format!(" {value}"));
    }

    fn line(&mut self, key: &str, rest: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.level));
        self.text.push_str(&quoted(key));
        self.text.push(':');
        self.text.push_str(rest);
        self.text.push('\n');
    }
}

fn listed(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The text as a YAML scalar: bare where every reader takes it for a text, else in the quotes of JSON, which are YAML's too.
fn quoted(text: &str) -> String {
    let text = text.replace("${", "$${");
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':');
    let safe = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.ends_with(':')
        && text.chars().all(bare)
        && !is_ambiguous_word(&text);
    if safe {
        text
    } else {
        serde_json::Value::String(text).to_string()
    }
}
