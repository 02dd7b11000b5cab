//! The page's own files, and the dashboards' JSON.

use std::{
    path::{Component, Path},
    sync::Arc,
};

use axum::{
    Json,
    extract::{Path as Named, State as With},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use gantry_dashboards::{grafana, source};
use serde_json::{Value, json};

use crate::State;

pub(crate) async fn menu() -> Json<Value> {
    let all = source::all();
    let entry = |it: &gantry_dashboards::Dashboard| json!({"name": it.name, "title": it.title});
    Json(all.iter().map(entry).collect())
}

pub(crate) async fn dashboard(Named(name): Named<String>) -> Result<Json<Value>, StatusCode> {
    let all = source::all();
    let found = all.iter().find(|it| it.name == name);
    found
        .map(|it| Json(grafana::json(it)))
        .ok_or(StatusCode::NOT_FOUND)
}

pub(crate) async fn page(With(state): With<Arc<State>>) -> Response {
    file(&state.page, "index.html").await
}

pub(crate) async fn asset(With(state): With<Arc<State>>, Named(path): Named<String>) -> Response {
    file(&state.page.join("assets"), &path).await
}

/// The npm package lacks a few of the icons that it names; these stay blank.
const BLANK: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"/>"#;

pub(crate) async fn icon(With(state): With<Arc<State>>, Named(path): Named<String>) -> Response {
    let icon = file(&state.icons, &path).await;
    if icon.status() == StatusCode::NOT_FOUND {
        return ([(header::CONTENT_TYPE, "image/svg+xml")], BLANK).into_response();
    }
    icon
}

async fn file(folder: &Path, path: &str) -> Response {
    let path = Path::new(path);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return StatusCode::NOT_FOUND.into_response();
    }
    let kind = match path.extension().and_then(|it| it.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    match tokio::fs::read(folder.join(path)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
