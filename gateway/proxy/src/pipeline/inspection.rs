//! What guardrails have to know of a call, in both directions.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Gateway, Refusal, Reviewed, Trail, decline::Decline};
use crate::{
    config::guardrails::Direction,
    guardrails::{Blocked, Guardrails, Report, Scope},
    policy::{Asked, Object, Permit},
    routing::Target,
};

/// The call that a message belongs to.
#[derive(Debug)]
pub struct Inspection {
    guardrails: Guardrails,
    /// The way to a server that asks something itself; `None` outside of sessions.
    decline: Option<Decline>,
    /// The tool's results are known to follow no schema.
    untyped: bool,
    server: String,
    method: String,
    subject: Option<String>,
    agent: String,
    teams: Vec<String>,
}

impl Inspection {
    /// The inspection that is due; none where no guardrail is in force.
    pub fn of(gateway: &Gateway, permit: &Permit, server: &str, asked: &Asked<'_>) -> Option<Self> {
        let caller = permit.caller();
        let subject = match &asked.object {
            Object::Tool(name) | Object::Prompt(name) | Object::Resource(name) => Some(*name),
            _ => None,
        };
        gateway.guardrails.is_in_force().then(|| Self {
            guardrails: gateway.guardrails.clone(),
            decline: None,
            untyped: false,
            server: server.to_owned(),
            method: asked.method.to_owned(),
            subject: subject.map(str::to_owned),
            agent: caller.agent().to_owned(),
            teams: caller.teams().to_vec(),
        })
    }

    /// Of a tool call at `server`.
    #[cfg(test)]
    pub(super) fn by(guardrails: Guardrails) -> Self {
        Self {
            guardrails,
            decline: None,
            untyped: false,
            server: "server".to_owned(),
            method: "tools/call".to_owned(),
            subject: Some("tool".to_owned()),
            agent: String::new(),
            teams: Vec::new(),
        }
    }

    /// With what is known of the server that answers, and a way to tell it what was blocked of its
    /// own requests.
    pub fn answered_by(mut self, target: &Target, decline: Option<Decline>) -> Self {
        let subject = self.subject.as_deref();
        self.untyped = subject.is_some_and(|tool| target.is_untyped(tool));
        self.decline = decline;
        self
    }

    /// The scope of what goes to the server.
    pub fn request(&self) -> Scope<'_> {
        self.scope(Direction::Request)
    }

    fn scope(&self, direction: Direction) -> Scope<'_> {
        Scope {
            direction,
            server: &self.server,
            method: &self.method,
            subject: self.subject.as_deref(),
            agent: &self.agent,
            teams: &self.teams,
            untyped: self.untyped,
        }
    }

    /// Inspects one message of the answer.
    ///
    /// # Errors
    /// The [`Refusal`] that is given instead of the rest of the answer.
    pub async fn message(
        &self,
        mut trail: Option<&mut Trail>,
        json: &[u8],
    ) -> Result<Reviewed, Refusal> {
        let scope = self.scope(Direction::Response);
        let mut note = |report: &Report| {
            if let Some(trail) = trail.as_deref_mut() {
                trail.screened(true, report);
            }
        };
        let acted = match self.guardrails.act(&scope, json) {
            Ok(acted) => acted,
            Err(blocked) => {
                note(&blocked.report);
                return Ok(Box::pin(self.instead(&blocked, json)).await);
            }
        };
        note(&acted.report);
        if let Some(hooks) = self.guardrails.hooks() {
            let mut report = Report::default();
            let judged = hooks.judge(&scope, &acted.message, &mut report).await;
            if let Err(blocked) = judged {
                note(&blocked.report);
                return Ok(Box::pin(self.instead(&blocked, json)).await);
            }
            note(&report);
        }
        Ok(match acted.message {
            std::borrow::Cow::Borrowed(_) => Reviewed::Kept,
            std::borrow::Cow::Owned(changed) => Reviewed::Replaced(changed),
        })
    }

    /// What stands in the place of a blocked message: an answer for a response, nothing for what the
    /// server said on its own account. Where that was a request, the server gets the answer.
    async fn instead(&self, blocked: &Blocked, json: &[u8]) -> Reviewed {
        match serde_json::from_slice::<Envelope<'_>>(json) {
            Ok(Envelope {
                id: Some(id),
                method: None,
            }) => Reviewed::Replaced(blocked.message(Some(id.get()))),
            Ok(Envelope {
                id,
                method: Some(_),
            }) => {
                if let (Some(id), Some(decline)) = (id, &self.decline) {
                    decline.send(blocked, id.get()).await;
                }
                Reviewed::Dropped
            }
            // What cannot be read is answered without an id: its caller is not left waiting.
            _ => Reviewed::Replaced(blocked.message(None)),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
}
