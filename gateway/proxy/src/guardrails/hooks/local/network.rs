//! One model: loaded, tried, and its score of a text.

use std::{num::NonZero, path::Path, thread};

use ort::session::{RunOptions, Session};

use super::{
    LocalError, ModelError,
    form::{self, Gives, Inputs, Takes},
    runtime,
};
use crate::config::guardrails as config;

/// What a model is tried with before it is used.
const TRIAL: &str = "What is the weather like today?";

/// A model that is ready to run.
pub(super) struct Network {
    session: Session,
    takes: Takes,
    /// The output that counts.
    output: String,
    gives: Gives,
    classes: usize,
}

impl Network {
    /// Loads a model and tries it.
    ///
    /// # Errors
    /// [`ModelError`]: nothing of it can be used then.
    pub(super) fn load(config: &config::Model) -> Result<Self, ModelError> {
        let environment = runtime::environment()?;
        let session = session(&environment, &config.path);
        let session = session.map_err(|error| ModelError::Load(error.to_string()))?;
        let takes = form::takes(session.inputs(), config.tokenizer.as_deref())?;
        let (output, gives) = form::gives(session.outputs())?;
        let mut network = Self {
            session,
            takes,
            output,
            gives,
            classes: 0,
        };
        network.classes = network.try_out().map_err(|error| {
            ModelError::Form(match error {
                // The text is ours.
                LocalError::Runtime(error) => error.to_string(),
                other => other.to_string(),
            })
        })?;
        Ok(network)
    }

    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// How much a text is of the class `label`, from 0 to 1.
    pub(super) fn score(
        &mut self,
        text: &str,
        label: usize,
        run: &RunOptions,
    ) -> Result<f64, LocalError> {
        let mut worst = 0.0_f64;
        for inputs in self.takes.inputs(text)? {
            let scores = self.run(inputs, run)?;
            let score = self.gives.score(&scores, label);
            worst = worst.max(score.ok_or(LocalError::NoNumber)?);
        }
        Ok(worst)
    }

    /// The number of classes.
    fn try_out(&mut self) -> Result<usize, LocalError> {
        let run = RunOptions::new().map_err(LocalError::Runtime)?;
        let mut tried = self.takes.inputs(TRIAL)?;
        let inputs = tried.pop().ok_or(LocalError::Tokenizer)?;
        let scores = self.run(inputs, &run)?;
        self.gives.score(&scores, 0).ok_or(LocalError::NoNumber)?;
        Ok(scores.len())
    }

    fn run(&mut self, inputs: Inputs, run: &RunOptions) -> Result<Vec<f64>, LocalError> {
        let outputs = self.session.run_with_options(inputs, run);
        let outputs = outputs.map_err(LocalError::Runtime)?;
        let output = outputs.get(&self.output);
        let output = output.ok_or_else(|| LocalError::Shape("nothing".to_owned()))?;
        let (shape, scores) = output
            .try_extract_tensor::<f32>()
            .map_err(LocalError::Runtime)?;
        match shape[..] {
            [1, classes] | [classes] if classes > 0 => {
                Ok(scores.iter().copied().map(f64::from).collect())
            }
            _ => Err(LocalError::Shape(shape.to_string())),
        }
    }
}

fn session(environment: &ort::environment::Environment, path: &Path) -> ort::Result<Session> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Session::builder(environment)?
        .with_intra_threads(cores)?
        // Between runs the cores belong to calls.
        .with_intra_op_spinning(false)?
        .commit_from_file(path)
}
