//! Writes the dashboards' JSON: `gantry-dashboards FOLDER`.

use std::{env, fs, path::PathBuf, process::ExitCode};

use gantry_dashboards::{grafana, source};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: gantry-dashboards FOLDER");
        return ExitCode::FAILURE;
    };
    for dashboard in source::all() {
        let path = folder.join(dashboard.name).with_extension("json");
        if let Err(error) = fs::write(&path, grafana::text(&dashboard)) {
            eprintln!("error: cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
