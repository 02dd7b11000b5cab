//! One caller: a connection (opened again when it breaks), its session, and the calls that it makes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Run;
use super::connection::{Answer, Connection, Failure};
use super::journal::State;
use super::pace::Alarm;
use super::request::INITIALIZE_ID;
use super::verdict::Verdict;

/// The pause after a connection was refused, so that a target which is down is not hammered.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Client {
    run: Arc<Run>,
    connection: Option<Connection>,
    session: Session,
    alarm: Option<Alarm>,
    request: Vec<u8>,
    id: String,
}

enum Session {
    /// No `initialize` has been answered yet.
    None,
    /// Begun; the server may not have given an id.
    Begun(Option<String>),
}

impl Client {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self {
            run,
            connection: None,
            session: Session::None,
            alarm: None,
            request: Vec::new(),
            id: String::new(),
        }
    }

    /// Opens the connection, and begins a session where calls need one.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        if self.run.schedule.is_fixed_rate() && self.alarm.is_none() {
            self.alarm = Some(Alarm::new().map_err(|source| Failure::Connect(source.kind()))?);
        }
        let limit = self.run.timeout;
        let opened = tokio::time::timeout(limit, async {
            self.connection = Some(Connection::open(&self.run.target).await?);
            self.begin_session().await
        });
        opened.await.unwrap_or(Err(Failure::Timeout))
    }

    /// Makes calls until the schedule has no more.
    pub(super) async fn call_until_over(mut self) {
        while let Some(turn) = self.run.schedule.claim(Instant::now()) {
            self.wait(turn.due).await;
            self.run.calls.write_id(turn.number, &mut self.id);
            let begun = Instant::now();
            let limit = self.run.timeout;
            let outcome = tokio::time::timeout(limit, self.call())
                .await
                .unwrap_or(Err(Failure::Timeout));
            if outcome.is_err() {
                // Whatever is still under way on the connection belongs to a call that has been given up.
                self.connection = None;
            }
            let refused = outcome.as_ref().is_err_and(Failure::is_refusal);
            self.note(turn.due, begun, outcome);
            if refused {
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }

    async fn wait(&mut self, due: Instant) {
        if let Some(alarm) = &mut self.alarm
            && alarm.until(due).await.is_err()
        {
            tokio::time::sleep_until(due.into()).await;
        }
    }

    async fn call(&mut self) -> Result<(Answer, Verdict), Failure> {
        self.begin_session().await?;
        let session = match &self.session {
            Session::Begun(id) => id.as_deref(),
            Session::None => None,
        };
        self.run.calls.render(&self.id, session, &mut self.request);
        let answer = exchange(&mut self.connection, &self.run, &self.request, &self.id).await?;
        if answer.status == 404 {
            // The session has ended (2025-11-25, basic/transports): the next call begins another.
            self.session = Session::None;
        }
        match answer.verdict {
            Some(verdict @ (Verdict::Result | Verdict::ToolError | Verdict::RpcError(_))) => {
                Ok((answer, verdict))
            }
            _ if answer.status != 200 => Err(Failure::Http(answer.status)),
            Some(Verdict::OtherId) => Err(Failure::OtherId),
            Some(Verdict::Malformed) => Err(Failure::Malformed("no JSON-RPC message")),
            Some(Verdict::Aside) | None => Err(Failure::NoAnswer),
        }
    }

    /// Begins a session where calls need one and none has begun.
    async fn begin_session(&mut self) -> Result<(), Failure> {
        let (run, request) = (&self.run, &mut self.request);
        let Some(calls) = run
            .calls
            .session
            .as_ref()
            .filter(|_| matches!(self.session, Session::None))
        else {
            return Ok(());
        };
        let connection = &mut self.connection;
        calls.initialize.render(INITIALIZE_ID, None, request);
        let begun = exchange(connection, run, request, INITIALIZE_ID)
            .await
            .map_err(in_session)?;
        if begun.verdict != Some(Verdict::Result) {
            return Err(in_session(Failure::Http(begun.status)));
        }
        calls
            .initialized
            .render("", begun.session.as_deref(), request);
        let accepted = exchange(connection, run, request, "")
            .await
            .map_err(in_session)?;
        if !(200..300).contains(&accepted.status) {
            return Err(in_session(Failure::Http(accepted.status)));
        }
        self.session = Session::Begun(begun.session);
        run.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn note(&self, due: Instant, begun: Instant, outcome: Result<(Answer, Verdict), Failure>) {
        let ended = Instant::now();
        let (state, why) = match outcome {
            Ok((answer, Verdict::Result)) => {
                self.run.tally.count_result(due, begun, ended, &answer);
                (State::Answered, None)
            }
            Ok((_, Verdict::RpcError(code))) => {
                (State::Answered, Some(format!("rpc error {code}")))
            }
            Ok(_) => (State::Answered, Some("tool error".to_owned())),
            Err(failure) if failure.was_sent() => (State::Sent, Some(failure.to_string())),
            Err(failure) => (State::Failed, Some(failure.to_string())),
        };
        if let Some(journal) = &self.run.journal {
            journal.append(&self.id, state, why.as_deref());
        }
        if let Some(why) = why {
            self.run.tally.count_failure(why);
        }
    }
}

fn in_session(failure: Failure) -> Failure {
    Failure::Session(Box::new(failure))
}

/// One exchange, on `connection` or on a new one. What cannot carry another is given up.
async fn exchange(
    connection: &mut Option<Connection>,
    run: &Run,
    request: &[u8],
    id: &str,
) -> Result<Answer, Failure> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => {
            run.reconnects.fetch_add(1, Ordering::Relaxed);
            Connection::open(&run.target).await?
        }
    };
    let answer = open.exchange(request, id).await?;
    if answer.reusable {
        *connection = Some(open);
    }
    Ok(answer)
}
