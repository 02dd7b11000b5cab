//! The tries of one call: which endpoint comes next, and whether anything may be tried again.
//!
//! A connection that cannot be made is made elsewhere. What has been sent is sent again only when the
//! call may be repeated and the budget has a repetition left; an answer that has begun to be passed on
//! never is.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::HeaderMap;
use pingora_core::ErrorType;
use pingora_timeout::fast_timeout::fast_timeout;

use super::{
    Effort, Failed, OwnHeaders, Terms, Upstream,
    breaker::Gate,
    endpoint::{Endpoint, Load},
    exchange::{Answering, broken, is_trouble},
    head,
    pool::{Pool, Went},
    pools::Serving,
    transmit::transmit,
};
use crate::routing::{Session, Target};

/// Endpoints that are tried for one call, whatever the reasons.
const TRIES_MAX: usize = 10;

/// One call as every try needs it.
pub(super) struct Call<'a> {
    pub upstream: &'a Upstream,
    pub serving: &'a Serving,
    pub pool: &'a Arc<Pool>,
    pub terms: Terms,
    pub target: &'a Target,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub own: &'a OwnHeaders,
}

/// Why one try failed, and whether the call had been sent by then.
struct Attempt {
    fault: Failed,
    sent: bool,
}

impl Call<'_> {
    /// Tries until an answer has begun, or nothing more may be tried.
    pub(super) async fn send(&self, effort: &mut Effort) -> Result<Answering, Failed> {
        if let Gate::Open(left) = self.pool.gate(self.terms.is_part, Instant::now()) {
            return Err(Failed::CircuitOpen {
                server: self.server(),
                left,
            });
        }
        self.serving.budget.earn();
        match self.target.session() {
            Some(session) => self.send_to_session(session, effort).await,
            None => self.send_anywhere(effort).await,
        }
    }

    /// A session lives on one endpoint: there is no other one to try.
    pub(super) async fn send_to_session(
        &self,
        session: &Session,
        effort: &mut Effort,
    ) -> Result<Answering, Failed> {
        let lost = || Failed::SessionLost {
            server: self.server(),
        };
        let endpoint = self.pool.find(&session.endpoint).ok_or_else(lost)?;
        effort.tried.push(Arc::clone(&endpoint.label));
        effort.started.push(Instant::now());
        match self.attempt(&endpoint).await {
            Ok(answering) => Ok(answering),
            // Nobody listens there any more, or nobody has for some time: the session is gone.
            Err(Attempt {
                fault: Failed::Connect { source, .. },
                ..
            }) if *source.etype() == ErrorType::ConnectRefused || !endpoint.state.is_healthy() => {
                Err(lost())
            }
            Err(Attempt { fault, .. }) => Err(fault),
        }
    }

    /// Tries one endpoint after the other.
    pub(super) async fn send_anywhere(&self, effort: &mut Effort) -> Result<Answering, Failed> {
        let mut failed = Failed::NoEndpoint {
            server: self.server(),
        };
        let (mut tried, mut sends) = (Vec::new(), 0);
        let (key, follows) = (self.target.key(), self.target.follows());
        while tried.len() < TRIES_MAX {
            let Some(endpoint) = self.pool.pick(key, follows, &tried, Instant::now()) else {
                break;
            };
            tried.push(Arc::clone(&endpoint));
            effort.tried.push(Arc::clone(&endpoint.label));
            effort.started.push(Instant::now());
            match self.attempt(&endpoint).await {
                Ok(answering) => {
                    sends += 1;
                    let bad = answering.status().is_server_error();
                    if !bad || !self.pool.has_other(&tried) || !self.may_repeat(sends, "status") {
                        return Ok(answering);
                    }
                }
                // A call that was sent once has been sent, whatever became of it elsewhere.
                Err(Attempt { fault, sent: false }) if sends == 0 => failed = fault,
                Err(Attempt { sent: false, .. }) => {}
                Err(Attempt { fault, sent: true }) => {
                    sends += 1;
                    let reason = if fault.is_timeout() {
                        "timeout"
                    } else {
                        "broken"
                    };
                    if !self.pool.has_other(&tried) || !self.may_repeat(sends, reason) {
                        return Err(fault);
                    }
                    failed = fault;
                }
            }
        }
        Err(failed)
    }

    fn may_repeat(&self, sends: u32, reason: &'static str) -> bool {
        let may =
            self.terms.repeatable && sends < self.serving.sends_max && self.serving.budget.spend();
        if may {
            self.pool.repeated(&self.serving.name, reason);
        }
        may
    }

    /// One try: a connection, the request, the head of the answer.
    async fn attempt(&self, endpoint: &Arc<Endpoint>) -> Result<Answering, Attempt> {
        let load = Load::on(&endpoint.state);
        let mut sent = false;
        let attempt = self.exchange(endpoint, load, &mut sent);
        let attempted = match self.serving.try_timeout.filter(|_| !self.terms.endless) {
            Some(limit) => fast_timeout(limit, attempt).await.unwrap_or_else(|_| {
                Err(Failed::AnswerTimeout {
                    server: self.server(),
                })
            }),
            None => attempt.await,
        };
        match &attempted {
            Ok(answering) if is_trouble(answering.status()) => {
                self.pool.report(endpoint, Went::Badly, Instant::now());
            }
            // It went well so far: whether it does is known at the answer's end, where it has one.
            Ok(_) if self.terms.endless => self.pool.report(endpoint, Went::Well, Instant::now()),
            Ok(_) => {}
            // What cannot be written as a request is no fault of the endpoint.
            Err(Failed::Request { .. }) => {}
            Err(_) => self.pool.report(endpoint, Went::Badly, Instant::now()),
        }
        attempted.map_err(|fault| Attempt { fault, sent })
    }

    async fn exchange(
        &self,
        endpoint: &Arc<Endpoint>,
        load: Load,
        sent: &mut bool,
    ) -> Result<Answering, Failed> {
        let server = &*self.serving.name;
        let connected = self.upstream.connect(&endpoint.peer).await;
        let (session, _reused) = connected.map_err(|source| Failed::Connect {
            server: self.server(),
            endpoint: endpoint.address,
            source,
        })?;
        let (verb, url) = (self.terms.verb, &endpoint.url);
        let inner = endpoint.key.as_ref().map(|key| (key, self.target.caller()));
        let request = head::build(verb, url, inner, &self.headers, &self.body, self.own);
        let request = request.map_err(|source| Failed::Request {
            server: self.server(),
            source,
        })?;
        *sent = true;
        let (session, written) = transmit(session, verb, request, self.body.clone()).await;
        let mut answering = Answering {
            session,
            endpoint: Arc::clone(endpoint),
            sent: written.is_ok(),
            _load: load,
        };
        let written = written.map_err(|source| broken(server, source));
        // A server may answer before it has read everything (413, 401) and close: its answer says
        // more than the broken write does.
        match (written, answering.read_head(server).await) {
            (_, Ok(())) => Ok(answering),
            (Err(fault), Err(_)) | (Ok(()), Err(fault)) => Err(fault),
        }
    }

    fn server(&self) -> String {
        self.serving.name.to_string()
    }
}
