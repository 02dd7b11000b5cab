//! The description of an API: from the file that the configuration has read, or fetched.

use std::{sync::Arc, time::Duration};

use gantry_openapi::{Api, Skipped};
use url::Url;

use super::{
    super::LocalError,
    client::{self, NoAnswer},
};
use crate::config::{self, Server, Spec};

/// The largest description that is fetched.
const BYTES_MAX: usize = 64 << 20;

/// How long that may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Skipped operations that are logged one by one; the rest is counted.
const LOGGED_MAX: usize = 50;

/// With more tools than that, a model sees little of what it needs.
const TOOLS_MANY: usize = 100;

/// The API of a server, and a word about it in the log.
pub(super) async fn obtain(server: &Server, rest: &config::Rest) -> Result<Arc<Api>, LocalError> {
    let api = match &rest.spec {
        Spec::File { api, .. } => Arc::clone(api),
        Spec::Url(url) => Arc::new(fetch(server, rest, url).await?),
    };
    tell(&server.name, &api);
    Ok(api)
}

async fn fetch(server: &Server, rest: &config::Rest, url: &Url) -> Result<Api, LocalError> {
    let fault = |what: String| {
        let mut url = url.clone();
        url.set_query(None);
        LocalError::Spec {
            server: server.name.clone(),
            url: url.into(),
            what,
        }
    };
    let http = client::http(server, rest, url)?;
    let response = http.get(url.clone()).timeout(TIMEOUT).send().await;
    let response = response.map_err(|error| fault(client::broken(&error).to_string()))?;
    let answer = client::read(response, BYTES_MAX).await;
    let answer = answer.map_err(|error: NoAnswer| fault(error.to_string()))?;
    if !answer.status.is_success() {
        return Err(fault(format!("status {}", answer.status.as_u16())));
    }
    let text =
        std::str::from_utf8(&answer.body).map_err(|_| fault("it is not UTF-8".to_owned()))?;
    let api = gantry_openapi::read(text, &rest.options);
    let api = api.map_err(|error| fault(error.to_string()))?;
    match api.tools.is_empty() {
        true => Err(fault("no operation becomes a tool".to_owned())),
        false => Ok(api),
    }
}

fn tell(server: &str, api: &Api) {
    let (tools, skipped, left_out) = (api.tools.len(), api.skipped.len(), api.left_out);
    tracing::info!(
        server,
        tools,
        skipped,
        left_out,
        "a REST API is served as tools"
    );
    if tools > TOOLS_MANY {
        tracing::warn!(
            server,
            tools,
            "more tools than a model can choose from: see openapi.include"
        );
    }
    for Skipped { operation, reason } in api.skipped.iter().take(LOGGED_MAX) {
        tracing::info!(
            server,
            operation,
            reason,
            "an operation of a REST API is no tool"
        );
    }
    for selector in &api.unused {
        tracing::warn!(
            server,
            selector,
            "a selector chooses no operation of a REST API"
        );
    }
}
