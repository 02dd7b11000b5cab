//! The bytes of a request's body.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use crate::argument::{Form, Place, Style};
use crate::body::{Kind, plain_form};
use crate::media;
use crate::node::quote;
use crate::raw::{self, Value};
use crate::request::{BadArguments as Bad, Given};
use crate::style::{Pairs, inner};
use crate::tool::Payload;

/// One part of a form: its name, its value as JSON, how it is written.
struct Part<'p> {
    name: Cow<'p, str>,
    json: &'p str,
    form: Cow<'p, Form>,
}

/// Media type and bytes; `None` where nothing is given and nothing is needed.
pub(crate) fn build(
    payload: &Payload,
    given: &[Given<'_, '_>],
) -> Result<Option<(String, Vec<u8>)>, Bad> {
    let whole = given
        .iter()
        .find(|(argument, _)| argument.place == Place::Body);
    let members = || {
        given
            .iter()
            .filter(|(argument, _)| argument.place == Place::Member)
    };
    let empty = if payload.flat {
        members().next().is_none()
    } else {
        whole.is_none()
    };
    if empty && !(payload.required && payload.flat) {
        return Ok(None);
    }
    let media = payload.media.to_string();
    let unfit = |why| Bad::Unfit {
        argument: "body".into(),
        why,
    };
    let json = whole.map_or("null", |(_, json)| json);
    Ok(Some(match payload.kind {
        Kind::Json if payload.flat => {
            let mut out = String::from("{");
            for (index, (argument, json)) in members().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(&argument.wire, &mut out);
                out.push(':');
                out.push_str(&raw::compact(json));
            }
            out.push('}');
            (media, out.into_bytes())
        }
        Kind::Json => (media, raw::compact(json).into_bytes()),
        Kind::Text => match raw::value(json) {
            Some(Value::Scalar(text)) => (media, text.into_bytes()),
            _ => return Err(unfit("not text")),
        },
        Kind::Bytes => {
            let file = file("body", json)?;
            (
                file.media.map_or(media, |media| media::field(&media)),
                file.bytes,
            )
        }
        Kind::Form | Kind::Multipart => {
            let parts = match whole {
                Some((_, json)) => raw::members(json)
                    .ok_or_else(|| unfit("not an object"))?
                    .into_iter()
                    .map(|(name, json)| Part {
                        name: name.into(),
                        json,
                        form: Cow::Owned(plain_form()),
                    })
                    .collect(),
                None => members()
                    .map(|(argument, json)| Part {
                        name: Cow::Borrowed(&*argument.wire),
                        json,
                        form: Cow::Borrowed(&argument.form),
                    })
                    .collect(),
            };
            if payload.kind == Kind::Form {
                (media, urlencoded(parts)?)
            } else {
                multipart(&media, parts)?
            }
        }
    }))
}

/// `application/x-www-form-urlencoded`. An object is JSON unless its encoding says a style.
fn urlencoded(parts: Vec<Part<'_>>) -> Result<Vec<u8>, Bad> {
    let mut pairs = Pairs(String::new());
    for part in parts {
        let mut form = part.form.into_owned();
        if form.style == Style::Form && matches!(raw::value(part.json), Some(Value::Object(_))) {
            form.style = Style::Json;
        }
        pairs.add(&part.name, part.json, &form)?;
    }
    Ok(pairs.0.into_bytes())
}

/// `multipart/form-data` (RFC 7578).
fn multipart(media: &str, parts: Vec<Part<'_>>) -> Result<(String, Vec<u8>), Bad> {
    let mut pieces: Vec<(String, Vec<u8>)> = Vec::new();
    for part in &parts {
        let list = match raw::value(part.json) {
            Some(Value::Null) => Vec::new(),
            Some(Value::List(items)) => items,
            Some(_) => vec![part.json],
            None => Vec::new(),
        };
        for json in list {
            pieces.push(piece(part, json)?);
        }
    }
    // No body holds its own digest but by a chance of one in 2^128.
    let mut digest = Sha256::new();
    for (head, bytes) in &pieces {
        digest.update(head);
        digest.update(bytes);
    }
    let boundary: String = digest
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut out = Vec::new();
    for (head, bytes) in pieces {
        out.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
        out.extend_from_slice(&bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let essence = media::essence(media);
    let kind = if essence == "multipart/mixed" {
        essence.as_str()
    } else {
        "multipart/form-data"
    };
    Ok((format!("{kind}; boundary={boundary}"), out))
}

fn piece(part: &Part<'_>, json: &str) -> Result<(String, Vec<u8>), Bad> {
    let mut head = format!(
        "content-disposition: form-data; name=\"{}\"",
        escaped(&part.name)
    );
    let (kind, bytes) = if part.form.file {
        let file = file(&part.name, json)?;
        // Many services take a part without a file name for text.
        let name = file.name.unwrap_or_else(|| part.name.to_string());
        head.push_str(&format!("; filename=\"{}\"", escaped(&name)));
        let kind = file
            .media
            .map(|media| media::field(&media))
            .or_else(|| part.form.media.as_deref().map(str::to_owned));
        (
            Some(kind.unwrap_or_else(|| "application/octet-stream".into())),
            file.bytes,
        )
    } else {
        let nested = matches!(raw::value(json), Some(Value::List(_) | Value::Object(_)));
        let kind = part
            .form
            .media
            .as_deref()
            .map(str::to_owned)
            .or_else(|| nested.then(|| "application/json".into()));
        (kind, inner(&part.name, json)?.into_bytes())
    };
    head.push_str("\r\n");
    if let Some(kind) = kind {
        head.push_str(&format!("content-type: {kind}\r\n"));
    }
    Ok((head, bytes))
}

/// A name between quotes, as browsers escape it (HTML, multipart/form-data encoding algorithm).
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        match c {
            '"' => out.push_str("%22"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c if c.is_control() => out.push('_'),
            c => out.push(c),
        }
        out
    })
}

struct File {
    bytes: Vec<u8>,
    media: Option<String>,
    name: Option<String>,
}

/// Base64 with either alphabet, padded or not, or a data URL (RFC 2397) with `name=` among its parameters.
fn file(argument: &str, json: &str) -> Result<File, Bad> {
    let unfit = || Bad::Unfit {
        argument: argument.to_owned(),
        why: "not base64",
    };
    let Some(Value::Scalar(text)) = raw::value(json) else {
        return Err(unfit());
    };
    let (mut media, mut name) = (None, None);
    let data = match text.strip_prefix("data:") {
        None => text.as_str(),
        Some(url) => {
            let (head, data) = url.split_once(',').ok_or_else(unfit)?;
            let head = head.strip_suffix(";base64").ok_or_else(unfit)?;
            let (kind, parameters) = head.split_once(';').unwrap_or((head, ""));
            media = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
            let found = parameters
                .split(';')
                .find_map(|parameter| parameter.strip_prefix("name="));
            name = found.map(crate::encode::decoded);
            data
        }
    };
    let clean: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let url_safe = clean.contains(['-', '_']);
    let alphabet = if url_safe {
        &alphabet::URL_SAFE
    } else {
        &alphabet::STANDARD
    };
    let bytes = GeneralPurpose::new(alphabet, config)
        .decode(clean)
        .map_err(|_| unfit())?;
    Ok(File { bytes, media, name })
}
