//! `gantry openapi`: what a REST API looks like as MCP tools.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use gantry_openapi::{Api, Options, Selector};

/// Largest description that is read. The largest published ones have some 50 MB.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What `gantry openapi` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The description: Swagger 2.0 or OpenAPI 3, in JSON or YAML.
    file: PathBuf,
    /// Offers only these operations: an operationId, `METHOD /path` or `tag:name`, with `*` for
    /// anything. May be given several times.
    #[arg(long, value_name = "OPERATION")]
    include: Vec<String>,
    /// Does not offer these, whatever is included.
    #[arg(long, value_name = "OPERATION")]
    exclude: Vec<String>,
    /// Prints the definitions of the tools instead, one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{}: cannot be read: {source}", path.display())]
    Unread { path: PathBuf, source: io::Error },
    #[error("{}: larger than {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: gantry_openapi::Unreadable,
    },
}

/// Prints the tools of an API with their sizes, and what is skipped and why.
pub fn run(arguments: &Arguments) -> ExitCode {
    let api = match read(arguments) {
        Ok(api) => api,
        Err(fault) => {
            eprintln!("gantry: {fault}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever closes the pipe has read enough.
    let _ = print(&api, arguments.json);
    ExitCode::SUCCESS
}

fn read(arguments: &Arguments) -> Result<Api, Fault> {
    let path = &arguments.file;
    let text = text(path)?;
    let selectors = |texts: &[String]| texts.iter().map(|text| Selector::new(text)).collect();
    let options = Options {
        include: selectors(&arguments.include),
        exclude: selectors(&arguments.exclude),
        ..Options::default()
    };
    gantry_openapi::read(&text, &options).map_err(|source| Fault::Unreadable {
        path: path.clone(),
        source,
    })
}

fn text(path: &Path) -> Result<String, Fault> {
    let unread = |source| Fault::Unread {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(unread)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unread)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Fault::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

fn print(api: &Api, json: bool) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if json {
        for tool in &api.tools {
            writeln!(out, "{}", tool.definition())?;
        }
    } else {
        writeln!(out, "{}", api.report())?;
    }
    out.flush()
}
