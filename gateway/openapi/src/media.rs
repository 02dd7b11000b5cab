//! Media types (RFC 9110, section 8.3.1).

/// The type without its parameters, in lower case.
pub(crate) fn essence(media: &str) -> String {
    media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

pub(crate) fn is_json(media: &str) -> bool {
    let media = essence(media);
    media == "application/json" || media.ends_with("+json") || media == "text/json"
}

/// What is text though it may not say `text/`.
pub(crate) fn is_text(media: &str) -> bool {
    let media = essence(media);
    media.starts_with("text/")
        || media.ends_with("+xml")
        || media.ends_with("+yaml")
        || matches!(
            media.as_str(),
            "application/xml"
                | "application/yaml"
                | "application/x-yaml"
                | "application/javascript"
                | "application/graphql"
                | "application/sql"
                | "application/x-ndjson"
                | "application/jsonl"
                | "application/x-www-form-urlencoded"
        )
}

/// The media type as a field value: what is none becomes bytes.
pub(crate) fn field(media: &str) -> String {
    let trimmed = media.trim();
    let visible = trimmed.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let plain = trimmed.contains('/') && !trimmed.contains('*');
    if visible && plain && trimmed.len() <= 200 {
        trimmed.to_owned()
    } else {
        "application/octet-stream".to_owned()
    }
}
