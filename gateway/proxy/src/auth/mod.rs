//! Who is calling, and as whom the gateway calls servers.
//!
//! [`Caller`] is the evidence that a request has been identified; [`identify`] is the only way to
//! one while a request is on its way. This stage reads credentials and nothing else: it never
//! looks at the message, and it never decides what a caller may do.
//!
//! Judging a credential needs neither I/O nor a clock (`token`, `api_key`, `certificate`); what
//! talks to authorization servers (`fetcher` and what uses it) runs on a thread of its own.

mod api_key;
mod bearer;
mod caller;
mod certificate;
mod credential;
mod fetcher;
mod identity;
mod keys;
mod mapping;
mod metadata;
mod oauth;
mod opaque;
mod outward;
mod resource;
mod scopes;
mod token;
mod unauthenticated;

pub use caller::{ANONYMOUS, Caller, suppose};
pub use certificate::PeerCertificate;
pub use credential::CredentialFault;
pub use fetcher::{FetchError, Fetcher, FetcherError};
pub use identity::{Arriving, Identity, KeyAge, identify};
pub use keys::Unavailable;
pub use outward::{Credentials, NoCredential};
pub use token::TokenFault;
pub use unauthenticated::{Cause, InsufficientScope, Unauthenticated};
