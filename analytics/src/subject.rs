//! Pseudonyms: how a person and a call's arguments stand in the trail.
//!
//! Both are keyed hashes (HMAC-SHA-256, RFC 2104, cut to 64 bits): whoever has the trail and not
//! the key can neither read nor guess them, and the same person is the same number everywhere that
//! the key is the same. Who a pseudonym is stands in a table of its own, from which it can be
//! erased.

use std::{
    collections::HashSet,
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};

use crate::record::rowbinary::{RowBuffer, bounded};

/// Shortest key, in bytes.
pub const KEY_BYTES_MIN: usize = 16;
/// Pseudonyms whose link is known to be on its way; beyond it they are told again.
const KNOWN_MAX: usize = 100_000;
/// Links that wait for the delivery.
const WAITING_MAX: usize = 10_000;
/// Longest name kept of a person.
const DISPLAY_BYTES_MAX: usize = 512;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot {operation} the key file {}", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("a pseudonym key needs at least {KEY_BYTES_MIN} bytes")]
    TooShort,
    #[error("the system gives no randomness for a key")]
    Random,
}

/// Makes pseudonyms.
#[derive(Clone)]
pub struct Pseudonyms(hmac::Key);

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(***)")
    }
}

impl Pseudonyms {
    pub fn new(key: &[u8]) -> Result<Self, KeyError> {
        if key.len() < KEY_BYTES_MIN {
            return Err(KeyError::TooShort);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// Reads the key in `path`, or makes one there that only its owner can read.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        let failed = |operation| {
            move |source| KeyError::File {
                operation,
                path: path.to_owned(),
                source,
            }
        };
        if !path.exists() {
            let mut key = [0; 32];
            let random = SystemRandom::new();
            random.fill(&mut key).map_err(|_| KeyError::Random)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(failed("make"))?;
            }
            let mut options = fs::OpenOptions::new();
            let made = options.write(true).create_new(true).mode(0o600).open(path);
            made.and_then(|mut file| {
                file.write_all(hex::encode(key).as_bytes())?;
                file.sync_all()
            })
            .map_err(failed("make"))?;
        }
        let text = fs::read(path).map_err(failed("read"))?;
        Self::new(text.trim_ascii())
    }

    /// The pseudonym of a person within a tenant; 0 stands for nobody.
    pub fn subject(&self, tenant: &str, subject: &str) -> u64 {
        if subject.is_empty() {
            return 0;
        }
        self.number(&[b"subject\0", tenant.as_bytes(), b"\0", subject.as_bytes()])
    }

    /// The keyed hash of a call's arguments, byte for byte; 0 stands for none.
    pub fn arguments(&self, arguments: &[u8]) -> u64 {
        if arguments.is_empty() {
            return 0;
        }
        self.number(&[b"arguments\0", arguments])
    }

    fn number(&self, parts: &[&[u8]]) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let tag = context.sign();
        let number = tag
            .as_ref()
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number.max(1)
    }
}

/// Who a pseudonym is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) tenant: String,
    pub(crate) subject: u64,
    pub(crate) display: String,
    pub(crate) issuer: String,
}

impl Link {
    /// The link in RowBinary, for `subject (tenant, subject, display, issuer, seen)`.
    pub(crate) fn encode(&self, seen_seconds: u32) -> Vec<u8> {
        let mut row = RowBuffer::with_capacity(64 + self.display.len() + self.issuer.len());
        row.bytes(self.tenant.as_bytes());
        row.fixed(self.subject.to_le_bytes());
        row.bytes(bounded(&self.display, DISPLAY_BYTES_MAX).as_bytes());
        row.bytes(bounded(&self.issuer, DISPLAY_BYTES_MAX).as_bytes());
        row.fixed(seen_seconds.to_le_bytes());
        row.into_bytes()
    }
}

/// Links on their way to the store. One that is lost with the process is told again when the
/// person next calls.
#[derive(Debug, Default)]
pub(crate) struct Links(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: HashSet<u64>,
    waiting: Vec<Link>,
}

impl Links {
    /// Notes a link, unless it has been noted already; `link` is only asked for then.
    pub(crate) fn note(&self, subject: u64, link: impl FnOnce() -> Link) {
        let mut state = self.state();
        if state.known.contains(&subject) || state.waiting.len() >= WAITING_MAX {
            return;
        }
        if state.known.len() >= KNOWN_MAX {
            state.known.clear();
        }
        state.known.insert(subject);
        state.waiting.push(link());
    }

    pub(crate) fn take(&self) -> Vec<Link> {
        std::mem::take(&mut self.state().waiting)
    }

    /// The store did not take them: they are told again.
    pub(crate) fn give_back(&self, links: Vec<Link>) {
        self.state().waiting.extend(links);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_depend_on_key_tenant_and_person() {
        let ours = Pseudonyms::new(b"0123456789abcdef").unwrap();
        let theirs = Pseudonyms::new(b"0123456789abcdeg").unwrap();
        let ada = ours.subject("acme", "ada@example.com");
        assert_eq!(ada, ours.subject("acme", "ada@example.com"));
        for other in [
            ours.subject("acme", "bob@example.com"),
            ours.subject("other", "ada@example.com"),
            theirs.subject("acme", "ada@example.com"),
            ours.arguments(b"ada@example.com"),
            0,
        ] {
            assert_ne!(ada, other);
        }
        assert_eq!(ours.subject("acme", ""), 0);
        assert!(matches!(Pseudonyms::new(b"short"), Err(KeyError::TooShort)));
    }

    #[test]
    fn a_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool/pseudonym.key");
        let made = Pseudonyms::load_or_make(&path).unwrap();
        let read = Pseudonyms::load_or_make(&path).unwrap();
        assert_eq!(made.subject("", "ada"), read.subject("", "ada"));
    }

    #[test]
    fn a_link_is_told_once_and_again_when_it_was_refused() {
        let links = Links::default();
        let link = || Link {
            tenant: String::new(),
            subject: 7,
            display: "ada".to_owned(),
            issuer: String::new(),
        };
        links.note(7, link);
        links.note(7, || unreachable!("it is known"));
        let taken = links.take();
        assert_eq!(taken, [link()]);
        assert!(links.take().is_empty());
        links.give_back(taken);
        assert_eq!(links.take(), [link()]);
    }
}
