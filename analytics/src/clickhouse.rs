//! Where the trail is delivered: a ClickHouse over HTTP, and what its refusals mean.

use std::{error::Error as _, fmt, fmt::Write as _, io, time::Duration};

use ::clickhouse::{Client, Compression, error::Error};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::stats::FailureReason;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// ClickHouse closes idle connections after three seconds by default.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest part of a refusal's text that is logged.
const REFUSAL_CHARS_MAX: usize = 300;

/// A ClickHouse server, or the embedded store.
#[derive(Clone)]
pub struct Store {
    /// `http://host:8123` or `https://…`.
    pub url: String,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
}

impl Store {
    /// The database `gantry` at `url`, as the user `gantry`, without a password.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: "gantry".to_owned(),
            password: None,
            database: "gantry".to_owned(),
        }
    }

    /// A client of the store's database. Costs a read of the machine's certificates when the
    /// store speaks TLS: make one and keep it.
    pub(crate) fn connect(&self) -> Result<Client, ConnectError> {
        Ok(self.connect_server()?.with_database(&self.database))
    }

    /// A client that names no database: one that is not there yet cannot be named.
    pub(crate) fn connect_server(&self) -> Result<Client, ConnectError> {
        let client = http_client(&self.url)?
            .with_url(&self.url)
            .with_user(&self.user)
            .with_compression(Compression::Lz4)
            .with_product_info("gantry", env!("CARGO_PKG_VERSION"));
        Ok(match &self.password {
            Some(password) => client.with_password(password),
            None => client,
        })
    }
}

/// Why no connection to a store can even be tried.
#[derive(Debug, thiserror::Error)]
#[error("TLS to the store needs this machine's trusted certificates")]
pub struct ConnectError(#[from] io::Error);

/// The `clickhouse` crate's own client panics on a machine without trusted certificates, as many
/// containers are, even when the store speaks plain HTTP.
fn http_client(url: &str) -> Result<Client, ConnectError> {
    let mut http = HttpConnector::new();
    http.set_keepalive(Some(TCP_KEEPALIVE));
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut builder = HyperClient::builder(TokioExecutor::new());
    builder.pool_idle_timeout(POOL_IDLE_TIMEOUT);
    if !url.starts_with("https:") {
        return Ok(Client::with_http_client(builder.build(http)));
    }
    http.enforce_http(false);
    let provider = rustls::crypto::ring::default_provider();
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_only()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::with_http_client(builder.build(https)))
}

impl fmt::Debug for Store {
    /// Everything but the password, which neither is shown nor said to be there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// What a failed request says about the next one.
pub(crate) fn reason_of(error: &Error) -> FailureReason {
    match error {
        Error::Network(_) => FailureReason::Network,
        Error::TimedOut => FailureReason::Timeout,
        Error::BadResponse(text) => {
            exception_code(text).map_or(FailureReason::Other, reason_of_code)
        }
        _ => FailureReason::Other,
    }
}

/// A failed request in words that may stand in a log.
///
/// ClickHouse quotes values in the texts of some refusals, and values of the trail are personal
/// data. Its text is therefore given only where it speaks of something else than rows.
pub(crate) fn describe(error: &Error) -> String {
    if let Error::BadResponse(text) = error
        && let Some(code) = exception_code(text)
        && matches!(
            reason_of_code(code),
            FailureReason::Data | FailureReason::Other
        )
    {
        return format!("ClickHouse exception {code}; its own log has the text");
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        // Writing to a `String` does not fail.
        let _ = write!(words, ": {source}");
        cause = source.source();
    }
    words.chars().take(REFUSAL_CHARS_MAX).collect()
}

/// The number in `Code: 60. DB::Exception: …`.
fn exception_code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Exception codes of ClickHouse's `src/Common/ErrorCodes.cpp`.
fn reason_of_code(code: u32) -> FailureReason {
    match code {
        // UNKNOWN_TABLE, UNKNOWN_DATABASE, and the two for a table without our columns.
        60 | 81 | 16 | 47 => FailureReason::MissingTable,
        // READONLY, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, ACCESS_DENIED,
        // AUTHENTICATION_FAILED.
        164 | 192 | 193 | 194 | 497 | 516 => FailureReason::Access,
        // TIMEOUT_EXCEEDED, SOCKET_TIMEOUT.
        159 | 209 => FailureReason::Timeout,
        // TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TABLE_IS_READ_ONLY,
        // NOT_ENOUGH_SPACE, TOO_MANY_PARTS, KEEPER_EXCEPTION.
        202 | 241 | 242 | 243 | 252 | 999 => FailureReason::Busy,
        // CANNOT_PARSE_*, INCORRECT_DATA, TYPE_MISMATCH, CANNOT_READ_ALL_DATA, TOO_LARGE_STRING_SIZE,
        // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, UNKNOWN_ELEMENT_OF_ENUM.
        6 | 26..=28 | 32 | 33 | 38 | 41 | 53 | 69 | 72 | 117 | 131 | 321 | 691 => {
            FailureReason::Data
        }
        _ => FailureReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let mut store = Store::new("http://127.0.0.1:8123");
        store.password = Some("sesame".to_owned());
        assert!(!format!("{store:?}").contains("sesame"));
    }

    #[test]
    fn rows_quoted_in_a_refusal_are_not_repeated() {
        let quoting = "Code: 27. DB::Exception: Cannot parse input: ada@example.com";
        let words = describe(&Error::BadResponse(quoting.to_owned()));
        assert!(words.contains("27") && !words.contains("ada"), "{words}");
        let missing = "Code: 60. DB::Exception: Table gantry.audit_log does not exist";
        let words = describe(&Error::BadResponse(missing.to_owned()));
        assert!(words.contains("does not exist"), "{words}");
    }

    #[test]
    fn refusals_are_told_apart() {
        for (text, reason) in [
            (
                "Code: 60. DB::Exception: Table gantry.audit_log does not exist",
                FailureReason::MissingTable,
            ),
            (
                "Code: 516. DB::Exception: gantry: Authentication failed",
                FailureReason::Access,
            ),
            (
                "Code: 252. DB::Exception: Too many parts",
                FailureReason::Busy,
            ),
            (
                "Code: 33. DB::Exception: Cannot read all data",
                FailureReason::Data,
            ),
            ("502 Bad Gateway", FailureReason::Other),
        ] {
            assert_eq!(
                reason_of(&Error::BadResponse(text.to_owned())),
                reason,
                "{text}"
            );
        }
        assert_eq!(reason_of(&Error::TimedOut), FailureReason::Timeout);
    }
}
