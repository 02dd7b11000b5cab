//! One scalar, read as the schema says.
//!
//! A secret is never quoted in what is said about it, and neither is a value of the environment.

use gantry_analytics::cost::Amount;
use serde_json::Value;

use super::fault::Shown;
use super::quantity::{PERIOD_FORM, Period, SIZE_FORM, Size};
use super::rate::MONEY_FORM;
use super::schema::{choices, describe, has_type};
use super::secret::MASK;
use super::tree::{Reading, Scalar};

/// What is wrong, and what is allowed.
pub(super) type Wrong = (String, String);

/// Reads the scalar, in the form in which the types of `raw` take it.
pub(super) fn read(scalar: &Scalar, schema: &Value) -> Result<Value, Wrong> {
    let format = schema.get("format").and_then(Value::as_str);
    let shown = Shown(if format == Some("secret") {
        MASK
    } else {
        scalar.shown()
    });
    let wrong = |what: String| Err((what, describe(schema)));
    if scalar.reading() == Reading::Null {
        return wrong("no value; leave the key out, or write one".to_owned());
    }
    match format {
        Some("size") => return read_size(scalar, schema, &shown),
        Some("period") => return read_period(scalar, schema, &shown),
        Some("money") => return read_money(scalar, &shown),
        _ => {}
    }
    let bare = has_type(schema, "boolean") || has_type(schema, "integer");
    if bare && !scalar.may_be_bare() {
        return wrong(format!("`{shown}` in quotes is text"));
    }
    if has_type(schema, "boolean") {
        return match scalar.text.as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => wrong(format!("`{shown}` is neither yes nor no")),
        };
    }
    if has_type(schema, "integer") {
        return read_integer(scalar, schema, &shown);
    }
    let choices = choices(schema);
    if !has_type(schema, "string") && choices.is_empty() {
        let what = format!("`{shown}` where {} belongs", describe(schema));
        return Err((what, String::new()));
    }
    match scalar.reading() {
        Reading::Number => return wrong(format!("`{shown}` is a number")),
        Reading::Boolean(_) => return wrong(format!("`{shown}` is a yes or no")),
        Reading::Null | Reading::Text => {}
    }
    if !choices.is_empty() && !choices.contains(&scalar.text.as_str()) {
        return wrong(format!("`{shown}` is not one of the choices"));
    }
    Ok(scalar.text.clone().into())
}

fn read_integer(scalar: &Scalar, schema: &Value, shown: &Shown<'_>) -> Result<Value, Wrong> {
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    let min = bound("minimum").unwrap_or(0);
    let max = bound("maximum").unwrap_or(u64::MAX);
    let allowed = format!("a whole number from {min} to {max}");
    match scalar.text.parse::<u64>().ok() {
        None => Err((format!("`{shown}` is not a whole number"), allowed)),
        Some(number) if number < min || number > max => {
            Err((format!("`{shown}` is out of bounds"), allowed))
        }
        Some(number) => Ok(number.into()),
    }
}

fn read_size(scalar: &Scalar, schema: &Value, shown: &Shown<'_>) -> Result<Value, Wrong> {
    let size = Size::parse(&scalar.text)
        .ok_or_else(|| (format!("`{shown}` is not a size"), SIZE_FORM.to_owned()))?;
    let bound = |key| schema.get(key).and_then(Value::as_u64).map(Size);
    within(size, bound("minimum"), bound("maximum"), shown)
}

fn read_period(scalar: &Scalar, schema: &Value, shown: &Shown<'_>) -> Result<Value, Wrong> {
    let period = Period::parse(&scalar.text)
        .ok_or_else(|| (format!("`{shown}` is not a period"), PERIOD_FORM.to_owned()))?;
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    let min = bound("x-min-ms").map(Period::from_ms);
    let max = bound("x-max-ms").map(Period::from_ms);
    within(period, min, max, shown)
}

fn read_money(scalar: &Scalar, shown: &Shown<'_>) -> Result<Value, Wrong> {
    match Amount::parse(&scalar.text) {
        Some(amount) => Ok(amount.to_string().into()),
        None => Err((format!("`{shown}` is not an amount"), MONEY_FORM.to_owned())),
    }
}

fn within<T: PartialOrd + ToString>(
    value: T,
    min: Option<T>,
    max: Option<T>,
    shown: &Shown<'_>,
) -> Result<Value, Wrong> {
    let below = min.as_ref().is_some_and(|min| value < *min);
    let above = max.as_ref().is_some_and(|max| value > *max);
    if below || above {
        let text = |bound: Option<T>| bound.map_or_else(|| "any".to_owned(), |b| b.to_string());
        let allowed = format!("{} to {}", text(min), text(max));
        return Err((format!("`{shown}` is out of bounds"), allowed));
    }
    Ok(value.to_string().into())
}
