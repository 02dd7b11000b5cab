//! PromQL: the words that the source shares, as [`crate::sql`] does for SQL, and Grafana's variables
//! filled in.

use crate::question::{Fault, Question};

const WORDS: &[(&str, &str)] = &[
    ("<gateway>", r#"instance=~"$gateway""#),
    ("<server>", r#"instance=~"$gateway", server=~"$server""#),
];

/// The expression with its words filled in, on one line.
pub(crate) fn fill(expr: &str) -> String {
    let words = expr.split_whitespace().collect::<Vec<_>>().join(" ");
    WORDS
        .iter()
        .fold(words, |text, (word, meaning)| text.replace(word, meaning))
}

/// The expression with everything filled in, as Grafana does it for a source that scrapes every
/// `scrape_s` seconds. What is filled in is never read again.
///
/// # Errors
/// [`Fault::Variable`] when it has a variable that is not known here.
pub fn expand(expr: &str, question: &Question, scrape_s: i64) -> Result<String, Fault> {
    let mut pieces = expr.split('$');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match name {
            "__rate_interval" => {
                let window = (question.interval_s() + scrape_s).max(4 * scrape_s);
                filled.push_str(&format!("{window}s"));
            }
            "__range" => filled.push_str(&format!("{}s", question.range_s())),
            name if !name.starts_with("__") && !name.is_empty() => {
                filled.push_str(&pattern(question.selected(name)));
            }
            _ => return Err(Fault::Variable(format!("${name}"))),
        }
        filled.push_str(rest);
    }
    Ok(filled)
}

/// The values as a regular expression within a quoted text.
fn pattern(values: Option<&[String]>) -> String {
    let Some(values) = values else {
        return ".*".to_owned();
    };
    let exact = |value: &String| {
        let mut text = String::new();
        for c in value.chars() {
            match c {
                // One backslash for the pattern, and each is two in a quoted text.
                '\\' => text.push_str(r"\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                    text.push_str(r"\\");
                    text.push(c);
                }
                c => text.push(c),
            }
        }
        text
    };
    let exact: Vec<_> = values.iter().map(exact).collect();
    match exact.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(selection: &[(&str, &[&str])]) -> Question {
        let owned = |values: &&[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Question {
            from_ms: 0,
            to_ms: 3_600_000,
            interval_ms: 60_000,
            selection: selection
                .iter()
                .map(|(name, values)| ((*name).to_owned(), owned(values)))
                .collect(),
        }
    }

    #[test]
    fn variables_become_patterns() {
        let expr = r#"rate(x{server=~"$server"}[$__rate_interval]) + increase(y[$__range])"#;
        for (selection, pattern) in [
            (&[][..], ".*"),
            (&[("server", &["orders"][..])][..], "orders"),
            (&[("server", &["a.b", "c"][..])][..], r"(a\\.b|c)"),
            (
                &[("server", &[r#"x"} or up{a=~".*"#][..])][..],
                r#"x\"\\} or up\\{a=~\"\\.\\*"#,
            ),
            (&[("server", &["$__range"][..])][..], r"\\$__range"),
        ] {
            let expected = format!(r#"rate(x{{server=~"{pattern}"}}[65s]) + increase(y[3600s])"#);
            assert_eq!(expand(expr, &question(selection), 5), Ok(expected));
        }
    }

    #[test]
    fn a_window_holds_four_scrapes() {
        let mut asked = question(&[]);
        asked.interval_ms = 1_000;
        assert_eq!(
            expand("[$__rate_interval]", &asked, 15).as_deref(),
            Ok("[60s]")
        );
        assert!(expand("$__nosuch", &asked, 15).is_err());
    }
}
