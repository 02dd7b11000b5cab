//! The `Link` field (RFC 8288, section 3).

/// The target of the first link that leads to the next page.
pub(crate) fn next(field: &str) -> Option<&str> {
    let mut rest = field;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        // Parameters go on to the next comma outside of quotes.
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let parameters = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = end.and_then(|end| after.get(end + 1..)).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn next() {
        let find = super::next;
        assert_eq!(
            find(
                r#"<https://a/x?page=1,2>; rel="prev", <https://a/x?page=3>; title="a, b"; rel="next""#
            ),
            Some("https://a/x?page=3")
        );
        assert_eq!(find("<?c=1>;rel=next"), Some("?c=1"));
        for none in ["", "<", "<a>", "a; rel=next", "<a>; rel=nextish"] {
            assert_eq!(find(none), None, "{none}");
        }
    }
}
