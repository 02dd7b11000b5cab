//! The effective `auth`, and a server's own.

use super::{Page, shown_url};
use crate::config::checked::*;

pub(super) fn auth(page: &mut Page, auth: &Auth) {
    page.optional("resource", auth.resource.as_ref());
    page.items("issuers", &auth.issuers, issuer);
    page.text("agent", &auth.agent);
    page.text("teams", &auth.teams);
    page.text("subject", &auth.subject);
    page.optional("scopes", auth.scopes.as_ref());
    page.text(
        "typ",
        match auth.typ {
            Typ::Strict => "strict",
            Typ::Compat => "compat",
        },
    );
    page.period("clock_skew", auth.clock_skew);
    page.items("required_scopes", &auth.required_scopes, |page, rule| {
        match &rule.calls {
            Calls::Every => {}
            Calls::At { server } => page.text("server", server),
            Calls::Of { server, tool } => page.text("tool", format!("{server}/{tool}")),
        }
        page.list("scopes", &rule.scopes);
    });
    page.items("api_keys", &auth.api_keys, |page, key| {
        page.text("sha256", hex::encode(key.sha256));
        page.text("agent", &key.agent);
        page.list("teams", &key.teams);
        page.list("scopes", &key.scopes);
        if !key.claims.is_empty() {
            page.map("claims", |page| {
                for (name, value) in &key.claims {
                    page.text(name, value);
                }
            });
        }
    });
    page.text("api_key_header", &auth.api_key_header);
    if let Some(one) = &auth.certificates {
        page.map("certificates", |page| certificates(page, one));
    }
}

fn issuer(page: &mut Page, issuer: &Issuer) {
    page.text("issuer", &issuer.issuer);
    match &issuer.keys {
        KeyPlace::Metadata => {}
        KeyPlace::Url(url) => page.text("jwks", shown_url(url)),
        KeyPlace::File(file) => page.text("jwks", file.display()),
    }
    let algorithms = issuer.algorithms.iter().map(|one| one.as_str().to_owned());
    page.list("algorithms", &algorithms.collect::<Vec<_>>());
    page.list("audiences", &issuer.audiences);
    if let Some(introspection) = &issuer.introspection {
        page.map("introspection", |page| {
            page.optional("url", introspection.url.as_ref().map(shown_url));
            page.text("client_id", &introspection.client_id);
            page.text("client_secret", &introspection.client_secret);
        });
    }
    page.optional("ca", issuer.ca.as_ref().map(|ca| ca.display()));
}

fn certificates(page: &mut Page, certificates: &Certificates) {
    page.text("ca", certificates.ca.display());
    page.text(
        "name",
        match certificates.name {
            CertificateName::CommonName => "common_name",
            CertificateName::Dns => "dns",
            CertificateName::Uri => "uri",
        },
    );
    if certificates.agents.is_empty() {
        return;
    }
    page.map("agents", |page| {
        for (name, one) in &certificates.agents {
            page.map(name, |page| {
                page.text("agent", &one.agent);
                page.list("teams", &one.teams);
                page.list("scopes", &one.scopes);
            });
        }
    });
}

pub(super) fn server(page: &mut Page, auth: &ServerAuth) {
    match auth {
        ServerAuth::None => {}
        ServerAuth::Header { name, value } => page.map("auth", |page| {
            page.map("header", |page| {
                page.text("name", name);
                page.text("value", value);
            });
        }),
        ServerAuth::ClientCredentials(request) => page.map("auth", |page| {
            page.map("client_credentials", |page| token_request(page, request));
        }),
        ServerAuth::TokenExchange(request) => page.map("auth", |page| {
            page.map("token_exchange", |page| token_request(page, request));
        }),
    }
}

fn token_request(page: &mut Page, request: &TokenRequest) {
    page.text("token_url", shown_url(&request.token_url));
    page.text("client_id", &request.client_id);
    page.text("client_secret", &request.client_secret);
    page.list("scopes", &request.scopes);
    page.optional("resource", request.resource.as_ref());
    page.optional("audience", request.audience.as_ref());
    page.optional("ca", request.ca.as_ref().map(|ca| ca.display()));
}
