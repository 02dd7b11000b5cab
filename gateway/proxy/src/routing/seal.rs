//! Session ids that say where their session lives.
//!
//! What a server calls its session goes to the client sealed (AES-256-GCM) together with the
//! version and the endpoint that hold it. The seal is bound to the server's name and to the caller:
//! an id that was altered, that another caller presents, or that is presented at another server does
//! not open, and looks like one that never was. Nothing is stored, so that every replica with the
//! same key serves every session.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    hmac,
};
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// The longest id of a server that is sealed; the sealed one fits into the header then.
const SERVER_ID_BYTES_MAX: usize = 1024;

/// The layout of what is sealed. Another layout gets another number.
const LAYOUT: u8 = 1;

/// Of what is sealed that is no session of a server.
const CONTENT_LAYOUT: u8 = 2;

/// Of a tag; what is before it, is the content.
const TAG_BYTES: usize = 16;
const TAG_MARK: char = '.';

/// One session, as its sealed id describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The version that holds it.
    pub version: String,
    /// The endpoint that holds it.
    pub endpoint: String,
    /// What its server calls it.
    pub server_id: HeaderValue,
    /// What the client calls it.
    pub client_id: HeaderValue,
}

/// Whose session it is: part of what the seal is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; 32]);

impl Binding {
    /// Binds to a caller at a server.
    pub fn new(server: &str, agent: &str, subject: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        for part in [server, agent, subject.unwrap_or_default()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The keys of one configuration.
pub struct Seals {
    /// The first one seals and tags, all open and recognise.
    keys: Vec<Keys>,
    lifetime: Duration,
}

/// What is derived from one secret.
struct Keys {
    seal: LessSafeKey,
    tag: hmac::Key,
}

impl std::fmt::Debug for Seals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.keys.len())
    }
}

/// No session is known by this id: it was altered, it has expired, or it belongs to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such session")]
pub struct UnknownSession;

impl Seals {
    /// Derives the keys from secrets, the first of which seals.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, lifetime: Duration) -> Self {
        Self {
            keys: secrets.into_iter().filter_map(derive).collect(),
            lifetime,
        }
    }

    /// Seals the id that a server has given to a session which was opened at `now_s` (seconds since
    /// the Unix epoch); `None` for what is no id.
    pub fn seal(
        &self,
        binding: Binding,
        version: &str,
        endpoint: &str,
        server_id: &HeaderValue,
        now_s: u64,
        nonce: [u8; NONCE_LEN],
    ) -> Option<HeaderValue> {
        let id = server_id.as_bytes();
        if id.len() > SERVER_ID_BYTES_MAX || !gantry_mcp::session::is_valid(id) {
            return None;
        }
        let mut text = vec![LAYOUT];
        text.extend(now_s.to_le_bytes());
        for part in [version, endpoint] {
            text.push(u8::try_from(part.len()).ok()?);
            text.extend(part.as_bytes());
        }
        text.extend(id);
        let key = &self.keys.first()?.seal;
        let sealing = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(sealing, Aad::from(binding.0), &mut text)
            .ok()?;
        let sealed = [nonce.as_slice(), &text].concat();
        HeaderValue::try_from(URL_SAFE_NO_PAD.encode(sealed)).ok()
    }

    /// Seals any text that was made at `now_s`, to be given out and to come back; `None` without keys.
    pub fn close(
        &self,
        binding: Binding,
        content: &[u8],
        now_s: u64,
        nonce: [u8; NONCE_LEN],
    ) -> Option<String> {
        let mut text = vec![CONTENT_LAYOUT];
        text.extend(now_s.to_le_bytes());
        text.extend(content);
        let key = &self.keys.first()?.seal;
        let sealing = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(sealing, Aad::from(binding.0), &mut text)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// What [`Seals::close`] sealed under this binding, as long as its lifetime lasts.
    pub fn disclose(&self, binding: Binding, sealed: &[u8], now_s: u64) -> Option<Vec<u8>> {
        let text = self.text(binding, sealed).ok()?;
        let rest = text.strip_prefix(&[CONTENT_LAYOUT])?;
        let (made_s, content) = rest.split_first_chunk()?;
        let age_s = now_s.saturating_sub(u64::from_le_bytes(*made_s));
        (age_s <= self.lifetime.as_secs()).then(|| content.to_vec())
    }

    /// `content` with a tag behind it (HMAC-SHA-256, 128 bits in Base64) that only it has, and only
    /// under this binding: always the same one, for as long as the first key is. `None` without keys.
    pub fn tagged(&self, binding: Binding, content: &str) -> Option<String> {
        let tag = tag(&self.keys.first()?.tag, binding, content);
        Some(format!(
            "{content}{TAG_MARK}{}",
            URL_SAFE_NO_PAD.encode(tag)
        ))
    }

    /// The content that [`Seals::tagged`] was given under this binding.
    pub fn recognise<'a>(&self, binding: Binding, tagged: &'a str) -> Option<&'a str> {
        let (content, given) = tagged.rsplit_once(TAG_MARK)?;
        let given = URL_SAFE_NO_PAD.decode(given).ok()?;
        let is_own = |keys: &Keys| tag(&keys.tag, binding, content).ct_eq(&given).into();
        self.keys.iter().any(is_own).then_some(content)
    }

    /// Opens an id that a client presents at `now_s`.
    ///
    /// # Errors
    /// [`UnknownSession`], whatever the reason: a caller must not learn which of them it was.
    pub fn open(
        &self,
        binding: Binding,
        client_id: &HeaderValue,
        now_s: u64,
    ) -> Result<Session, UnknownSession> {
        let text = self.text(binding, client_id.as_bytes())?;
        let (session, opened_s) = read(&text, client_id).ok_or(UnknownSession)?;
        if now_s.saturating_sub(opened_s) > self.lifetime.as_secs() {
            return Err(UnknownSession);
        }
        Ok(session)
    }
}

impl Seals {
    /// What is under a seal, whatever it is.
    fn text(&self, binding: Binding, sealed: &[u8]) -> Result<Vec<u8>, UnknownSession> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| UnknownSession)?;
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(UnknownSession)?;
        let text = self.keys.iter().find_map(|key| {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let mut text = sealed.to_vec();
            let opened = key
                .seal
                .open_in_place(nonce, Aad::from(binding.0), &mut text);
            opened.ok().map(|text| text.to_vec())
        });
        text.ok_or(UnknownSession)
    }
}

fn derive(secret: &[u8]) -> Option<Keys> {
    let salt = Salt::new(HKDF_SHA256, b"gantry session ids");
    let extracted = salt.extract(secret);
    let key = extracted.expand(&[b"seal"], &AES_256_GCM).ok()?;
    let tag = extracted.expand(&[b"tag"], hmac::HMAC_SHA256).ok()?;
    Some(Keys {
        seal: LessSafeKey::new(UnboundKey::from(key)),
        tag: tag.into(),
    })
}

fn tag(key: &hmac::Key, binding: Binding, content: &str) -> [u8; TAG_BYTES] {
    let mut signing = hmac::Context::with_key(key);
    signing.update(&binding.0);
    signing.update(content.as_bytes());
    let whole = signing.sign();
    let mut tag = [0; TAG_BYTES];
    let bytes = tag.iter_mut().zip(whole.as_ref());
    bytes.for_each(|(byte, of_whole)| *byte = *of_whole);
    tag
}

/// Reads what was sealed; the moment at which the session was opened comes with it.
fn read(text: &[u8], client_id: &HeaderValue) -> Option<(Session, u64)> {
    let rest = text.strip_prefix(&[LAYOUT])?;
    let (opened_s, rest) = rest.split_first_chunk()?;
    let (version, rest) = part(rest)?;
    let (endpoint, id) = part(rest)?;
    let session = Session {
        version,
        endpoint,
        server_id: HeaderValue::from_bytes(id).ok()?,
        client_id: client_id.clone(),
    };
    Some((session, u64::from_le_bytes(*opened_s)))
}

fn part(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (part, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(part).ok()?.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_800_000_000;

    fn seals(secrets: &[&str]) -> Seals {
        let secrets = secrets.iter().map(|secret| secret.as_bytes());
        Seals::new(secrets, Duration::from_secs(3600))
    }

    fn sealed(seals: &Seals, binding: Binding, id: &str) -> HeaderValue {
        let id = HeaderValue::from_str(id).unwrap();
        seals
            .seal(binding, "v2", "10.0.0.7:8000", &id, NOW_S, [7; NONCE_LEN])
            .unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_caller_at_its_server_in_its_time() {
        let seals = seals(&["first"]);
        let own = Binding::new("orders", "ada", Some("user-1"));
        let id = sealed(&seals, own, "session-1");
        let session = seals.open(own, &id, NOW_S + 3600).unwrap();
        assert_eq!(session.version, "v2");
        assert_eq!(session.endpoint, "10.0.0.7:8000");
        assert_eq!(session.server_id, "session-1");
        assert_eq!(session.client_id, id);
        for other in [
            Binding::new("crm", "ada", Some("user-1")),
            Binding::new("orders", "eve", Some("user-1")),
            Binding::new("orders", "ada", Some("user-2")),
            Binding::new("orders", "ada", None),
            Binding::new("order", "sada", Some("user-1")),
        ] {
            assert_eq!(seals.open(other, &id, NOW_S), Err(UnknownSession));
        }
        assert_eq!(seals.open(own, &id, NOW_S + 3601), Err(UnknownSession));
    }

    #[test]
    fn a_tag_is_for_one_text_under_one_binding() {
        let seals = seals(&["first"]);
        let own = Binding::new("orders", "ada", None);
        let tagged = seals.tagged(own, "task.1").unwrap();
        assert_eq!(seals.tagged(own, "task.1").unwrap(), tagged);
        assert_eq!(seals.recognise(own, &tagged), Some("task.1"));
        let eve = Binding::new("orders", "eve", None);
        assert_eq!(seals.recognise(eve, &tagged), None);
        let other = tagged.replace("task.1", "task.2");
        for forged in [
            &*other,
            "task.1",
            "task.1.",
            "",
            &tagged[..tagged.len() - 1],
        ] {
            assert_eq!(seals.recognise(own, forged), None, "{forged}");
        }
        let secrets = ["second", "first"].map(str::as_bytes);
        let rotated = Seals::new(secrets, Duration::from_secs(60));
        assert_eq!(rotated.recognise(own, &tagged), Some("task.1"));
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let seals = seals(&["first"]);
        let own = Binding::new("orders", "ada", None);
        let id = sealed(&seals, own, "session-1");
        for at in 0..id.len() {
            let mut altered = id.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = HeaderValue::from_bytes(&altered).unwrap();
            assert_eq!(seals.open(own, &altered, NOW_S), Err(UnknownSession));
        }
        for made_up in ["session-1", "", "AAAA", &"A".repeat(2048)] {
            let made_up = HeaderValue::from_str(made_up).unwrap();
            assert_eq!(seals.open(own, &made_up, NOW_S), Err(UnknownSession));
        }
    }

    #[test]
    fn content_is_the_same_to_its_caller_in_its_time_and_nothing_to_others() {
        let seals = seals(&["first"]);
        let own = Binding::new("cursor", "ada", None);
        let closed = seals.close(own, b"content", NOW_S, [7; NONCE_LEN]).unwrap();
        let closed = closed.as_bytes();
        let opened = seals.disclose(own, closed, NOW_S + 3600);
        assert_eq!(opened.as_deref(), Some(b"content".as_slice()));
        assert_eq!(seals.disclose(own, closed, NOW_S + 3601), None);
        let other = Binding::new("cursor", "eve", None);
        assert_eq!(seals.disclose(other, closed, NOW_S), None);
        // One kind of seal is not taken for the other.
        let id = HeaderValue::from_bytes(closed).unwrap();
        assert_eq!(seals.open(own, &id, NOW_S), Err(UnknownSession));
        let session = sealed(&seals, own, "session-1");
        assert_eq!(seals.disclose(own, session.as_bytes(), NOW_S), None);
    }

    #[test]
    fn keys_are_replaced_one_after_the_other() {
        let own = Binding::new("orders", "ada", None);
        let old = sealed(&seals(&["old"]), own, "a");
        let both = seals(&["new", "old"]);
        assert!(both.open(own, &old, NOW_S).is_ok());
        let new = sealed(&both, own, "a");
        assert!(seals(&["new"]).open(own, &new, NOW_S).is_ok());
        assert!(seals(&["old"]).open(own, &new, NOW_S).is_err());
        assert!(seals(&["new"]).open(own, &old, NOW_S).is_err());
    }

    #[test]
    fn the_longest_id_fits_into_the_header() {
        let seals = seals(&["first"]);
        let own = Binding::new("orders", "ada", None);
        let version = "v".repeat(64);
        let endpoint = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        for (bytes, fits) in [
            (SERVER_ID_BYTES_MAX, true),
            (SERVER_ID_BYTES_MAX + 1, false),
        ] {
            let id = HeaderValue::from_str(&"i".repeat(bytes)).unwrap();
            let sealed = seals.seal(own, &version, endpoint, &id, NOW_S, [7; NONCE_LEN]);
            assert_eq!(sealed.is_some(), fits);
            if let Some(sealed) = sealed {
                assert!(gantry_mcp::session::is_valid(sealed.as_bytes()));
                assert_eq!(seals.open(own, &sealed, NOW_S).unwrap().server_id, id);
            }
        }
    }
}
