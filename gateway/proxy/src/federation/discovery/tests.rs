//! The right tool by intent, over the tool lists of fifteen published servers.

use serde_json::Value;

use super::{index, words};

/// What the servers answer to `tools/list`, by package and version.
const TOOLS: &str = include_str!("tests/tools.json");
/// What somebody wants to do, and the tool for it.
const INTENTS: &str = include_str!("tests/intents.txt");

#[test]
fn the_right_tool_is_among_the_first() {
    let servers: Vec<Value> = serde_json::from_str(TOOLS).unwrap();
    let (mut names, mut definitions) = (Vec::new(), Vec::new());
    for server in &servers {
        for tool in server["tools"].as_array().unwrap() {
            let (server, name) = (server["server"].as_str().unwrap(), &tool["name"]);
            names.push(format!("{server}/{}", name.as_str().unwrap()));
            let mut tool = tool.clone();
            tool["name"] = format!("{server}__{}", name.as_str().unwrap()).into();
            definitions.push(tool.to_string().into_bytes());
        }
    }
    let index = index(&definitions);
    let (mut first, mut among_three, mut among_five, mut all) = (0, 0, 0, 0);
    for line in INTENTS.lines() {
        let (intent, wanted) = line.split_once('|').unwrap();
        assert!(
            names.iter().any(|name| name == wanted),
            "{wanted} is no tool"
        );
        let found = index.search(intent, 5);
        let place = found.iter().position(|place| names[*place] == wanted);
        all += 1;
        first += usize::from(place == Some(0));
        among_three += usize::from(place.is_some_and(|place| place < 3));
        among_five += usize::from(place.is_some());
    }
    println!(
        "{} tools, {all} intents: {first} first, {among_three} among three, {among_five} among five",
        names.len()
    );
    assert!(all >= 80 && names.len() >= 150);
    assert!(
        among_five * 100 >= all * 93,
        "{among_five} of {all} among five"
    );
    assert!(first * 100 >= all * 70, "{first} of {all} first");
}

#[test]
fn words_of_names_and_sentences() {
    let split = |text| {
        words::split(text)
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
    };
    let expected = ["list", "open", "issues"];
    for text in [
        "listOpenIssues",
        "list_open_issues",
        "List open issues.",
        "list-openIssues",
    ] {
        assert_eq!(split(text), expected, "{text}");
    }
    assert_eq!(split("Über ÄpfelÖl"), ["über", "äpfel", "öl"]);
    assert_eq!(split(" _ "), [""; 0]);
}

#[test]
fn nothing_fits_nothing() {
    let index = index(&[b"{}".to_vec(), b"not JSON".to_vec()]);
    assert_eq!(index.search("anything at all", 5), [0; 0]);
    assert_eq!(index.search("", 5), [0; 0]);
    let tools: Vec<Vec<u8>> = (0..40)
        .map(|n| format!(r#"{{"name":"read_{n}"}}"#).into_bytes())
        .collect();
    // Equally good ones stay in their order, and no more than were asked for.
    assert_eq!(super::index(&tools).search("read", 3), [0, 1, 2]);
}
