//! What was called, in groups: for asking what other access rules would have decided.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    Store,
    query::{QueryError, RESULT_ROWS_MAX, reading_client},
};

/// How the error of a call begins that an access rule refused. Others are refused for want of a scope,
/// after the rules have allowed them.
const DENIED_BY_RULE: &str = "denied by rule ";

/// Calls that are alike in all that access rules look at and the trail holds.
#[derive(Clone, Debug, PartialEq, Eq, ::clickhouse::Row, Deserialize)]
pub struct Calls {
    pub agent: String,
    /// The first of the agent's teams.
    pub team: String,
    /// All of its teams as a JSON array, where there are several.
    pub teams: String,
    pub server: String,
    pub method: String,
    pub tool: String,
    pub resource_uri: String,
    /// Whether an access rule refused them.
    pub denied: bool,
    /// The rule that decided.
    pub policy: String,
    pub calls: u64,
}

/// The calls that began within `since` and that access rules decided about, most frequent first.
/// Refusals before that (nobody known, no MCP message) have no rule and are left out.
///
/// # Errors
/// The store refused the query or could not be reached; more groups than one answer holds.
pub async fn since(store: &Store, since: Duration) -> Result<Vec<Calls>, QueryError> {
    let sql = format!(
        "SELECT agent, team, attrs['teams'] AS teams, server, method, tool, \
           if(kind = 'task', '', resource_uri) AS resource_uri, \
           outcome = 'denied' AND startsWith(error, '{DENIED_BY_RULE}') AS denied, policy, count() AS calls \
         FROM audit_log \
         WHERE ts >= now64(6) - INTERVAL {} SECOND AND policy != '' AND outcome != 'unauthenticated' \
         GROUP BY agent, team, teams, server, method, tool, resource_uri, denied, policy \
         ORDER BY calls DESC, agent, server, method, tool, resource_uri LIMIT {RESULT_ROWS_MAX}",
        since.as_secs()
    );
    let client = reading_client(store).await?;
    Ok(client.query_raw(&sql).fetch_all().await?)
}
