//! What people read when something is wrong, word for word.

use std::fmt::Write as _;

use super::*;

/// Each case with what is said about it, as one golden page.
fn check(name: &str, folder: &FilePath, cases: &[&str]) {
    let mut page = String::new();
    for case in cases {
        let case = case.trim_matches('\n');
        let variables = [
            ("SECRET", "hunter2"),
            ("HOME", "/home/user"),
            ("BAD", "hunter2"),
        ];
        let said = match parse_there(case, folder, &variables) {
            Ok(_) => "valid".to_owned(),
            Err(faults) => faults
                .to_string()
                .replace(&folder.display().to_string(), "FOLDER"),
        };
        assert!(!said.contains("hunter2"), "{said}");
        writeln!(page, "{case}\n=> {}\n", said.replace('\n', "\n   ")).unwrap();
    }
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, page);
    });
}

fn check_texts(name: &str, cases: &[&str]) {
    check(name, FilePath::new("/nowhere"), cases);
}

#[test]
fn what_yaml_allows_and_we_do_not() {
    check_texts(
        "yaml",
        &[
            "",
            "# nothing but a comment",
            "~",
            "servers",
            "- servers",
            "servers: {a: {url: http://a/}}\n---\nservers: {}",
            "servers: {a: {url: http://a/}}\nservers: {b: {url: http://b/}}",
            "servers:\n\ta: {url: http://a/}",
            "servers:\n  a: {url: http://a/\n",
            "servers: &all {a: {url: http://a/}}\nadmin: *all",
            "servers: {a: !!map {url: !!str http://a/}}",
            "servers: {1: {url: http://a/}, true: {url: http://b/}, ~: {url: http://c/}}",
            "servers: {? [a, b] : {url: http://a/}}",
            "servers: {<<: {url: http://a/}}",
            "servers: {a: {url: http://a/}}\nlisten: \"127.0.0.1:8080",
        ],
    );
}

#[test]
fn values_that_yaml_readers_take_for_something_else() {
    check_texts(
        "traps",
        &[
            "servers: {no: {url: http://a/}, on: {url: http://b/}, \"off\": {url: http://c/}}",
            "servers: {a: {url: http://a/}}\nlisten: 8080",
            "servers: {a: {url: http://a/}}\nlisten: 22:22",
            "servers: {a: {url: http://a/}}\naudit: {gateway: 0123}",
            "servers: {a: {url: http://a/}}\naudit: {gateway: true}",
            "servers: {a: {url: http://a/}}\naudit: {gateway: 1e3}",
            "servers: {a: {url: http://a/}}\naudit: {gateway: \"1e3\"}",
            "servers: {a: {url: http://a/}}\naudit: {gateway: }",
            "servers: {a: {url: http://a/}}\naudit: ~",
            "servers: {a: {url: http://a/}}\ninsecure: {anonymous: yes}",
            "servers: {a: {url: http://a/}}\ninsecure: {anonymous: \"true\", admin_remote: 1}",
            "servers: {a: {url: http://a/}}\nrequests: {depth_max: \"128\"}",
            "servers: {a: {url: http://a/}}\nrequests: {depth_max: -1}",
            "servers: {a: {url: http://a/}}\nrequests: {depth_max: 1e2}",
        ],
    );
}

#[test]
fn keys_that_nobody_knows() {
    check_texts(
        "keys",
        &[
            "servers: {orders: {url_s: [http://a/]}}",
            "server: {orders: {url: http://a/}}",
            "servers: {orders: {url: http://a/, Protocol: http1, time-outs: {}}}",
            "servers: {orders: {url: http://a/, weight: 90}}",
            "servers: {orders: {url: http://a/, timeouts: {conect: 5s, answers: 5s, keepalive: 5s}}}",
            "servers: {orders: {url: http://a/}}\nclickhouse: {url: http://a/}",
            "servers: {orders: {url: http://a/}}\nrequests: {bodyBytesMax: 1MiB}",
            "listen: {adress: 127.0.0.1:1}\nservers: {orders: {url: http://a/}}",
        ],
    );
}

#[test]
fn shapes_and_bounds() {
    check_texts(
        "shapes",
        &[
            "servers: [http://a/]",
            "servers: {}",
            "servers: {orders: http://a/}",
            "servers: {orders: {url: [http://a/]}}",
            "servers: {orders: {urls: http://a/}}",
            "servers: {orders: {urls: []}}",
            "servers: {orders: {url: http://a/}}\nlisten: [127.0.0.1:8080]",
            "servers: {orders: {url: http://a/}}\nrequests: {body_bytes_max: 16MB, header_bytes_max: 1GiB, depth_max: 5, read_timeout: 30}",
            "servers: {orders: {url: http://a/}}\nrequests: {body_bytes_max: 65536, header_bytes_max: 64 KiB, read_timeout: \"5 m\"}",
            "servers: {orders: {url: http://a/, timeouts: {connect: 0s, answer: 25h, idle: 1.5s}}}",
            "servers: {orders: {url: http://a/, protocol: h2}}",
            "servers: {orders: {url: http://a/}}\ntelemetry: {log: {level: INFO, format: xml}}",
        ],
    );
}

#[test]
fn listeners() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.path().join("tls/other.key"), other).unwrap();
    std::fs::write(folder.path().join("tls/empty.pem"), "").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.path().join("tls/broken.pem"), broken).unwrap();
    check(
        "listeners",
        folder.path(),
        &[
            "servers: {a: {url: http://a/}}\nlisten: localhost:8080",
            "servers: {a: {url: http://a/}}\nlisten: 127.0.0.1",
            "servers: {a: {url: http://a/}}\nlisten: 127.0.0.1:99999",
            "servers: {a: {url: http://a/}}\nlisten: 0.0.0.0:8080\nadmin: 0.0.0.0:9090",
            "servers: {a: {url: http://a/}}\nlisten: \"[::]:8080\"\nadmin: {address: \"[::]:9090\"}\ninsecure: {anonymous: true, admin_remote: true}",
            "servers: {a: {url: http://a/}}\nlisten: 127.0.0.1:9090",
            "servers: {a: {url: http://a/}}\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0",
            "servers: {a: {url: http://a/}}\nlisten: {hosts: [a]}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, hosts: [\"http://a\", \"a b\", \"user@a\", \"a/b\", \"a:1\"], origins: [a.example.com, \"https://a/b\", \"*\", \"null\", \"https://a\"]}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, tls: {cert: tls/gateway.pem, key: tls/gateway.key}}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, tls: {cert: tls/gateway.pem, key: tls/other.key}}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, tls: {cert: tls/gateway.key, key: tls/gateway.pem}}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, tls: {cert: tls/empty.pem, key: tls/gone.key}}",
            "servers: {a: {url: http://a/}}\nlisten: {address: 127.0.0.1:1, tls: {cert: tls/broken.pem}}",
        ],
    );
}

#[test]
fn servers() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    check(
        "servers",
        folder.path(),
        &[
            "servers: {a: {}}",
            "servers: {a: {url: http://a/, urls: [http://b/]}}",
            "servers: {a: {urls: [http://a/, http://b/, http://a/]}}",
            "servers: {Orders: {url: http://a/}, -a: {url: http://b/}, a_b: {url: http://c/}, \"\": {url: http://d/}, a/b: {url: http://e/}}",
            "servers: {a: {url: localhost:8000}, b: {url: ftp://a/}, c: {url: \"http://\"}, d: {url: \"http://a:99999/\"}}",
            "servers: {a: {url: \"http://user:hunter2@a/\"}, b: {url: \"http://a/#b\"}, c: {url: \"http://a:0/\"}, d: {url: \"${BAD}\"}}",
            "servers: {a: {url: http://a/, tls: {ca: tls/authority.pem}}}",
            "servers: {a: {url: https://a/, tls: {ca: tls/authority.pem, server_name: orders.example.com}}}",
            "servers: {a: {url: https://a/, tls: {ca: tls/gone.pem, server_name: \"not a name\"}}}",
            "servers: {a: {url: https://a/, tls: {ca: tls/gateway.key}}}",
        ],
    );
}

#[test]
fn rest_apis() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    std::fs::write(folder.path().join("apis/old.yaml"), "swagger: 1.2").unwrap();
    std::fs::write(folder.path().join("apis/torn.json"), "{\"openapi\": ").unwrap();
    std::fs::write(
        folder.path().join("apis/none.yaml"),
        "openapi: 3.0.0\npaths: {}",
    )
    .unwrap();
    check(
        "rest_apis",
        folder.path(),
        &[
            "servers: {a: {openapi: {}}}",
            "servers: {a: {openapi: {spec: apis/gone.json, baseurl: http://a/}}}",
            "servers: {a: {openapi: {spec: apis/old.yaml, base_url: a}}, b: {openapi: {spec: apis/torn.json, base_url: 'http://b/?x=1'}}}",
            "servers: {a: {openapi: {spec: apis/none.yaml, base_url: http://a/}}}",
            "servers: {a: {url: http://a/, openapi: {spec: apis/parcels.json, base_url: http://a/}}}",
            "servers: {a: {openapi: {spec: apis/parcels.json, base_url: http://a/, include: [listParcel], exclude: ['GET /x'], overrides: [{operation: tag:x, at: items, keep: ['*']}]}}}",
            "servers: {a: {openapi: {spec: apis/parcels.json, base_url: http://a/}, tls: {ca: tls/authority.pem, server_name: b}, health: {check: http}}}",
            "servers: {a: {versions: {v1: {openapi: {spec: 'http://user:hunter2@a/', base_url: http://a/}}, v2: {url: http://a/, openapi: {spec: apis/parcels.json, base_url: http://a/}}}}}",
        ],
    );
}

#[test]
fn programs() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    check(
        "programs",
        folder.path(),
        &[
            "servers: {a: {command: []}, b: {command: ['']}, c: {command: {env: {}}}, d: {command: sh -c x}}",
            "servers: {a: {command: {run: [a], per: agent, processes_max: 0, memory_max: 1MiB, idle: 10ms, cwd: nowhere, env: {'': a, 'b=c': d, e: 5}}}}",
            "servers: {a: {command: [a], url: http://a/}, b: {command: [b], openapi: {spec: apis/parcels.json, base_url: http://a/}}}",
            "servers: {a: {command: [a], auth: {header: {value: x}}, tls: {ca: tls/authority.pem}}}",
            "servers: {a: {comand: [a]}, b: {command: {running: [a]}}}",
        ],
    );
}

#[test]
fn audit_and_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("large"), "x".repeat(70_000)).unwrap();
    let clickhouse = |rest: &str| {
        format!(
            "servers: {{a: {{url: http://a/}}}}\naudit: {{clickhouse: {{url: http://db/, {rest}}}}}"
        )
    };
    let texts = [
        "servers: {a: {url: http://a/}}\naudit: {gateway: a/b, clickhouse: {user: x}, spool: {bytes_max: 1MiB}}".to_owned(),
        clickhouse("database: 1a"),
        clickhouse("database: \"a; drop\""),
        clickhouse("password: 12345"),
        clickhouse("password: [hunter2]"),
        clickhouse("password: \"${SECRET}\""),
        clickhouse("password: \"${GONE}\""),
        clickhouse("password: \"${hunter2!}\""),
        clickhouse("password: \"${GONE:-}\""),
        clickhouse("password: \"file:password\""),
        clickhouse("password: \"file:gone\""),
        clickhouse("password: \"file:empty\""),
        clickhouse("password: \"file:large\""),
        "servers: {a: {url: http://a/}}\naudit: {ack: memory, capture: {tools: [b/x, a/prompt:x]}}\ninsecure: {unrecorded: true}".to_owned(),
        "servers: {a: {url: http://a/}}\naudit: {clickhouse: {url: http://db/}, capture: {tool: [a], tools: [], results: true, bytes_max: 2MiB, keep_days: 91}}".to_owned(),
        "servers: {a: {url: http://a/}}\naudit: {clickhouse: {url: http://db/}, capture: {arguments: true}}".to_owned(),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check("audit", folder.path(), &texts);
}

#[test]
fn a_value_of_the_environment_is_never_quoted() {
    check_texts(
        "environment",
        &[
            "servers: {a: {url: http://a/, protocol: \"${SECRET}\", timeouts: {answer: \"${SECRET}\"}}}\nlisten: ${SECRET}\nrequests: {body_bytes_max: \"${SECRET}\", depth_max: \"${SECRET}\"}\ninsecure: {anonymous: \"${SECRET}\"}\naudit: {clickhouse: {url: \"${SECRET}\", database: \"${SECRET}!\"}}\ntelemetry: \"${SECRET}\"",
            "servers: {a: {url: \"http://${HOST}/\"}}\nlisten: \"${\"\nadmin: \"${}\"",
        ],
    );
}

#[test]
fn access_rules() {
    let rules = |rules: &str| format!("servers: {{orders: {{url: http://a/}}}}\naccess:\n{rules}");
    let cases = [
        "- {allow: ['*']}",
        "- {agent: bot, when: 'true'}",
        "- {team: [], allow: [orders/get]}",
        "- {team: '', agent: 'a*', allow: [orders/get]}",
        "- {id: a b, allow: [orders/get]}\n- {id: x, allow: [orders]}\n- {id: x, deny: [orders]}\n- {id: default, deny: [orders]}",
        "- allow: [order/get, orders/promt:x, 'orders/', /get, 'o*/get']",
        "- {claims: {tier: gold, '': x}, allow: [orders/get]}",
        "- {claims: {level: 3}, allow: [orders/get]}",
        "- {teams: a, alow: [orders/get]}",
        "- allow: [orders/get]\n  when: arguments.amount =< 100",
        "- allow: [orders/get]\n  when: |\n    arguments.amount <= 100 &&\n    clams.region == 'eu'",
        "- {allow: [orders/get], when: 'arguments.a.all(x, arguments.b.all(y, x == y))'}",
        "- {allow: [orders/get], when: 'arguments.a.matches(\"(\")'}\n- {allow: [orders/get], when: arguments.a.lower() == \"x\"}",
    ]
    .map(rules);
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    check_texts("access", &cases);
}

#[test]
fn who_may_call() {
    let servers = "servers: {a: {url: http://a/}}\n";
    let issuer =
        "auth: {resource: https://gw.example.com, issuers: [{issuer: https://idp.example.com";
    let texts = [
        "auth: {}".to_owned(),
        "auth: {issuers: [{issuer: https://idp.example.com}]}".to_owned(),
        "auth: {resource: http://gw.example.com, issuers: [{issuer: http://idp.example.com}]}".to_owned(),
        "auth: {resource: \"https://gw.example.com/?a\", issuers: [{}]}".to_owned(),
        "listen: 0.0.0.0:80\nauth: {resource: http://localhost, issuers: [{issuer: http://127.0.0.1:1}]}".to_owned(),
        format!("{issuer}, algorithms: [HS256, none, RS256]}}]}}"),
        format!("{issuer}, algorithms: [], jwks: keys.json}}]}}"),
        format!("{issuer}}}, {{issuer: https://idp.example.com}}]}}"),
        format!("{issuer}, introspection: {{client_id: a, client_secret: hunter2}}}}, {{issuer: https://b, introspection: {{client_id: a}}}}]}}"),
        format!("{issuer}}}], clock_skew: 10m, typ: lax, required_scopes: [{{}}, {{scopes: [\"a b\"]}}, {{server: a, tool: a/b, scopes: [c]}}, {{server: z, scopes: [c]}}, {{tool: b, scopes: [c]}}]}}"),
        "auth: {api_keys: [{sha256: hunter2, agent: a}, {sha256: abc, agent: \"\"}], api_key_header: authorization}".to_owned(),
        "auth: {certificates: {ca: gone.pem, name: email}}".to_owned(),
    ];
    let texts =
        texts.map(|text| format!("{servers}{text}").replace("sha256: hunter2", "sha256: hunter"));
    let servers = [
        "{header: {}}",
        "{header: {name: host, value: hunter2}}",
        "{header: {value: \"a\\nb\"}, client_credentials: {}}",
        "{client_credentials: {token_url: http://idp.example.com/token, client_id: a, client_secret: hunter2}}",
        "{token_exchange: {token_url: https://idp.example.com/token, client_id: a, client_secret: hunter2}}",
        "{passthrough: true}",
    ];
    let servers = servers.map(|auth| format!("servers: {{a: {{url: http://a/, auth: {auth}}}}}"));
    let all: Vec<&str> = texts.iter().chain(&servers).map(String::as_str).collect();
    check_texts("identity", &all);
}

#[test]
fn limits_and_prices() {
    let on_a = |rest: &str| format!("servers: {{a: {{url: http://a/}}}}\n{rest}");
    let cases = [
        "limits: [{per: [agent]}]",
        "limits: [{call: 5/min}]",
        "limits: [{calls: 5}, {calls: 0/min}, {calls: 5/minute}, {calls: 1.5/min}, {tokens: 5GiB/day}, {bytes: 5k/day}]",
        "limits: [{tokens: 5/min, burst: 3}, {calls: 1/day, burst: 1000}, {concurrent: 0}]",
        "limits: [{per: [agent, agent], calls: 1/day}, {per: [agents], calls: 1/day}]",
        "limits: [{server: b, calls: 1/day}, {tool: b/c, calls: 1/day}, {tool: c, calls: 1/day}, {tool: a/, calls: 1/day}, {tool: 'a/prompt:', calls: 1/day}]",
        "limits: [{calls: 1/day}, {calls: 1/day}, {id: x, calls: 2/day}, {id: x, tokens: 2/day}, {id: '', calls: 3/day}]",
        "limits: [{cost: 5 USD/day}]",
        "limits: [{cost: 5 EUR/day}, {cost: 5/day}, {cost: 5 USD/hour}]\nprices: {currency: USD, books: {b: {prices: [{per_call: 1}]}}}",
        "prices: {currency: usd, books: {}}",
        "prices: {currency: USD, books: {b: {prices: [{per_call: -1}, {per_call: 1e3}, {per_call: 0.0000000001}, {server: a}]}}}",
        "prices: {currency: USD, books: {b: {valid_from: tomorrow, prices: [{per_call: 1}]}, c: {prices: [{per_call: 1}]}, d: {prices: [{per_call: 2}]}}}",
        "prices: {currency: USD, books: {b: {prices: [{tool: a/x, per_call: 1}, {tool: a/x, per_mib: 1}, {tool: 'a/*', per_call: 1}, {server: b, per_call: 1}, {server: a, tool: a/y, per_call: 1}]}}}",
        "redis: {fail: open}",
        "redis: {url: http://cache/, prefix: 'a b', timeout: 1ms}",
        "redis: {url: 'redis://u:hunter2@cache/'}",
        "redis: {url: 'redis://cache/db'}",
    ];
    let texts: Vec<String> = cases.iter().map(|case| on_a(case)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check_texts("limits", &texts);
}

#[test]
fn classifiers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.onnx"), "").unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let cases = [
        "{action: block}",
        "{url: http://127.0.0.1/, model: m.onnx, action: block}",
        "{url: http://127.0.0.1/, tokenizer: t.json, label: 1, threshold: 70, action: block}",
        "{model: m.onnx, action: redact}",
        "{model: gone.onnx, tokenizer: folder, action: block}",
        "{model: m.onnx, label: 10000, threshold: 0.5, action: block}",
        "{modle: m.onnx, action: block}",
        "{model: m.onnx, label: 0, threshold: 70, action: monitor}",
    ]
    .map(|hook| {
        format!("servers: {{a: {{url: http://a/}}}}\nguardrails: {{hooks: {{judge: {hook}}}}}")
    });
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    check("classifiers", folder.path(), &cases);
}

#[test]
fn patterns() {
    let cases = [
        "{EMAIL: {words: [a], action: redact}}",
        "{pii: {words: [a], action: redact}}",
        "{A: {action: redact}}",
        "{A: {words: [a], pattern: a, action: redact}}",
        "{A: {pattern: '(', action: redact}}",
        "{A: {pattern: '(?=a)', action: redact}}",
        "{'': {words: [a], action: redact}}",
        "{'a:b': {words: [a], action: redact}}",
        "{'a]': {words: [a], action: redact}}",
        "{A: {pattern: 'C-[0-9]{4}', action: redact, examples: {found: [C-1], passed: [C-1234]}}}",
        "{A.b_c-1: {pattern: 'C-[0-9]{4}', action: redact, examples: {found: [C-1234]}}}",
    ]
    .map(|patterns| {
        format!("servers: {{a: {{url: http://a/}}}}\nguardrails: {{patterns: {patterns}}}")
    });
    check_texts("patterns", &cases.each_ref().map(String::as_str));
}

#[test]
fn a_model_needs_a_gateway_that_can_run_it() {
    let text = "servers: {a: {url: http://a/}}\nguardrails:\n  hooks:\n    judge:\n      model: m.onnx\n      action: block\n";
    let surroundings = Surroundings {
        folder: PathBuf::from("/nowhere"),
        variable: &|_| None,
        host_name: "host-1".to_owned(),
        models: false,
    };
    let faults = parse_in(text, "gantry.yaml", &surroundings).unwrap_err();
    assert_eq!(
        faults.to_string().trim(),
        "gantry.yaml:5:14: guardrails.hooks.judge.model: this gateway was built without models\n  allowed: a gateway built with `--features onnx`, or `url`"
    );
}

#[test]
fn several_servers_at_one_endpoint() {
    check_texts(
        "federation",
        &[
            "servers: {a: {url: http://a/}}\nfederation: {prefix: sometimes, separator: '-', deadline: 1ms, list_tl: 1s}",
            "servers: {a: {url: http://a/}}\nfederation: {separator: ''}",
            "servers: {a: {url: http://a/}}\nfederation: {separator: 'a_'}",
            "servers: {a: {url: http://a/}}\nbundles: {a: {servers: [a]}}",
            "servers: {a: {url: http://a/}}\nbundles: {B: {}}",
            "servers: {a: {url: http://a/}}\nbundles: {b: {servers: [c], tools: ['*/x', c/x, a/thing:x, a/x]}}",
            "servers: {a: {url: http://a/, tools: {x: {name: y}, z: {name: y}, w: {name: 'a b', group: 'é'}}}}",
            "servers: {a: {url: http://a/, tools: {x: {name: y}, y: {}}}}",
            "servers: {a: {url: http://a/, tools: {x: {hide: true}}}}",
        ],
    );
}
