//! `gantry-preview`: serves the page that draws the dashboards, and answers its panels from the
//! trail and from Prometheus.
//!
//! For development, tests and the demo, on loopback: it asks nobody who they are. It never takes
//! SQL or PromQL from the page, only the names of a panel and of what is selected.

mod answer;
mod files;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    routing::{get, post},
};
use clap::Parser;
use gantry_analytics::Store;

#[derive(Parser)]
#[command(about = "Draws the dashboards without a Grafana server, on loopback")]
struct Arguments {
    /// The loopback address to listen on; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The folder with the built page
    #[arg(long)]
    page: PathBuf,
    /// The folder with Grafana's icons
    #[arg(long)]
    icons: PathBuf,
    /// The trail: ClickHouse's HTTP interface
    #[arg(long, default_value = "http://127.0.0.1:8123")]
    clickhouse: String,
    /// The password of its user `gantry`
    #[arg(long, env = "GANTRY_STORE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The metrics: Prometheus
    #[arg(long, default_value = "http://127.0.0.1:9091")]
    prometheus: String,
}

/// Where answers come from.
struct State {
    store: Store,
    prometheus: String,
    http: reqwest::Client,
    page: PathBuf,
    icons: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        bail!("{} is not on loopback", arguments.listen);
    }
    // Two libraries bring a provider each; neither may be left to guess.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut store = Store::new(arguments.clickhouse);
    store.password = arguments.password;
    let state = State {
        store,
        prometheus: arguments.prometheus,
        http: reqwest::Client::builder()
            .no_proxy()
            .build()
            .context("cannot set up HTTP")?,
        page: arguments.page,
        icons: arguments.icons,
    };
    let app = Router::new()
        .route("/api/dashboards", get(files::menu))
        .route("/api/dashboards/{name}", get(files::dashboard))
        .route("/api/panel", post(answer::panel))
        .route("/api/values", post(answer::values))
        .route("/public/build/img/icons/{*path}", get(files::icon))
        .route("/assets/{*path}", get(files::asset))
        .fallback(get(files::page))
        .with_state(Arc::new(state));
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await.context("cannot serve")
}
