//! From the configuration to what is in force.

use std::{io, path::PathBuf, sync::Arc};

use gantry_guard::{CompileError, Custom, Kind, Limits, Scanner, Wanted, What};

use super::{
    Guardrails, InForce,
    definitions::{Approved, LockError},
    hooks::{Hooks, ModelError},
    rules::{Exception, Rules},
    seen::Seen,
    vault::Vault,
};
use crate::config::guardrails::{Action, Guardrails as Checked};

/// Why guardrails cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum GuardrailsError {
    /// A pattern cannot be compiled.
    #[error("cannot compile the guardrails: {0}")]
    Compile(#[from] CompileError),
    /// The lockfile cannot be read.
    #[error("cannot read {path}: {source}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lockfile is none.
    #[error("{path} is no lockfile: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// A model cannot be used.
    #[error("cannot use the model of the hook `{hook}`: {source}")]
    Model {
        /// The hook that names it.
        hook: String,
        /// Why.
        source: ModelError,
    },
}

impl Guardrails {
    /// Compiles what a configuration says. Takes a second where anything is scanned.
    ///
    /// # Errors
    /// [`GuardrailsError`], where the lockfile has changed since the configuration was checked, and where a
    /// model is not what it should be.
    pub fn compile(checked: &Checked) -> Result<Self, GuardrailsError> {
        if checked.is_empty() {
            return Ok(Self::none());
        }
        let customs: Vec<Custom> = checked
            .patterns
            .iter()
            .map(|pattern| Custom {
                name: pattern.name.clone(),
                expression: pattern.expression.clone(),
                caseless: pattern.ignore_case,
            })
            .collect();
        let rules = rules(checked);
        let wanted = |group: &str| {
            let on = |kind: Kind| {
                kind.is_in(group)
                    && rules
                        .kinds
                        .iter()
                        .zip(Kind::all())
                        .any(|((action, _), known)| known == kind && *action != Action::Off)
            };
            !rules.exceptions.is_empty() || Kind::all().any(on)
        };
        let wanted = Wanted {
            identifiers: wanted("pii"),
            secrets: wanted("secrets"),
            hidden: wanted("hidden-text"),
            injection: wanted("injection"),
        };
        let approved = match &checked.definitions.lock {
            Some(path) => {
                let text = std::fs::read(path).map_err(|source| GuardrailsError::Lock {
                    path: path.clone(),
                    source,
                })?;
                let approved = Approved::read(&text, &checked.definitions);
                Some(approved.map_err(|source| GuardrailsError::Form {
                    path: path.clone(),
                    source,
                })?)
            }
            None => None,
        };
        let hooks = Hooks::compile(&checked.hooks, !checked.blocked_as_error)
            .map_err(|(hook, source)| GuardrailsError::Model { hook, source })?;
        // Who only watches is not to stop what cannot be watched.
        let watches = rules.only_note()
            && checked
                .hooks
                .iter()
                .all(|hook| hook.action == Action::Monitor)
            && approved.as_ref().is_none_or(Approved::only_notes);
        Ok(Self(Some(Arc::new(InForce {
            scanner: Scanner::compile(&customs, Limits::default(), wanted)?,
            rules,
            vault: Vault::new(checked.key.as_ref().map(|key| key.expose().as_bytes())),
            hooks,
            approved,
            seen: Seen::default(),
            blocked_as_error: checked.blocked_as_error,
            open: checked.open || watches,
        }))))
    }
}

fn rules(checked: &Checked) -> Rules {
    let pattern = |name: &str| {
        checked
            .patterns
            .iter()
            .position(|pattern| pattern.name == name)
            .map(What::Custom)
    };
    let whats = |name: &String| -> Vec<What> {
        match (Kind::named(name), pattern(name)) {
            (Some(kind), _) => vec![What::Kind(kind)],
            (None, Some(custom)) => vec![custom],
            (None, None) => Kind::all()
                .filter(|kind| kind.is_in(name))
                .map(What::Kind)
                .collect(),
        }
    };
    let exceptions = checked.rules.iter().map(|rule| Exception {
        rule: rule.clone(),
        name: rule.name.as_str().into(),
        kinds: rule.kinds.iter().flat_map(whats).collect(),
    });
    let kinds = Kind::all().map(|kind| {
        let own = checked.kinds.iter().find(|(name, _)| name == kind.name());
        let group = || checked.groups.iter().find(|(group, _)| kind.is_in(group));
        own.or_else(group)
            .map_or((Action::Off, "".into()), |(name, action)| {
                (*action, name.as_str().into())
            })
    });
    Rules {
        exceptions: exceptions.collect(),
        kinds: kinds.collect(),
        patterns: checked
            .patterns
            .iter()
            .map(|pattern| (pattern.action, pattern.allow.clone()))
            .collect(),
        of_patterns: "patterns".into(),
        injection_score: checked.injection_score,
    }
}
