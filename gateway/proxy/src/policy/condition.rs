//! Whether the condition of a rule holds for a call.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Value, extractors::This};
use serde_json::{Map, Value as Json};

use super::json;
use crate::{
    auth::Caller,
    config::{Condition, Members},
};

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What a condition can see of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) server: &'a str,
    pub(super) method: &'a str,
    /// The tool, prompt or resource; empty where there is none.
    pub(super) name: &'a str,
    /// The JSON text of the arguments.
    pub(super) arguments: Option<&'a str>,
}

/// A condition that says neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unevaluable {
    #[error("the arguments are too large, or could be read in two ways")]
    Arguments,
    /// A member that is not there, a type that does not fit, an overflow.
    #[error("the condition has no value for this call")]
    Failed,
    #[error("the condition is neither true nor false for this call")]
    NotABoolean,
}

/// Evaluates a condition. Without a call it must be one about the caller alone.
///
/// # Errors
/// [`Unevaluable`] counts against the caller, whatever the rule does.
pub(super) fn evaluate(
    condition: &Condition,
    caller: &Caller,
    call: Option<Call<'_>>,
) -> Result<bool, Unevaluable> {
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    bind(&mut context, condition, caller, call)?;
    let patterns = condition.clone();
    let found = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
        let found = patterns.finds(&pattern, &text);
        found.ok_or_else(|| ExecutionError::function_error("matches", "unknown pattern"))
    };
    context
        .add_function("matches", found)
        .map_err(|_| Unevaluable::Failed)?;
    // The evaluator is a library's; that it never panics is not promised.
    let value = catch_unwind(AssertUnwindSafe(|| condition.program().execute(&context)));
    match value {
        Ok(Ok(Value::Bool(value))) => Ok(value),
        Ok(Ok(_)) => Err(Unevaluable::NotABoolean),
        Ok(Err(_)) | Err(_) => Err(Unevaluable::Failed),
    }
}

/// Binds the variables that the condition reads, and no others.
fn bind(
    context: &mut Context<'_, '_>,
    condition: &Condition,
    caller: &Caller,
    call: Option<Call<'_>>,
) -> Result<(), Unevaluable> {
    let uses = condition.uses();
    if !uses.claims.is_empty() {
        let claims = caller.claims();
        let chosen = claims.iter().filter(|(name, _)| match &uses.claims {
            Members::All => true,
            Members::Named(names) => names.contains(*name),
        });
        context.add_variable_from_value("claims", map(chosen));
    }
    if !uses.arguments.is_empty() {
        let text = call.and_then(|call| call.arguments);
        let read = text.map(|text| json::members(text, &uses.arguments));
        let members: Map<String, Json> = read
            .transpose()
            .map_err(|_| Unevaluable::Arguments)?
            .unwrap_or_default();
        context.add_variable_from_value("arguments", map(members.iter()));
    }
    for name in &uses.variables {
        let value = match (name.as_str(), call) {
            ("agent", _) => text(caller.agent()),
            ("subject", _) => text(caller.subject().unwrap_or_default()),
            ("teams", _) => texts(caller.teams()),
            ("scopes", _) => texts(caller.scopes()),
            ("server", Some(call)) => text(call.server),
            ("method", Some(call)) => text(call.method),
            ("name", Some(call)) => text(call.name),
            _ => return Err(Unevaluable::Failed),
        };
        context.add_variable_from_value(name.as_str(), value);
    }
    Ok(())
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn texts(all: &[String]) -> Value {
    Value::List(Arc::new(all.iter().map(|one| text(one)).collect()))
}

fn map<'a>(members: impl Iterator<Item = (&'a String, &'a Json)>) -> Value {
    let members = members.map(|(name, value)| (name.clone(), convert(value)));
    Value::from(members.collect::<HashMap<String, Value>>())
}

/// Whole numbers stay whole, so that they can be counted with; all numbers compare with each other.
fn convert(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(value) => text(value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::Array(items) => Value::List(Arc::new(items.iter().map(convert).collect())),
        Json::Object(members) => map(members.iter()),
    }
}
