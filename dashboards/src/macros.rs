//! The macros of Grafana's ClickHouse plugin, and Grafana's variables, filled into SQL.
//!
//! A query is read once, from left to right, and what is filled in is never read again: a value
//! that looks like a macro or a variable stays a value. Values are quoted for ClickHouse, where a
//! backslash escapes, too; Grafana's own quoting forgets that.

use crate::question::{Fault, Question};

/// The query with everything filled in.
///
/// # Errors
/// [`Fault`] when it has a macro, a variable or a format that is not known here.
pub fn expand(query: &str, question: &Question) -> Result<String, Fault> {
    let mut filled = String::with_capacity(query.len() * 2);
    let mut rest = query;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        rest = if let Some(call) = from.strip_prefix("$__") {
            let (text, rest) = macro_call(call, question)?;
            filled.push_str(&text);
            rest
        } else if let Some(variable) = from.strip_prefix("${") {
            let (inside, rest) = variable
                .split_once('}')
                .ok_or_else(|| Fault::Variable(variable.to_owned()))?;
            filled.push_str(&value(inside, question)?);
            rest
        } else {
            return Err(Fault::Variable(from.chars().take(32).collect()));
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

/// `name:singlequote`: the selected values, each in quotes, with commas between.
fn value(inside: &str, question: &Question) -> Result<String, Fault> {
    let Some((name, "singlequote")) = inside.split_once(':') else {
        return Err(Fault::Variable(inside.to_owned()));
    };
    let none = [String::new()];
    let values = question.selected(name).unwrap_or(&none);
    let quoted: Vec<_> = values.iter().map(|value| quote(value)).collect();
    Ok(quoted.join(","))
}

fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// What a macro stands for, and what comes behind it. `call` begins with its name.
fn macro_call<'a>(call: &'a str, question: &Question) -> Result<(String, &'a str), Fault> {
    let end = call
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(call.len());
    let (name, rest) = call.split_at(end);
    if let Some(text) = moment(name, question) {
        return Ok((text, rest));
    }
    let (arguments, rest) = arguments(rest).ok_or_else(|| Fault::Macro(name.to_owned()))?;
    let text = match (name, arguments.as_slice()) {
        ("conditionalAll", [condition, variable]) => conditional(condition, variable, question)?,
        ("conditionalAll", _) => return Err(Fault::Arguments("conditionalAll")),
        ("dateTimeFilter" | "dt", [date, time]) => format!(
            "{} AND {}",
            date_filter(date, question),
            time_filter(time, question)
        ),
        ("dateTimeFilter" | "dt", _) => return Err(Fault::Arguments("dateTimeFilter")),
        (name, [column]) => {
            of_column(name, column, question).ok_or_else(|| Fault::Macro(name.to_owned()))?
        }
        _ => return Err(Fault::Macro(name.to_owned())),
    };
    Ok((text, rest))
}

/// The macros without arguments.
fn moment(name: &str, question: &Question) -> Option<String> {
    Some(match name {
        "fromTime" => second(question.from_ms),
        "toTime" => second(question.to_ms),
        "fromTime_ms" => millisecond(question.from_ms),
        "toTime_ms" => millisecond(question.to_ms),
        "interval_s" => question.interval_s().to_string(),
        _ => return None,
    })
}

/// The macros over one column.
fn of_column(name: &str, column: &str, question: &Question) -> Option<String> {
    let (from, to) = (question.from_ms, question.to_ms);
    Some(match name {
        "timeFilter" => time_filter(column, question),
        "timeFilter_ms" => format!(
            "{column} >= {} AND {column} <= {}",
            millisecond(from),
            millisecond(to)
        ),
        "dateFilter" => date_filter(column, question),
        "timeFrom" => format!("{column} >= {}", second(from)),
        "timeTo" => format!("{column} <= {}", second(to)),
        "timeInterval" => format!(
            "toStartOfInterval(toDateTime({column}), INTERVAL {} second)",
            question.interval_s()
        ),
        "timeInterval_ms" => format!(
            "toStartOfInterval(toDateTime64({column}, 3), INTERVAL {} millisecond)",
            question.interval_ms.max(1)
        ),
        _ => return None,
    })
}

fn conditional(condition: &str, variable: &str, question: &Question) -> Result<String, Fault> {
    let name = variable
        .strip_prefix('$')
        .ok_or_else(|| Fault::Variable(variable.to_owned()))?;
    match question.selected(name) {
        Some(_) => expand(condition, question),
        None => Ok("1=1".to_owned()),
    }
}

fn time_filter(column: &str, question: &Question) -> String {
    let (from, to) = (second(question.from_ms), second(question.to_ms));
    format!("{column} >= {from} AND {column} <= {to}")
}

fn date_filter(column: &str, question: &Question) -> String {
    let (from, to) = (date(question.from_ms), date(question.to_ms));
    format!("{column} >= toDate('{from}') AND {column} <= toDate('{to}')")
}

fn second(ms: i64) -> String {
    format!("toDateTime({})", ms.div_euclid(1_000))
}

fn millisecond(ms: i64) -> String {
    format!("fromUnixTimestamp64Milli({ms})")
}

/// The UTC day, by Howard Hinnant's `civil_from_days`.
fn date(ms: i64) -> String {
    let days = ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The arguments of a call and what comes behind it. Commas and brackets in quotes or in brackets
/// do not count.
fn arguments(text: &str) -> Option<(Vec<&str>, &str)> {
    let inside = text.strip_prefix('(')?;
    let (mut depth, mut quoted, mut begins) = (0_u32, false, 0);
    let mut found = Vec::new();
    let mut characters = inside.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quoted => drop(characters.next()),
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                found.push(inside.get(begins..at)?.trim());
                begins = at + 1;
            }
            ')' => {
                found.push(inside.get(begins..at)?.trim());
                return Some((found, inside.get(at + 1..)?));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
