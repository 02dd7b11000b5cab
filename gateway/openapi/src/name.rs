//! Names of tools and of their arguments.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::argument::Place;
use crate::operation::Operation;

/// Characters of a name; MCP allows more, the interfaces of large models do not.
pub(crate) const NAME_MAX: usize = 64;

/// Eight hexadecimal digits that stay the same as long as the text does.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Only letters, digits, `_` and, if wanted, `-`, of ASCII.
fn clean(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_matches('_').to_owned()
}

fn suffixed(name: &str, suffix: &str) -> String {
    let room = NAME_MAX - suffix.len() - 1;
    let kept = name
        .get(..name.len().min(room))
        .unwrap_or(name)
        .trim_end_matches(['_', '-']);
    format!("{kept}_{suffix}")
}

/// One name for each operation. It depends on the operation and on which others share it, never on their order.
pub(crate) fn tools(operations: &[Operation<'_>], wanted: &[Option<String>]) -> Vec<String> {
    let mut names: Vec<String> = operations
        .iter()
        .zip(wanted)
        .map(|(operation, wanted)| {
            let own = wanted
                .as_deref()
                .or(operation.id)
                .map(clean)
                .filter(|name| !name.is_empty());
            own.unwrap_or_else(|| {
                clean(&format!(
                    "{}_{}",
                    operation.method.to_ascii_lowercase(),
                    operation.path
                ))
            })
        })
        .collect();
    let mut shared: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *shared.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    for (name, operation) in names.iter_mut().zip(operations) {
        let several = shared
            .get(&name.to_ascii_lowercase())
            .is_some_and(|count| *count > 1);
        if several || name.len() > NAME_MAX {
            *name = suffixed(name, &digest(&operation.label()));
        }
    }
    // A name that was made may be one that another operation has of itself.
    let mut seen: HashMap<String, ()> = HashMap::new();
    for (name, operation) in names.iter_mut().zip(operations) {
        let mut round = 0;
        while seen.insert(name.to_ascii_lowercase(), ()).is_some() {
            round += 1;
            *name = suffixed(name, &digest(&format!("{} {round}", operation.label())));
        }
    }
    names
}

/// One name for each argument, in order.
pub(crate) fn arguments(wires: &[(Place, &str)]) -> Vec<String> {
    let own = |wire: &str| {
        let name = clean(wire);
        match name.len() {
            0 => digest(wire),
            length if length > NAME_MAX => suffixed(&name, &digest(wire)),
            _ => name,
        }
    };
    let names: Vec<String> = wires.iter().map(|(_, wire)| own(wire)).collect();
    let mut made: Vec<String> = Vec::with_capacity(names.len());
    for (name, (place, wire)) in names.iter().zip(wires) {
        let several = names.iter().filter(|other| *other == name).count() > 1;
        let mut name = if several {
            own(&format!("{}_{wire}", place.name()))
        } else {
            name.clone()
        };
        let mut round = 0;
        while made.contains(&name) {
            round += 1;
            name = suffixed(&name, &digest(&format!("{} {wire} {round}", place.name())));
        }
        made.push(name);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    #[test]
    fn names_are_unique_short_and_independent_of_order() {
        let node = Node::Null;
        let operation = |method, path, id| Operation {
            method,
            path,
            id,
            tags: Vec::new(),
            node: &node,
            item: &node,
        };
        let long = "x".repeat(80);
        let mut list = vec![
            operation("GET", "/a/{id}", None),
            operation("GET", "/b", Some("list/things")),
            operation("GET", "/c", Some("List.Things")),
            operation("GET", "/d", Some(&long)),
            operation("GET", "/e", Some("über")),
        ];
        let names = tools(&list, &vec![None; 5]);
        assert_eq!(names[0], "get_a_id");
        assert_eq!(names[1].len(), "list_things_".len() + 8);
        assert_eq!(names[3].len(), 64);
        assert_eq!(names[4], "ber");
        list.reverse();
        let mut turned = tools(&list, &vec![None; 5]);
        turned.reverse();
        assert_eq!(names, turned);
    }

    #[test]
    fn arguments_that_clash_say_where_they_go() {
        let wires = [
            (Place::Path, "id"),
            (Place::Query, "id"),
            (Place::Query, "$top"),
            (Place::Query, "f[a]"),
        ];
        assert_eq!(arguments(&wires), ["path_id", "query_id", "top", "f_a"]);
    }
}
