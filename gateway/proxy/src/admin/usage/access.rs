//! Who may see `/usage`: who signs in with the admin credential, by HTTP Basic under any name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    admin::{Answer, TEXT},
    config::Secret,
};

const CLOSED: &str = "closed: `admin.credential` is not set\n";
const SIGN_IN: &[(&str, &str)] = &[(
    "www-authenticate",
    "Basic realm=\"Gantry\", charset=\"UTF-8\"",
)];

/// `authorization` is the request's header. `Err` is the refusal.
pub(super) fn check(
    authorization: Option<&[u8]>,
    credential: Option<&Secret>,
) -> Result<(), Answer> {
    let Some(credential) = credential else {
        return Err(Answer::new(StatusCode::FORBIDDEN, TEXT, CLOSED));
    };
    let given = authorization.and_then(password);
    // Digests are compared, and in constant time: neither length nor beginning can be found by asking.
    let right = Sha256::digest(credential.expose());
    let is_it = given.is_some_and(|it| bool::from(Sha256::digest(it).ct_eq(&right)));
    if is_it {
        return Ok(());
    }
    let mut refusal = Answer::new(StatusCode::UNAUTHORIZED, TEXT, "sign in\n");
    refusal.headers = SIGN_IN;
    Err(refusal)
}

/// The password in `Basic base64(name:password)`.
fn password(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, token) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = STANDARD.decode(token.trim_ascii()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair.get(colon + 1..)?.to_vec())
}
