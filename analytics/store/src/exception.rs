//! A refusal in ClickHouse's shape: a numeric code, a text, and the HTTP status that goes with it.
//!
//! The text goes back to the client who sent the statement and may quote it; it never goes to a log.

use axum::http::StatusCode;

/// Codes that this program itself raises; all others come from the engine.
/// Source: `src/Common/ErrorCodes.cpp` of ClickHouse.
pub(crate) mod code {
    pub(crate) const BAD_ARGUMENTS: u32 = 36;
    pub(crate) const NOT_IMPLEMENTED: u32 = 48;
    pub(crate) const SYNTAX_ERROR: u32 = 62;
    pub(crate) const INCORRECT_DATA: u32 = 117;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub(crate) const QUERY_IS_TOO_LARGE: u32 = 394;
    pub(crate) const AUTHENTICATION_FAILED: u32 = 516;
    pub(crate) const UNSUPPORTED_MEDIA_TYPE: u32 = 755;
    pub(crate) const STD_EXCEPTION: u32 = 1001;
}

/// Why a request was refused or a statement failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Exception {
    /// ClickHouse's error code, sent as `X-ClickHouse-Exception-Code`.
    pub(crate) code: u32,
    /// The whole text, beginning with `Code: N. DB::Exception: `.
    pub(crate) text: String,
    /// The status to answer with where the code alone does not decide it.
    status: Option<StatusCode>,
}

impl Exception {
    /// Raises an exception of our own, e.g. `Exception::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", "…")`.
    pub(crate) fn new(code: u32, name: &str, message: &str) -> Self {
        Self {
            code,
            text: format!("Code: {code}. DB::Exception: {message} ({name})"),
            status: None,
        }
    }

    /// Takes over the engine's own text, from which the code is read.
    pub(crate) fn from_engine(text: String) -> Self {
        let code = text
            .find("Code: ")
            .and_then(|at| text.get(at + "Code: ".len()..))
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(code::STD_EXCEPTION);
        Self {
            code,
            text: text.trim_end().to_owned(),
            status: None,
        }
    }

    /// Answers with `status` in place of the one that belongs to the code.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The data of an INSERT, or another part of the body, is not what it says it is.
    pub(crate) fn incorrect_data(message: &str) -> Self {
        Self::new(code::INCORRECT_DATA, "INCORRECT_DATA", message)
    }

    /// Something in the request's URL or headers is wrong.
    pub(crate) fn bad_arguments(message: &str) -> Self {
        Self::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", message)
    }

    /// There is no room for another request; a later one may find some.
    pub(crate) fn busy() -> Self {
        Self::new(
            code::TOO_MANY_SIMULTANEOUS_QUERIES,
            "TOO_MANY_SIMULTANEOUS_QUERIES",
            "Too many simultaneous queries",
        )
    }

    /// The body or the statement passes a bound.
    pub(crate) fn too_large(message: &str) -> Self {
        Self::new(code::QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", message)
    }

    /// The HTTP status, as a ClickHouse server chooses it
    /// (`src/Server/HTTP/exceptionCodeToHTTPStatus.cpp`).
    pub(crate) fn status(&self) -> StatusCode {
        if let Some(status) = self.status {
            return status;
        }
        match self.code {
            // Arguments, text and data that cannot be read.
            6 | 7 | 10 | 15 | 25 | 26 | 27 | 36 | 38 | 41 | 44 | 53 | 62 | 69 | 72 | 117 | 167
            | 168 => StatusCode::BAD_REQUEST,
            // Unknown table, function, identifier, type, storage, database, setting, format …
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 336 | 511 => StatusCode::NOT_FOUND,
            192 | 193 | 497 | code::AUTHENTICATION_FAILED => StatusCode::FORBIDDEN,
            code::QUERY_IS_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            code::NOT_IMPLEMENTED => StatusCode::NOT_IMPLEMENTED,
            159 => StatusCode::REQUEST_TIMEOUT,
            76 | 209 | 439 | code::TOO_MANY_SIMULTANEOUS_QUERIES => StatusCode::SERVICE_UNAVAILABLE,
            code::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_engines_code_and_chooses_the_servers_status() {
        let cases = [
            (
                "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE)\n",
                60,
                404,
            ),
            (
                "Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)",
                62,
                400,
            ),
            (
                "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)",
                159,
                408,
            ),
            (
                "Code: 395. DB::Exception: Code: 1 is quoted. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)",
                395,
                500,
            ),
            ("Invalid or closed connection", 1001, 500),
            ("Error: Code: of nothing", 1001, 500),
        ];
        for (text, code, status) in cases {
            let exception = Exception::from_engine(text.to_owned());
            assert_eq!(
                (exception.code, exception.status().as_u16()),
                (code, status),
                "{text}"
            );
            assert!(!exception.text.ends_with('\n'));
        }
    }
}
