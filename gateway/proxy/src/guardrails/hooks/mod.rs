//! Classifiers: they are asked within a deadline, and not while they fail. One is a service or a model; how
//! it is asked, and nothing else, depends on that.

#[cfg(feature = "onnx")]
mod local;
mod remote;
mod text;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Blocked,
    report::{Evidence, Report},
    rules::Scope,
};
use crate::config::guardrails::{self as config, Action, Direction, Hook};
use remote::{Remote, RemoteError};
use text::{PIECE_BYTES_MAX, pieces, texts};

/// Most pieces of one message. A longer one cannot be judged.
const PIECES_MAX: usize = 16;
/// Most answers that are remembered.
const CACHE_MAX: usize = 10_000;
/// Failures in a row after which a classifier is left alone.
const FAILURES_MAX: u32 = 5;
/// For how long.
const PAUSE: Duration = Duration::from_secs(10);

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
    judge: Judge,
    state: Mutex<State>,
}

/// Who is asked.
#[derive(Debug)]
enum Judge {
    Remote(Remote),
    #[cfg(feature = "onnx")]
    Local(local::Local),
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
    Remote(#[from] RemoteError),
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Local(#[from] local::LocalError),
    #[error("the message has more than {PIECES_MAX} pieces of {PIECE_BYTES_MAX} bytes")]
    TooMuch,
}

/// Why a model cannot be a classifier.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no code for it.
    #[error("this gateway was built without `--features onnx`")]
    NotBuilt,
    /// The library that runs models.
    #[error("ONNX Runtime cannot be used: {0}; `ORT_DYLIB_PATH` names its library")]
    Runtime(String),
    /// The file.
    #[error("it cannot be loaded: {0}")]
    Load(String),
    /// The file with its vocabulary.
    #[error("its tokenizer cannot be used: {0}")]
    Tokenizer(String),
    /// What it takes or gives.
    #[error("it is of another form: {0}")]
    Form(String),
}

impl Hooks {
    /// # Errors
    /// The name of the hook whose model cannot be a classifier, and why.
    pub(super) fn compile(hooks: &[Hook], as_result: bool) -> Result<Self, (String, ModelError)> {
        let compile = |hook: &Hook| {
            Ok(Classifier {
                judge: Judge::compile(hook).map_err(|error| (hook.name.clone(), error))?,
                hook: hook.clone(),
                state: Mutex::default(),
            })
        };
        Ok(Self {
            as_result,
            classifiers: hooks.iter().map(compile).collect::<Result<_, _>>()?,
        })
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
        let answer = self.judge.ask(scope, text).await;
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
}

impl Judge {
    fn compile(hook: &Hook) -> Result<Self, ModelError> {
        match &hook.judge {
            config::Judge::Remote(url) => Ok(Self::Remote(Remote::new(url, hook.timeout))),
            #[cfg(feature = "onnx")]
            config::Judge::Model(model) => {
                Ok(Self::Local(local::Local::open(model, hook.timeout)?))
            }
            #[cfg(not(feature = "onnx"))]
            config::Judge::Model(_) => Err(ModelError::NotBuilt),
        }
    }

    async fn ask(&self, scope: &Scope<'_>, text: &str) -> Result<Verdict, HookError> {
        match self {
            Self::Remote(remote) => Ok(remote.ask(scope, text).await?),
            #[cfg(feature = "onnx")]
            Self::Local(local) => Ok(local.ask(text).await?),
        }
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
