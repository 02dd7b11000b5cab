//! `name = value`, `name: value`, `"name": "value"`: secrets that are known by their name only.

use super::value::{self, is_token};
use super::{Found, is_in_placeholder};

/// What a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// Anything that is not a placeholder.
    Password,
    /// Long and without a pattern.
    Secret,
    /// Exactly forty characters of base64.
    AwsSecret,
}

/// Names, as the engine looks for them (caseless), and what they promise.
pub(crate) const KEYWORDS: &[(&str, Assignment)] = &[
    ("password", Assignment::Password),
    ("passwd", Assignment::Password),
    ("passphrase", Assignment::Password),
    ("passwort", Assignment::Password),
    ("kennwort", Assignment::Password),
    ("contraseña", Assignment::Password),
    ("mot de passe", Assignment::Password),
    ("pwd", Assignment::Password),
    ("\"pass\"", Assignment::Password),
    ("wachtwoord", Assignment::Password),
    ("lösenord", Assignment::Password),
    ("adgangskode", Assignment::Password),
    ("passord", Assignment::Password),
    ("salasana", Assignment::Password),
    ("hasło", Assignment::Password),
    ("heslo", Assignment::Password),
    ("jelszó", Assignment::Password),
    ("parola", Assignment::Password),
    ("senha", Assignment::Password),
    ("şifre", Assignment::Password),
    ("пароль", Assignment::Password),
    ("Пароль", Assignment::Password),
    ("密码", Assignment::Password),
    ("密碼", Assignment::Password),
    ("パスワード", Assignment::Password),
    ("비밀번호", Assignment::Password),
    ("secret", Assignment::Secret),
    ("token", Assignment::Secret),
    ("api_key", Assignment::Secret),
    ("api-key", Assignment::Secret),
    ("apikey", Assignment::Secret),
    ("access_key", Assignment::Secret),
    ("accesskey", Assignment::Secret),
    ("auth_key", Assignment::Secret),
    ("private_key", Assignment::Secret),
    ("encryption_key", Assignment::Secret),
    ("signing_key", Assignment::Secret),
    ("signing-key", Assignment::Secret),
    ("sending_key", Assignment::Secret),
    ("sending-key", Assignment::Secret),
    ("credential", Assignment::Secret),
    ("aws_secret", Assignment::AwsSecret),
    ("secret_access_key", Assignment::AwsSecret),
    ("secretaccesskey", Assignment::AwsSecret),
    ("aws secret", Assignment::AwsSecret),
];

/// Longest rest of a name, and most space, between keyword and sign.
const NAME_BYTES_MAX: usize = 32;
/// Longest value that is looked at.
pub(super) const VALUE_BYTES_MAX: usize = 512;

/// The name in which the keyword ends at `end`.
pub(crate) fn name(text: &[u8], end: usize) -> &[u8] {
    let is = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let (before, behind) = text.split_at_checked(end).unwrap_or((text, &[]));
    let before = before
        .iter()
        .rev()
        .take(NAME_BYTES_MAX)
        .take_while(is)
        .count();
    let behind = behind.iter().take(NAME_BYTES_MAX).take_while(is).count();
    text.get(end - before..end + behind).unwrap_or_default()
}

/// Parts of names that a secret's name has where its value is something else: a part of a protocol or a schema, or what
/// is known of a secret.
const OTHER_PARTS: [&[u8]; 35] = [
    b"page",
    b"next",
    b"cursor",
    b"continue",
    b"continuation",
    b"sync",
    b"count",
    b"type",
    b"url",
    b"uri",
    b"max",
    b"limit",
    b"hash",
    b"policy",
    b"expires",
    b"expiry",
    b"expiration",
    b"file",
    b"path",
    b"changed",
    b"updated",
    b"created",
    b"rotated",
    b"length",
    b"id",
    b"hashed",
    b"digest",
    b"md5",
    b"sha1",
    b"sha256",
    b"checksum",
    b"fingerprint",
    b"js",
    b"ts",
    b"strength",
];

/// Whether a name with a keyword in it is a secret's.
pub(crate) fn promises(name: &[u8]) -> bool {
    let is_other = |part: &[u8]| {
        OTHER_PARTS
            .iter()
            .any(|other| part.eq_ignore_ascii_case(other))
    };
    let mut words = name.split(|byte| !byte.is_ascii_alphanumeric());
    // `nextPageToken`: a part begins with each hump.
    !words.any(|word| {
        let mut parts =
            word.chunk_by(|one, other| !(one.is_ascii_lowercase() && other.is_ascii_uppercase()));
        parts.any(is_other)
    })
}

/// The value that is assigned to the name in which the keyword ends at `end`.
pub(crate) fn assignment(text: &[u8], end: usize, what: Assignment) -> Option<Found> {
    if is_in_placeholder(text, end) {
        return None;
    }
    let rest = text.get(end..)?;
    let behind = rest
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        .count();
    let at = sign(text, end, behind, what).or_else(|| said(rest, what));
    // A space is no sign, but what only a token can be is one's value.
    let is_beside = at.is_none() && rest.get(behind) == Some(&b' ');
    let (at, quoted) = at.or(is_beside.then_some((behind + 1, None)))?;
    let start = end + at;
    let length = value_length(text.get(start..)?, quoted);
    let value = text.get(start..start + length)?;
    // `<name>:<password>@host` is no element.
    let is_form = value.starts_with(b"@") && rest.get(behind) == Some(&b'>');
    if is_form || is_beside && !is_token(value, what) {
        return None;
    }
    let kind = match quoted {
        Some(_) => value::known(value, what),
        None => value::judged(value, what),
    };
    let kind = kind.filter(|_| promises(name(text, end)))?;
    Some((kind, start, start + length))
}

/// Where the value begins behind the keyword that ends at `end`, and in which quotes, if anything assigns it to the name
/// that goes on for `behind` bytes: quotes, spaces and one sign, in the orders that languages have them.
fn sign(text: &[u8], end: usize, behind: usize, what: Assignment) -> Option<(usize, Option<u8>)> {
    if let Some(quote) = unsigned(text, end, what) {
        return Some((1 + usize::from(quote.is_some()), quote));
    }
    let rest = text.get(end..)?;
    let pair = value_of_pair(rest.get(behind..)?);
    let (mut at, mut sign) = (behind + pair.unwrap_or(0), false);
    let first = at;
    while let Some(byte) = rest.get(at).filter(|_| at < first + NAME_BYTES_MAX) {
        match byte {
            b'=' | b':' | b'>' => sign = true,
            // An arrow.
            0xe2 if rest.get(at..at + 3) == Some("\u{2192}".as_bytes()) => {
                sign = true;
                at += 2;
            }
            // The next cell of a row; a password's may say anything else of it.
            b'|' if what != Assignment::Password => sign = true,
            b' ' | b'\t' => {}
            b'"' | b'\'' | b'`' if sign => return Some((at + 1, Some(*byte))),
            b'"' | b'\'' | b'`' | b']' | b')' => {}
            _ if sign => break,
            _ => match VERBS.iter().find(|verb| {
                rest.get(at..)
                    .is_some_and(|rest| rest.starts_with(verb.as_bytes()))
            }) {
                Some(verb) => {
                    sign = true;
                    at += verb.len() - 1;
                }
                None => break,
            },
        }
        at += 1;
    }
    sign.then_some((at, None))
}

/// What says that a value follows, as sentences do. A word that may say anything else of a password has a colon.
const VERBS: [&str; 12] = [
    "is ", "is:", "ist:", "lautet:", "es:", "est :", "est:", "è:", "é:", "er:", "は", "는 ",
];

/// Where a password begins that a sentence says a word or two behind its name, and that can be nothing else: `the
/// password of the day is …`.
fn said(rest: &[u8], what: Assignment) -> Option<(usize, Option<u8>)> {
    const BETWEEN_BYTES_MAX: usize = 32;
    const VERBS: [&[u8]; 6] = [
        b" is ",
        b" ist ",
        b" est ",
        b" es ",
        " è ".as_bytes(),
        " é ".as_bytes(),
    ];
    let window = rest.get(..rest.len().min(BETWEEN_BYTES_MAX))?;
    let clause = window.split(|byte| b"\n.;:,".contains(byte)).next()?;
    let behind = VERBS.iter().find_map(|verb| {
        let at = memchr::memmem::find(clause, verb)?;
        Some(at + verb.len())
    })?;
    let value = rest.get(behind..)?;
    let value = value.get(..value_length(value, None))?;
    (what == Assignment::Password && is_token(value, what)).then_some((behind, None))
}

/// Bytes of a password's name and of the login before it.
const LOGIN_BYTES_MAX: usize = 80;

/// How a value is quoted that follows its name without a sign: `--password value`, `login name password value`,
/// `PASSWORD 'value'`.
fn unsigned(text: &[u8], end: usize, what: Assignment) -> Option<Option<u8>> {
    let behind = |ahead: usize| text.get(end + ahead).copied().unwrap_or(0);
    if !matches!(behind(0), b' ' | b'\t') {
        return None;
    }
    let quote = Some(behind(1)).filter(|byte| matches!(byte, b'"' | b'\''));
    let from = end.saturating_sub(LOGIN_BYTES_MAX);
    let named = text.get(from..end).unwrap_or_default();
    let is_option =
        || named.ends_with(b"--password") || memchr::memmem::find(named, b"login ").is_some();
    (quote.is_some() || what == Assignment::Password && is_option()).then_some(quote)
}

/// Where the sign stands of a value whose name is a value itself, or is of its container: `name: DB_PASSWORD` and
/// `value: …` in the next line, `key="Token" value="…"`, `"secret": {"value": "…"}`.
fn value_of_pair(rest: &[u8]) -> Option<usize> {
    const BETWEEN_BYTES_MAX: usize = 48;
    let is_between = |byte: &&u8| byte.is_ascii_whitespace() || b"\"',:{".contains(byte);
    let between = rest.iter().take(BETWEEN_BYTES_MAX);
    let between = between.take_while(is_between).count();
    let behind = rest.get(between..)?.strip_prefix(b"value")?;
    let quote = usize::from(matches!(behind.first(), Some(b'"' | b'\'')));
    let sign = behind.get(quote..)?.trim_ascii_start().first()?;
    (between > 0 && matches!(sign, b':' | b'=')).then_some(between + b"value".len() + quote)
}

fn value_length(rest: &[u8], quoted: Option<u8>) -> usize {
    let ends = |at: usize, byte: u8| match quoted {
        Some(quote) => byte == quote || byte == b'\n',
        None => {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    b'"' | b'\'' | b',' | b';' | b'}' | b')' | b'<' | b'`' | b'|'
                )
                || byte == b'&' && is_parameter(rest.get(at + 1..).unwrap_or_default())
                || byte == 0
        }
    };
    let mut bytes = rest.iter().take(VALUE_BYTES_MAX).enumerate();
    let end = bytes.find(|(at, byte)| ends(*at, **byte));
    end.map_or(rest.len().min(VALUE_BYTES_MAX), |(at, _)| at)
}

/// Whether another parameter of a query begins, and the value does not go on with an ampersand.
fn is_parameter(rest: &[u8]) -> bool {
    let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.[];".contains(byte);
    let name = rest.iter().take(NAME_BYTES_MAX).take_while(is_of_name);
    rest.get(name.count()) == Some(&b'=') || rest.starts_with(b"amp;")
}
