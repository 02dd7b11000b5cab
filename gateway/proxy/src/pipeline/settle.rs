//! The end of a request: its record into the trail, its figures into the metrics, its line into
//! the log. In this order, so that nothing is reported that was not recorded.

use std::time::Duration;

use gantry_analytics::{log::AppendError, record::Record};

use super::{Entry, Gateway, Lists, Refusal, Trail, canary};
use crate::telemetry::{
    metrics::{Operation, Spent},
    spans,
};

/// The record could not be written: the answer must not be given as if it had been.
#[derive(Debug, thiserror::Error)]
#[error("cannot record a call: {source}")]
pub struct Unsettled {
    #[from]
    source: AppendError,
}

/// Notes a call that is about to be made, so that it has a record whatever happens.
///
/// # Errors
/// [`Refusal::Unrecorded`] when the trail did not take it: the call must not be made.
pub(super) async fn intend(gateway: &Gateway, trail: &mut Trail) -> Result<(), Refusal> {
    // One record concludes one note, however often the call is sent.
    if trail.is_noted() {
        return Ok(());
    }
    let (id, lists) = (trail.plain_id(), trail.lists());
    let record = trail.begun(&id, &lists);
    let row = identified(gateway, record, trail.person()).encode();
    let noted = gateway.log.intend(row).await;
    let intent = noted.map_err(|fault| {
        tracing::error!(%fault, "a call is not made, for it could not be noted");
        Refusal::Unrecorded
    })?;
    trail.noted(intent);
    Ok(())
}

/// Writes the record of a closed trail and waits until it would survive the end of the process.
///
/// # Errors
/// [`Unsettled`] when the trail did not take the record.
pub async fn settle(gateway: &Gateway, mut entry: Entry) -> Result<(), Unsettled> {
    entry.tally().await;
    let row = record(gateway, &entry, &entry.lists()).encode();
    let captured = entry.captured();
    let appended = if gateway.recorded {
        gateway.log.conclude(entry.intent(), row).await
    } else {
        Ok(None)
    };
    entry.recorded();
    let entry = &entry;
    let lists = entry.lists();
    let record = record(gateway, entry, &lists);
    if let Some(captured) = captured {
        let id = appended.as_ref().ok().and_then(Option::as_ref);
        captured.hand_over(&record, id);
    }
    gateway.metrics.observe(&Operation {
        server: record.server,
        method: record.method,
        kind: record.kind,
        tool: record.tool,
        outcome: record.outcome,
        rpc_code: record.rpc_code,
        endpoint: record.endpoint,
        duration: Duration::from_micros(entry.duration_us),
        upstream: (record.attempts > 0).then(|| Duration::from_micros(entry.upstream_us)),
        request_bytes: u64::from(record.req_bytes),
        response_bytes: record.resp_bytes,
        endless: entry.is_endless(),
    });
    canary::watch(gateway, entry, &record).await;
    gateway.metrics.spent(&Spent {
        tenant: record.tenant,
        team: record.team,
        server: record.server,
        tokens_in: record.tokens_in,
        tokens_out: record.tokens_out,
        cost: record.cost,
    });
    if let Some((scope, unit)) = entry.limited() {
        gateway.metrics.limited(scope, unit);
    }
    gateway.metrics.govern(&record);
    let event_id = match &appended {
        Ok(Some(id)) => id.to_string(),
        Ok(None) | Err(_) => String::new(),
    };
    trace(gateway, entry, &record, &event_id);
    tracing::info!(
        trace_id = %hex::encode(record.trace_id),
        span_id = %hex::encode(record.span_id),
        event_id,
        agent = record.agent,
        server = record.server,
        method = record.method,
        tool = record.tool,
        outcome = record.outcome.as_str(),
        http_status = record.http_status,
        rpc_code = record.rpc_code,
        error = record.error,
        duration_us = record.duration_us,
        "call"
    );
    appended?;
    Ok(())
}

/// The row, with the person's pseudonym.
fn record<'a>(gateway: &Gateway, entry: &'a Entry, lists: &'a Lists<'a>) -> Record<'a> {
    identified(gateway, entry.record(lists), entry.person())
}

fn identified<'a>(gateway: &Gateway, record: Record<'a>, person: Option<&str>) -> Record<'a> {
    Record {
        subject: person.map_or(0, |person| gateway.log.subject(record.tenant, person, "")),
        ..record
    }
}

/// The call's spans, and its phases as figures.
fn trace(gateway: &Gateway, entry: &Entry, record: &Record<'_>, event_id: &str) {
    let phases: Vec<spans::Part> = entry.phases().map(|(_, part)| part).collect();
    for part in &phases {
        let spent = part.end_us.saturating_sub(part.start_us);
        gateway
            .metrics
            .phase(part.name, Duration::from_micros(spent));
    }
    if let Some(spans) = &gateway.spans {
        spans.record(&spans::Call {
            record,
            event_id,
            trace: entry.trace(),
            started: entry.started(),
            phases: &phases,
            tries: &entry.tries(),
        });
    }
}
