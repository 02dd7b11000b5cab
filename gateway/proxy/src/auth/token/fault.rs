//! What is wrong with a token.

/// Why a token is refused. `Display` is the operator's text; neither text quotes the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than any honest token.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url with JSON in the first two, or a name that occurs twice.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It asks for an extension that must be understood (RFC 7515 section 4.1.11).
    #[error("the token has critical extensions")]
    Critical,
    /// It is something else than an access token.
    #[error("the token is not an access token: {0}")]
    Kind(&'static str),
    /// `none`, a symmetric algorithm, or one that its issuer may not use.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// Nobody here trusts who issued it.
    #[error("the token is of an issuer that is not configured")]
    Issuer,
    /// It names a key that its issuer does not publish.
    #[error("the token names a key that its issuer does not publish")]
    Key,
    /// It was not signed by its issuer.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim is missing.
    #[error("the token has no claim `{0}`")]
    Missing(&'static str),
    /// A claim has a type or a size that it may not have.
    #[error("the token's claim `{0}` is not what it must be")]
    Claim(&'static str),
    /// The configured claim does not name an agent.
    #[error("the token does not name an agent")]
    Agent,
    /// It belongs to a key that the caller has not proved to hold (RFC 8705, RFC 9449).
    #[error("the token is bound to a key that the caller does not hold")]
    Bound,
    /// Its issuer says that it is not, or no longer, valid (RFC 7662).
    #[error("the issuer says that the token is not active")]
    Inactive,
}

impl TokenFault {
    /// What the caller is told: one constant text per class.
    pub(in crate::auth) fn public(self) -> &'static str {
        match self {
            Self::Expired => "the access token expired",
            Self::NotYet => "the access token is not valid yet",
            Self::Audience => "the access token is not for this resource",
            Self::Inactive => "the access token is not active",
            Self::Kind(_) => "this is not an access token",
            Self::Bound => "the access token is bound to another key",
            _ => "the access token is not valid",
        }
    }

    /// One word, for the metrics.
    pub(in crate::auth) fn reason(self) -> &'static str {
        match self {
            Self::TooLong | Self::Malformed(_) | Self::Critical => "malformed",
            Self::Kind(_) => "kind",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
            Self::Audience => "audience",
            Self::Missing(_) | Self::Claim(_) | Self::Agent => "claims",
            Self::Bound => "bound",
            Self::Inactive => "inactive",
        }
    }
}
