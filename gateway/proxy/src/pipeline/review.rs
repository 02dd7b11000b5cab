//! What happens to the messages of an answer before the caller sees them.
//!
//! A [`Review`] is decided with the request and goes with its reply. Each message of the answer is
//! held until it has been reviewed, and nothing else is. Where there is nothing to review there is
//! no review, and the answer's bytes are not touched. What cannot be read is not passed on.

use super::{Gateway, Refusal, Trail};

/// The largest message of an answer that is reviewed; a larger one ends the answer.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the answer to one request has to pass.
#[derive(Debug)]
pub struct Review {
    _private: (),
}

/// What becomes of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reviewed {
    /// It goes on byte for byte.
    Kept,
    /// It goes on as this JSON text.
    Replaced(Vec<u8>),
    /// It does not go on.
    Dropped,
}

/// Why an answer that has to be reviewed cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreviewable {
    /// A message does not end within [`MESSAGE_BYTES_MAX`].
    #[error("a message of the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The maximum, in bytes.
        bytes_max: usize,
    },
    /// The body is compressed, although no compression was asked for.
    #[error("the answer has a content encoding that nobody asked for")]
    Encoded,
}

impl Review {
    /// Reviews one message, as JSON text that nobody has checked. `trail` is the call's, as long as
    /// it is open: messages behind the response are reviewed like any other.
    ///
    /// # Errors
    /// The [`Refusal`] that is given instead of the rest of the answer.
    pub async fn message(
        &mut self,
        _gateway: &Gateway,
        _trail: Option<&mut Trail>,
        _json: &[u8],
    ) -> Result<Reviewed, Refusal> {
        Ok(Reviewed::Kept)
    }
}
