//! Classifiers: a service or a model, and files that can be read.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use super::{
    Checker,
    guardrails::{action, direction},
};
use crate::config::checked::guardrails::{Hook, Judge, Model};
use crate::config::fault::{Path, Shown};
use crate::config::raw::guardrails as raw;

/// The score, in hundredths, from which a model flags a text, unless the file says otherwise.
const THRESHOLD: u32 = 50;

impl Checker<'_> {
    pub(super) fn hook(&mut self, name: &str, raw: &raw::Hook, path: &Path) -> Option<Hook> {
        if !matches!(raw.action, raw::Action::Monitor | raw::Action::Block) {
            self.fault(
                &path.key("action"),
                "a classifier judges a whole text",
                "monitor, block",
            );
        }
        let judge = match (&raw.url, &raw.model) {
            (Some(url), None) => self.service(url, raw, path),
            (None, Some(model)) => self.model(model, raw, path),
            _ => {
                self.fault(path, "this needs one of `url` and `model`", "");
                None
            }
        };
        Some(Hook {
            name: name.to_owned(),
            judge: judge?,
            action: action(raw.action),
            direction: direction(raw.direction),
            timeout: raw.timeout.into(),
            open: raw.on_error == raw::OnError::Open,
            cache: raw.cache.into(),
        })
    }

    fn service(&mut self, url: &str, raw: &raw::Hook, path: &Path) -> Option<Judge> {
        for (key, said) in [
            ("tokenizer", raw.tokenizer.is_some()),
            ("label", raw.label.is_some()),
            ("threshold", raw.threshold.is_some()),
        ] {
            if said {
                let what = "a service decides by itself";
                self.fault(&path.key(key), what, "with `model` only");
            }
        }
        Some(Judge::Remote(self.url(url, &path.key("url"))?))
    }

    fn model(&mut self, model: &str, raw: &raw::Hook, path: &Path) -> Option<Judge> {
        if !self.surroundings.models {
            self.fault(
                &path.key("model"),
                "this gateway was built without models",
                "a gateway built with `--features onnx`, or `url`",
            );
            return None;
        }
        let tokenizer = raw.tokenizer.as_deref();
        let tokenizer = tokenizer.map(|file| self.readable(file, &path.key("tokenizer")));
        Some(Judge::Model(Model {
            path: self.readable(model, &path.key("model"))?,
            tokenizer: match tokenizer {
                Some(read) => Some(read?),
                None => None,
            },
            label: raw.label.map(|label| label as usize),
            threshold: f64::from(raw.threshold.unwrap_or(THRESHOLD)) / 100.0,
        }))
    }

    fn readable(&mut self, text: &str, path: &Path) -> Option<PathBuf> {
        let file = self.file(text);
        // To open what is no file may wait for somebody.
        let what = match fs::metadata(&file) {
            Ok(found) if !found.is_file() => "it is no file".to_owned(),
            Ok(_) => match File::open(&file) {
                Ok(_) => return Some(file),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        let shown = file.display().to_string();
        self.fault(
            path,
            format!("cannot read {}: {what}", Shown(&shown)),
            "a file; relative paths begin beside this configuration",
        );
        None
    }
}
