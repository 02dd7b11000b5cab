//! A corpus made at run time: every kind in every layout, named as its words name it, in the places that messages
//! have; and what looks like it and is not.
//!
//! Values are drawn until they pass their own check, so that no made-up identifier or token stands in the repository.

use crate::rules;
use crate::scanner::{Limits, Scanner, Wanted};

/// A small generator (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.roll(10) as u8))
            .collect()
    }

    fn hex(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b"0123456789abcdef"[self.roll(16) as usize]))
            .collect()
    }
}

fn scanner() -> Scanner {
    Scanner::compile(&[], Limits::default(), Wanted::default()).unwrap()
}

fn message(text: &str) -> String {
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}}).to_string()
}

/// A value of the layout that passes the rule's check; none where chance does not meet one.
fn drawn(rule: &rules::Rule, layout: &str, dice: &mut Dice) -> Option<String> {
    let layout = layout.trim_start_matches('~').trim_end_matches("...");
    for _ in 0..60_000 {
        let text: String = layout
            .chars()
            .map(|place| match place {
                '9' => char::from(b'0' + dice.roll(10) as u8),
                'A' => char::from(b'A' + dice.roll(26) as u8),
                '*' => char::from(b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"[dice.roll(34) as usize]),
                other => other,
            })
            .collect();
        let compact: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
        if (rule.check)(&compact) {
            return Some(text);
        }
    }
    None
}

#[test]
fn every_kind_is_found_where_its_word_names_it() {
    let scanner = scanner();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut all, mut found, mut missed) = (0, 0, Vec::new());
    for rule in rules::all() {
        for layout in rule.bare.iter().chain(rule.near) {
            let Some(value) = drawn(rule, layout, &mut dice) else {
                continue;
            };
            for word in rule.words.iter().take(3) {
                let places = [
                    message(&format!("{word}: {value}")),
                    message(&format!("I was told to provide {word} {value} to support")),
                    message(&format!("id,{word},name\n1,{value},x\n2,,y\n")),
                    serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {word.replace(' ', "_"): value}}}).to_string(),
                ];
                for place in places {
                    all += 1;
                    let scan = scanner.scan(place.as_bytes()).unwrap();
                    if scan
                        .findings
                        .iter()
                        .any(|finding| scan.value(finding).len() + 2 >= value.len())
                    {
                        found += 1;
                    } else {
                        missed.push(format!("{} {place}", rule.kind));
                    }
                }
            }
        }
    }
    assert!(all > 1_500, "only {all} messages were made");
    assert!(
        found * 100 >= all * 98,
        "{found} of {all}; {:#?}",
        missed.iter().take(40).collect::<Vec<_>>()
    );
}

#[test]
fn kinds_that_speak_for_themselves_are_found_bare() {
    let scanner = scanner();
    let mut dice = Dice(77);
    for rule in rules::all() {
        for layout in rule.bare {
            let Some(value) = drawn(rule, layout, &mut dice) else {
                continue;
            };
            let text = message(&format!("See the page. {value}, thanks"));
            let scan = scanner.scan(text.as_bytes()).unwrap();
            assert!(!scan.findings.is_empty(), "{} {layout} {value}", rule.kind);
        }
    }
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    let scanner = scanner();
    let mut dice = Dice(4711);
    let mut flagged = Vec::new();
    let mut all = 0;
    for _ in 0..200 {
        let texts = [
            format!("session {}-{}-{}-{}-{}", dice.hex(8), dice.hex(4), dice.hex(4), dice.hex(4), dice.hex(12)),
            format!("commit {} sha256:{}", dice.hex(40), dice.hex(64)),
            format!("version {}.{}.{}.{}", dice.roll(20), dice.roll(20), dice.roll(20), dice.roll(20)),
            format!("v{}.{}.{}.{} changelog", dice.roll(20), dice.roll(20), dice.roll(20), dice.roll(20)),
            format!("ISBN 978-{}-{}-{}-{}", dice.digits(1), dice.digits(3), dice.digits(5), dice.digits(1)),
            format!("weights=[0.{}, 0.{}] at 2.718281828459045", dice.digits(12), dice.digits(12)),
            format!("ts={} start_ns={}", dice.digits(13), dice.digits(19)),
            format!("order {} ticket {}", dice.digits(16), dice.digits(9)),
            format!("docker pull app@sha256:{} npm i lodash@4.17.{}", dice.hex(64), dice.roll(30)),
            format!("git@github.com:org/repo.git image@2x.png color #{}", dice.hex(6)),
            format!("bbox: {}, {}, {}", dice.digits(4), dice.digits(4), dice.digits(3)),
            format!("fingerprint {}", (0..16).map(|_| dice.hex(2)).collect::<Vec<_>>().join(":")),
            format!("started 20{:02}-0{}-1{}T12:55:01Z", 10 + dice.roll(16), 1 + dice.roll(9), dice.roll(10)),
            "password: ${DB_PASSWORD} token: <your-token> api_key = process.env.API_KEY secret: !ref /prod/db".to_owned(),
            "Steuer-ID und IBAN werden nicht gespeichert; your passport and SSN are not needed.".to_owned(),
            "IMPORTANT: call resolve_library first to obtain a valid id before using this tool.".to_owned(),
        ];
        for text in texts {
            all += 1;
            let text = message(&text);
            let found = scanner.scan(text.as_bytes()).unwrap().findings.len();
            if found > 0 {
                flagged.push(text);
            }
        }
    }
    assert!(
        flagged.len() * 200 <= all,
        "{} of {all}: {:#?}",
        flagged.len(),
        flagged.iter().take(20).collect::<Vec<_>>()
    );
}

#[test]
fn tokens_are_found_in_what_holds_them() {
    let scanner = scanner();
    let mut dice = Dice(31);
    for token in crate::secrets::TOKENS {
        let value = token.drawn(|below| dice.roll(below));
        for text in [
            format!("KEY={value}\nPORT=1"),
            format!("curl -H \"Authorization: Bearer {value}\""),
            format!("{{\"a\": \"{value}\"}}"),
        ] {
            let text = message(&text);
            let scan = scanner.scan(text.as_bytes()).unwrap();
            assert!(!scan.findings.is_empty(), "{} {}", token.kind, token.prefix);
        }
    }
}
