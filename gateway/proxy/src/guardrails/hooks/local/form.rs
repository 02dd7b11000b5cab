//! What a model takes and gives: which forms are known, what it is run with for a text, and how its numbers are read.

use std::path::Path;

use ort::{
    session::SessionInputValue,
    value::{Outlet, Tensor, TensorElementType},
};
use tokenizers::{Encoding, PostProcessor as _, Tokenizer, TruncationDirection};

use super::{LocalError, ModelError};

/// Most tokens of one run. Longer texts are judged in windows that overlap, and the worst one counts.
const TOKENS_MAX: usize = 512;
/// Fewest of a text.
const TOKENS_MIN: usize = 16;
/// One part in so many of a window is in the next one too.
const OVERLAP: usize = 8;
/// How far from 1 probabilities may be together.
const ROUNDING: f64 = 1e-3;

const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";

/// What a model is run with.
pub(super) enum Takes {
    /// One text, in so many dimensions.
    Text { name: String, dimensions: usize },
    /// Tokens, so many of a text at once; `also` are the inputs beside their ids.
    Tokens {
        tokenizer: Box<Tokenizer>,
        window: usize,
        also: Vec<&'static str>,
    },
}

/// What the numbers of the output are.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Probabilities,
    Logits,
    /// Probabilities where they are 1 together.
    Unnamed,
}

/// By name.
pub(super) type Inputs = Vec<(String, SessionInputValue<'static>)>;

impl Takes {
    /// What the model is to be run with: once, or for each window of a text.
    pub(super) fn inputs(&self, text: &str) -> Result<Vec<Inputs>, LocalError> {
        match self {
            Self::Text { name, dimensions } => {
                // A text of C ends at its first NUL.
                let text = [text.replace('\0', " ")];
                let tensor = Tensor::from_string_array((vec![1_i64; *dimensions], &text[..]));
                let tensor = tensor.map_err(LocalError::Runtime)?;
                Ok(vec![vec![(name.clone(), tensor.into())]])
            }
            Self::Tokens {
                tokenizer,
                window,
                also,
            } => {
                // Its own truncation gives the first window and not the others.
                let mut first = tokenizer
                    .encode_fast(text, false)
                    .map_err(|_| LocalError::Tokenizer)?;
                first.truncate(*window, window / OVERLAP, TruncationDirection::Right);
                let others = first.take_overflowing();
                std::iter::once(first)
                    .chain(others)
                    .map(|window| {
                        let framed = tokenizer.post_process(window, None, true);
                        framed.map_err(|_| LocalError::Tokenizer)
                    })
                    // A model of no tokens cannot be run, and there is nothing to judge.
                    .filter(|window| !matches!(window, Ok(window) if window.is_empty()))
                    .map(|window| tokens(&window?, also))
                    .collect()
            }
        }
    }
}

fn tokens(window: &Encoding, also: &[&'static str]) -> Result<Inputs, LocalError> {
    let names = std::iter::once(&IDS).chain(also);
    let input = |name: &&'static str| {
        let numbers = match *name {
            MASK => window.get_attention_mask(),
            TYPES => window.get_type_ids(),
            _ => window.get_ids(),
        };
        let numbers: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
        let tensor = Tensor::from_array((vec![1, numbers.len()], numbers));
        let tensor = tensor.map_err(LocalError::Runtime)?;
        Ok(((*name).to_owned(), tensor.into()))
    };
    names.map(input).collect()
}

impl Gives {
    /// The score of one class; `None` where there is none.
    pub(super) fn score(self, scores: &[f64], label: usize) -> Option<f64> {
        if !scores.iter().all(|score| score.is_finite()) {
            return None;
        }
        let wanted = *scores.get(label)?;
        let sum: f64 = scores.iter().sum();
        let add_up = (sum - 1.0).abs() < ROUNDING && scores.iter().all(|score| *score >= 0.0);
        match self {
            Self::Probabilities => Some(wanted.clamp(0.0, 1.0)),
            Self::Unnamed if scores.len() > 1 && add_up => Some(wanted.clamp(0.0, 1.0)),
            Self::Logits | Self::Unnamed if scores.len() == 1 => {
                Some(1.0 / (1.0 + (-wanted).exp()))
            }
            Self::Logits | Self::Unnamed => {
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let all: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                Some((wanted - most).exp() / all)
            }
        }
    }
}

/// # Errors
/// [`ModelError`], where no text can be made of what it takes, or its tokenizer is none.
pub(super) fn takes(inputs: &[Outlet], tokenizer: Option<&Path>) -> Result<Takes, ModelError> {
    match (inputs, tokenizer) {
        ([input], None)
            if is(input, TensorElementType::String)
                && matches!(shape(input), [-1 | 1] | [-1 | 1, -1 | 1]) =>
        {
            let dimensions = shape(input).len();
            let name = input.name().to_owned();
            return Ok(Takes::Text { name, dimensions });
        }
        ([input], Some(_)) if is(input, TensorElementType::String) => {
            return Err(ModelError::Form(
                "it takes a text, and `tokenizer` is for models that take tokens".to_owned(),
            ));
        }
        _ => {}
    }
    let known = |input: &Outlet| {
        [IDS, MASK, TYPES].contains(&input.name())
            && is(input, TensorElementType::Int64)
            && matches!(shape(input), [-1 | 1, -1])
    };
    let has = |name: &str| inputs.iter().any(|input| input.name() == name);
    if !has(IDS) || !inputs.iter().all(known) {
        return Err(ModelError::Form(format!(
            "it takes {}; a classifier takes one text, or `{IDS}` of any length with or without `{MASK}` and `{TYPES}`",
            list(inputs)
        )));
    }
    let Some(path) = tokenizer else {
        return Err(ModelError::Form(
            "it takes tokens, and no `tokenizer` is named".to_owned(),
        ));
    };
    let (tokenizer, window) = self::tokenizer(path).map_err(ModelError::Tokenizer)?;
    Ok(Takes::Tokens {
        tokenizer: Box::new(tokenizer),
        window,
        also: [MASK, TYPES].into_iter().filter(|name| has(name)).collect(),
    })
}

/// With how many tokens of a text fit beside those that the tokenizer adds.
fn tokenizer(path: &Path) -> Result<(Tokenizer, usize), String> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|error| error.to_string())?;
    let own = tokenizer.get_truncation().map(|own| own.max_length);
    let processor = tokenizer.get_post_processor();
    let added = processor.map_or(0, |processor| processor.added_tokens(false));
    let all = own.unwrap_or(TOKENS_MAX).min(TOKENS_MAX);
    let window = all.saturating_sub(added);
    if window < TOKENS_MIN {
        return Err(format!(
            "it leaves room for {window} tokens of a text; at least {TOKENS_MIN} are needed"
        ));
    }
    tokenizer
        .with_truncation(None)
        .map_err(|error| error.to_string())?
        .with_padding(None);
    Ok((tokenizer, window))
}

fn is(outlet: &Outlet, wanted: TensorElementType) -> bool {
    outlet.dtype().tensor_type() == Some(wanted)
}

/// -1 where a dimension may be of any size.
fn shape(outlet: &Outlet) -> &[i64] {
    let shape = outlet.dtype().tensor_shape();
    shape.map_or(&[], |shape| &shape[..])
}

/// Outlets as an operator is told of them.
fn list(outlets: &[Outlet]) -> String {
    let outlets = outlets
        .iter()
        .map(|outlet| format!("`{}` ({})", outlet.name(), outlet.dtype()));
    outlets.collect::<Vec<_>>().join(", ")
}

/// The output with the scores of the classes.
///
/// # Errors
/// [`ModelError::Form`], where none has numbers.
pub(super) fn gives(outputs: &[Outlet]) -> Result<(String, Gives), ModelError> {
    let mut scores = outputs
        .iter()
        .filter(|output| is(output, TensorElementType::Float32))
        .map(|output| {
            let gives = match output.name() {
                name if name.contains("prob") || name.contains("score") => Gives::Probabilities,
                "logits" => Gives::Logits,
                _ => Gives::Unnamed,
            };
            (output.name().to_owned(), gives)
        })
        .collect::<Vec<_>>();
    // What is named counts before what is not.
    scores.sort_by_key(|(_, gives)| matches!(gives, Gives::Unnamed));
    scores.into_iter().next().ok_or_else(|| {
        ModelError::Form(format!(
            "it gives {}; a classifier gives probabilities or logits as numbers of 32 bits (skl2onnx: `zipmap: False`)",
            list(outputs)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::Gives;

    #[test]
    fn scores_are_read_by_what_the_output_is() {
        let e = std::f64::consts::E;
        for (gives, scores, score) in [
            (Gives::Probabilities, &[0.3, 0.7][..], Some(0.7)),
            (Gives::Probabilities, &[0.9, 0.8], Some(0.8)),
            (Gives::Probabilities, &[0.25, 1.5], Some(1.0)),
            (Gives::Logits, &[0.0, 1.0], Some(e / (1.0 + e))),
            (Gives::Logits, &[-1e30, 1e30], Some(1.0)),
            (Gives::Unnamed, &[0.3, 0.7], Some(0.7)),
            (
                Gives::Unnamed,
                &[-0.3, 1.3],
                Some(1.0 / (1.0 + (-1.6_f64).exp())),
            ),
            (Gives::Unnamed, &[0.3, 0.3], Some(0.5)),
            (Gives::Logits, &[0.5, f64::NAN], None),
            (Gives::Probabilities, &[f64::INFINITY, 0.5], None),
            (Gives::Logits, &[0.5], None),
        ] {
            let read = gives.score(scores, 1);
            let near = |read: f64| score.is_some_and(|score| (read - score).abs() < 1e-9);
            assert!(read.map_or(score.is_none(), near), "{scores:?}: {read:?}");
        }
        assert_eq!(Gives::Logits.score(&[0.0], 0), Some(0.5));
        assert_eq!(Gives::Probabilities.score(&[0.2], 0), Some(0.2));
    }
}
