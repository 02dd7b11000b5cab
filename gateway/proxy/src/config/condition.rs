//! The condition of an access rule, compiled: an expression in CEL whose cost has a bound.
//!
//! CEL ends always but not always soon. So loops do not nest, functions are those listed here, and regular expressions
//! are texts that are compiled with the configuration. What a condition mentions is noted, so that nothing else of a
//! call has to be read for it. Evaluating it is the business of `policy`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, operators,
};
use cel::{Env, IdedExpr, Program};
use regex::Regex;

/// The longest condition.
const CONDITION_BYTES_MAX: usize = 4_096;
/// The largest compiled regular expression.
const REGEX_BYTES_MAX: usize = 256 * 1024;

const ARGUMENTS: &str = "arguments";
const CLAIMS: &str = "claims";
/// What a condition may use beside arguments and claims.
const VARIABLES: [&str; 7] = [
    "agent", "subject", "teams", "scopes", "server", "method", "name",
];
/// Of these, what belongs to the caller and not to the call.
const OF_THE_CALLER: [&str; 4] = ["agent", "subject", "teams", "scopes"];

/// Functions a condition may call: each takes time in proportion to its operands.
const FUNCTIONS: [&str; 14] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "dyn",
    "type",
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];
const OPERATORS: [&str; 17] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
];

/// A compiled condition. Cheap to clone.
#[derive(Clone)]
pub struct Condition(Arc<Compiled>);

struct Compiled {
    text: String,
    program: Program,
    uses: Uses,
    patterns: HashMap<String, Regex>,
}

/// What a condition reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Uses {
    pub arguments: Members,
    pub claims: Members,
    /// Variables beside those two.
    pub variables: BTreeSet<String>,
}

/// Which members of an object are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Members {
    /// These, perhaps none.
    Named(BTreeSet<String>),
    /// Any.
    All,
}

impl Default for Members {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Members {
    /// Whether nothing is read.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }

    fn add(&mut self, name: &str) {
        if let Self::Named(names) = self {
            names.insert(name.to_owned());
        }
    }
}

/// Why a text is no condition; `at` is a line and a column within the text, from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}")]
pub struct BadCondition {
    pub what: String,
    pub at: Option<(usize, usize)>,
}

fn bad(what: impl Into<String>) -> BadCondition {
    BadCondition {
        what: what.into(),
        at: None,
    }
}

impl Condition {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`BadCondition`], for the operator.
    pub fn compile(text: &str) -> Result<Self, BadCondition> {
        if text.len() > CONDITION_BYTES_MAX {
            return Err(bad(format!(
                "a condition longer than {CONDITION_BYTES_MAX} bytes"
            )));
        }
        // The parser is a library's; that it never panics is not promised.
        let parsed = catch_unwind(AssertUnwindSafe(|| Env::stdlib().compile(text)));
        let program = match parsed {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => {
                let first = errors.errors.first();
                let what = first.map_or("no expression", |error| error.msg.as_str());
                // The list of everything that might have stood there helps nobody.
                let what = what.split(", expecting").next().unwrap_or(what);
                let what = what.split(" expecting {").next().unwrap_or(what);
                let place = |error: &cel::ParseError| {
                    Some((
                        usize::try_from(error.pos.0).ok()?,
                        usize::try_from(error.pos.1).ok()?,
                    ))
                };
                return Err(BadCondition {
                    what: format!("this is not CEL: {what}"),
                    at: first.and_then(place),
                });
            }
            Err(_) => return Err(bad("this is not CEL")),
        };
        let mut reading = Reading::default();
        reading.expression(program.expression())?;
        let Reading { uses, patterns, .. } = reading;
        Ok(Self(Arc::new(Compiled {
            text: text.to_owned(),
            program,
            uses,
            patterns,
        })))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The expression.
    pub fn program(&self) -> &Program {
        &self.0.program
    }

    /// What it reads.
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// Whether it depends on the caller alone and so holds, or not, for all its calls.
    pub fn is_about_the_caller(&self) -> bool {
        let uses = self.uses();
        uses.arguments.is_empty()
            && uses
                .variables
                .iter()
                .all(|name| OF_THE_CALLER.contains(&name.as_str()))
    }

    /// Whether `pattern`, a regular expression of this condition, is found in `text`.
    pub fn finds(&self, pattern: &str, text: &str) -> Option<bool> {
        Some(self.0.patterns.get(pattern)?.is_match(text))
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.text).finish()
    }
}

/// Walks an expression once, notes what it uses, and refuses what has no bound.
#[derive(Default)]
struct Reading {
    uses: Uses,
    patterns: HashMap<String, Regex>,
    /// Names that a loop has bound.
    locals: Vec<String>,
    in_loop: bool,
}

impl Reading {
    fn expression(&mut self, expression: &IdedExpr) -> Result<(), BadCondition> {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => match self.object(&select.operand) {
                Some(members) => {
                    members.add(&select.field);
                    Ok(())
                }
                None => self.expression(&select.operand),
            },
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|element| self.expression(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(entry)),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => Err(bad("messages cannot be built in a condition")),
        }
    }

    fn entry(&mut self, entry: &IdedEntryExpr) -> Result<(), BadCondition> {
        match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key)?;
                self.expression(&entry.value)
            }
            EntryExpr::StructField(field) => self.expression(&field.value),
        }
    }

    /// The members of `arguments` or `claims`, where the expression is just that.
    fn object(&mut self, expression: &IdedExpr) -> Option<&mut Members> {
        match &expression.expr {
            Expr::Ident(name) if self.locals.contains(name) => None,
            Expr::Ident(name) if name == ARGUMENTS => Some(&mut self.uses.arguments),
            Expr::Ident(name) if name == CLAIMS => Some(&mut self.uses.claims),
            _ => None,
        }
    }

    fn name(&mut self, name: &str) -> Result<(), BadCondition> {
        match name {
            _ if self.locals.iter().any(|local| local == name) => {}
            ARGUMENTS => self.uses.arguments = Members::All,
            CLAIMS => self.uses.claims = Members::All,
            _ if VARIABLES.contains(&name) => drop(self.uses.variables.insert(name.to_owned())),
            // Names of types, for `type(x) == int`.
            "int" | "uint" | "double" | "string" | "bool" | "bytes" | "list" | "map"
            | "null_type" => {}
            _ => {
                return Err(bad(format!(
                    "`{name}` is no variable; there are {ARGUMENTS}, {CLAIMS}, {}",
                    VARIABLES.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &CallExpr) -> Result<(), BadCondition> {
        let name = call.func_name.as_str();
        if !FUNCTIONS.contains(&name) && !OPERATORS.contains(&name) {
            let functions: Vec<&str> = FUNCTIONS
                .into_iter()
                .filter(|name| !name.starts_with('@'))
                .collect();
            return Err(bad(format!(
                "`{name}` cannot be called; there are {}, `in`, and has, all, exists, exists_one, filter, map",
                functions.join(", ")
            )));
        }
        if name == "matches" {
            self.pattern(call)?;
        }
        if let (operators::INDEX, [object, index]) = (name, call.args.as_slice())
            && let Expr::Literal(LiteralValue::String(key)) = &index.expr
            && let Some(members) = self.object(object)
        {
            members.add(key.inner());
            return Ok(());
        }
        if let Some(target) = &call.target {
            self.expression(target)?;
        }
        call.args
            .iter()
            .try_for_each(|argument| self.expression(argument))
    }

    /// The regular expression is the last argument, both in `a.matches(b)` and in `matches(a, b)`.
    fn pattern(&mut self, call: &CallExpr) -> Result<(), BadCondition> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            call.args.last().map(|last| &last.expr)
        else {
            return Err(bad(
                "the regular expression of `matches` is a text in quotes, written out",
            ));
        };
        let built = regex::RegexBuilder::new(pattern.inner())
            .size_limit(REGEX_BYTES_MAX)
            .build();
        let regex = built.map_err(|error| {
            bad(format!(
                "a regular expression is wrong: {}",
                last_line(&error)
            ))
        })?;
        self.patterns.insert(pattern.inner().to_owned(), regex);
        Ok(())
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<(), BadCondition> {
        if self.in_loop {
            return Err(bad(
                "a loop within a loop (all, exists, exists_one, filter, map): its cost would have no bound",
            ));
        }
        self.expression(&comprehension.iter_range)?;
        self.expression(&comprehension.accu_init)?;
        let outside = self.locals.len();
        self.locals.push(comprehension.iter_var.clone());
        self.locals.extend(comprehension.iter_var2.clone());
        self.locals.push(comprehension.accu_var.clone());
        self.in_loop = true;
        self.expression(&comprehension.loop_cond)?;
        self.expression(&comprehension.loop_step)?;
        self.in_loop = false;
        self.expression(&comprehension.result)?;
        self.locals.truncate(outside);
        Ok(())
    }
}

/// Texts of the library show the pattern with an arrow below it; the reason is the last line.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Uses {
        Condition::compile(text).unwrap().uses().clone()
    }

    fn named(names: &[&str]) -> Members {
        Members::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_a_condition_reads() {
        let read = uses("arguments.amount <= 100 && claims['region'] == 'eu' && agent != 'a'");
        assert_eq!(read.arguments, named(&["amount"]));
        assert_eq!(read.claims, named(&["region"]));
        assert!(read.variables.contains("agent"));
        assert_eq!(uses("has(arguments.a.b)").arguments, named(&["a"]));
        assert_eq!(uses("'x' in arguments").arguments, Members::All);
        assert_eq!(uses("arguments[name] == 1").arguments, Members::All);
        // A loop's own name hides the variable.
        assert_eq!(
            uses("[{'a': 1}].exists(arguments, arguments.a == 1)").arguments,
            named(&[])
        );
    }

    #[test]
    fn what_depends_on_the_caller_alone() {
        let check = |text: &str, caller: bool| {
            assert_eq!(
                Condition::compile(text).unwrap().is_about_the_caller(),
                caller,
                "{text}"
            );
        };
        check("claims.region == 'eu' && 'x' in teams", true);
        check("'orders:write' in scopes && subject != ''", true);
        check("arguments.a == 1", false);
        check("name == 'x'", false);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "arguments.a ==",
            "amount > 1",
            "arguments.a.foo()",
            "arguments.s.matches(claims.re)",
            "arguments.s.matches('(')",
            "arguments.a.all(x, arguments.b.all(y, x == y))",
            "now() > 1",
            &"1 == 1 && ".repeat(1_000),
            &"(".repeat(2_000),
            &"\u{0}".repeat(10),
            "T{a: 1}",
        ] {
            assert!(Condition::compile(text).is_err(), "{text}");
        }
        let fault = Condition::compile("true &&\n  ==").unwrap_err();
        assert_eq!(fault.at.map(|at| at.0), Some(2));
    }
}
