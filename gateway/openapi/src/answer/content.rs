//! Content of results, and the words of faults.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{AnswerLimits, Response};
use crate::node::quote;
use crate::{keyword, media, raw};

pub(super) fn failed(words: &str) -> String {
    format!("{{\"content\":[{}],\"isError\":true}}", text(words))
}

/// A text item.
pub(super) fn text(words: &str) -> String {
    let mut out = String::from("{\"type\":\"text\",\"text\":");
    quote(words, &mut out);
    out.push('}');
    out
}

pub(super) fn blob(body: &[u8], media: &str) -> String {
    let essence = if media.is_empty() {
        "application/octet-stream".into()
    } else {
        media::field(&media::essence(media))
    };
    let data = STANDARD.encode(body);
    let mut out = String::with_capacity(data.len() + 200);
    let known = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&essence.as_str());
    if known || essence.starts_with("audio/") {
        out.push_str(if known {
            "{\"type\":\"image\",\"mimeType\":"
        } else {
            "{\"type\":\"audio\",\"mimeType\":"
        });
        quote(&essence, &mut out);
        out.push_str(",\"data\":\"");
        out.push_str(&data);
        out.push_str("\"}");
        return out;
    }
    let digest: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    out.push_str(&format!(
        "{{\"type\":\"resource\",\"resource\":{{\"uri\":\"urn:sha256:{digest}\",\"mimeType\":"
    ));
    quote(&essence, &mut out);
    out.push_str(",\"blob\":\"");
    out.push_str(&data);
    out.push_str("\"}}");
    out
}

/// The body if it is JSON.
pub(super) fn json(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let valid = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    valid.then(|| text.trim_matches([' ', '\n', '\r', '\t']))
}

/// The body as text, by its charset.
pub(super) fn words(body: &[u8], media: &str) -> Option<String> {
    match std::str::from_utf8(body) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
        Err(_) => {
            let media = media.to_ascii_lowercase();
            let latin = ["iso-8859-1", "latin1", "windows-1252", "us-ascii"]
                .iter()
                .any(|name| media.contains(name));
            latin.then(|| body.iter().map(|byte| char::from(*byte)).collect())
        }
    }
}

pub(super) fn cut(words: &str, bytes_max: usize) -> &str {
    let mut end = words.len().min(bytes_max);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    words.get(..end).unwrap_or_default()
}

pub(super) fn too_large(bytes: usize, bytes_max: usize) -> String {
    format!(
        "The answer has {bytes} bytes, more than the {bytes_max} that are passed on. Ask for less of it."
    )
}

pub(super) fn status_line(status: u16) -> String {
    let reason = match status {
        200 => " OK",
        201 => " Created",
        202 => " Accepted",
        204 => " No Content",
        301 | 302 | 303 | 307 | 308 => ": the API points to another address, which is not followed",
        304 => " Not Modified",
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Method Not Allowed",
        406 => " Not Acceptable",
        409 => " Conflict",
        410 => " Gone",
        413 => " Content Too Large",
        415 => " Unsupported Media Type",
        422 => " Unprocessable Content",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        501 => " Not Implemented",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    };
    format!("HTTP {status}{reason}")
}

pub(super) fn fault(response: &Response<'_>, limits: &AnswerLimits) -> String {
    let mut out = status_line(response.status);
    if let Some(after) = response
        .header("retry-after")
        .filter(|after| after.len() <= 64)
    {
        out.push_str(&format!("\nRetry after: {after}"));
    }
    let media = response.media();
    let body = match json(response.body) {
        Some(json) if media::is_json(media) => Some(raw::compact(json)),
        _ if media.is_empty() || media::is_text(media) || media::is_json(media) => {
            words(response.body, media)
        }
        _ => None,
    };
    match body {
        Some(body) if body.trim().is_empty() => {}
        Some(body) => {
            out.push('\n');
            out.push_str(&keyword::shortened(body.trim(), limits.fault_bytes));
        }
        None if response.body.is_empty() => {}
        None => out.push_str(&format!(
            "\n({} bytes of {})",
            response.body.len(),
            media::field(&media::essence(media))
        )),
    }
    out
}
