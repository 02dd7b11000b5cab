//! The part of an answer that may be passed on: the messages that have been reviewed, and whatever
//! stands between them.

use bytes::{Bytes, BytesMut};
use gantry_mcp::{
    answer::Format,
    messages::{Messages, Part, TooLarge, with_event_names},
};
use http::StatusCode;

use crate::pipeline::{Refusal, Review, Reviewed, Trail, Unreviewable, review};

/// A review at work on one answer.
pub(super) struct Reviewer {
    review: Review,
    /// None where the body has no form that messages come in: nothing of it is passed on.
    messages: Option<Messages>,
    format: Option<Format>,
    /// The status promises a result.
    is_success: bool,
}

impl Reviewer {
    /// A review of a body in `format`, the answer's status being `status`.
    pub(super) fn new(review: Review, status: StatusCode, format: Option<Format>) -> Self {
        Self {
            review,
            messages: format.map(|format| Messages::new(format, review::MESSAGE_BYTES_MAX)),
            format,
            is_success: status.is_success(),
        }
    }

    /// Takes what has arrived, and the answer's end where that is `last`, and gives what may be
    /// passed on of everything so far.
    ///
    /// # Errors
    /// The [`Refusal`] that is given instead of the rest of the answer: also where a result comes in
    /// no form that MCP has. An error's status says enough without its body, and a body without a
    /// length may turn out to be none, as that of a notification does.
    pub(super) async fn pass(
        &mut self,
        mut trail: Option<&mut Trail>,
        arrived: Bytes,
        last: bool,
    ) -> Result<Bytes, Refusal> {
        let mut passed = Passed::default();
        let Some(messages) = &mut self.messages else {
            if self.is_success && !arrived.is_empty() {
                return Err(Unreviewable::Form.into());
            }
            return Ok(passed.bytes());
        };
        let format = self.format;
        messages.feed(arrived);
        if last {
            messages.end();
        }
        while let Some(part) = messages.next_part().map_err(too_large)? {
            let message = match part {
                Part::Plain(bytes) => {
                    passed.push(named(&self.review, format, bytes));
                    continue;
                }
                Part::Message(message) => message,
            };
            let json = message.json();
            let reviewed = self.review.message(trail.as_deref_mut(), &json).await?;
            match reviewed {
                Reviewed::Kept => {
                    drop(json);
                    passed.push(named(&self.review, format, message.kept()));
                }
                Reviewed::Replaced(json) => {
                    passed.push(named(&self.review, format, message.replaced(&json)));
                }
                Reviewed::Dropped => {}
            }
        }
        Ok(passed.bytes())
    }
}

/// Lines of a stream whose events the client sees under a name.
fn named(review: &Review, format: Option<Format>, bytes: Bytes) -> Bytes {
    match review.events() {
        Some(name) if format == Some(Format::EventStream) => {
            with_event_names(&bytes, name).unwrap_or(bytes)
        }
        _ => bytes,
    }
}

fn too_large(TooLarge { bytes_max }: TooLarge) -> Refusal {
    Refusal::Unreviewable(Unreviewable::TooLarge { bytes_max })
}

/// One part as it is, or several put together.
#[derive(Default)]
struct Passed {
    first: Bytes,
    several: BytesMut,
}

impl Passed {
    fn push(&mut self, part: Bytes) {
        if self.first.is_empty() && self.several.is_empty() {
            self.first = part;
        } else {
            self.several
                .extend_from_slice(&std::mem::take(&mut self.first));
            self.several.extend_from_slice(&part);
        }
    }

    fn bytes(self) -> Bytes {
        if self.several.is_empty() {
            self.first
        } else {
            self.several.freeze()
        }
    }
}

#[cfg(test)]
mod tests;
