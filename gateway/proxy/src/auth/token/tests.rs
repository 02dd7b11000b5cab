//! What an access token must be, case by case. Signatures are tested with a real issuer
//! (`tests/it/tokens.rs`).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::config::Typ;

const NOW: u64 = 1_800_000_000;

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

fn claims(change: Value) -> String {
    let mut claims = json!({
        "iss": "https://idp.example.com",
        "sub": "alice",
        "aud": "https://gw.example.com/mcp/orders",
        "exp": NOW + 300,
        "iat": NOW,
    });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims.to_string()
}

#[track_caller]
fn check(typ: Typ, token: &str, expected: Result<(), &str>) {
    let rules = Rules { typ, skew: 30 };
    let found = Parts::read(token).and_then(|parts| {
        let standing = rules.check(&parts, NOW)?;
        let ours = |audience: &str| audience == "https://gw.example.com/mcp/orders";
        standing.check(ours, Some(&[7; 32]), NOW, 30)
    });
    let found = found.map_err(|fault| fault.reason());
    assert_eq!(found, expected, "{token}");
}

const HEADER: &str = r#"{"alg":"RS256","kid":"k","typ":"at+jwt"}"#;

#[test]
fn headers() {
    let check =
        |typ, header: &str, expected| check(typ, &token(header, &claims(json!({}))), expected);
    for typ in [Typ::Strict, Typ::Compat] {
        check(typ, HEADER, Ok(()));
        check(typ, r#"{"alg":"EdDSA","typ":"application/at+jwt"}"#, Ok(()));
        check(
            typ,
            r#"{"alg":"ES256","typ":"AT+JWT","jwk":{},"jku":"x","x5u":1}"#,
            Ok(()),
        );
        for alg in [
            "none", "None", "HS256", "HS512", "rs256", "ES256K", "RSA-OAEP", "",
        ] {
            check(
                typ,
                &format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#),
                Err("algorithm"),
            );
        }
        check(typ, r#"{"typ":"at+jwt"}"#, Err("algorithm"));
        check(typ, r#"{"alg":1,"typ":"at+jwt"}"#, Err("malformed"));
        check(
            typ,
            r#"{"alg":"RS256","kid":7,"typ":"at+jwt"}"#,
            Err("malformed"),
        );
        check(
            typ,
            r#"{"alg":"RS256","alg":"none","typ":"at+jwt"}"#,
            Err("malformed"),
        );
        check(
            typ,
            r#"{"alg":"RS256","crit":["x"],"typ":"at+jwt"}"#,
            Err("malformed"),
        );
        check(
            typ,
            r#"{"alg":"RS256","crit":"x","typ":"at+jwt"}"#,
            Err("malformed"),
        );
        check(
            typ,
            r#"{"alg":"RS256","b64":false,"typ":"at+jwt"}"#,
            Err("malformed"),
        );
        for other in [
            "logout+jwt",
            "oauth-id-jag+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "JWE",
        ] {
            check(
                typ,
                &format!(r#"{{"alg":"RS256","typ":"{other}"}}"#),
                Err("kind"),
            );
        }
    }
    for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","typ":"JWT"}"#] {
        check(Typ::Compat, header, Ok(()));
        check(Typ::Strict, header, Err("kind"));
    }
}

#[test]
fn claims_of_an_access_token() {
    let check =
        |change: Value, expected| check(Typ::Strict, &token(HEADER, &claims(change)), expected);
    check(
        json!({"aud": ["x", "https://gw.example.com/mcp/orders"]}),
        Ok(()),
    );
    check(json!({"exp": NOW - 29}), Ok(()));
    check(json!({"exp": NOW as f64 + 0.5}), Ok(()));
    check(json!({"nbf": NOW + 30, "iat": NOW + 30}), Ok(()));
    check(json!({"sub": null, "client_id": "agent"}), Ok(()));
    check(json!({"exp": null}), Err("claims"));
    check(json!({"exp": (NOW + 300).to_string()}), Err("claims"));
    check(json!({"exp": -1}), Err("claims"));
    check(json!({"exp": [NOW + 300]}), Err("claims"));
    check(json!({"exp": NOW - 30}), Err("expired"));
    check(json!({"exp": 0}), Err("expired"));
    check(json!({"nbf": NOW + 31}), Err("not_yet_valid"));
    check(json!({"iat": NOW + 3_600}), Err("not_yet_valid"));
    check(json!({"nbf": "soon"}), Err("claims"));
    check(json!({"sub": null}), Err("claims"));
    check(json!({"sub": 7}), Err("claims"));
    check(json!({"aud": null}), Err("claims"));
    check(json!({"aud": []}), Err("claims"));
    check(json!({"aud": [1]}), Err("claims"));
    check(json!({"aud": {}}), Err("claims"));
    check(
        json!({"aud": "https://gw.example.com/mcp/orders/"}),
        Err("audience"),
    );
    check(
        json!({"aud": "https://gw.example.com/mcp/order"}),
        Err("audience"),
    );
    check(
        json!({"aud": "HTTPS://gw.example.com/mcp/orders"}),
        Err("audience"),
    );
    check(json!({"cnf": {"jkt": "x"}}), Err("bound"));
    check(
        json!({"cnf": {"x5t#S256": encode("\u{7}".repeat(32).as_str())}}),
        Ok(()),
    );
    check(
        json!({"cnf": {"x5t#S256": encode("x".repeat(32).as_str())}}),
        Err("bound"),
    );
    check(json!({"cnf": {"x5t#S256": "short"}}), Err("claims"));
    check(json!({"cnf": "x"}), Err("claims"));
}

#[test]
fn what_other_tokens_betray_themselves_by() {
    let header = r#"{"alg":"RS256","typ":"JWT"}"#;
    let check =
        |change: Value, expected| check(Typ::Compat, &token(header, &claims(change)), expected);
    check(json!({"typ": "Bearer"}), Ok(()));
    check(json!({"token_use": "access"}), Ok(()));
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("s_hash", json!("h")),
        ("events", json!({})),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("token_use", json!("id")),
    ] {
        let mut change = serde_json::Map::new();
        change.insert(name.to_owned(), value);
        check(change.into(), Err("kind"));
    }
}

#[test]
fn texts_that_are_no_token() {
    let good = token(HEADER, &claims(json!({})));
    let mut wrong = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        good.replacen('.', "", 1),
        good.replacen('.', "=.", 1),
        format!(" {good}"),
        token("[]", "{}"),
        token(HEADER, "[]"),
        token(HEADER, "{}x"),
        token(HEADER, r#"{"sub":"a","sub":"b"}"#),
        token(HEADER, r#"{"a":{"b":1,"b":2}}"#),
        token(HEADER, r#"{"a":NaN}"#),
        token(HEADER, "\u{feff}{}"),
        token(
            HEADER,
            &format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)),
        ),
    ];
    wrong.push(token(
        HEADER,
        &claims(json!({"pad": "x".repeat(TOKEN_BYTES_MAX)})),
    ));
    wrong.push(token(
        &format!(r#"{{"alg":"RS256","x":"{}"}}"#, "x".repeat(4_096)),
        "{}",
    ));
    for token in wrong {
        check(Typ::Strict, &token, Err("malformed"));
    }
}

#[test]
fn what_looks_like_a_jwt() {
    assert!(looks_like_jwt(&token(HEADER, "{}")));
    for other in ["", "abc", "ey.a", "a.b.c", "ey.a.b.c"] {
        assert!(!looks_like_jwt(other), "{other}");
    }
}
