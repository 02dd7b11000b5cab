//! A REST API as an MCP server: operations are tools, and nothing else is there.
//!
//! It keeps no session: every message stands alone, in both eras.

mod address;
mod client;
mod listing;
mod spec;

use std::{collections::HashMap, sync::Arc};

use gantry_mcp::{
    frame::{self, Bounds, Call, Frame},
    jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS},
    method::Method,
};
use gantry_openapi::{AnswerLimits, Api, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{
    LocalError,
    door::Asked,
    message::{self, Answer, Asking},
};
use crate::config::{self, Server, ServerAuth};
use client::{Client, NoAnswer};
use listing::Listing;

/// How messages are read. The gateway has read them within its own bounds before.
const BOUNDS: Bounds = Bounds { depth_max: 1_024 };

/// One REST API.
pub(super) struct Rest {
    server: String,
    api: Arc<Api>,
    /// The tools by name, as places in the list of the API.
    by_name: HashMap<String, usize>,
    listing: Listing,
    client: Client,
    /// The header that carries what the gateway shows to the API.
    credential: Option<HeaderName>,
    limits: AnswerLimits,
}

impl Rest {
    /// Makes an API ready to be called.
    ///
    /// # Errors
    /// [`LocalError`] when its description or a file that its server names cannot be had.
    pub(super) async fn open(server: &Server, rest: &config::Rest) -> Result<Self, LocalError> {
        let client = Client::new(server, rest)?;
        let api = spec::obtain(server, rest).await?;
        let tools = api.tools.iter().enumerate();
        Ok(Self {
            server: server.name.clone(),
            by_name: tools
                .map(|(at, tool)| (tool.name().to_owned(), at))
                .collect(),
            listing: Listing::of(&api),
            client,
            credential: match &server.auth {
                ServerAuth::None => None,
                ServerAuth::Header { name, .. } => Some(name.clone()),
                ServerAuth::ClientCredentials(_) | ServerAuth::TokenExchange(_) => {
                    Some(header::AUTHORIZATION)
                }
            },
            limits: AnswerLimits {
                text_bytes: rest.text_bytes_max,
                ..AnswerLimits::default()
            },
            api,
        })
    }

    /// Answers one message.
    pub(super) async fn answer(&self, asked: Asked) -> Answer {
        let call = match frame::parse(&asked.body, &BOUNDS) {
            Ok(Frame::Request(call)) => call,
            // Nothing that a client tells or answers concerns a server without sessions.
            Ok(Frame::Notification(_) | Frame::Response(_)) => {
                return message::plain(StatusCode::ACCEPTED);
            }
            Err(_) => return message::plain(StatusCode::BAD_REQUEST),
        };
        let Some(asking) = Asking::new(&call) else {
            return message::plain(StatusCode::BAD_REQUEST);
        };
        if let Some(refusal) = asking.unspoken() {
            return refusal;
        }
        match (call.known(), asking.modern) {
            (Some(Method::Initialize), false) => asking.initialized(&self.server, &capabilities()),
            (Some(Method::Ping), false) => asking.result("{}", &self.server),
            (Some(Method::Discover), true) => asking.discovered(&self.server, &capabilities()),
            (Some(Method::ToolsList), _) => self.list(&asking),
            (Some(Method::ToolsCall), _) => self.call(&asking, &call, &asked.head.headers).await,
            _ => asking.unknown_method(),
        }
    }

    fn list(&self, asking: &Asking<'_>) -> Answer {
        match self.listing.page(asking.call.params.cursor.as_deref()) {
            Some(page) => asking.kept(page, &self.server),
            None => asking.error(StatusCode::OK, INVALID_PARAMS, "there is no such page"),
        }
    }

    async fn call(&self, asking: &Asking<'_>, call: &Call<'_>, headers: &HeaderMap) -> Answer {
        let at = call
            .params
            .name
            .as_deref()
            .and_then(|name| self.by_name.get(name));
        let Some(tool) = at.and_then(|at| self.api.tools.get(*at)) else {
            return asking.error(StatusCode::OK, INVALID_PARAMS, "there is no such tool");
        };
        let arguments = call.params.arguments.as_ref().map_or("{}", |raw| raw.get());
        let request = match tool.request(arguments) {
            Ok(request) => request,
            // A model that reads what is wrong can mend it.
            Err(bad) => return asking.result(&failure(&bad.to_string()), &self.server),
        };
        let credential = self.credential(headers);
        let shown = credential.is_some();
        let answer = match self.client.send(request, credential).await {
            Ok(answer) => answer,
            Err(fault) => return self.unanswered(asking, &fault),
        };
        if shown && answer.status == StatusCode::UNAUTHORIZED {
            // The gateway takes it that the API does not accept what the gateway has shown.
            return message::plain(StatusCode::UNAUTHORIZED);
        }
        let fields: Vec<(&str, &str)> = answer
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let response = Response {
            status: answer.status.as_u16(),
            headers: &fields,
            body: &answer.body,
        };
        asking.result(&tool.answer(&response, &self.limits), &self.server)
    }

    /// What the gateway shows to the API, out of the headers of a call.
    fn credential<'h>(&self, headers: &'h HeaderMap) -> Option<(&HeaderName, &'h HeaderValue)> {
        let name = self.credential.as_ref()?;
        headers.get(name).map(|value| (name, value))
    }

    fn unanswered(&self, asking: &Asking<'_>, fault: &NoAnswer) -> Answer {
        let server = &*self.server;
        tracing::warn!(server, %fault, "a REST API gave no answer");
        match fault {
            NoAnswer::Unfit => asking.result(&failure("the address cannot be built"), server),
            NoAnswer::TooLarge(_) | NoAnswer::Encoded => asking.result(
                &failure(&format!("the service's answer cannot be used: {fault}")),
                server,
            ),
            NoAnswer::Timeout => {
                let text = "the service did not answer in time";
                asking.error(StatusCode::GATEWAY_TIMEOUT, INTERNAL_ERROR, text)
            }
            NoAnswer::Unreached(_) | NoAnswer::Broken(_) => {
                let text = "the service cannot be reached";
                asking.error(StatusCode::BAD_GATEWAY, INTERNAL_ERROR, text)
            }
        }
    }
}

fn capabilities() -> Value {
    json!({"tools": {}})
}

/// The result of a call that failed, for the model.
fn failure(text: &str) -> String {
    json!({"content": [{"type": "text", "text": text}], "isError": true}).to_string()
}
