//! The two spellings of a resource that matter: as it was asked for, and as a server may resolve it.
//!
//! A rule about `file:///public/*` says nothing about `file:///public/../private`, and a rule against
//! `file:///private/*` is not got around by `file:///%70rivate/`. So both spellings have to be
//! allowed, and neither denied.

use std::borrow::Cow;

/// How often a text may have been percent-encoded.
const LAYERS_MAX: usize = 3;

/// The URI with percent-encoding undone, dot segments resolved, and scheme and host in lower case
/// (RFC 3986, section 6.2.2). `None` where that does not settle the matter.
pub(super) fn resolved(uri: &str) -> Option<Cow<'_, str>> {
    let mut text = Cow::Borrowed(uri);
    for layer in 0.. {
        match decoded(&text).ok()? {
            None => break,
            Some(_) if layer == LAYERS_MAX => return None,
            Some(once) => text = Cow::Owned(once),
        }
    }
    let (scheme, rest) = text.split_once(':').unwrap_or(("", &text));
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let capital = |part: &str| part.bytes().any(|byte| byte.is_ascii_uppercase());
    if !capital(scheme) && !capital(host) && !has_dots(path) && !path.contains('\\') {
        return Some(text);
    }
    let mut whole = String::with_capacity(text.len());
    if text.contains(':') {
        whole.push_str(&scheme.to_ascii_lowercase());
        whole.push(':');
    }
    if rest.starts_with("//") {
        whole.push_str("//");
        whole.push_str(&host.to_ascii_lowercase());
    }
    whole.push_str(&without_dots(&path.replace('\\', "/")));
    Some(Cow::Owned(whole))
}

/// One layer of percent-encoding undone, where there is one.
fn decoded(text: &str) -> Result<Option<String>, std::string::FromUtf8Error> {
    if !text.contains('%') {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut changed = false;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = after;
                changed = true;
            }
            _ => bytes.push(*first),
        }
    }
    let text = String::from_utf8(bytes)?;
    Ok(changed.then_some(text))
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

fn has_dots(path: &str) -> bool {
    path.split('/')
        .any(|segment| segment == "." || segment == "..")
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                // The empty segment before the first slash stays.
                if kept.len() > 1 || kept.first().is_some_and(|first| !first.is_empty()) {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_server_may_understand_it() {
        for (uri, expected) in [
            ("file:///public/a", Some("file:///public/a")),
            ("file:///public/../private/a", Some("file:///private/a")),
            ("file:///public/%2e%2E/private/a", Some("file:///private/a")),
            ("file:///public/%252e%252e/private", Some("file:///private")),
            ("file:///public/..%2fprivate", Some("file:///private")),
            ("file:///public/..\\private", Some("file:///private")),
            ("file:///../../etc", Some("file:///etc")),
            ("file:///a/./b/.", Some("file:///a/b/")),
            ("file:///a/..", Some("file:///")),
            ("FILE:///Public", Some("file:///Public")),
            ("http://HOST.example/A", Some("http://host.example/A")),
            ("http://host?x=%41", Some("http://host?x=A")),
            ("urn:Example:a", Some("urn:Example:a")),
            ("file:///100%", Some("file:///100%")),
            ("file:///a..b/...", Some("file:///a..b/...")),
            ("file:///%25252525", None),
            ("file:///%ff", None),
            ("", Some("")),
        ] {
            assert_eq!(resolved(uri).as_deref(), expected, "{uri}");
        }
    }
}
