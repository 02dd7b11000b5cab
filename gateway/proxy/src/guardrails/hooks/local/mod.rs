//! A model in a file, which is run by ONNX Runtime within this process.
//!
//! Each model has a thread of its own that runs it for one text after the other; within a run ONNX Runtime uses
//! all cores. So a model is in memory once, and the threads that serve calls never compute.
//!
//! Of what fails while a text is judged only the kind is told: messages of ONNX Runtime may quote the text.

mod form;
mod network;
mod runtime;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, SystemTime},
};

use ort::session::RunOptions;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{ModelError, Verdict};
use crate::config::guardrails as config;
use network::Network;

/// Most texts that wait for one model.
const QUESTIONS_MAX: usize = 256;

/// A model, and what of its answer counts.
#[derive(Debug)]
pub(super) struct Local {
    model: Arc<Model>,
    label: usize,
    threshold: f64,
    timeout: Duration,
}

/// Why it gave no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum LocalError {
    #[error("{QUESTIONS_MAX} texts wait for it already")]
    Busy,
    #[error("it took longer than its `timeout`")]
    Late,
    #[error("its thread has ended")]
    Ended,
    #[error("ONNX Runtime failed ({:?})", .0.code())]
    Runtime(ort::Error),
    #[error("its tokenizer failed")]
    Tokenizer,
    #[error("it gave {0} instead of one row of scores")]
    Shape(String),
    #[error("it gave no number")]
    NoNumber,
}

/// A loaded model. Its thread ends with it.
#[derive(Debug)]
struct Model {
    classes: usize,
    questions: mpsc::Sender<Question>,
}

struct Question {
    text: String,
    label: usize,
    run: Arc<RunOptions>,
    answer: oneshot::Sender<Result<f64, LocalError>>,
}

/// Stops the run when whoever asked leaves: at the deadline, or with its own caller.
struct Stop(Arc<RunOptions>);

impl Drop for Stop {
    fn drop(&mut self) {
        // It fails for no reason that anything could be done about.
        let _ = self.0.terminate();
    }
}

impl Local {
    /// Loads the model, unless it is loaded already.
    ///
    /// # Errors
    /// [`ModelError`], also where the model does not give scores for a text.
    pub(super) fn open(model: &config::Model, timeout: Duration) -> Result<Self, ModelError> {
        let loaded = loaded(model)?;
        let label = model.label.unwrap_or(loaded.classes.saturating_sub(1));
        if label >= loaded.classes {
            return Err(ModelError::Form(format!(
                "it has {} classes, counted from 0, and `label` is {label}",
                loaded.classes
            )));
        }
        Ok(Self {
            model: loaded,
            label,
            threshold: model.threshold,
            timeout,
        })
    }

    pub(super) async fn ask(&self, text: &str) -> Result<Verdict, LocalError> {
        let stop = Stop(Arc::new(RunOptions::new().map_err(LocalError::Runtime)?));
        let (answer, answered) = oneshot::channel();
        let question = Question {
            text: text.to_owned(),
            label: self.label,
            run: Arc::clone(&stop.0),
            answer,
        };
        self.model
            .questions
            .try_send(question)
            .map_err(|error| match error {
                TrySendError::Full(_) => LocalError::Busy,
                TrySendError::Closed(_) => LocalError::Ended,
            })?;
        let answer = tokio::time::timeout(self.timeout, answered).await;
        let answer = answer.map_err(|_| LocalError::Late)?;
        let score = answer.map_err(|_| LocalError::Ended)??;
        Ok(Verdict {
            flagged: score >= self.threshold,
            score: Some(score),
        })
    }
}

impl Model {
    fn start(mut network: Network) -> Result<Self, ModelError> {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let classes = network.classes();
        let work = move || {
            while let Some(question) = asked.blocking_recv() {
                // Whoever asked may have left.
                if question.answer.is_closed() {
                    continue;
                }
                let score = network.score(&question.text, question.label, &question.run);
                let _ = question.answer.send(score);
            }
        };
        let thread = thread::Builder::new().name("gantry-model".to_owned());
        match thread.spawn(work) {
            Ok(_) => Ok(Self { classes, questions }),
            Err(error) => Err(ModelError::Load(error.to_string())),
        }
    }
}

/// Files as they looked when they were loaded.
type Look = Vec<(PathBuf, SystemTime, u64)>;

/// The models of all configurations in use.
static LOADED: Mutex<Vec<(Look, Weak<Model>)>> = Mutex::new(Vec::new());

/// The model of these files: the one in use, where the files look as they did then.
fn loaded(config: &config::Model) -> Result<Arc<Model>, ModelError> {
    let look = look(config)?;
    // Held while a model is loaded, so that nobody loads it beside.
    let mut all = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, model)| model.strong_count() > 0);
    let found = all.iter().find(|(known, _)| *known == look);
    if let Some(model) = found.and_then(|(_, model)| model.upgrade())
        && !model.questions.is_closed()
    {
        return Ok(model);
    }
    let model = Arc::new(Model::start(Network::load(config)?)?);
    tracing::info!(model = %config.path.display(), classes = model.classes, "a model is loaded");
    all.push((look, Arc::downgrade(&model)));
    Ok(model)
}

fn look(config: &config::Model) -> Result<Look, ModelError> {
    let look = |path: &PathBuf| {
        let found = std::fs::metadata(path)?;
        Ok((path.clone(), found.modified()?, found.len()))
    };
    let looks: std::io::Result<Look> = config.files().map(look).collect();
    looks.map_err(|error| ModelError::Load(error.to_string()))
}
