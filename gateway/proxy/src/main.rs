//! `gantry`: the gateway and the tools around it.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

// glibc's allocator returns memory to the system and takes it back under a load of many small
// messages, and keeps what large ones once needed. This one does neither.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An MCP gateway: the reverse proxy between AI agents and the MCP servers that they use.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway.
    Run {
        /// The configuration.
        #[arg(short, long)]
        config: PathBuf,
        /// Takes over from the gateway that runs with this configuration: send that one SIGQUIT
        /// within five seconds, and it hands its listening sockets over and lets its calls end.
        #[arg(long)]
        upgrade: bool,
    },
    /// Checks a configuration: prints every fault at once, or what is in effect.
    Check(gantry::cli::check::Arguments),
    /// Explains what the access rules decide about a call, and by which rule.
    Explain(gantry::cli::explain::Arguments),
    /// Scans JSON lines of MCP messages with the guardrails.
    Scan(gantry::cli::scan::Arguments),
    /// Writes a lockfile of the definitions that the servers list.
    Pin(gantry::cli::pin::Arguments),
    /// Shows what a REST API would be as MCP tools: which, how large, what is skipped and why.
    Openapi(gantry::cli::openapi::Arguments),
    /// Prints the JSON Schema of the configuration.
    Schema {
        /// Prints the reference in Markdown instead.
        #[arg(long)]
        reference: bool,
    },
    /// Runs a program for as long as there is input.
    #[command(hide = true)]
    Supervise(gantry::cli::supervise::Supervised),
    /// Becomes a program, within bounds.
    #[command(hide = true)]
    Confine(gantry::cli::supervise::Confined),
    /// Reads and keeps the audit trail.
    Audit {
        #[command(subcommand)]
        command: gantry::cli::audit::Command,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config, upgrade } => gantry::cli::run::run(&config, upgrade),
        Command::Check(arguments) => gantry::cli::check::run(&arguments),
        Command::Explain(arguments) => gantry::cli::explain::run(&arguments),
        Command::Scan(arguments) => gantry::cli::scan::run(&arguments),
        Command::Pin(arguments) => gantry::cli::pin::run(&arguments),
        Command::Openapi(arguments) => gantry::cli::openapi::run(&arguments),
        Command::Schema { reference } => gantry::cli::schema::run(reference),
        Command::Supervise(arguments) => gantry::cli::supervise::supervise(&arguments),
        Command::Confine(arguments) => gantry::cli::supervise::confine(&arguments),
        Command::Audit { command } => gantry::cli::audit::run(command),
    }
}
