//! Secrets inside of something that is known: addresses, headers, armour, signed tokens.

use super::{Assignment, Found, is_placeholder};
use crate::views;

/// How a key in armour begins.
const ARMOUR: &str = "-----BEGIN ";

/// What the engine looks for, and whether in either case.
pub(crate) const ANCHORS: &[(&str, bool)] = &[
    ("://", false),
    (ARMOUR, false),
    ("eyJ", false),
    ("basic ", true),
    ("bearer ", true),
    (" -u ", false),
    (" --user ", false),
    ("sshpass -p", false),
    ("identified by ", true),
    ("requirepass ", false),
    ("\"auth\"", false),
    (":5432:", false),
    ("-us", false),
    (":AA", false),
    ("Q~", false),
];

/// Longest address before its path.
const AUTHORITY_BYTES_MAX: usize = 512;
/// Longest key in armour; what follows is not looked at.
const KEY_BYTES_MAX: usize = 16 * 1024;
/// Longest token.
const TOKEN_BYTES_MAX: usize = 8192;

/// The secret at an anchor that ends at `end`.
pub(crate) fn wrapped(text: &[u8], end: usize, anchor: &str) -> Option<Found> {
    match anchor {
        "://" => address(text, end),
        ARMOUR => armour(text, end),
        "eyJ" => jwt(text, end.checked_sub(3)?),
        "basic " => basic(text, end),
        "bearer " => bearer(text, end),
        " -u " | " --user " => user(text, end),
        "\"auth\"" => {
            let value = text.get(end..)?.strip_prefix(b":")?.trim_ascii_start();
            basic(text, text.len() - value.strip_prefix(b"\"")?.len())
        }
        ":5432:" => pgpass(text, end),
        "sshpass -p" | "identified by " | "requirepass " => {
            let (start, length) = argument(text, end)?;
            password(text, start, length)
        }
        _ => super::dotted(text, end, anchor),
    }
}

fn address(text: &[u8], end: usize) -> Option<Found> {
    const DATABASES: [&[u8]; 14] = [
        b"postgres",
        b"postgresql",
        b"mysql",
        b"mariadb",
        b"mongodb",
        b"mongodb+srv",
        b"redis",
        b"rediss",
        b"amqp",
        b"amqps",
        b"mssql",
        b"clickhouse",
        b"oracle",
        b"cockroachdb",
    ];
    let rest = text.get(end..)?;
    let authority = rest
        .iter()
        .take(AUTHORITY_BYTES_MAX)
        .take_while(|byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | 0)
        })
        .count();
    let authority = rest.get(..authority)?;
    let host = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = memchr::memchr(b':', authority.get(..host)?)?;
    let password = authority.get(colon + 1..host)?;
    if password.len() < 3
        || is_placeholder(password)
        || [&b"password"[..], b"pass", b"pwd", b"secret"]
            .iter()
            .any(|name| password.eq_ignore_ascii_case(name))
    {
        return None;
    }
    let head = text.get(..end.checked_sub(3)?)?;
    let length = head
        .iter()
        .rev()
        .take(24)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
        .count();
    let scheme = head.get(head.len() - length..)?.to_ascii_lowercase();
    let kind = if DATABASES.iter().any(|name| {
        scheme == *name || scheme.starts_with(b"postgresql+") || scheme.starts_with(b"mysql+")
    }) {
        "DB_URL_PASSWORD"
    } else {
        "URL_PASSWORD"
    };
    Some((kind, end + colon + 1, end + host))
}

fn armour(text: &[u8], end: usize) -> Option<Found> {
    let rest = text.get(end..)?;
    let label = rest.get(..rest.len().min(64))?;
    let dashes = memchr::memmem::find(label, b"-----")?;
    if !label.get(..dashes)?.ends_with(b"PRIVATE KEY")
        && !label.get(..dashes)?.ends_with(b"PRIVATE KEY BLOCK")
    {
        return None;
    }
    let body = rest.get(dashes + 5..)?;
    let body = body
        .get(..body.len().min(KEY_BYTES_MAX))
        .unwrap_or_default();
    // What begins inside of it is looked at when its turn comes, so that no byte is looked at again and again.
    let next = memchr::memmem::find(body, ARMOUR.as_bytes());
    let body = body.get(..next.unwrap_or(body.len()))?;
    let close = memchr::memmem::find(body, b"-----END ");
    let (inside, after) = body.split_at_checked(close.unwrap_or(body.len()))?;
    let letters = inside.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let is_cut_off = close.is_none();
    if letters.count() < 32 || is_cut_off && !is_key(inside) || is_placeholder(inside) {
        return None;
    }
    let tail = after
        .get(9..)
        .and_then(|after| memchr::memmem::find(after.get(..after.len().min(64))?, b"-----"))
        .map_or(after.len().min(9), |tail| tail + 14);
    let start = end - ARMOUR.len();
    Some(("PRIVATE_KEY", start, end + dashes + 5 + inside.len() + tail))
}

/// Whether what follows a header without an end is a key, which begins with a long line, and not a text about headers.
fn is_key(body: &[u8]) -> bool {
    const HEADERS_BYTES_MAX: usize = 160;
    const LINE_BYTES_MIN: usize = 24;
    let beginning = body
        .get(..body.len().min(HEADERS_BYTES_MAX))
        .unwrap_or_default();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    // `sha256:9f…` is no line of a key.
    let mut runs = beginning.split(|byte| !is_base64(byte) && *byte != b':');
    runs.any(|run| run.len() >= LINE_BYTES_MIN && !run.contains(&b':'))
}

/// The password of `-u name:password` in a command of curl.
fn user(text: &[u8], end: usize) -> Option<Found> {
    const COMMAND_BYTES_MAX: usize = 256;
    let before = text.get(end.saturating_sub(COMMAND_BYTES_MAX)..end)?;
    let command = before.rsplit(|byte| *byte == b'\n').next()?;
    memchr::memmem::find(command, b"curl ")?;
    let (start, length) = argument(text, end)?;
    let value = text.get(start..start + length)?;
    let colon = memchr::memchr(b':', value)?;
    password(text, start + colon + 1, length - colon - 1)
}

/// The last field of `host:port:database:name:password`.
fn pgpass(text: &[u8], end: usize) -> Option<Found> {
    const FIELDS_BYTES_MAX: usize = 256;
    let rest = text.get(end..)?;
    let line = rest.get(..rest.len().min(FIELDS_BYTES_MAX))?;
    let line = line.split(|byte| byte.is_ascii_whitespace()).next()?;
    let mut fields = line.split(|byte| *byte == b':');
    let before = fields.next()?.len() + 1 + fields.next()?.len() + 1;
    let value = line.get(before..)?;
    password(text, end + before, value.len())
}

/// An argument of a command, without its quotes.
fn argument(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let spaces = rest.len() - rest.trim_ascii_start().len();
    let quote = rest
        .get(spaces)
        .copied()
        .filter(|byte| matches!(byte, b'"' | b'\''));
    let start = from + spaces + usize::from(quote.is_some());
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b';'),
    };
    let length = text
        .get(start..)?
        .iter()
        .take(AUTHORITY_BYTES_MAX)
        .take_while(|byte| !ends(byte) && **byte != 0)
        .count();
    Some((start, length))
}

fn password(text: &[u8], start: usize, length: usize) -> Option<Found> {
    let value = text.get(start..start + length)?;
    super::assigned_value(value, Assignment::Password).map(|kind| (kind, start, start + length))
}

fn jwt(text: &[u8], start: usize) -> Option<Found> {
    let before = start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied()
        .unwrap_or(0);
    // No token begins inside of another: the work on a text stays linear.
    if before.is_ascii_alphanumeric() || matches!(before, b'_' | b'-' | b'.') {
        return None;
    }
    let rest = text.get(start..)?;
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = rest
        .iter()
        .take(TOKEN_BYTES_MAX)
        .take_while(|byte| name(byte) || **byte == b'.')
        .count();
    let token = rest.get(..length)?;
    let mut parts = token.split(|byte| *byte == b'.');
    let (head, claims) = (parts.next()?, parts.next()?);
    let signature = parts.next().unwrap_or_default();
    let header = views::base64_bytes(head)?;
    if memchr::memmem::find(&header, b"\"alg\"").is_none() || claims.len() < 4 {
        return None;
    }
    Some((
        "JWT",
        start,
        start
            + head.len()
            + 1
            + claims.len()
            + if signature.is_empty() {
                0
            } else {
                1 + signature.len()
            },
    ))
}

fn basic(text: &[u8], end: usize) -> Option<Found> {
    let rest = text.get(end..)?;
    let length = rest
        .iter()
        .take(TOKEN_BYTES_MAX)
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
        })
        .count();
    let value = rest.get(..length)?;
    let decoded = views::base64_bytes(value)?;
    let pair = std::str::from_utf8(&decoded).ok()?;
    (length >= 8 && pair.contains(':') && !is_placeholder(value)).then_some((
        "BASIC_AUTH",
        end,
        end + length,
    ))
}

fn bearer(text: &[u8], end: usize) -> Option<Found> {
    let rest = text.get(end..)?;
    let length = rest
        .iter()
        .take(TOKEN_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(byte))
        .count();
    let value = rest.get(..length)?;
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let different = value
        .iter()
        .fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f))
        .count_ones();
    (length >= 16 && digits > 0 && different > 8 && !is_placeholder(value)).then_some((
        "BEARER_TOKEN",
        end,
        end + length,
    ))
}
