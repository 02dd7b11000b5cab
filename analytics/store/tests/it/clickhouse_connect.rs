//! The unmodified PyPI client `clickhouse-connect`; its session is `session.py`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{PASSWORD, Server};

const CLIENT: &str = "clickhouse-connect==1.12.0";

#[test]
fn a_session_of_clickhouse_connect() {
    let python = python();
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let (host, port) = server.address().split_once(':').unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/session.py");
    let output = Command::new(python)
        .arg(script)
        .args([host, port, PASSWORD])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done");
}

/// A Python that has the client: the one that `cargo xtask setup` made, or one made here, once.
fn python() -> PathBuf {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = folder("GANTRY_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("gantry")))
        .unwrap_or_else(|| folder("HOME").unwrap().join(".cache/gantry"));
    let shared = cache.join("venv/bin/python");
    if has_client(&shared) {
        return shared;
    }
    let own = cache.join("venv-store");
    let python = own.join("bin/python");
    let lock = File::create(cache.join("venv-store.lock")).unwrap();
    lock.lock().unwrap();
    if !has_client(&python) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&own));
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            CLIENT,
        ]));
    }
    python
}

fn has_client(python: &Path) -> bool {
    let check = "import importlib.metadata as m, sys; sys.exit(m.version('clickhouse-connect') != sys.argv[1])";
    let version = CLIENT.rsplit('=').next().unwrap();
    Command::new(python)
        .args(["-c", check, version])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
