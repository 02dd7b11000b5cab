//! What happens to the messages of an answer before the caller sees them.
//!
//! A [`Review`] is decided with the request and goes with its reply. Each message of the answer is
//! held until it has been reviewed, and nothing else is. Where there is nothing to review there is
//! no review, and the answer's bytes are not touched. What cannot be read is not passed on.

use std::{fmt, sync::Arc};

use gantry_mcp::{headers::Era, listing::Unclear};

use super::{Inspection, Refusal, Trail, tasks::Tasks};
use crate::policy::{
    Asked, Permit, View,
    listing::{self, Shown},
};

/// The largest message of an answer that is reviewed; a larger one ends the answer.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the answer to one request has to pass.
#[derive(Debug)]
pub struct Review {
    /// What the caller may see of the lists in it.
    view: Option<View>,
    /// What guardrails look for in it.
    inspection: Option<Inspection>,
    /// Whose the tasks in it are.
    tasks: Option<Tasks>,
    /// Under which names the client sees it.
    translation: Option<Translation>,
}

/// The other names under which a client sees what a server's messages name, and the name under which it
/// sees the server's events. It is the last stage: everything before it knows the server's own names.
#[derive(Clone)]
pub struct Translation {
    translate: Arc<Translate>,
    events: Option<Arc<str>>,
}

type Translate = dyn Fn(&[u8]) -> Result<Reviewed, Unclear> + Send + Sync;

impl Translation {
    /// By this function. With `events`, the ids of events are told apart by that name.
    pub fn new(
        translate: impl Fn(&[u8]) -> Result<Reviewed, Unclear> + Send + Sync + 'static,
        events: Option<Arc<str>>,
    ) -> Self {
        Self {
            translate: Arc::new(translate),
            events,
        }
    }
}

impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translation").finish_non_exhaustive()
    }
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

impl Reviewed {
    /// This, or what an earlier stage has made of the message where this one kept it.
    fn or(self, earlier: Self) -> Self {
        match self {
            Self::Kept => earlier,
            Self::Replaced(_) | Self::Dropped => self,
        }
    }
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
    /// A list could be read in two ways, one of which may show too much.
    #[error("{0}")]
    Unclear(#[from] Unclear),
    /// The body is compressed, although no compression was asked for.
    #[error("the answer has a content encoding that nobody asked for")]
    Encoded,
    /// The body is neither JSON nor an event stream.
    #[error("the answer is neither JSON nor an event stream")]
    Form,
}

impl Review {
    /// What the answer to a permitted message has to pass; `None` where nothing.
    pub(super) fn of(
        permit: &Permit,
        asked: &Asked<'_>,
        era: Option<Era>,
        inspection: Option<Inspection>,
        tasks: Option<Tasks>,
    ) -> Option<Self> {
        let modern = matches!(era, Some(Era::Modern(_)));
        let due = asked.is_answered_by_lists() || (modern && asked.is_cacheable());
        let view = permit.view().filter(|_| due).cloned();
        let any = view.is_some() || inspection.is_some() || tasks.is_some();
        any.then_some(Self {
            view,
            inspection,
            tasks,
            translation: None,
        })
    }

    /// The same with a translation behind it.
    pub fn then(review: Option<Self>, translation: Translation) -> Self {
        let before = review.unwrap_or(Self {
            view: None,
            inspection: None,
            tasks: None,
            translation: None,
        });
        Self {
            translation: Some(translation),
            ..before
        }
    }

    /// The name that the ids of events get.
    pub fn events(&self) -> Option<&str> {
        self.translation.as_ref()?.events.as_deref()
    }

    /// By guardrails alone.
    #[cfg(test)]
    pub(crate) fn by(guardrails: crate::guardrails::Guardrails) -> Self {
        Self {
            view: None,
            inspection: Some(Inspection::by(guardrails)),
            tasks: None,
            translation: None,
        }
    }

    /// Reviews one message, as JSON text that nobody has checked. `trail` is the call's, as long as
    /// it is open: messages behind the response are reviewed like any other.
    ///
    /// # Errors
    /// The [`Refusal`] that is given instead of the rest of the answer.
    pub async fn message(
        &mut self,
        trail: Option<&mut Trail>,
        json: &[u8],
    ) -> Result<Reviewed, Refusal> {
        // Guardrails first: a definition's hash is that of what the server said.
        let inspected = match &self.inspection {
            Some(inspection) => inspection.message(trail, json).await?,
            None => Reviewed::Kept,
        };
        let left: &[u8] = match &inspected {
            Reviewed::Kept => json,
            Reviewed::Replaced(json) => json,
            Reviewed::Dropped => return Ok(inspected),
        };
        let seen = match &self.view {
            Some(view) => view_of(view, left)?.or(inspected),
            None => inspected,
        };
        let left: &[u8] = match &seen {
            Reviewed::Kept => json,
            Reviewed::Replaced(json) => json,
            Reviewed::Dropped => return Ok(seen),
        };
        let owned = match &self.tasks {
            Some(tasks) => tasks
                .of_server(left)
                .map_err(Unreviewable::Unclear)?
                .or(seen),
            None => seen,
        };
        let left: &[u8] = match &owned {
            Reviewed::Kept => json,
            Reviewed::Replaced(json) => json,
            Reviewed::Dropped => return Ok(owned),
        };
        Ok(match &self.translation {
            Some(translation) => (translation.translate)(left)
                .map_err(Unreviewable::Unclear)?
                .or(owned),
            None => owned,
        })
    }
}

/// What one caller may see of a message.
fn view_of(view: &View, json: &[u8]) -> Result<Reviewed, Refusal> {
    let shown = listing::filter(json, |entry| view.shows(entry));
    Ok(match shown.map_err(Unreviewable::Unclear)? {
        Shown::Whole => Reviewed::Kept,
        Shown::Part(json) => Reviewed::Replaced(json),
        Shown::Nothing => Reviewed::Dropped,
    })
}
