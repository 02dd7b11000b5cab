//! Texts that nobody meant: whatever they are, the answer is faults or a configuration, in bounded
//! time and memory, and never a panic.

use super::*;

/// What ends, begins or bends something wherever it stands in a YAML text.
const WRONG: [&str; 15] = [
    "\t", "\"", "'", "{", "]", ":", "&a ", "*a", "!!int ", "\n---\n", "${", "\u{0}", "|", "? ", "é",
];
/// The servers that other parts speak of.
const SERVERS: &str = "servers: {orders: {url: 'http://a'}, tickets: {url: 'http://b'}, \
                       mail: {url: 'http://c'}, crm: {url: 'http://d'}, search: {url: 'http://e'}}\n";

/// The example, cut into configurations that are valid each: a part of it with the servers that it
/// speaks of, or one of the servers or guardrails. What is read depends on what stands above it in
/// its own part; the cost of a try, on the whole text.
fn parts() -> Vec<String> {
    let text = std::fs::read_to_string(config_folder().join("everything.yaml")).unwrap();
    let begins = |line: &str, indent: &str| {
        let rest = line.strip_prefix(indent);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()))
    };
    let cut = |text: &str, indent: &str| {
        let mut parts: Vec<String> = Vec::new();
        for line in text.split_inclusive('\n') {
            match parts.last_mut() {
                Some(part) if !begins(line, indent) => part.push_str(line),
                _ => parts.push(line.to_owned()),
            }
        }
        parts
    };
    let mut parts = Vec::new();
    for part in cut(&text, "") {
        let (name, rest) = part.split_once('\n').unwrap();
        match name {
            "servers:" => parts.extend(
                cut(rest, "  ")
                    .iter()
                    .map(|server| format!("servers:\n{server}")),
            ),
            "guardrails:" => parts.extend(
                cut(rest, "  ")
                    .iter()
                    .map(|rail| format!("{SERVERS}guardrails:\n{rail}")),
            ),
            name if name.starts_with('#') => {}
            _ => parts.push(format!("{SERVERS}{part}")),
        }
    }
    parts
}

#[test]
fn any_prefix_and_any_changed_byte_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let parse = |text: &str| parse_there(text, folder.path(), &examples::VARIABLES);
    let (mut tried, mut faulty) = (0, 0);
    let mut answer = |text: &str| {
        tried += 1;
        if let Err(faults) = parse(text) {
            assert!(!faults.faults.is_empty(), "{text}");
            faulty += 1;
        }
    };
    for part in parts() {
        if let Err(faults) = parse(&part) {
            panic!("{part}\n{faults}");
        }
        let begins = part.strip_prefix(SERVERS).map_or(0, |_| SERVERS.len());
        for at in (begins..part.len()).filter(|at| part.is_char_boundary(*at)) {
            let (before, after) = part.split_at(at);
            answer(before);
            // One of them at each place, and each of them after every few.
            let wrong = WRONG[at % WRONG.len()];
            answer(&format!("{before}{wrong}{after}"));
            let mut rest = after.chars();
            rest.next();
            answer(&format!("{before}{wrong}{}", rest.as_str()));
        }
    }
    assert!(tried > 15_000 && faulty > tried / 2, "{faulty} of {tried}");
}

#[test]
fn bombs_do_not_go_off() {
    let mut aliases = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        aliases.push_str(&format!(
            "a{level}: &a{level} [*a, *a, *a, *a, *a, *a, *a, *a]\n"
        ));
    }
    let deep = [
        "[".repeat(100_000),
        "a: {".repeat(50_000),
        "- ".repeat(100_000),
    ];
    let long = format!(
        "servers: {{a: {{url: \"http://{}\"}}}}",
        "a".repeat(500_000)
    );
    let large = "# comment\n".repeat(200_000);
    let many: String = (0..20_000).map(|key| format!("key{key}: 1\n")).collect();
    for text in [&aliases, &deep[0], &deep[1], &deep[2], &long, &large, &many] {
        let faults = parse_here(text).unwrap_err();
        assert!(faults.faults.len() <= bounds::FAULTS_MAX);
        // Not even a fault about a huge value is huge.
        assert!(faults.to_string().len() < 100_000);
    }
    assert!(parse_here(&many).unwrap_err().to_string().ends_with("more"));
}

#[test]
fn a_fault_is_whole_lines_whatever_it_quotes() {
    let faults = parse_here(
        "\"a\\nb\\e[2J\": 1\nservers: {a: {url: \"http://x/\\n\\e[1m\", protocol: \"\\r\\n\"}}",
    )
    .unwrap_err();
    let text = faults.to_string();
    assert!(!text.contains(['\u{1b}', '\r']), "{text}");
    for line in text.lines() {
        assert!(
            line.starts_with("gantry.yaml:") || line.starts_with("  allowed: "),
            "{line}"
        );
    }
}

#[test]
fn files_that_are_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: Option<&[u8]>, expected: &str| {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let faults = load(&path).unwrap_err();
        assert_eq!(faults.faults.len(), 1);
        assert!(faults.to_string().contains(expected), "{faults}");
    };
    check("missing", None, "the file cannot be opened: No such file");
    check(
        "latin1",
        Some(b"servers:\n  h\xe9te: {}"),
        ":2:4: the file is not UTF-8 from here on",
    );
    check(
        "huge",
        Some(&vec![b'#'; (1 << 20) + 1]),
        "the file is too large",
    );
    check("empty", Some(b""), "`servers` is missing");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    check("folder", None, "the file cannot be read: Is a directory");
}
