//! System packages, through apt-get: only those that are missing, and only as root.
//! Anybody else is told the command to run.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// How a package is known to be there.
enum Shown {
    /// A program on the `PATH`.
    Program(&'static str),
    /// Modules that the system's Python can import.
    Modules(&'static str),
    /// A file of its own, for packages without a program.
    File(&'static str),
}

/// One package and what it is needed for.
pub(crate) struct Package {
    name: &'static str,
    shown: Shown,
}

const fn program(name: &'static str, program: &'static str) -> Package {
    Package {
        name,
        shown: Shown::Program(program),
    }
}

/// What compiling the gateway takes: zlib-ng and Vectorscan are built with cmake, and Vectorscan includes Boost's headers.
pub(crate) const BUILD: &[Package] = &[
    program("cmake", "cmake"),
    program("g++", "g++"),
    program("pkg-config", "pkg-config"),
    Package {
        name: "libboost-dev",
        shown: Shown::File("/usr/include/boost/version.hpp"),
    },
];

/// What fetches from the package registry that has the engine.
pub(crate) const REGISTRY: &[Package] = &[program("npm", "npm")];

/// What installs the real clients and servers.
pub(crate) const PEERS: &[Package] = &[
    program("npm", "npm"),
    program("python3", "python3"),
    Package {
        name: "python3-venv",
        shown: Shown::Modules("venv, ensurepip"),
    },
];

/// What replicas share limits through.
pub(crate) const REDIS: &[Package] = &[program("redis-server", "redis-server")];

/// What takes pictures of the dashboards.
pub(crate) const BROWSER: &[Package] = &[
    program("chromium", "chromium"),
    Package {
        name: "fonts-liberation",
        shown: Shown::File("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"),
    },
];

/// Installs those of `packages` that are missing.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !is_there(package))
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !rustix::process::geteuid().is_root() || command::find("apt-get").is_none() {
        bail!(
            "system packages are missing; install them with: sudo apt-get install --no-install-recommends {names}"
        );
    }
    println!("setup: installing {names} with apt-get");
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-q", "-y"])
            .args(arguments);
        command::capture(&mut apt)
    };
    apt(&["update"]).context("are Debian's packages reachable?")?;
    apt(&["install", "--no-install-recommends"]
        .into_iter()
        .chain(missing)
        .collect::<Vec<_>>())
    .with_context(|| format!("cannot install {names}"))?;
    Ok(())
}

fn is_there(package: &Package) -> bool {
    match package.shown {
        Shown::Program(program) => command::find(program).is_some(),
        Shown::Modules(modules) => {
            command::capture(Command::new("python3").args(["-c", &format!("import {modules}")]))
                .is_ok()
        }
        Shown::File(path) => std::path::Path::new(path).exists(),
    }
}
