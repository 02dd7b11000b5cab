//! How what has no name of its own choosing is called: resources, tasks, requests and events of one
//! server where several stand side by side.
//!
//! A resource `file:///a` of `docs` is `gantry://docs/file:///a`. That is a URI by RFC 3986 wherever the
//! server's own is one, for a path may hold colons and empty segments, and a query or fragment stays
//! what it is; it is a template by RFC 6570 wherever the server's own is one, since nothing in it is
//! encoded anew, so that what a client expands is what the server expects. It leads back by taking the
//! beginning off, without a table.

use std::borrow::Cow;

use gantry_mcp::jsonrpc;

const SCHEME: &str = "gantry://";

/// The URI or template of a server's own, for clients.
pub(super) fn uri(server: &str, own: &str) -> String {
    format!("{SCHEME}{server}/{own}")
}

/// The server, and its own URI or template.
pub(super) fn uri_of(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix(SCHEME)?.split_once('/')
}

/// A task, an event, or the token of a server, for clients.
pub(super) fn mark(server: &str, own: &str) -> String {
    format!("{server}/{own}")
}

/// The server, and its own text.
pub(super) fn mark_of(text: &str) -> Option<(&str, &str)> {
    text.split_once('/')
}

/// The id of a server's own request, or a token of its, as the JSON text that clients get: a string,
/// whatever the server's own was.
pub(super) fn id(server: &str, raw: &str) -> String {
    jsonrpc::quoted(&mark(server, raw))
}

/// The server, and the JSON text of its own id.
pub(super) fn id_of<'a>(id: &'a Cow<'a, str>) -> Option<(&'a str, &'a str)> {
    mark_of(id).filter(|(_, raw)| is_id(raw))
}

/// Whether this is the JSON text of an id, and nothing beside it.
fn is_id(raw: &str) -> bool {
    let number = raw.strip_prefix('-').unwrap_or(raw);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        || serde_json::from_str::<String>(raw)
            .is_ok_and(|_| raw.starts_with('"') && raw.ends_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_lead_back_and_stay_uris() {
        for own in [
            "file:///a/b",
            "test://static-text",
            "https://example.com/a?b=c&d=/#e",
            "memo",
            "urn:isbn:1",
            "gantry://other/file:///a",
            "",
        ] {
            let seen = uri("docs-1", own);
            assert_eq!(uri_of(&seen), Some(("docs-1", own)));
            let url = url::Url::parse(&seen).unwrap();
            assert_eq!((url.as_str(), url.host_str()), (&*seen, Some("docs-1")));
        }
        for other in [
            "file:///a",
            "gantry:/docs/a",
            "gantry://docs",
            "GANTRY://docs/a",
        ] {
            assert_eq!(uri_of(other), None, "{other}");
        }
    }

    #[test]
    fn templates_expand_to_what_the_server_expects() {
        let seen = uri("docs", "test://template/{id}/data{?q}");
        let expanded = seen.replace("{id}", "a%20b").replace("{?q}", "?q=1");
        assert_eq!(
            uri_of(&expanded),
            Some(("docs", "test://template/a%20b/data?q=1"))
        );
    }

    #[test]
    fn ids_lead_back_as_they_were() {
        for raw in [
            "1",
            "-7",
            "123456789012345678901234567890",
            r#""a""#,
            r#""a/\"b\u00e9""#,
            "\"é\"",
        ] {
            let seen: String = serde_json::from_str(&id("docs", raw)).unwrap();
            assert_eq!(id_of(&Cow::from(seen.as_str())), Some(("docs", raw)));
        }
        for forged in [
            "docs/",
            "docs/{}",
            "docs/1,2",
            "docs/\"a\",\"b\"",
            "docs/1 ",
            "1",
            "docs/null",
        ] {
            assert_eq!(id_of(&Cow::from(forged)), None, "{forged}");
        }
    }
}
