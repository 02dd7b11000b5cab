//! External classifiers: they are asked over HTTP, within a deadline, and not while they fail.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Blocked,
    report::{Evidence, Report},
    rules::Scope,
};
use crate::config::guardrails::{Action, Direction, Hook};

/// Most bytes that a classifier gets at once; longer messages are asked about in pieces.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Most pieces of one message. A longer one cannot be judged.
const PIECES_MAX: usize = 16;
/// Strings up to this length are asked about whatever they hold; longer ones unless they are nothing
/// but Base64.
const WORD_BYTES_MAX: usize = 1024;
/// Most answers that are remembered.
const CACHE_MAX: usize = 10_000;
/// Failures in a row after which a classifier is left alone.
const FAILURES_MAX: u32 = 5;
/// For how long.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// All classifiers of one configuration.
#[derive(Debug, Default)]
pub struct Hooks {
    classifiers: Vec<Classifier>,
    /// Tool calls are told in a result.
    as_result: bool,
}

#[derive(Debug)]
struct Classifier {
    hook: Hook,
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    paused: Option<Instant>,
    answers: HashMap<[u8; 32], (Verdict, Instant)>,
}

/// What a classifier says.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Verdict {
    flagged: bool,
    #[serde(default)]
    score: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("it is left alone after {FAILURES_MAX} failures")]
    Paused,
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("its answer is too long")]
    Long,
    #[error("the message has more than {PIECES_MAX} pieces of {PIECE_BYTES_MAX} bytes")]
    TooMuch,
    #[error("its answer is of another form: {0}")]
    Form(#[from] serde_json::Error),
}

impl Hooks {
    pub(super) fn compile(hooks: &[Hook], as_result: bool) -> Self {
        Self {
            as_result,
            classifiers: hooks
                .iter()
                .map(|hook| {
                    let client = reqwest::Client::builder()
                        .timeout(hook.timeout)
                        .redirect(reqwest::redirect::Policy::none())
                        .no_proxy()
                        .build()
                        .unwrap_or_default();
                    Classifier {
                        hook: hook.clone(),
                        client,
                        state: Mutex::default(),
                    }
                })
                .collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.classifiers.is_empty()
    }

    /// Asks every classifier about a message.
    ///
    /// # Errors
    /// [`Blocked`] by the first that says so, or that fails and is to fail closed.
    pub async fn judge(
        &self,
        scope: &Scope<'_>,
        message: &[u8],
        report: &mut Report,
    ) -> Result<(), Blocked> {
        let text = texts(message).join("\n");
        let pieces = pieces(&text);
        for classifier in self.classifiers.iter().filter(|one| {
            one.hook.direction == Direction::Both || one.hook.direction == scope.direction
        }) {
            if text.is_empty() {
                continue;
            }
            let hook = &classifier.hook;
            let verdict = match classifier.ask_about(scope, &pieces).await {
                Ok(verdict) => verdict,
                Err(error) => {
                    tracing::warn!(hook = %hook.name, %error, "a classifier does not answer");
                    report.degraded = true;
                    Verdict {
                        flagged: !hook.open,
                        score: None,
                    }
                }
            };
            if !verdict.flagged {
                continue;
            }
            let evidence = Evidence {
                kind: "MODERATION".into(),
                pointer: String::new(),
                rule: hook.name.as_str().into(),
                action: hook.action,
                span: (0, 0),
                score: verdict.score.unwrap_or(1.0),
                hash: 0,
            };
            report.add(evidence, true);
            if hook.action == Action::Block {
                return Err(Blocked::moderated(
                    scope,
                    &hook.name,
                    self.as_result,
                    std::mem::take(report),
                ));
            }
        }
        Ok(())
    }
}

impl Classifier {
    /// The verdict on a message: that on its first piece which is flagged, else on its last.
    async fn ask_about(&self, scope: &Scope<'_>, pieces: &[&str]) -> Result<Verdict, HookError> {
        if pieces.len() > PIECES_MAX {
            return Err(HookError::TooMuch);
        }
        let mut verdict = Verdict {
            flagged: false,
            score: None,
        };
        for piece in pieces {
            verdict = self.ask(scope, piece).await?;
            if verdict.flagged {
                break;
            }
        }
        Ok(verdict)
    }

    async fn ask(&self, scope: &Scope<'_>, text: &str) -> Result<Verdict, HookError> {
        let key = question(scope, text);
        {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((verdict, since)) = state.answers.get(&key)
                && since.elapsed() < self.hook.cache
            {
                return Ok(*verdict);
            }
            if state.paused.is_some_and(|since| since.elapsed() < PAUSE) {
                return Err(HookError::Paused);
            }
        }
        let answer = self.post(scope, text).await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Ok(verdict) => {
                state.failures = 0;
                state.paused = None;
                if state.answers.len() >= CACHE_MAX {
                    state.answers.clear();
                }
                if !self.hook.cache.is_zero() {
                    state.answers.insert(key, (*verdict, Instant::now()));
                }
            }
            Err(_) => {
                state.failures += 1;
                // One try after each pause; it decides about the next.
                if state.failures >= FAILURES_MAX {
                    state.paused = Some(Instant::now());
                }
            }
        }
        answer
    }

    async fn post(&self, scope: &Scope<'_>, text: &str) -> Result<Verdict, HookError> {
        let body = serde_json::json!({"text": text, "direction": direction(scope), "server": scope.server, "tool": scope.subject});
        let request = self
            .client
            .post(self.hook.url.clone())
            .header("content-type", "application/json")
            .body(body.to_string());
        let mut answer = request.send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(HookError::Long);
            }
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn direction(scope: &Scope<'_>) -> &'static str {
    match scope.direction {
        Direction::Request => "request",
        _ => "response",
    }
}

/// What an answer is remembered by: all that the classifier is told. What it allows one tool to hear, it
/// need not allow another.
fn question(scope: &Scope<'_>, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    let subject = scope.subject.unwrap_or_default();
    for part in [direction(scope), scope.server, subject, text] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Every string of a message that may say something.
fn texts(message: &[u8]) -> Vec<String> {
    fn collect(value: Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) if says_something(&text) => texts.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members
                .into_iter()
                .for_each(|(_, member)| collect(member, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_slice::<Value>(message) {
        collect(value, &mut texts);
    }
    texts
}

/// Pictures and other files are long, and nothing but Base64.
fn says_something(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    !text.is_empty() && (text.len() <= WORD_BYTES_MAX || !text.bytes().all(is_base64))
}

/// A text in pieces of at most [`PIECE_BYTES_MAX`] bytes, cut between characters.
fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES_MAX));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_asked_about_whatever_its_length_and_spaces() {
        let long = "ab ".repeat(100_000);
        let file = "QUJD".repeat(1_000);
        let message =
            serde_json::json!({"a": ["no_space", long, {"data": file, "b": "überall "}], "n": 1});
        let found = texts(message.to_string().as_bytes());
        assert_eq!(found, ["no_space", &*long, "überall "]);
        let whole = found.join("\n");
        let cut = pieces(&whole);
        assert_eq!((cut.len(), cut.concat()), (5, whole.clone()));
        assert!(cut.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
    }
}
