//! What is known of the exchange with the server, and of its answer.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gantry_mcp::answer::Format;

use super::{FLAG_DEPARTED, FLAG_ENDLESS, FLAG_STREAM, Phase, Trail, digest, micros};
use crate::{
    pipeline::capture::Captured,
    routing::Target,
    upstream::{Effort, Exchange},
};

impl Trail {
    /// Arguments and result are wanted, or not.
    pub(in crate::pipeline) fn captures(&mut self, captured: Option<Captured>) {
        self.captured = captured.map(Box::new);
    }

    /// The form of the answer is known.
    pub fn answers_in(&mut self, format: Format) {
        if format == Format::EventStream {
            self.flags |= FLAG_STREAM;
        }
        if let Some(captured) = &mut self.captured {
            captured.answers_in(format);
        }
    }

    /// The caller is about to be given these bytes of the answer, of which they may be the last.
    pub fn given(&mut self, bytes: &Bytes, last: bool) {
        if let Some(captured) = &mut self.captured {
            captured.given(bytes, last);
        }
    }

    /// The exchange with the server begins.
    pub fn sending(&mut self) {
        self.phases.ended(Phase::Route);
        self.sent = Some(Instant::now());
    }

    /// The version is known.
    pub fn routed(&mut self, target: &Target) {
        self.version = Some(Arc::clone(target.version().name()));
        self.transport = target.version().transport();
    }

    /// Takes down what the call took: the endpoints that were tried, the time in the queue.
    pub fn effort(&mut self) -> &mut Effort {
        &mut self.effort
    }

    /// The head of the answer is here.
    pub fn answering(&mut self, exchange: &Exchange) {
        self.ttfb_us = micros(self.started);
        // A session that was just opened: the server names it in its answer.
        if let Some(id) = exchange.client_session() {
            self.session = digest(id.as_bytes());
        }
    }

    /// The exchange may last as long as both ends want.
    pub fn endless(&mut self) {
        self.flags |= FLAG_ENDLESS;
    }

    /// The caller is gone while the answer goes on.
    pub fn departed(&mut self) {
        self.flags |= FLAG_DEPARTED;
    }

    /// A piece of the answer arrived.
    pub fn answered(&mut self, piece: &[u8]) {
        self.resp_bytes = self.resp_bytes.saturating_add(piece.len() as u64);
        if let Some(usage) = &mut self.usage {
            usage.answered(piece);
        }
    }
}
