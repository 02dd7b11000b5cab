//! HTTP to a REST API: to one origin, within bounds.

use std::{io, path::Path, time::Duration};

use bytes::{Bytes, BytesMut};
use gantry_openapi::Request;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Certificate, Identity, redirect};
use url::Url;

use super::{super::LocalError, address::Resolver};
use crate::config::{self, Protocol, Server};

/// Redirections that are followed, all of them within the origin.
const REDIRECTS_MAX: usize = 5;

/// How long an idle connection is kept: shorter than common servers keep theirs.
const IDLE: Duration = Duration::from_secs(4);

/// The client of one API.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    answer_bytes_max: usize,
}

/// An answer, read whole.
pub(super) struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer. It never quotes what was sent or answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The request would lead somewhere else than below the base address.
    #[error("the request does not stay below base_url")]
    Unfit,
    #[error("no connection: {0}")]
    Unreached(String),
    #[error("no answer in time")]
    Timeout,
    #[error("the exchange broke: {0}")]
    Broken(String),
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// It was not asked for.
    #[error("it is compressed")]
    Encoded,
}

impl Client {
    pub(super) fn new(server: &Server, rest: &config::Rest) -> Result<Self, LocalError> {
        Ok(Self {
            http: http(server, rest, &rest.base_url)?,
            base: rest.base_url.clone(),
            answer_bytes_max: rest.answer_bytes_max,
        })
    }

    /// Sends a request with what the gateway shows to the API, and reads the answer whole.
    pub(super) async fn send(
        &self,
        request: Request,
        credential: Option<(&HeaderName, &HeaderValue)>,
    ) -> Result<Answered, NoAnswer> {
        let url = below(&self.base, &request.target).ok_or(NoAnswer::Unfit)?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| NoAnswer::Unfit)?;
        let headers = headers(&request, credential).ok_or(NoAnswer::Unfit)?;
        let mut sending = self.http.request(method, url).headers(headers);
        if let Some(body) = request.body {
            sending = sending.body(body);
        }
        let response = sending.send().await.map_err(|error| broken(&error))?;
        read(response, self.answer_bytes_max).await
    }
}

/// A client for requests to the origin of `url`.
pub(super) fn http(
    server: &Server,
    rest: &config::Rest,
    url: &Url,
) -> Result<reqwest::Client, LocalError> {
    // Two libraries bring a provider each; only the first call in a process installs one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unusable = |path: &Path, what: String| LocalError::File {
        server: server.name.clone(),
        path: path.to_owned(),
        what,
    };
    let read = |path: &Path| std::fs::read(path).map_err(|error| unusable(path, error.to_string()));
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::custom(within_origin))
        .dns_resolver(Resolver::new(url, rest.private_addresses))
        .connect_timeout(server.timeouts.connect)
        .read_timeout(server.timeouts.idle)
        .timeout(server.timeouts.answer)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")));
    builder = match server.protocol {
        Protocol::Auto => builder,
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_prior_knowledge(),
    };
    if let Some(path) = &server.tls.ca {
        let authorities = Certificate::from_pem_bundle(&read(path)?);
        let authorities = authorities.map_err(|error| unusable(path, error.to_string()))?;
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(files) = &server.tls.client {
        let pem = [read(&files.cert)?, b"\n".to_vec(), read(&files.key)?].concat();
        let own =
            Identity::from_pem(&pem).map_err(|error| unusable(&files.key, error.to_string()))?;
        builder = builder.identity(own);
    }
    builder.build().map_err(|source| LocalError::Client {
        server: server.name.clone(),
        source,
    })
}

/// Reads an answer of at most `bytes_max`.
pub(super) async fn read(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> Result<Answered, NoAnswer> {
    let encodings = response.headers().get_all(header::CONTENT_ENCODING);
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !encodings.iter().all(plain) {
        return Err(NoAnswer::Encoded);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(NoAnswer::TooLarge(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

/// What went wrong, without the address: arguments are in it.
pub(super) fn broken(error: &reqwest::Error) -> NoAnswer {
    let mut cause: &dyn std::error::Error = error;
    let mut found = None;
    while let Some(next) = cause.source() {
        found = next.downcast_ref::<io::Error>().or(found);
        cause = next;
    }
    let found = found.map_or_else(
        || "no cause is known".to_owned(),
        |io| io.kind().to_string(),
    );
    match error {
        error if error.is_timeout() => NoAnswer::Timeout,
        error if error.is_connect() => NoAnswer::Unreached(found),
        _ => NoAnswer::Broken(found),
    }
}

fn within_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    let stays = first.as_ref() == Some(&attempt.url().origin());
    match stays && attempt.previous().len() <= REDIRECTS_MAX {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}

/// The URL of a request; `None` where reading it as a URL leads anywhere but below the base.
fn below(base: &Url, target: &str) -> Option<Url> {
    let folder = base.path().trim_end_matches('/');
    let origin = &base[..url::Position::BeforePath];
    let url = Url::parse(&format!("{origin}{folder}{target}")).ok()?;
    let path = target.split(['?', '#']).next()?;
    let same = target.starts_with('/')
        && url.origin() == base.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && url.path().strip_prefix(folder) == Some(path);
    same.then_some(url)
}

fn headers(
    request: &Request,
    credential: Option<(&HeaderName, &HeaderValue)>,
) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    match credential {
        // What the gateway shows comes first; arguments that are cookies follow it in the one field that there may be.
        Some((name, value)) if *name == header::COOKIE => {
            let mut all = value.as_bytes().to_vec();
            if let Some(own) = headers.get(name) {
                all.extend_from_slice(b"; ");
                all.extend_from_slice(own.as_bytes());
            }
            let mut all = HeaderValue::from_bytes(&all).ok()?;
            all.set_sensitive(true);
            headers.insert(name, all);
        }
        // An argument never takes its place.
        Some((name, value)) => drop(headers.insert(name, value.clone())),
        None => {}
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_leads_out_of_the_base() {
        let check = |base: &str, target: &str, expected: Option<&str>| {
            let url = below(&Url::parse(base).unwrap(), target);
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{base} {target}");
        };
        check("http://a/", "/x?y=1", Some("http://a/x?y=1"));
        check("http://a/v2", "/x", Some("http://a/v2/x"));
        check("http://a:81/v2", "/x%2Fy", Some("http://a:81/v2/x%2Fy"));
        for out in [
            "/../x",
            "/x/../../y",
            "/%2e%2e/x",
            "/.%2E/x",
            "/x\\..\\y",
            "@b/",
            ".b/",
            ":1/",
            "x",
            "",
            "/x#y",
            "/a\tb",
            "/x/.",
        ] {
            check("http://a/v2", out, None);
        }
    }

    #[test]
    fn a_credential_is_never_displaced() {
        let request = Request {
            method: "GET",
            target: "/".into(),
            headers: vec![
                ("cookie".into(), "a=1".into()),
                ("x-key".into(), "argument".into()),
            ],
            body: None,
        };
        let (cookie, key) = (header::COOKIE, HeaderName::from_static("x-key"));
        let value = HeaderValue::from_static("sid=own");
        let sent = headers(&request, Some((&cookie, &value))).unwrap();
        assert_eq!(
            sent.get_all("cookie").iter().collect::<Vec<_>>(),
            ["sid=own; a=1"]
        );
        let sent = headers(&request, Some((&key, &value))).unwrap();
        assert_eq!(
            sent.get_all("x-key").iter().collect::<Vec<_>>(),
            ["sid=own"]
        );
        let sent = headers(&request, None).unwrap();
        assert_eq!(sent["cookie"], "a=1");
    }
}
