//! Answers to panels and variables.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::{
    Json,
    extract::State as With,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use gantry_analytics::query::{self, Format};
use gantry_dashboards::{
    Dashboard, Kind, Panel, Target, Visual, macros, promql,
    question::{self, Question},
    source,
};
use serde::Deserialize;
use serde_json::Value;

use crate::State;

/// How often Prometheus scrapes in the demo.
const SCRAPE_S: i64 = 2;

/// A target of a panel, or a variable, and what is selected.
#[derive(Deserialize)]
pub(crate) struct Asked {
    dashboard: String,
    #[serde(default)]
    panel: u32,
    #[serde(default)]
    target: usize,
    #[serde(default)]
    variable: String,
    #[serde(flatten)]
    question: Question,
}

impl Asked {
    fn dashboard(&self) -> Result<Dashboard> {
        let all = source::all().into_iter();
        all.into_iter()
            .find(|it| it.name == self.dashboard)
            .context("no such dashboard")
    }
}

pub(crate) async fn panel(With(state): With<Arc<State>>, Json(asked): Json<Asked>) -> Response {
    answered(answer_panel(&state, asked).await)
}

pub(crate) async fn values(With(state): With<Arc<State>>, Json(asked): Json<Asked>) -> Response {
    let answer = answer_values(&state, &asked).await;
    answered(answer.and_then(|values| Ok(serde_json::to_vec(&values)?)))
}

fn answered(answer: Result<Vec<u8>>) -> Response {
    match answer {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response(),
    }
}

async fn answer_panel(state: &State, asked: Asked) -> Result<Vec<u8>> {
    let dashboard = asked.dashboard()?;
    let panel = dashboard.panel(asked.panel).context("no such panel")?;
    let target = panel.targets.get(asked.target).context("no such target")?;
    match target {
        Target::Sql(_) => {
            let statements = question::statements(panel, &asked.question)?;
            let statement = statements.get(asked.target).context("no such target")?;
            trail(state, statement).await
        }
        Target::PromQl { expr, .. } => metrics(state, panel, expr, asked.question).await,
    }
}

async fn trail(state: &State, sql: &str) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    query::query(&state.store, sql, Format::Columns, &mut answer).await?;
    Ok(answer)
}

async fn metrics(state: &State, panel: &Panel, expr: &str, question: Question) -> Result<Vec<u8>> {
    question.check()?;
    let question = question.paced(panel);
    let expr = promql::expand(expr, &question, SCRAPE_S)?;
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let (path, form) = match panel.visual {
        Visual::TimeSeries { .. } => (
            "query_range",
            vec![
                ("query", expr),
                ("start", seconds(question.from_ms)),
                ("end", seconds(question.to_ms)),
                ("step", seconds(question.interval_ms.max(SCRAPE_S * 1_000))),
            ],
        ),
        _ => (
            "query",
            vec![("query", expr), ("time", seconds(question.to_ms))],
        ),
    };
    prometheus(state, path, &form).await
}

async fn prometheus(state: &State, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>> {
    let url = format!("{}/api/v1/{path}", state.prometheus);
    let url = reqwest::Url::parse_with_params(&url, query)?;
    let answer = state.http.get(url).send().await?;
    let status = answer.status();
    let body = answer.bytes().await?.to_vec();
    if !status.is_success() {
        bail!("Prometheus: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}

async fn answer_values(state: &State, asked: &Asked) -> Result<Vec<String>> {
    let dashboard = asked.dashboard()?;
    let variable = dashboard
        .variable(&asked.variable)
        .context("no such variable")?;
    asked.question.check()?;
    let found: Value = match &variable.kind {
        Kind::Query(sql) => {
            let sql = macros::expand(sql, &asked.question)?;
            let answer: Value = serde_json::from_slice(&trail(state, &sql).await?)?;
            let rows = answer.get("data").and_then(Value::as_array).cloned();
            let first = |row: Value| row.get(0).cloned().unwrap_or_default();
            Value::Array(rows.unwrap_or_default().into_iter().map(first).collect())
        }
        Kind::Labels { metric, label } => {
            let path = format!("label/{label}/values");
            let chosen = [("match[]", (*metric).to_owned())];
            let answer: Value = serde_json::from_slice(&prometheus(state, &path, &chosen).await?)?;
            answer.get("data").cloned().unwrap_or_default()
        }
        Kind::DataSource(_) | Kind::Text(_) => bail!("this variable has no list of values"),
    };
    Ok(serde_json::from_value(found)?)
}
