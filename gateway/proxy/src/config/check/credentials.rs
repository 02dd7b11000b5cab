//! What the gateway shows to a server, and whose tokens are for it.

use http::{HeaderName, header};
use url::Url;

use super::Checker;
use crate::config::checked::{ServerAuth, TokenRequest};
use crate::config::fault::Path;
use crate::config::raw;

impl Checker<'_> {
    /// Checks a server's `auth`; `exchangeable` says whether callers may come with tokens.
    pub(super) fn server_auth(
        &mut self,
        raw: &raw::Server,
        urls: &[Url],
        exchangeable: bool,
        path: &Path,
    ) -> ServerAuth {
        let path = path.key("auth");
        let auth = &raw.auth;
        match (&auth.header, &auth.client_credentials, &auth.token_exchange) {
            (None, None, None) => ServerAuth::None,
            (Some(header), None, None) => self.secret_header(header, &path.key("header")),
            (None, Some(request), None) => {
                let request = self.token_request(request, urls, &path.key("client_credentials"));
                request.map_or(ServerAuth::None, ServerAuth::ClientCredentials)
            }
            (None, None, Some(request)) => {
                let path = path.key("token_exchange");
                if !exchangeable {
                    let what = "no caller has a token that could be exchanged";
                    self.fault(&path, what, "with `auth.issuers` only");
                }
                let request = self.token_request(request, urls, &path);
                request.map_or(ServerAuth::None, ServerAuth::TokenExchange)
            }
            _ => {
                let allowed = "one of `header`, `client_credentials` and `token_exchange`";
                self.fault(&path, "several ways to be known to one server", allowed);
                ServerAuth::None
            }
        }
    }

    fn secret_header(&mut self, raw: &raw::SecretHeader, path: &Path) -> ServerAuth {
        let name = match raw.name.parse::<HeaderName>() {
            Ok(name) if is_free(&name) => name,
            _ => {
                let allowed = "a header such as `authorization` or `x-api-key`";
                self.fault(
                    &path.key("name"),
                    "this header cannot carry a secret",
                    allowed,
                );
                return ServerAuth::None;
            }
        };
        let at = path.key("value");
        let value = raw.value.as_ref().and_then(|value| self.secret(value, &at));
        let Some(value) = value else {
            return ServerAuth::None;
        };
        if http::HeaderValue::from_str(value.expose()).is_err() || value.expose().is_empty() {
            let allowed = "text without line breaks and control characters";
            self.fault(&at, "this cannot be the value of a header", allowed);
            return ServerAuth::None;
        }
        ServerAuth::Header { name, value }
    }

    fn token_request(
        &mut self,
        raw: &raw::TokenRequest,
        urls: &[Url],
        path: &Path,
    ) -> Option<TokenRequest> {
        let at = path.key("token_url");
        let token_url = match self.is_absent(&at) {
            true => None,
            false => self.secure_url(&raw.token_url, &at),
        };
        self.scopes(&raw.scopes, &path.key("scopes"));
        let secret = raw.client_secret.as_ref()?;
        let client_secret = self.secret(secret, &path.key("client_secret"));
        let ca = raw.ca.as_ref();
        let ca = ca.and_then(|ca| self.authorities(ca, &path.key("ca")));
        let own = || {
            let mut url = urls.first()?.clone();
            url.set_query(None);
            Some(String::from(url))
        };
        Some(TokenRequest {
            token_url: token_url?,
            client_id: raw.client_id.clone(),
            client_secret: client_secret?,
            scopes: raw.scopes.clone(),
            resource: match (&raw.resource, &raw.audience) {
                (Some(resource), _) => Some(resource.clone()),
                (None, Some(_)) => None,
                (None, None) => own(),
            },
            audience: raw.audience.clone(),
            ca,
        })
    }
}

/// Whether a header is neither framing nor the protocol's own.
fn is_free(name: &HeaderName) -> bool {
    let taken = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::ACCEPT,
        header::VIA,
    ];
    !taken.contains(name) && !name.as_str().starts_with("mcp-") && name != "traceparent"
}
