//! The dashboards of a site: Prometheus, which reads the gateway's metrics, and the page that draws them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::site::Site;
use crate::cache::Cache;
use crate::{command, environment, http};

const PORT: u16 = 3000;
const PROMETHEUS_PORT: u16 = 9091;
/// As `gantry-preview` assumes it.
const SCRAPE: &str = "2s";

pub(crate) struct Board {
    address: String,
}

impl Board {
    pub(crate) fn start(root: &Path, cache: &Cache, site: &Site) -> Result<Board> {
        let metrics = http::loopback(PROMETHEUS_PORT)?;
        let is_ready =
            || http::status(metrics, "GET /-/ready", "", "").is_ok_and(|status| status == 200);
        site.cast().start_until(
            "prometheus",
            &prometheus(root, cache, site, metrics)?,
            is_ready,
        )?;
        let mut preview = Command::new(environment::bin_folder()?.join("gantry-preview"));
        let icons = "npm/preview/node_modules/@grafana/ui/dist/public/img/icons";
        preview
            .arg("--listen")
            .arg(http::loopback(PORT)?.to_string())
            .arg("--page")
            .arg(cache.preview().join("page"))
            .arg("--icons")
            .arg(cache.root().join(icons))
            .args(["--clickhouse", site.store()])
            .args(["--prometheus", &format!("http://{metrics}")])
            .env("GANTRY_STORE_PASSWORD", site.password()?);
        let address = site.cast().start("preview", &preview)?;
        Ok(Board { address })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Looks at every dashboard in a browser, in the preview and in `/usage`; fails on any fault or empty panel, and keeps pictures in `folder`.
    pub(crate) fn picture(&self, cache: &Cache, site: &Site, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        command::run(
            Command::new(cache.node())
                .arg(cache.preview().join("shots.mjs"))
                .arg(&self.address)
                .arg(format!("http://{}", site.admin()))
                .arg(folder)
                .env("GANTRY_ADMIN_CREDENTIAL", site.credential()?),
        )
    }
}

fn prometheus(root: &Path, cache: &Cache, site: &Site, listen: SocketAddr) -> Result<Command> {
    let config = site.out().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: {SCRAPE}, evaluation_interval: {SCRAPE}}}\n\
         rule_files: ['{}']\n\
         scrape_configs:\n  - {{job_name: gantry, static_configs: [{{targets: ['{}']}}]}}\n",
        root.join("dashboards/alerts/gantry.rules.yml").display(),
        site.admin()
    );
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let program = command::find("prometheus").unwrap_or_else(|| cache.prometheus());
    let mut prometheus = Command::new(program);
    prometheus
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            site.out().join("prometheus").display()
        ))
        .arg(format!("--web.listen-address={listen}"));
    Ok(prometheus)
}
