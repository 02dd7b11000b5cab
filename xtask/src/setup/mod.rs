//! `cargo xtask setup`: installs what the other tasks need, and nothing that is there already.
//!
//! Versions are exact and checked in under `xtask/peers`. Everything but system packages goes into the cache.

mod engine;
mod npm;
mod preview;
mod prometheus;
mod python;
mod runtime;
pub(crate) mod system;

use std::path::Path;

use anyhow::Result;

use crate::cache::Cache;

/// The task that the installed parts are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    Demo,
    Test,
    Bench,
    /// Pictures of the dashboards, in a browser
    Pictures,
}

/// Installs everything for `purpose`. `root` is the checkout.
pub(crate) fn install(root: &Path, cache: &Cache, purpose: Purpose) -> Result<()> {
    system::ensure(system::BUILD)?;
    if purpose != Purpose::Bench {
        system::ensure(system::PEERS)?;
    } else {
        system::ensure(system::REGISTRY)?;
    }
    let pins = root.join("xtask/peers");
    engine::install(&pins, cache)?;
    if purpose == Purpose::Bench {
        return Ok(());
    }
    for set in ["node", "clients", "servers", "issuer"] {
        npm::install(&pins, cache, set)?;
    }
    python::install(&pins, cache)?;
    if purpose == Purpose::Test {
        system::ensure(system::REDIS)?;
        runtime::install(&pins, cache)?;
        for set in ["conformance", "rest", "stdio", "openapi"] {
            npm::install(&pins, cache, set)?;
        }
    } else {
        preview::install(root, &pins, cache)?;
    }
    prometheus::install(cache)?;
    if purpose == Purpose::Pictures {
        system::ensure(system::BROWSER)?;
    }
    Ok(())
}
