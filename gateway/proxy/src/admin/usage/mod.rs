//! `/usage`: the dashboards over the trail, drawn in a browser by a page that is in this program.
//!
//! Only who knows the admin credential sees anything of it. The page names a panel and what is
//! selected; the SQL is that of the panel's JSON, filled in here, and goes to the store with
//! settings that let it only read, and only so much. Nothing here takes SQL from a reader.

mod access;
mod answer;
mod files;

use gantry_dashboards::{
    Dashboard, Kind, grafana, macros,
    question::{self, Question},
    source,
};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Answer, JSON, TEXT};
use crate::config::Checked;

/// The largest question.
pub const QUESTION_BYTES_MAX: usize = 64 << 10;
/// How many statements run at once, over all readers; others wait.
pub const ASKING_MAX: usize = 4;

/// A request for something under `/usage`.
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Without its query.
    pub path: &'a str,
    /// The header `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// At most [`QUESTION_BYTES_MAX`].
    pub body: &'a [u8],
}

/// A target of a panel, or a variable, and what is selected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    dashboard: String,
    #[serde(default)]
    panel: u32,
    #[serde(default)]
    target: usize,
    #[serde(default)]
    variable: String,
    question: Question,
}

/// Why a question has no answer, in words for the reader.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("this is no question: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("there is no such dashboard, panel or variable")]
    Unknown,
    #[error(transparent)]
    Question(#[from] question::Fault),
    #[error("the trail is not delivered anywhere: `audit.clickhouse` is not set")]
    NoStore,
    #[error("the store has no answer")]
    Store,
}

/// Answers one request. `asking` is shared by all readers.
pub async fn answer(asked: &Asked<'_>, config: &Checked, asking: &Semaphore) -> Answer {
    if let Err(closed) = access::check(asked.authorization, config.admin.credential.as_ref()) {
        return closed;
    }
    let place = asked.path.strip_prefix("/usage").unwrap_or_default();
    let found = match (asked.method, place) {
        (&Method::GET, "/api/dashboards") => Ok(dashboards()),
        (&Method::POST, "/api/panel") => panel(asked.body, config, asking).await,
        (&Method::POST, "/api/values") => values(asked.body, config, asking).await,
        (&Method::GET, file) => return files::answer(file),
        _ => {
            let words = "GET, or POST with a question\n";
            return Answer::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, words);
        }
    };
    match found {
        Ok(body) => Answer::new(StatusCode::OK, JSON, body),
        Err(fault) => Answer::new(fault.status(), TEXT, format!("{fault}\n")),
    }
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Question(_) => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::NoStore => StatusCode::CONFLICT,
            Self::Store => StatusCode::BAD_GATEWAY,
        }
    }
}

/// The dashboards that the page can draw: those over the trail.
fn trail() -> impl Iterator<Item = Dashboard> {
    let all = source::all().into_iter();
    all.filter(|it| it.store == gantry_dashboards::Store::ClickHouse)
}

fn dashboards() -> Vec<u8> {
    let all: Vec<Value> = trail().map(|it| grafana::json(&it)).collect();
    Value::Array(all).to_string().into_bytes()
}

async fn panel(body: &[u8], config: &Checked, asking: &Semaphore) -> Result<Vec<u8>, Fault> {
    let wanted: Wanted = serde_json::from_slice(body)?;
    let dashboard = wanted.dashboard()?;
    let panel = dashboard.panel(wanted.panel).ok_or(Fault::Unknown)?;
    let statements = question::statements(panel, &wanted.question)?;
    let sql = statements.get(wanted.target).ok_or(Fault::Unknown)?;
    answer::ask(sql, config, asking).await
}

/// The values of a variable, as a list of texts.
async fn values(body: &[u8], config: &Checked, asking: &Semaphore) -> Result<Vec<u8>, Fault> {
    let wanted: Wanted = serde_json::from_slice(body)?;
    let dashboard = wanted.dashboard()?;
    let variable = dashboard.variable(&wanted.variable).ok_or(Fault::Unknown)?;
    let Kind::Query(sql) = &variable.kind else {
        return Err(Fault::Unknown);
    };
    wanted.question.check()?;
    let sql = macros::expand(sql, &wanted.question)?;
    let answer: Value = serde_json::from_slice(&answer::ask(&sql, config, asking).await?)?;
    let rows = answer.get("data").and_then(Value::as_array);
    let first = |row: &Value| row.get(0).cloned().unwrap_or_default();
    let values = rows.map(|rows| rows.iter().map(first).collect());
    Ok(Value::Array(values.unwrap_or_default())
        .to_string()
        .into_bytes())
}

impl Wanted {
    fn dashboard(&self) -> Result<Dashboard, Fault> {
        trail()
            .find(|it| it.name == self.dashboard)
            .ok_or(Fault::Unknown)
    }
}

#[cfg(test)]
mod tests;
