//! The map of the gateway's modules as a test: each may import only what its row says, and the
//! rows are in the order of a request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("telemetry", &["config"]),
    ("auth", &["config"]),
    ("policy", &["config", "auth"]),
    ("limits", &["config", "policy"]),
    ("guardrails", &["config", "policy"]),
    ("routing", &["config", "auth", "policy", "guardrails"]),
    ("local", &["config"]),
    (
        "upstream",
        &[
            "config",
            "telemetry",
            "limits",
            "guardrails",
            "routing",
            "local",
        ],
    ),
    (
        "pipeline",
        &[
            "config",
            "telemetry",
            "auth",
            "policy",
            "limits",
            "guardrails",
            "routing",
            "local",
            "upstream",
        ],
    ),
    (
        "federation",
        &[
            "config", "auth", "policy", "routing", "upstream", "pipeline",
        ],
    ),
    ("admin", &["config", "telemetry"]),
    (
        "server",
        &[
            "config",
            "telemetry",
            "auth",
            "limits",
            "routing",
            "upstream",
            "pipeline",
            "federation",
            "admin",
        ],
    ),
    (
        "cli",
        &[
            "config",
            "telemetry",
            "auth",
            "policy",
            "limits",
            "guardrails",
            "local",
            "federation",
            "server",
        ],
    ),
];

/// The rooms that may know how bytes get in and out.
const MAY_KNOW_PINGORA: &[&str] = &["upstream", "server"];

const FILE_LINES_MAX: usize = 500;

#[test]
fn modules_import_only_what_stands_above_them() {
    let rows: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let modules = modules();
    for (module, code) in &modules {
        let row = rows
            .get(module.as_str())
            .unwrap_or_else(|| panic!("module `{module}` has no row"));
        for used in imports(code) {
            let foreign = used != *module && modules.contains_key(&used);
            assert!(
                !foreign || row.contains(&used.as_str()),
                "`{module}` may not import `{used}`"
            );
        }
        assert!(
            !code.contains("pingora") || MAY_KNOW_PINGORA.contains(&module.as_str()),
            "`{module}` knows pingora"
        );
    }
    let absent = rows.keys().find(|row| !modules.contains_key(**row));
    assert_eq!(absent, None, "a row without a module");
}

/// A caller that is only supposed is for questions about what one would be allowed.
#[test]
fn no_request_has_a_supposed_caller() {
    let modules = modules();
    let asked: Vec<&str> = modules
        .iter()
        .filter(|(_, code)| code.contains("suppose(") || code.contains("examine("))
        .map(|(module, _)| module.as_str())
        .collect();
    assert!(
        asked.iter().all(|module| ["auth", "cli"].contains(module)),
        "{asked:?}"
    );
}

#[test]
fn the_rows_have_no_cycle() {
    for (at, (module, row)) in MAY_IMPORT.iter().enumerate() {
        for used in *row {
            assert!(
                MAY_IMPORT[..at].iter().any(|(above, _)| above == used),
                "`{module}` lists `{used}`, which is not above it"
            );
        }
    }
}

/// The code of each top-level module, without its tests.
fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            gather(&path, modules.entry(name).or_default());
        }
    }
    modules
}

fn gather(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, code);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let without_tests = text.split("#[cfg(test)]").next().unwrap();
            let lines = without_tests.lines().count();
            assert!(
                lines <= FILE_LINES_MAX,
                "{} has {lines} lines, more than {FILE_LINES_MAX}",
                path.display()
            );
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            code.extend(
                without_tests
                    .lines()
                    .filter(is_code)
                    .flat_map(|line| [line, "\n"]),
            );
        }
    }
}

/// The top-level modules that `code` names behind `crate::`, in paths and in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(names_in_braces(list)),
            None => drop(found.insert(identifier(rest))),
        }
    }
    found
}

fn names_in_braces(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, c) in list.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                names.push(identifier(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
