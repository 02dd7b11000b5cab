//! Where the trail is delivered: a ClickHouse over HTTP, and what its refusals mean.

use std::{
    error::Error as _,
    fmt,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ::clickhouse::{Client, Compression, error::Error};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::stats::FailureReason;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// ClickHouse closes idle connections after three seconds by default.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long rows are kept unless it is said otherwise.
pub const DAYS: u32 = 90;
/// Longest part of a refusal's text that is logged.
const REFUSAL_CHARS_MAX: usize = 300;

/// A ClickHouse server, several that share the trail, or the embedded store.
#[derive(Clone)]
pub struct Store {
    /// `http://host:8123` or `https://…`: the replicas of each shard. A batch goes to one shard and
    /// is tried again there, for only that one knows its token; any replica of it will do. The
    /// order of the shards must not change while batches are on their way.
    pub shards: Vec<Vec<String>>,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    /// The cluster that the tables are replicated and distributed over, as the servers'
    /// `remote_servers` names it. Without one every address is a server by itself.
    pub cluster: Option<String>,
    /// Days that rows of the trail are kept by tables that are made now.
    pub days: u32,
    /// A PEM bundle of authorities used instead of this machine's.
    pub ca: Option<PathBuf>,
    /// Whether rows travel compressed (LZ4).
    pub is_compressed: bool,
}

impl Store {
    /// The database `gantry` at `url`, as the user `gantry`, without a password.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            shards: vec![vec![url.into()]],
            user: "gantry".to_owned(),
            password: None,
            database: "gantry".to_owned(),
            cluster: None,
            days: DAYS,
            ca: None,
            is_compressed: true,
        }
    }

    /// What rows are inserted into: on a cluster the shard's own table.
    pub(crate) fn local(&self, table: &str) -> String {
        match self.cluster {
            Some(_) => format!("{table}_local"),
            None => table.to_owned(),
        }
    }

    /// Clients of the store's database, by shard and replica. Costs a read of certificates when
    /// the store speaks TLS: make them once and keep them.
    pub(crate) fn connect_shards(&self) -> Result<Vec<Vec<Client>>, ConnectError> {
        let client = |url: &String| {
            self.client(url)
                .map(|client| client.with_database(&self.database))
        };
        let replicas = |urls: &Vec<String>| urls.iter().map(client).collect();
        self.shards.iter().map(replicas).collect()
    }

    /// Clients that together see the whole trail: one for a cluster, else one for each shard. Of
    /// several replicas the first that answers is taken.
    pub(crate) async fn readers(&self) -> Result<Vec<Client>, ConnectError> {
        let mut readers = Vec::new();
        for replicas in self.connect_shards()? {
            readers.extend(first_that_answers(replicas).await);
            if self.cluster.is_some() {
                break;
            }
        }
        if readers.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        Ok(readers)
    }

    /// The first reader, for what any of them can say.
    pub(crate) async fn reader(&self) -> Result<Client, ConnectError> {
        let mut readers = self.readers().await?;
        Ok(readers.swap_remove(0))
    }

    /// Clients that name no database, for one that is not there yet cannot be named: one for a
    /// cluster, else one for each address.
    pub(crate) fn connect_servers(&self) -> Result<Vec<Client>, ConnectError> {
        let addresses = self.shards.iter().flatten();
        let most = if self.cluster.is_some() {
            1
        } else {
            usize::MAX
        };
        addresses.take(most).map(|url| self.client(url)).collect()
    }

    fn client(&self, url: &str) -> Result<Client, ConnectError> {
        let compression = if self.is_compressed {
            Compression::Lz4
        } else {
            Compression::None
        };
        let client = http_client(url, self.ca.as_deref())?
            .with_url(url)
            .with_user(&self.user)
            .with_compression(compression)
            .with_product_info("gantry", env!("CARGO_PKG_VERSION"));
        Ok(match &self.password {
            Some(password) => client.with_password(password),
            None => client,
        })
    }
}

/// The first replica that answers; where none does, the first, so that its fault is told.
async fn first_that_answers(mut replicas: Vec<Client>) -> Option<Client> {
    if replicas.len() > 1 {
        for (at, client) in replicas.iter().enumerate() {
            if client.query_raw("SELECT 1").fetch_one::<u8>().await.is_ok() {
                return Some(replicas.swap_remove(at));
            }
        }
    }
    (!replicas.is_empty()).then(|| replicas.swap_remove(0))
}

/// Why no connection to a store can even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("TLS to the store needs this machine's trusted certificates")]
    Roots(#[from] io::Error),
    #[error("the store's authorities in {} cannot be read", path.display())]
    Authorities { path: PathBuf, reason: String },
    #[error("the store has no address")]
    NoAddress,
}

/// The `clickhouse` crate's own client panics on a machine without trusted certificates, as many
/// containers are, even when the store speaks plain HTTP.
fn http_client(url: &str, ca: Option<&Path>) -> Result<Client, ConnectError> {
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
    let https = match ca {
        Some(path) => HttpsConnectorBuilder::new().with_tls_config(trusting(path)?),
        None => HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?,
    };
    let https = https.https_only().enable_http1().wrap_connector(http);
    Ok(Client::with_http_client(builder.build(https)))
}

/// TLS that trusts the authorities in a PEM bundle and nobody else.
fn trusting(path: &Path) -> Result<ClientConfig, ConnectError> {
    let unreadable = |reason: String| ConnectError::Authorities {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unreadable(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

impl fmt::Debug for Store {
    /// Everything but the password, which neither is shown nor said to be there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("shards", &self.shards)
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
        // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, VIOLATED_CONSTRAINT, UNKNOWN_ELEMENT_OF_ENUM.
        6 | 26..=28 | 32 | 33 | 38 | 41 | 53 | 69 | 72 | 117 | 131 | 321 | 469 | 691 => {
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
