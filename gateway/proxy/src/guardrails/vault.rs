//! Keyed hashes, and tokens that can be turned back.
//!
//! Tokens live in memory, for a while, for one agent; a restart forgets them. They are given back
//! only to tools that a rule names.

use std::{
    collections::HashMap,
    fmt,
    hash::Hasher as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use memchr::{memmem, memrchr};
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

use super::rules::{Rules, Scope, is_tool};
use crate::config::PATTERN_NAME_BYTES_MAX;

/// How long a token can be turned back.
const LIFE: Duration = Duration::from_secs(3_600);
/// Most tokens; the oldest go first.
const TOKENS_MAX: usize = 100_000;
/// Hexadecimal digits of a token.
const DIGITS: usize = 16;
/// The first of them is a letter: no hash can be taken for somebody's number.
const LETTER: u64 = 0xa << 60;

/// The key, and what tokens stand for.
pub(super) struct Vault {
    key: [u8; 16],
    tokens: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    value: Vec<u8>,
    agent: String,
    since: Instant,
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault")
    }
}

impl Vault {
    /// With a key of the operator's, or a new one.
    pub(super) fn new(key: Option<&[u8]>) -> Self {
        let whole: [u8; 32] = key.map_or_else(rand::random, |key| Sha256::digest(key).into());
        let mut key = [0; 16];
        key.iter_mut()
            .zip(whole)
            .for_each(|(byte, of_whole)| *byte = of_whole);
        Self {
            key,
            tokens: Mutex::default(),
        }
    }

    /// What stands for a value: of no use without the key.
    pub(super) fn hash(&self, kind: &str, value: &[u8]) -> u64 {
        self.keyed(&[kind.as_bytes(), value])
    }

    /// SipHash-2-4 (Aumasson and Bernstein, 2012) of the parts, each with its length: a keyed function made for
    /// short inputs, whose outputs tell nothing of each other without the key.
    fn keyed(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        hasher.finish() | LETTER
    }

    /// The token of a value: the same for one agent as long as the key is.
    pub(super) fn token(&self, kind: &str, value: &[u8], scope: &Scope<'_>) -> String {
        let number = self.keyed(&[b"token", kind.as_bytes(), scope.agent.as_bytes(), value]);
        let token = format!("[{kind}:t{number:0DIGITS$x}]");
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, kept| kept.since.elapsed() < LIFE / 2);
            if tokens.len() >= TOKENS_MAX {
                tokens.clear();
            }
        }
        tokens.insert(
            token.clone(),
            Kept {
                value: value.to_vec(),
                agent: scope.agent.to_owned(),
                since: Instant::now(),
            },
        );
        token
    }

    /// The message with its tokens turned back, where a rule lets this tool have them.
    pub(super) fn restored(
        &self,
        rules: &Rules,
        scope: &Scope<'_>,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let named = rules.exceptions.iter().any(|exception| {
            exception
                .rule
                .detokenise
                .iter()
                .any(|tool| is_tool(tool, scope))
        });
        if !named {
            return None;
        }
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let mut restored = Vec::with_capacity(message.len());
        let mut kept = 0;
        for mark in memmem::find_iter(message, b":t") {
            let Some((start, end)) = token_around(message, mark) else {
                continue;
            };
            let token = message
                .get(start..end)
                .and_then(|token| std::str::from_utf8(token).ok());
            let known = token
                .and_then(|token| tokens.get(token))
                .filter(|known| known.agent == scope.agent && known.since.elapsed() < LIFE);
            if let Some(known) = known {
                restored.extend_from_slice(message.get(kept..start).unwrap_or_default());
                let text =
                    serde_json::Value::from(String::from_utf8_lossy(&known.value)).to_string();
                let inside = text
                    .get(1..text.len().saturating_sub(1))
                    .unwrap_or_default();
                restored.extend_from_slice(inside.as_bytes());
                kept = end;
            }
        }
        restored.extend_from_slice(message.get(kept..).unwrap_or_default());
        (kept > 0).then_some(restored)
    }
}

/// `[KIND:t0123456789abcdef]` around the `:t` at `mark`.
fn token_around(message: &[u8], mark: usize) -> Option<(usize, usize)> {
    let end = mark + 2 + DIGITS;
    let digits = message.get(mark + 2..end)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) || message.get(end) != Some(&b']') {
        return None;
    }
    let from = mark.saturating_sub(PATTERN_NAME_BYTES_MAX + 1);
    let start = from + memrchr(b'[', message.get(from..mark)?)?;
    Some((start, end + 1))
}
