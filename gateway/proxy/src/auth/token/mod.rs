//! Access tokens in JSON Web Token form (RFC 7519, RFC 9068), judged without I/O and without a
//! clock of their own.
//!
//! `jsonwebtoken` verifies the signature. It would also accept ID tokens, tokens without a
//! subject, unknown critical extensions and claims that occur twice; what a token must be besides
//! well signed is therefore decided here, strictly, and before its signature is looked at.

mod claims;
mod fault;
mod json;
mod parts;
#[cfg(test)]
mod tests;

pub(super) use claims::{Rules, Standing};
pub use fault::TokenFault;
pub(super) use json::object;
pub(super) use parts::{Parts, TOKEN_BYTES_MAX, algorithm, looks_like_jwt};
