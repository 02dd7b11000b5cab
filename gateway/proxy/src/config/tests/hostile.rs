//! Texts that nobody meant: whatever they are, the answer is faults or a configuration, in bounded
//! time and memory, and never a panic.

use super::*;

/// What ends, begins or bends something wherever it stands in a YAML text.
const WRONG: [&str; 15] = [
    "\t", "\"", "'", "{", "]", ":", "&a ", "*a", "!!int ", "\n---\n", "${", "\u{0}", "|", "? ", "é",
];
/// What parts of the example speak of: servers, client certificates, tokens to exchange, money.
const SERVERS: &str = "servers: {orders: {url: 'http://a'}, tickets: {url: 'http://b'}, \
                       mail: {url: 'http://c'}, crm: {url: 'http://d'}, search: {url: 'http://e'}}\n";
const TLS: &str =
    "listen: {address: 127.0.0.1:8080, tls: {cert: tls/gateway.pem, key: tls/gateway.key}}\n";
const ISSUER: &str = "auth: {resource: 'https://gateway.example.com', \
                      issuers: [{issuer: 'https://a', jwks: 'https://a/jwks'}]}\n";
const PRICES: &str =
    "prices: {currency: USD, books: {a: {valid_from: 2026-01-01, prices: [{per_call: 1}]}}}\n";

/// The example, cut into configurations that are valid each: what a part of it speaks of, and the
/// part, which is one of the servers, one of the guardrails, or a section. How a part is read
/// depends on what stands above it in its own section; what a try costs, on the whole text.
fn parts() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(config_folder().join("everything.yaml")).unwrap();
    let sections = cut(&text, "")
        .into_iter()
        .filter(|section| !section.starts_with('#'));
    let split = |section: String| {
        let (name, rest) = section.split_once('\n').unwrap();
        let each = |context: String| {
            let parts = cut(rest, "  ").into_iter();
            parts
                .map(|part| (format!("{context}{name}\n"), part))
                .collect()
        };
        match name {
            "servers:" => each(ISSUER.to_owned()),
            "guardrails:" => each(SERVERS.to_owned()),
            "auth:" => vec![(format!("{SERVERS}{TLS}"), section)],
            "limits:" => vec![(format!("{SERVERS}{PRICES}"), section)],
            _ => vec![(SERVERS.to_owned(), section)],
        }
    };
    sections.flat_map(split).collect()
}

/// Cuts a mapping, indented like this, at its keys.
fn cut(text: &str, indent: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix(indent).unwrap_or_default();
        match parts.last_mut() {
            Some(part) if !rest.starts_with(char::is_alphabetic) => part.push_str(line),
            _ => parts.push(line.to_owned()),
        }
    }
    parts
}

#[test]
fn any_prefix_and_any_changed_byte_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let parse = |text: &str| parse_there(text, folder.path(), &examples::VARIABLES);
    let (mut tried, mut faulty) = (0, 0);
    let mut answer = |text: &str| {
        tried += 1;
        if let Err(faults) = parse(text) {
            assert!(!faults.faults.is_empty(), "{text}");
            faulty += 1;
        }
    };
    for (context, part) in parts() {
        if let Err(faults) = parse(&format!("{context}{part}")) {
            panic!("{context}{part}\n{faults}");
        }
        for at in (0..part.len()).filter(|at| part.is_char_boundary(*at)) {
            let (before, after) = part.split_at(at);
            let before = format!("{context}{before}");
            answer(&before);
            // Each wrong text stands between two bytes, and instead of one, after every few.
            let wrong = WRONG[at % WRONG.len()];
            let mut rest = after.chars();
            if at % 2 == 0 {
                rest.next();
            }
            answer(&format!("{before}{wrong}{}", rest.as_str()));
        }
    }
    assert!(tried > 10_000 && faulty > tried / 2, "{faulty} of {tried}");
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
