//! What a value must be like to be the secret that its name promises.

use std::sync::LazyLock;

use super::assigned::{Assignment, VALUE_BYTES_MAX};
use super::is_placeholder;

/// The kind of a value that a name of that promise has, if it is a secret. It is known to be a value, not an expression or
/// a type: words with a hump, which those are as a rule, may be a password then.
pub(crate) fn known(value: &[u8], what: Assignment) -> Option<&'static str> {
    judged(value, what).or_else(|| {
        let is_password = what == Assignment::Password && has_hump(value);
        (is_password && !is_placeholder(value) && !is_code(value)).then_some("PASSWORD")
    })
}

/// Whether a value is letters alone, words that begin with capitals: `CorrectHorse`.
fn has_hump(value: &[u8]) -> bool {
    let hump = |pair: &[u8]| matches!(pair, [one, other] if one.is_ascii_lowercase() && other.is_ascii_uppercase());
    value.len() >= 8 && value.iter().all(u8::is_ascii_alphabetic) && value.windows(2).any(hump)
}

pub(super) fn judged(value: &[u8], what: Assignment) -> Option<&'static str> {
    let (kind, is): (_, fn(&[u8]) -> bool) = match what {
        Assignment::AwsSecret => ("AWS_SECRET_ACCESS_KEY", is_aws_secret),
        Assignment::Password => ("PASSWORD", is_password),
        Assignment::Secret => ("GENERIC_SECRET", is_secret),
    };
    (value.len() >= 6 && is(value) && !is_placeholder(value) && !is_code(value)).then_some(kind)
}

/// A value that nothing but a token or a password can be: no word, no number, no hash.
pub(super) fn is_token(value: &[u8], what: Assignment) -> bool {
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    let is_sign = |byte: &u8| b"!#$%&*+=?@^~".contains(byte);
    let (bytes_min, signed) = match what {
        Assignment::Password => (10, true),
        _ => (20, false),
    };
    value.len() >= bytes_min
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && (!signed || value.iter().skip(1).any(is_sign))
}

fn is_aws_secret(value: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    value.len() == 40 && value.iter().all(base64) && entropy(value) > 3.5
}

/// Whether a value has a digit, or a sign inside of it, as what is nobody's word has: a label and a type have neither.
fn is_password(value: &[u8]) -> bool {
    let word = value.trim_ascii_end();
    let word = word
        .strip_suffix(b"!")
        .or(word.strip_suffix(b"?"))
        .or(word.strip_suffix(b":"))
        .unwrap_or(word);
    let is_of_names = |byte: &u8| matches!(byte, b'_' | b'-' | b'.' | b'\'' | b'/' | b'[' | b']');
    let is_sign = |byte: &u8| byte.is_ascii_punctuation() && !is_of_names(byte);
    let (digit, sign) = (
        word.iter().any(u8::is_ascii_digit),
        word.iter().any(is_sign),
    );
    value.len() <= 128 && !word.contains(&b' ') && (digit || sign && word.is_ascii())
}

fn is_secret(value: &[u8]) -> bool {
    if value.len() < 16 {
        return false;
    }
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(byte);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let enough = || {
        let hex = value.iter().all(u8::is_ascii_hexdigit);
        entropy(value) >= if hex { 3.0 } else { 3.5 }
    };
    digits >= 2 && letters >= 4 && value.iter().all(token) && !identifier(value) && enough()
}

/// Values that are expressions, types or words about secrets.
fn is_code(value: &[u8]) -> bool {
    const STARTS: [&[u8]; 14] = [
        b"Read-Host",
        b"Get-",
        b"self.",
        b"this.",
        b"req.",
        b"config.",
        b"settings.",
        b"secrets.",
        b"var.",
        b"data.",
        b"local.",
        b"params.",
        b"http://",
        b"https://",
    ];
    let word = value.strip_prefix(b"\"").unwrap_or(value);
    STARTS.iter().any(|start| word.starts_with(start))
        || word.contains(&b'(')
            && word.contains(&b')')
            && word.first().is_some_and(u8::is_ascii_lowercase)
        || word.ends_with(b"(")
        || is_element(word)
        || word.starts_with(b"ENC[")
        || [&b"://"[..], b"::"]
            .iter()
            .any(|sign| memchr::memmem::find(word, sign).is_some())
        || word.contains(&b'_')
            && word
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
        || word.eq_ignore_ascii_case(b"password")
        || matches!(
            word,
            b"string" | b"String" | b"null" | b"None" | b"required" | b"Optional"
        )
}

/// An element of something that has a name: `parts[2]`.
fn is_element(word: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.');
    let open = word.iter().position(|byte| *byte == b'[');
    let parts = open.and_then(|open| word.strip_suffix(b"]")?.split_at_checked(open));
    parts.is_some_and(|(name, index)| {
        !name.is_empty() && name.iter().all(of_name) && index.iter().skip(1).all(u8::is_ascii_digit)
    })
}

/// UUIDs and dotted or dashed names are identifiers.
fn identifier(value: &[u8]) -> bool {
    let groups = value.split(|byte| *byte == b'-').map(<[u8]>::len);
    let words = value
        .split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/'))
        .filter(|word| word.len() > 2 && word.iter().all(u8::is_ascii_lowercase))
        .count();
    groups.eq([8, 4, 4, 4, 12]) || words >= 2
}

/// Shannon's entropy in bits a byte: `log n - (sum of c log c) / n` for a value of `n` bytes, `c` of them the same.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    let mut seen = 0.0;
    for byte in value {
        let Some(count) = counts.get_mut(usize::from(*byte)) else {
            continue;
        };
        seen += weight(*count + 1) - weight(*count);
        *count += 1;
    }
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    length.log2() - seen / length
}

static WEIGHTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let weight = |count: u16| match count {
        0 => 0.0,
        count => f64::from(count) * f64::from(count).log2(),
    };
    (0..).take(VALUE_BYTES_MAX + 1).map(weight).collect()
});

pub(super) fn prepare() {
    LazyLock::force(&WEIGHTS);
}

/// `c log c` of a count.
fn weight(count: u16) -> f64 {
    WEIGHTS.get(usize::from(count)).copied().unwrap_or(0.0)
}
