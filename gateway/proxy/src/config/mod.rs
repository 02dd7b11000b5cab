//! The configuration: one YAML file, read, checked as a whole, and handed on as plain values.
//!
//! [`load`] gives either everything that the gateway needs to know or every fault at once. It opens no socket,
//! and no value of an environment variable or of a secret ever appears in a fault or in [`effective`].

mod bounds;
mod certificate;
mod check;
mod checked;
mod condition;
mod environment;
mod fault;
mod pattern;
mod quantity;
mod rate;
mod raw;
mod read;
mod reference;
mod scalar;
mod schema;
mod secret;
mod shape;
mod show;
mod tree;

use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};

pub use bounds::CAPTURE_BYTES_MAX;
pub(crate) use bounds::PATTERN_NAME_BYTES_MAX;
pub use checked::*;
pub use condition::{Condition, Members, Uses};
pub use fault::{Fault, Faults, Place};
pub use pattern::{BadPattern, Glob, Kind, Pattern};
pub use quantity::{Period, Size};
pub use rate::{Rate, Span, Term};
pub use secret::{MASK, Secret};
pub use show::effective;

use bounds::FILE_BYTES_MAX;
use fault::{Findings, Path};

/// What a configuration may depend on besides its own text.
pub struct Surroundings<'a> {
    /// Where relative paths begin.
    pub folder: PathBuf,
    /// Looks up an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The host's name, which is the gateway's name by default.
    pub host_name: String,
    /// Whether classifiers may be models in files.
    pub models: bool,
}

/// Reads and checks the file at `path`, in the surroundings of this process.
pub fn load(path: &FilePath) -> Result<Checked, Faults> {
    let origin = path.display().to_string();
    match read_file(path) {
        Ok(text) => parse(&text, &origin),
        Err((place, what)) => {
            let mut findings = Findings::default();
            findings.add(place, &Path::default(), what, "");
            Err(findings.into_faults(&origin))
        }
    }
}

/// Checks a text in the surroundings of this process. `origin` is the file's name: faults begin with it, and relative
/// paths begin in its folder.
pub fn parse(text: &str, origin: &str) -> Result<Checked, Faults> {
    let folder = FilePath::new(origin)
        .parent()
        .map(FilePath::to_path_buf)
        .unwrap_or_default();
    let variable = |name: &str| std::env::var(name).ok();
    parse_in(
        text,
        origin,
        &Surroundings {
            folder,
            variable: &variable,
            host_name: host_name(),
            models: cfg!(feature = "onnx"),
        },
    )
}

/// Checks a text in given surroundings.
pub fn parse_in(
    text: &str,
    origin: &str,
    surroundings: &Surroundings<'_>,
) -> Result<Checked, Faults> {
    let mut findings = Findings::default();
    let checked = understand(text, surroundings, &mut findings);
    match checked {
        Some(checked) if findings.is_empty() => Ok(checked),
        _ => Err(findings.into_faults(origin)),
    }
}

/// The JSON Schema of the file, draft 2020-12, ending in a newline.
pub fn json_schema() -> String {
    format!("{:#}\n", schema::document())
}

/// The reference of the file in Markdown.
pub fn reference() -> String {
    reference::markdown(schema::document())
}

/// `None` only where a fault has been noted.
fn understand(
    text: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<Checked> {
    let root = Path::default();
    if text.len() as u64 > FILE_BYTES_MAX {
        findings.add(
            Place::START,
            &root,
            "the file is too large",
            &format!("at most {}", Size(FILE_BYTES_MAX)),
        );
        return None;
    }
    let mut tree = read::tree(text, findings);
    environment::fill(&mut tree, surroundings.variable, &root, findings);
    let value = shape::read(&tree, schema::document(), &root, findings)?;
    match serde_json::from_value::<raw::Gateway>(value) {
        Ok(raw) => check::check(&raw, &tree, surroundings, findings),
        Err(error) => {
            // The shape has been checked against the schema of these very types; should they ever disagree, say so
            // without the error's own text, which may quote a value.
            let what = format!(
                "the schema accepts this file, but its types do not ({:?})",
                error.classify()
            );
            findings.add(Place::START, &root, what, "");
            None
        }
    }
}

/// Reads a whole configuration file; the error is a sentence for the operator, and its place.
fn read_file(path: &FilePath) -> Result<String, (Place, String)> {
    let at_start = |what| (Place::START, what);
    let file = std::fs::File::open(path)
        .map_err(|error| at_start(format!("the file cannot be opened: {error}")))?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too large from one that just fits.
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| at_start(format!("the file cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let valid = String::from_utf8_lossy(valid.unwrap_or_default());
        let last = valid.rsplit('\n').next().unwrap_or_default();
        let line = valid.matches('\n').count() + 1;
        let column = last.chars().count() + 1;
        (
            Place { line, column },
            "the file is not UTF-8 from here on".to_owned(),
        )
    })
}

/// The name that the system goes by, made fit for a gateway's name.
fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let fit = |c: char| {
        if check::is_gateway_name_char(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name
        .chars()
        .map(fit)
        .take(bounds::GATEWAY_NAME_BYTES_MAX)
        .collect();
    if name.is_empty() {
        "gantry".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests;
