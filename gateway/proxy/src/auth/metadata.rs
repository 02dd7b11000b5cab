//! The metadata of an authorization server (RFC 8414, OpenID Connect Discovery 1.0).

use reqwest::Client;
use serde::Deserialize;
use url::{Host, Url};

use super::fetcher::{FetchError, fetch};

/// What an issuer says about itself, as far as it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub jwks: Option<Url>,
    pub introspection: Option<Url>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
}

/// Asks an issuer, at each of the places where its metadata may be.
pub(super) async fn discover(client: &Client, issuer: &str) -> Result<Metadata, FetchError> {
    let mut fault = FetchError::Shape("its metadata");
    for place in places(issuer) {
        match fetch(client.get(place)).await {
            Ok(answer) if answer.status.is_success() => return read(&answer.body, issuer),
            Ok(answer) => fault = FetchError::Status(answer.status.as_u16()),
            // The next place is at the same server.
            Err(error) => return Err(error),
        }
    }
    Err(fault)
}

/// RFC 8414 section 3.1 and OpenID Connect put the issuer's path behind the well-known one; before
/// that, OpenID Connect put it in front.
fn places(issuer: &str) -> Vec<Url> {
    let Ok(url) = Url::parse(issuer) else {
        return Vec::new();
    };
    let path = url.path().trim_end_matches('/');
    let mut places = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{path}/.well-known/openid-configuration"));
    }
    let at = |path: String| {
        let mut place = url.clone();
        place.set_path(&path);
        place.set_query(None);
        place
    };
    places.into_iter().map(at).collect()
}

/// Metadata counts only where it names the very issuer that was asked (RFC 8414 section 3.3).
fn read(body: &[u8], issuer: &str) -> Result<Metadata, FetchError> {
    let document: Document =
        serde_json::from_slice(body).map_err(|_| FetchError::Shape("its metadata"))?;
    if document.issuer != issuer {
        return Err(FetchError::Shape("the metadata of this issuer"));
    }
    let endpoint = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => secure(&text)
            .map(Some)
            .ok_or(FetchError::Shape("metadata with `https` endpoints")),
    };
    Ok(Metadata {
        jwks: endpoint(document.jwks_uri)?,
        introspection: endpoint(document.introspection_endpoint)?,
    })
}

/// A URL that is asked with credentials, or believed: HTTPS, but on loopback.
fn secure(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host()? {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(name) => name == "localhost",
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, expected: &[&str]) {
        let found: Vec<String> = places(issuer).into_iter().map(String::from).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn where_metadata_may_be() {
        check(
            "https://idp.example.com",
            &[
                "https://idp.example.com/.well-known/oauth-authorization-server",
                "https://idp.example.com/.well-known/openid-configuration",
            ],
        );
        check(
            "https://idp.example.com/realms/a/",
            &[
                "https://idp.example.com/.well-known/oauth-authorization-server/realms/a",
                "https://idp.example.com/.well-known/openid-configuration/realms/a",
                "https://idp.example.com/realms/a/.well-known/openid-configuration",
            ],
        );
    }

    #[test]
    fn metadata_of_somebody_else_or_in_the_open_does_not_count() {
        let issuer = "https://idp.example.com";
        let document = |issuer: &str, jwks: &str| {
            serde_json::json!({"issuer": issuer, "jwks_uri": jwks}).to_string()
        };
        let good = read(
            document(issuer, "https://keys.example.com/").as_bytes(),
            issuer,
        );
        assert!(good.unwrap().jwks.is_some());
        for (claimed, jwks) in [
            ("https://idp.example.com/", "https://keys.example.com/"),
            ("https://evil.example.com", "https://keys.example.com/"),
            (issuer, "http://keys.example.com/"),
            (issuer, "file:///etc/passwd"),
        ] {
            let read = read(document(claimed, jwks).as_bytes(), issuer);
            assert!(read.is_err(), "{claimed} {jwks}");
        }
    }
}
