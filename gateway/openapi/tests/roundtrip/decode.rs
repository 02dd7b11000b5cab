//! Reads requests as a server would that knows the description.

use gantry_openapi::Request;

use crate::{Held, Made};

pub(crate) fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let split = |pair: &str| {
        pair.split_once('=')
            .map(|(name, value)| (percent(name), percent(value)))
            .unwrap()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(split)
        .collect()
}

/// From `a,b` or `k,v` or `k=v` with some delimiter.
fn parts(
    text: &str,
    between: &str,
    explode: bool,
    made: &Made,
    decode: impl Fn(&str) -> String,
) -> Held {
    match made.held {
        Held::One(_) => Held::One(decode(text)),
        Held::List(_) => Held::List(text.split(between).map(decode).collect()),
        Held::Object(_) if explode => Held::Object(
            text.split(between)
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        ),
        Held::Object(_) => {
            let list: Vec<String> = text.split(between).map(decode).collect();
            Held::Object(
                list.chunks(2)
                    .map(|pair| (pair[0].clone(), pair[1].clone()))
                    .collect(),
            )
        }
    }
}

/// From pairs of which those of the argument are picked by its name, or by its keys where it is exploded.
fn picked(list: &[(String, String)], name: &str, made: &Made) -> Held {
    let of = |name: &str| {
        list.iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    match &made.held {
        Held::One(_) => Held::One(of(name).remove(0)),
        Held::List(_) => Held::List(of(name)),
        Held::Object(members) => Held::Object(
            members
                .iter()
                .map(|(key, _)| (key.clone(), of(key).remove(0)))
                .collect(),
        ),
    }
}

pub(crate) fn parameter(request: &Request, template: &str, name: &str, made: &Made) -> Held {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap()
    };
    match made.place {
        "path" => {
            let at = template
                .split('/')
                .position(|part| part == format!("{{{name}}}"))
                .unwrap();
            let text = path.split('/').nth(at).unwrap();
            match (made.style, made.explode, &made.held) {
                ("simple", ..) => parts(text, ",", made.explode, made, percent),
                ("label", true, _) => {
                    parts(text.strip_prefix('.').unwrap(), ".", true, made, percent)
                }
                ("label", ..) => parts(text.strip_prefix('.').unwrap(), ",", false, made, percent),
                (_, true, Held::List(_)) => {
                    let prefix = format!("{name}=");
                    Held::List(
                        text.split(';')
                            .skip(1)
                            .map(|part| percent(part.strip_prefix(&prefix).unwrap()))
                            .collect(),
                    )
                }
                (_, true, Held::Object(_)) => {
                    parts(text.strip_prefix(';').unwrap(), ";", true, made, percent)
                }
                _ => parts(
                    text.strip_prefix(&format!(";{name}=")).unwrap(),
                    ",",
                    false,
                    made,
                    percent,
                ),
            }
        }
        "query" if made.style == "deepObject" => {
            let list = pairs(query);
            let prefix = format!("{name}[");
            let own = list.iter().filter_map(|(key, value)| {
                Some((key.strip_prefix(&prefix)?.strip_suffix(']')?, value))
            });
            Held::Object(
                own.map(|(key, value)| (key.to_owned(), value.clone()))
                    .collect(),
            )
        }
        "query" if made.explode || matches!(made.held, Held::One(_)) => {
            picked(&pairs(query), name, made)
        }
        "query" => {
            let text = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
                .unwrap();
            let between = match made.style {
                "spaceDelimited" => "%20",
                "pipeDelimited" => "%7C",
                _ => ",",
            };
            // A space or bar inside of an element looks like one between elements: the style cannot tell.
            match (&made.held, made.style) {
                (Held::List(list), "spaceDelimited")
                    if list.iter().any(|text| text.contains(' ')) =>
                {
                    assert_eq!(percent(text), list.join(" "));
                    made.held.clone()
                }
                (Held::List(list), "pipeDelimited")
                    if list.iter().any(|text| text.contains('|')) =>
                {
                    assert_eq!(percent(text), list.join("|"));
                    made.held.clone()
                }
                _ => parts(text, between, false, made, percent),
            }
        }
        "header" => parts(&header(name), ",", made.explode, made, str::to_owned),
        "cookie" => {
            let field = header("cookie");
            let list: Vec<(&str, &str)> = field
                .split("; ")
                .map(|pair| pair.split_once('=').unwrap())
                .collect();
            if made.explode || matches!(made.held, Held::One(_)) {
                let list: Vec<(String, String)> =
                    list.iter().map(|(k, v)| (percent(k), percent(v))).collect();
                picked(&list, name, made)
            } else {
                let text = list.iter().find(|(key, _)| *key == name).unwrap().1;
                parts(text, ",", false, made, percent)
            }
        }
        other => panic!("{other}"),
    }
}

/// Names and bytes of the parts of a form.
pub(crate) fn multipart(request: &Request) -> Vec<(String, Vec<u8>)> {
    let media = &request
        .headers
        .iter()
        .find(|(name, _)| name == "content-type")
        .unwrap()
        .1;
    let boundary = media
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let body = request.body.as_ref().unwrap();
    let find = |from: usize, what: &[u8]| {
        body[from..]
            .windows(what.len())
            .position(|window| window == what)
            .map(|at| from + at)
    };
    let delimiter = format!("\r\n--{boundary}");
    let mut at = delimiter.len() - 2;
    let mut parts = Vec::new();
    while body[at..].starts_with(b"\r\n") {
        let head = find(at, b"\r\n\r\n").unwrap();
        let text = std::str::from_utf8(&body[at..head]).unwrap();
        let name = text
            .split("name=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let end = find(head + 4, delimiter.as_bytes()).unwrap();
        parts.push((name.to_owned(), body[head + 4..end].to_vec()));
        at = end + delimiter.len();
    }
    assert_eq!(&body[at..], b"--\r\n");
    parts
}
