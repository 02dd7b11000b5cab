//! REST APIs as MCP servers.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path as FilePath;
use std::sync::Arc;

use gantry_openapi::{Api, Filter, Limits, Options, Override, Selector};
use url::Url;

use super::Checker;
use crate::config::bounds::SPEC_BYTES_MAX;
use crate::config::checked::{Rest, Source, Spec, Version};
use crate::config::fault::{Path, Shown};
use crate::config::quantity::Size;
use crate::config::raw as shapes;
use crate::config::raw::local::{self as raw, POINTER};
use crate::config::raw::traffic::Check;

impl Checker<'_> {
    /// Refuses what a server is told that cannot be done where it is no MCP server on the network.
    pub(super) fn local_server(&mut self, raw: &shapes::Server, versions: &[Version], path: &Path) {
        let is_network = |version: &Version| matches!(version.source, Source::Network);
        if versions.iter().all(is_network) {
            return;
        }
        if raw.tls.server_name.is_some() {
            let at = path.key("tls").key("server_name");
            self.fault(
                &at,
                "a REST API has the name in its `base_url`",
                "without `openapi` only",
            );
        }
        if matches!(raw.health.check, Check::Http) {
            let at = path.key("health").key("check");
            self.fault(&at, "there is no path to ask for", "`mcp` or `none`");
        }
    }

    /// A REST API; `None` where something about it is wrong, which has been noted.
    pub(super) fn rest(&mut self, raw: &raw::OpenApi, path: &Path) -> Option<Arc<Rest>> {
        let base_url = match self.is_absent(&path.key("base_url")) {
            true => None,
            false => self.base_url(&raw.base_url, &path.key("base_url")),
        };
        let options = self.options(raw, path);
        let at = path.key("spec");
        let spec = match self.is_absent(&at) {
            true => None,
            false => self.spec(&raw.spec, &options, path),
        };
        let bytes = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        Some(Arc::new(Rest {
            spec: spec?,
            base_url: base_url?,
            options,
            private_addresses: raw.private_addresses,
            answer_bytes_max: bytes(raw.limits.answer_bytes),
            text_bytes_max: bytes(raw.limits.text_bytes),
        }))
    }

    fn base_url(&mut self, text: &str, path: &Path) -> Option<Url> {
        let mut url = self.url(text, path)?;
        if url.query().is_some() {
            let allowed = "a URL without `?`; fixed arguments belong into `overrides`";
            self.fault(path, "a base address with a query", allowed);
            return None;
        }
        let bare = url.path().trim_end_matches('/').to_owned();
        url.set_path(&bare);
        Some(url)
    }

    fn spec(&mut self, text: &str, options: &Options, path: &Path) -> Option<Spec> {
        let at = path.key("spec");
        if ["http://", "https://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return self.url(text, &at).map(Spec::Url);
        }
        let file = self.file(text);
        let api = match read(&file, options) {
            Ok(api) => api,
            Err(what) => {
                let what = format!("{}: {what}", file.display());
                self.fault(
                    &at,
                    what,
                    "a description of OpenAPI 3 or Swagger 2.0, in JSON or YAML",
                );
                return None;
            }
        };
        if api.tools.is_empty() {
            let what = format!("{}: no operation becomes a tool", file.display());
            self.fault(&at, what, "see `gantry openapi FILE`");
        }
        for selector in &api.unused {
            let at = selected(selector, options, path);
            let what = format!("`{}` chooses no operation", Shown(selector));
            self.fault(&at, what, "see `gantry openapi FILE`");
        }
        Some(Spec::File {
            path: file,
            api: Arc::new(api),
        })
    }

    fn options(&mut self, raw: &raw::OpenApi, path: &Path) -> Options {
        let selectors = |texts: &[String]| texts.iter().map(|text| Selector::new(text)).collect();
        let bytes = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        let mut overrides = Vec::new();
        for (index, one) in raw.overrides.iter().enumerate() {
            let at = path.key("overrides").index(index);
            overrides.push((Selector::new(&one.operation), self.change(one, &at)));
        }
        Options {
            include: selectors(&raw.include),
            exclude: selectors(&raw.exclude),
            overrides,
            limits: Limits {
                tool_bytes: bytes(raw.limits.tool_bytes),
                input_bytes: bytes(raw.limits.input_bytes),
                output_bytes: bytes(raw.limits.output_bytes),
                description_bytes: bytes(raw.limits.description_bytes),
            },
        }
    }

    fn change(&mut self, raw: &raw::Override, path: &Path) -> Override {
        let hidden = raw.hide.iter().map(|name| (name.clone(), None));
        let mut fixed = Vec::new();
        for (name, value) in &raw.fixed {
            if let Some(value) = self.secret(value, &path.key("fixed").key(name)) {
                fixed.push((name.clone(), Some(json(value.expose()))));
            }
        }
        for (index, pointer) in raw.keep.iter().enumerate() {
            self.pointer(pointer, &path.key("keep").index(index));
        }
        if let Some(at) = &raw.at {
            self.pointer(at, &path.key("at"));
        }
        let filters = raw.at.is_some() || !raw.keep.is_empty();
        Override {
            name: raw.name.clone(),
            description: raw.description.clone(),
            hidden: hidden.chain(fixed).collect(),
            slashes: raw.slashes.clone(),
            filter: filters.then(|| Filter {
                at: raw.at.clone().unwrap_or_default(),
                keep: raw.keep.clone(),
            }),
            read_only: raw.read_only,
            destructive: raw.destructive,
            idempotent: raw.idempotent,
        }
    }

    fn pointer(&mut self, text: &str, path: &Path) {
        if !text.starts_with('/') {
            self.fault(path, "this is not a JSON Pointer", POINTER);
        }
    }
}

/// The value of a fixed argument as JSON.
fn json(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => serde_json::Value::from(text).to_string(),
    }
}

/// Where a selector stands in the file.
fn selected(selector: &str, options: &Options, path: &Path) -> Path {
    let found = |list: &[Selector]| list.iter().position(|one| one.as_str() == selector);
    let overrides: Vec<Selector> = options
        .overrides
        .iter()
        .map(|(one, _)| one.clone())
        .collect();
    if let Some(at) = found(&options.include) {
        path.key("include").index(at)
    } else if let Some(at) = found(&options.exclude) {
        path.key("exclude").index(at)
    } else {
        let at = found(&overrides).unwrap_or_default();
        path.key("overrides").index(at).key("operation")
    }
}

fn read(path: &FilePath, options: &Options) -> Result<Api, String> {
    let text = text(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    gantry_openapi::read(&text, options).map_err(|error| error.to_string())
}

fn text(path: &FilePath) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(SPEC_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > SPEC_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than {}",
            Size(SPEC_BYTES_MAX)
        )));
    }
    Ok(text)
}
