//! What a request shows of its sender. Nothing of it is believed here.

use http::{HeaderMap, HeaderName, header};

/// A credential as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// `Authorization: Bearer` (RFC 6750 section 2.1).
    Bearer(&'a str),
    /// The configured header.
    ApiKey(&'a [u8]),
    /// None, or of a scheme that is not spoken here.
    Absent,
}

/// Why a request's credentials cannot be judged (RFC 6750 section 3.1, `invalid_request`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// The token stands in the URL, where logs and histories keep it.
    #[error("the token is in the query of the URL")]
    InQuery,
    /// More than one, so that two readers could believe different ones.
    #[error("the request has several credentials")]
    Several,
    /// Characters that no token has.
    #[error("the Authorization header is malformed")]
    Malformed,
}

/// Finds the one credential of a request.
pub(super) fn find<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
    key_header: &HeaderName,
) -> Result<Credential<'a>, CredentialFault> {
    if query.is_some_and(has_token) {
        return Err(CredentialFault::InQuery);
    }
    let one = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(CredentialFault::Several),
        }
    };
    match (one(&header::AUTHORIZATION)?, one(key_header)?) {
        (None, None) => Ok(Credential::Absent),
        (None, Some(key)) => Ok(Credential::ApiKey(key.as_bytes())),
        (Some(_), Some(_)) => Err(CredentialFault::Several),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| CredentialFault::Malformed)?;
            bearer(text)
        }
    }
}

fn bearer(text: &str) -> Result<Credential<'_>, CredentialFault> {
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credential::Absent);
    }
    let token = token.trim_matches(' ');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match !token.is_empty() && token.bytes().all(fits) {
        true => Ok(Credential::Bearer(token)),
        false => Err(CredentialFault::Malformed),
    }
}

fn has_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| name.eq_ignore_ascii_case("access_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        headers: &[(&str, &str)],
        query: Option<&str>,
        expected: Result<Credential<'_>, CredentialFault>,
    ) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let key_header = HeaderName::from_static("x-api-key");
        assert_eq!(
            find(&map, query, &key_header),
            expected,
            "{headers:?} {query:?}"
        );
    }

    #[test]
    fn one_credential_in_its_place() {
        use Credential::{Absent, ApiKey, Bearer};
        use CredentialFault::{InQuery, Malformed, Several};
        check(&[], None, Ok(Absent));
        check(
            &[("authorization", "Bearer a.b-c_d~e+f/g=")],
            None,
            Ok(Bearer("a.b-c_d~e+f/g=")),
        );
        check(
            &[("authorization", "bEARER  abc ")],
            None,
            Ok(Bearer("abc")),
        );
        check(&[("authorization", "Basic YTpi")], None, Ok(Absent));
        check(&[("authorization", "DPoP abc")], None, Ok(Absent));
        check(&[("x-api-key", "k")], None, Ok(ApiKey(b"k")));
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer \"a\"",
        ] {
            check(&[("authorization", wrong)], None, Err(Malformed));
        }
        check(
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            None,
            Err(Several),
        );
        check(
            &[("authorization", "Bearer a"), ("x-api-key", "k")],
            None,
            Err(Several),
        );
        check(
            &[("x-api-key", "a"), ("x-api-key", "b")],
            None,
            Err(Several),
        );
        check(&[], Some("access_token=a"), Err(InQuery));
        check(
            &[("authorization", "Bearer a")],
            Some("x=1&ACCESS%5Ftoken=a"),
            Err(InQuery),
        );
        check(
            &[("authorization", "Bearer a")],
            Some("x=access_token"),
            Ok(Bearer("a")),
        );
    }
}
