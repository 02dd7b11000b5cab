//! `gantry-echo`: the canned MCP server that benchmarks put behind what they measure.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Parser;
use gantry_loadtest::echo;

/// A very fast MCP server with canned answers: echo, sized, tools/list. For benchmarks only.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; with port 0 the system chooses.
    #[arg(long)]
    listen: SocketAddr,
    /// How many tools tools/list names.
    #[arg(long, default_value_t = 200)]
    tools: usize,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments {
        listen,
        tools,
        threads,
    } = Arguments::parse();
    let runtime = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build(),
    };
    runtime.context("starting the runtime")?.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("listening on {listen}"))?;
        println!("listening on http://{}/mcp", listener.local_addr()?);
        echo::serve(listener, tools).await;
        Ok(())
    })
}
