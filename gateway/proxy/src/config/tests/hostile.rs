//! Texts that nobody meant: whatever they are, the answer is faults or a configuration, in bounded
//! time and memory, and never a panic.

use super::*;

#[test]
fn any_prefix_and_any_changed_byte_is_answered() {
    let text = std::fs::read_to_string(config_folder().join("everything.yaml")).unwrap();
    let mut answered = 0;
    for at in (0..text.len())
        .step_by(7)
        .filter(|at| text.is_char_boundary(*at))
    {
        let (before, after) = text.split_at(at);
        let _ = parse_here(before);
        for wrong in [
            "\t", "\"", "'", "{", "]", ":", "&a ", "*a", "!!int ", "\n---\n", "${", "\u{0}", "|",
            "? ", "é",
        ] {
            if let Err(faults) = parse_here(&format!("{before}{wrong}{after}")) {
                assert!(!faults.faults.is_empty());
                answered += 1;
            }
        }
    }
    assert!(answered > text.len(), "{answered}");
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
