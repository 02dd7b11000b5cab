//! External classifiers: they are asked over HTTP, within a deadline, and not while they fail.

use std::{
    borrow::Cow,
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

/// Most bytes of a message's texts that a classifier gets.
const TEXT_BYTES_MAX: usize = 64 * 1024;
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
        for classifier in self.classifiers.iter().filter(|one| {
            one.hook.direction == Direction::Both || one.hook.direction == scope.direction
        }) {
            if text.is_empty() {
                continue;
            }
            let hook = &classifier.hook;
            let verdict = match classifier.ask(scope, &text).await {
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
                kind: "MODERATION".to_owned(),
                pointer: String::new(),
                rule: hook.name.clone(),
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

/// The texts of a message that say something: strings with a space in them.
pub(super) fn texts(message: &[u8]) -> Vec<Cow<'_, str>> {
    fn collect(value: &Value, texts: &mut Vec<Cow<'static, str>>, room: &mut usize) {
        match value {
            Value::String(text) if text.contains(' ') && text.len() <= *room => {
                *room -= text.len();
                texts.push(Cow::Owned(text.clone()));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts, room)),
            Value::Object(members) => members
                .values()
                .for_each(|member| collect(member, texts, room)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    let mut room = TEXT_BYTES_MAX;
    if let Ok(value) = serde_json::from_slice::<Value>(message) {
        collect(&value, &mut texts, &mut room);
    }
    texts
}
