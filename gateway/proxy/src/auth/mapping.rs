//! From what a token says to who the caller is.

use gantry_analytics::record::AuthMethod;
use serde_json::{Map, Value};

use super::{caller::Identified, token::TokenFault};
use crate::config::Auth;

/// The longest name of an agent, a subject, a team or a scope.
const NAME_BYTES_MAX: usize = 256;

/// The most teams, and the most scopes, that one token may name.
const NAMES_MAX: usize = 256;

/// Where the claims are that say who calls.
#[derive(Debug)]
pub(super) struct ClaimMap {
    agent: ClaimPath,
    teams: ClaimPath,
    subject: ClaimPath,
    scopes: Vec<ClaimPath>,
}

impl ClaimMap {
    pub(super) fn compile(auth: &Auth) -> Self {
        let scopes = match &auth.scopes {
            Some(path) => vec![ClaimPath::new(path)],
            None => ["scope", "scp"].map(ClaimPath::new).into(),
        };
        Self {
            agent: ClaimPath::new(&auth.agent),
            teams: ClaimPath::new(&auth.teams),
            subject: ClaimPath::new(&auth.subject),
            scopes,
        }
    }

    /// Who holds a token with these claims. What names nobody, or names them in a form that could
    /// be understood in two ways, is refused: a team that is not seen could be one that is denied.
    pub(super) fn apply(
        &self,
        claims: Map<String, Value>,
        method: AuthMethod,
    ) -> Result<Identified, TokenFault> {
        // A token without a subject is its client's own (RFC 9068 section 2.2).
        let client = || claims.get("client_id").filter(|_| self.agent.0 == "sub");
        let agent = self.agent.find(&claims).or_else(client);
        let agent = agent.and_then(Value::as_str).filter(|name| is_name(name));
        let agent = agent.ok_or(TokenFault::Agent)?;
        let teams = match self.teams.find(&claims) {
            Some(value) => names(value, false).ok_or(TokenFault::Claim("teams"))?,
            None => Vec::new(),
        };
        let subject = match self.subject.find(&claims) {
            Some(Value::String(name)) if is_name(name) => Some(name.clone()),
            Some(_) => return Err(TokenFault::Claim("subject")),
            None => None,
        };
        let scopes = match self.scopes.iter().find_map(|path| path.find(&claims)) {
            Some(value) => names(value, true).ok_or(TokenFault::Claim("scope"))?,
            None => Vec::new(),
        };
        Ok(Identified {
            agent: agent.to_owned(),
            teams,
            subject,
            scopes,
            claims,
            method,
            token: None,
        })
    }
}

/// A claim: its whole name where there is one of that name, else a path of names with dots between.
#[derive(Debug)]
struct ClaimPath(String);

impl ClaimPath {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        claims.get(&self.0).or_else(|| {
            let mut names = self.0.split('.');
            let first = claims.get(names.next()?)?;
            names.try_fold(first, |value, name| value.get(name))
        })
    }
}

/// A list of texts, or one text; with `spaced`, one text holds several.
fn names(value: &Value, spaced: bool) -> Option<Vec<String>> {
    let found: Vec<&str> = match value {
        Value::String(text) if spaced => text.split_ascii_whitespace().collect(),
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let fit = found.len() <= NAMES_MAX && found.iter().all(|name| is_name(name));
    fit.then(|| found.into_iter().map(str::to_owned).collect())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, claims: Value, expected: Option<&[&str]>) {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        let found = ClaimPath::new(path).find(&claims);
        let found = found.and_then(|value| names(value, false));
        let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(found, expected, "{path} in {claims:?}");
    }

    #[test]
    fn claim_paths() {
        check("groups", json!({"groups": ["a", "b"]}), Some(&["a", "b"]));
        check("groups", json!({"groups": "a b"}), Some(&["a b"]));
        check("groups", json!({"groups": []}), Some(&[]));
        check("groups", json!({}), None);
        check(
            "realm.roles",
            json!({"realm": {"roles": ["x"]}}),
            Some(&["x"]),
        );
        // A claim of the very name wins over a path.
        check(
            "realm.roles",
            json!({"realm.roles": "y", "realm": {"roles": "x"}}),
            Some(&["y"]),
        );
        check(
            "https://acme.example/teams",
            json!({"https://acme.example/teams": ["t"]}),
            Some(&["t"]),
        );
        for wrong in [
            json!(1),
            json!({}),
            json!([1]),
            json!(["a", null]),
            json!(""),
            json!(["a\n"]),
        ] {
            check("groups", json!({"groups": wrong}), None);
        }
    }
}
