//! Who may speak to the store: the one user, by password, in the three ways of ClickHouse clients.
//!
//! Compares in constant time and keeps a digest alone; neither the password nor what a client
//! offered is ever printed.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use sha2::{Digest, Sha256};

use crate::exception::{Exception, code};

/// The one user of the store.
pub(crate) const USER: &str = "gantry";

/// The password to compare with, as its digest.
pub(crate) struct Password([u8; 32]);

/// A user and a password that a client offered.
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl Password {
    pub(crate) fn new(password: &str) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// Lets the store's user in, and nobody else.
    pub(crate) fn check(&self, offered: Option<&Credentials>) -> Result<(), Exception> {
        let Some(offered) = offered else {
            return Err(refusal().with_status(StatusCode::UNAUTHORIZED));
        };
        let digest: [u8; 32] = Sha256::digest(&offered.password).into();
        // Every byte is looked at; and digests would not help a guesser even if time told of them.
        let difference = self
            .0
            .iter()
            .zip(digest)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        if difference == 0 && offered.user == USER {
            Ok(())
        } else {
            Err(refusal())
        }
    }
}

fn refusal() -> Exception {
    Exception::new(
        code::AUTHENTICATION_FAILED,
        "AUTHENTICATION_FAILED",
        "Authentication failed: password is incorrect, or there is no user with such name.",
    )
}

impl Credentials {
    /// Finds credentials in the headers (`X-ClickHouse-User` and `-Key`, else Basic), else in the
    /// URL's `user` and `password`.
    pub(crate) fn find(
        headers: &HeaderMap,
        user: Option<String>,
        password: Option<String>,
    ) -> Option<Self> {
        // As UTF-8: a password need not be ASCII.
        let header = |name: &str| {
            let value = headers.get(name)?;
            std::str::from_utf8(value.as_bytes())
                .ok()
                .map(str::to_owned)
        };
        Self::pair(header("x-clickhouse-user"), header("x-clickhouse-key"))
            .or_else(|| Self::basic(headers))
            .or_else(|| Self::pair(user, password))
    }

    fn pair(user: Option<String>, password: Option<String>) -> Option<Self> {
        (user.is_some() || password.is_some()).then(|| Self {
            user: user.unwrap_or_default(),
            password: password.unwrap_or_default(),
        })
    }

    fn basic(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .ok()?;
        let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn answer(pairs: &[(&'static str, &str)], user: Option<&str>, password: Option<&str>) -> u16 {
        let found = Credentials::find(
            &headers(pairs),
            user.map(str::to_owned),
            password.map(str::to_owned),
        );
        Password::new("pa:ss")
            .check(found.as_ref())
            .map_or_else(|refused| refused.status().as_u16(), |()| 200)
    }

    #[test]
    fn the_one_user_enters_in_three_ways() {
        // "gantry:pa:ss", "gantry:wrong" and "root:pa:ss" in base64.
        assert_eq!(
            answer(&[("authorization", "Basic Z2FudHJ5OnBhOnNz")], None, None),
            200
        );
        assert_eq!(
            answer(&[("authorization", "basic  Z2FudHJ5OnBhOnNz")], None, None),
            200
        );
        assert_eq!(
            answer(&[("authorization", "Basic Z2FudHJ5Ondyb25n")], None, None),
            403
        );
        assert_eq!(
            answer(&[("authorization", "Basic cm9vdDpwYTpzcw==")], None, None),
            403
        );
        assert_eq!(
            answer(&[("authorization", "Bearer Z2FudHJ5OnBhOnNz")], None, None),
            401
        );
        assert_eq!(
            answer(
                &[
                    ("x-clickhouse-user", "gantry"),
                    ("x-clickhouse-key", "pa:ss")
                ],
                None,
                None
            ),
            200
        );
        assert_eq!(answer(&[("x-clickhouse-user", "gantry")], None, None), 403);
        assert_eq!(answer(&[], Some("gantry"), Some("pa:ss")), 200);
        assert_eq!(answer(&[], Some("gantry"), Some("pa:s")), 403);
        assert_eq!(answer(&[], None, Some("pa:ss")), 403);
        assert_eq!(answer(&[], None, None), 401);
    }
}
