//! A request before its body: URL, headers, and what they ask for.
//!
//! Reads and checks; runs nothing. Names are those of ClickHouse's HTTP interface
//! (`https://clickhouse.com/docs/interfaces/http`). `session_id` and its relatives are accepted and
//! ignored: every statement has a connection of its own, so temporary tables and SET last for one
//! statement only.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use crate::body::Coding;
use crate::exception::Exception;
use crate::password::Credentials;

/// Pairs in the URL, and fields in a form, at most.
pub(crate) const PAIRS_MAX: usize = 512;

/// What ClickHouse reads from the URL that is no setting of the engine and means nothing here.
const IGNORED: [&str; 11] = [
    "session_id",
    "session_timeout",
    "session_check",
    "close_session",
    "quota_key",
    "role",
    "stacktrace",
    "buffer_size",
    "wait_end_of_query",
    "client_protocol_version",
    "enable_http_compression",
];

/// What a request asks for, apart from its body.
pub(crate) struct Request {
    pub(crate) credentials: Option<Credentials>,
    /// The statement's text, or its beginning; the body goes on where it ends.
    pub(crate) query: String,
    /// The current database of the statement; empty for the default one.
    pub(crate) database: String,
    /// The answer's format where the statement names none.
    pub(crate) default_format: String,
    /// Engine settings in the order given.
    pub(crate) settings: Vec<(String, String)>,
    /// Values for `{name:Type}`, under their names.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) query_id: String,
    /// Answer in native LZ4 frames.
    pub(crate) compress: bool,
    /// The body comes in native LZ4 frames.
    pub(crate) decompress: bool,
    /// The body's `Content-Encoding`.
    pub(crate) coding: Coding,
    /// The body is a form with this boundary.
    pub(crate) boundary: Option<String>,
}

impl Request {
    /// Reads URL and headers.
    pub(crate) fn read(parts: &Parts) -> Result<Self, Exception> {
        let headers = &parts.headers;
        let mut request = Self {
            credentials: None,
            query: String::new(),
            database: text(headers, "x-clickhouse-database").unwrap_or_default(),
            default_format: text(headers, "x-clickhouse-format")
                .unwrap_or_else(|| "TabSeparated".to_owned()),
            settings: Vec::new(),
            parameters: Vec::new(),
            query_id: String::new(),
            compress: false,
            decompress: false,
            coding: Coding::of(text(headers, header::CONTENT_ENCODING.as_str()).as_deref())?,
            boundary: boundary(headers),
        };
        let (mut user, mut password) = (None, None);
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        for (count, (name, value)) in pairs.enumerate() {
            if count >= PAIRS_MAX {
                return Err(Exception::bad_arguments("too many parameters in the URL"));
            }
            match name.as_ref() {
                "user" => user = Some(value.into_owned()),
                "password" => password = Some(value.into_owned()),
                name => request.set(name, value.into_owned())?,
            }
        }
        // As a server does: what may be repeated, cached and followed by a crawler must not write.
        let reads_only = parts.method == Method::GET || parts.method == Method::HEAD;
        if reads_only
            && !request
                .settings
                .iter()
                .any(|(name, value)| name == "readonly" && value != "0")
        {
            request
                .settings
                .push(("readonly".to_owned(), "2".to_owned()));
        }
        request.credentials = Credentials::find(headers, user, password);
        if request.query_id.is_empty() {
            request.query_id = format!("{:032x}", rand::random::<u128>());
        }
        Ok(request)
    }

    /// Takes one pair of the URL, or one field of a form.
    pub(crate) fn set(&mut self, name: &str, value: String) -> Result<(), Exception> {
        match name {
            "query" => self.query.push_str(&value),
            "database" => self.database = value,
            "default_format" => self.default_format = value,
            "query_id" => self.query_id = checked_id(value)?,
            "compress" => self.compress = is_on(&value),
            "decompress" => self.decompress = is_on(&value),
            "" => {}
            _ if IGNORED.contains(&name) => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => self.parameters.push((parameter.to_owned(), value)),
                None if is_setting_name(name) => self.settings.push((name.to_owned(), value)),
                None => {
                    return Err(Exception::bad_arguments(
                        "a parameter in the URL has no possible name",
                    ));
                }
            },
        }
        if self.default_format.is_empty()
            || !self
                .default_format
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Exception::bad_arguments(
                "the default format has no possible name",
            ));
        }
        Ok(())
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}

fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true")
}

fn is_setting_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A query id goes back in a header, so it must be one that a header can hold.
fn checked_id(id: String) -> Result<String, Exception> {
    if id.len() <= 256 && id.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Ok(id)
    } else {
        Err(Exception::bad_arguments(
            "query_id must be 256 printable ASCII characters at most",
        ))
    }
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parts = value.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Request, Exception> {
        let mut request = axum::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Request::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn sorts_the_urls_pairs() {
        let url = "/?query=SELECT+%7Bx%3AUInt8%7D&database=d%20b&default_format=JSON&max_threads=2&param_x=7&compress=1&decompress=0&session_id=s&query_id=q-1&user=gantry&password=p";
        let request = read("POST", url, &[]).unwrap();
        assert_eq!(request.query, "SELECT {x:UInt8}");
        assert_eq!(
            (
                request.database.as_str(),
                request.default_format.as_str(),
                request.query_id.as_str()
            ),
            ("d b", "JSON", "q-1")
        );
        assert_eq!(
            request.settings,
            [("max_threads".to_owned(), "2".to_owned())]
        );
        assert_eq!(request.parameters, [("x".to_owned(), "7".to_owned())]);
        assert!(request.compress && !request.decompress && request.credentials.is_some());
    }

    #[test]
    fn reading_methods_do_not_write() {
        let readonly = |method, url| {
            let request = read(method, url, &[]).unwrap();
            request
                .settings
                .iter()
                .rev()
                .find(|(name, _)| name == "readonly")
                .map(|(_, value)| value.clone())
        };
        assert_eq!(readonly("GET", "/?query=x").as_deref(), Some("2"));
        assert_eq!(
            readonly("HEAD", "/?query=x&readonly=0").as_deref(),
            Some("2")
        );
        assert_eq!(
            readonly("GET", "/?query=x&readonly=1").as_deref(),
            Some("1")
        );
        assert_eq!(readonly("POST", "/?query=x"), None);
    }

    #[test]
    fn refuses_what_it_cannot_carry() {
        assert_eq!(read("POST", "/?a-b=1", &[]).err().unwrap().code, 36);
        assert_eq!(read("POST", "/?query_id=%0a", &[]).err().unwrap().code, 36);
        assert_eq!(
            read("POST", "/?default_format=a'b", &[])
                .err()
                .unwrap()
                .code,
            36
        );
        assert_eq!(
            read("POST", "/", &[("content-encoding", "br")])
                .err()
                .unwrap()
                .status()
                .as_u16(),
            415
        );
        let many = format!("/?{}", "a=1&".repeat(PAIRS_MAX + 1));
        assert_eq!(read("POST", &many, &[]).err().unwrap().code, 36);
    }

    #[test]
    fn finds_a_forms_boundary() {
        let boundary = |value| {
            read("POST", "/", &[("content-type", value)])
                .unwrap()
                .boundary
        };
        assert_eq!(
            boundary("multipart/form-data; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(
            boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\"").as_deref(),
            Some("a b")
        );
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
    }
}
