//! The end of a request: its record into the trail, its figures into the metrics, its line into
//! the log. In this order, so that nothing is reported that was not recorded.

use std::time::Duration;

use gantry_analytics::log::AppendError;

use super::{Entry, Gateway};
use crate::telemetry::metrics::Operation;

/// The record could not be written: the answer must not be given as if it had been.
#[derive(Debug, thiserror::Error)]
#[error("cannot record a call: {source}")]
pub struct Unsettled {
    #[from]
    source: AppendError,
}

/// Writes the record of a closed trail and waits until it would survive the end of the process.
///
/// # Errors
/// [`Unsettled`] when the trail did not take the record.
pub async fn settle(gateway: &Gateway, entry: &Entry) -> Result<(), Unsettled> {
    let lists = entry.lists();
    let record = entry.record(&lists);
    let appended = gateway.log.append(record.encode()).await;
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
    let event_id = match &appended {
        Ok(id) => id.to_string(),
        Err(_) => String::new(),
    };
    tracing::info!(
        trace_id = %hex(&record.trace_id),
        span_id = %hex(&record.span_id),
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

fn hex(bytes: &[u8]) -> impl std::fmt::Display + '_ {
    std::fmt::from_fn(|f| bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")))
}
