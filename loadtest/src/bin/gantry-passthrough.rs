//! `gantry-passthrough`: the bare Pingora proxy that Gantry is measured against.

use std::net::SocketAddr;

use clap::Parser;
use gantry_loadtest::passthrough;

/// A Pingora proxy that does nothing but pass on.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on, such as 127.0.0.1:8081.
    #[arg(long)]
    listen: SocketAddr,
    /// Address of the server behind.
    #[arg(long)]
    upstream: SocketAddr,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments {
        listen,
        upstream,
        threads,
    } = Arguments::parse();
    Ok(passthrough::run(listen, upstream, threads)?)
}
