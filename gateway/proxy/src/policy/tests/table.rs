use super::*;

/// Rules, then callers with what they ask for and what is decided about it.
struct Case {
    access: &'static str,
    asks: &'static [(&'static str, Asks)],
}

type Asks = &'static [(&'static str, &'static str)];

const TEAMS: Case = Case {
    access: "access:
- {id: admins, team: admins, allow: ['*']}
- {id: support, team: [support, helpdesk], allow: [orders/orders_get, crm/crm_lookup]}
- {id: bots, agent: [bot-1, bot-2], allow: ['orders/orders_*', 'orders/prompt:*']}
- {id: no-refund, deny: [orders/orders_refund]}
- {id: frozen, agent: bot-2, deny: [orders]}",
    asks: &[
        (
            "root +admins",
            &[
                ("orders/orders_get", "+admins"),
                ("orders/orders_refund", "-no-refund"),
                ("crm/anything", "+admins"),
                ("orders/prompt:p", "+admins"),
                ("orders/resource:file:///etc/passwd", "+admins"),
                ("orders/resource:file:///a/../b", "+admins"),
                ("orders/template:file:///{x}", "+admins"),
                ("orders/complete:p", "+admins"),
                ("orders/task:t", "+admins"),
                ("orders/subscribe:x:y", "+admins"),
                ("orders/unsubscribe:x:y", "+admins"),
                ("orders/listen:x:y,z:a", "+admins"),
                ("orders/method:tools/list", "+admins"),
                ("orders/method:vendor/own", "+admins"),
                ("orders/method:initialize", "+admins"),
                ("orders/GET", "+admins"),
                ("orders/DELETE", "+admins"),
                ("gone/orders_get", "-default"),
            ],
        ),
        (
            "ann +support",
            &[
                ("orders/orders_get", "+support"),
                ("orders/orders_list", "-default"),
                ("orders/orders_refund", "-no-refund"),
                ("orders/ORDERS_GET", "-default"),
                ("orders/orders_get2", "-default"),
                ("orders/", "-default"),
                ("crm/crm_lookup", "+support"),
                ("crm/orders_get", "-default"),
                ("orders/crm_lookup", "-default"),
                ("orders/prompt:orders_get", "-default"),
                ("orders/resource:orders_get", "-default"),
                ("orders/complete:orders_get", "-default"),
                ("orders/template:orders_get", "-default"),
                ("orders/method:orders_get", "-default"),
                ("orders/method:vendor/own", "-default"),
                ("orders/task:t", "+support"),
                ("orders/method:initialize", "+support"),
                ("orders/method:ping", "+support"),
                ("orders/method:server/discover", "+support"),
                ("orders/method:tools/list", "+support"),
                ("orders/method:prompts/list", "+support"),
                ("orders/method:resources/list", "+support"),
                ("orders/method:resources/templates/list", "+support"),
                ("orders/method:logging/setLevel", "+support"),
                ("orders/method:subscriptions/listen", "+support"),
                ("orders/method:notifications/initialized", "+support"),
                ("orders/method:tasks/list", "+support"),
                ("orders/listen:file:///a", "-default"),
                ("orders/listen-task:t", "+support"),
                ("orders/GET", "+support"),
                ("orders/DELETE", "+support"),
                ("orders/method:tools/call", "-default"),
                ("orders/method:completion/complete", "-default"),
            ],
        ),
        (
            "ben +sales +helpdesk",
            &[
                ("orders/orders_get", "+support"),
                ("orders/x", "-default"),
                ("crm/GET", "+support"),
            ],
        ),
        (
            "bot-1",
            &[
                ("orders/orders_", "+bots"),
                ("orders/orders_get", "+bots"),
                ("orders/orders_refund", "-no-refund"),
                ("orders/order", "-default"),
                ("orders/prompt:any", "+bots"),
                ("orders/complete:any", "+bots"),
                ("orders/resource:any", "-default"),
                ("crm/crm_lookup", "-default"),
                ("crm/method:initialize", "-default"),
                ("crm/method:ping", "-default"),
                ("crm/GET", "-default"),
                ("crm/task:t", "-default"),
                ("crm/method:notifications/initialized", "-default"),
            ],
        ),
        (
            "bot-1 +support",
            &[
                ("orders/orders_get", "+support"),
                ("crm/crm_lookup", "+support"),
                ("orders/orders_list", "+bots"),
            ],
        ),
        (
            "bot-2",
            &[
                ("orders/orders_get", "-frozen"),
                ("orders/method:initialize", "-frozen"),
                ("orders/GET", "-frozen"),
                ("orders/method:tools/list", "-frozen"),
                ("orders/prompt:p", "-frozen"),
                ("orders/task:t", "-frozen"),
                ("crm/crm_lookup", "-default"),
            ],
        ),
        (
            "bot-2 +admins",
            &[("orders/orders_get", "-frozen"), ("crm/x", "+admins")],
        ),
        (
            "bot",
            &[
                ("orders/orders_get", "-default"),
                ("orders/method:initialize", "-default"),
                ("orders/orders_refund", "-no-refund"),
            ],
        ),
        ("bot-1x", &[("orders/orders_get", "-default")]),
        ("Bot-1", &[("orders/orders_get", "-default")]),
        ("admins", &[("orders/orders_get", "-default")]),
    ],
};

const KINDS: Case = Case {
    access: "access:
- {id: tools, team: t, allow: ['orders/*']}
- {id: prompts, team: p, allow: ['orders/prompt:a*z', 'crm/prompt:only']}
- {id: public, team: r, allow: ['orders/resource:file:///public/*', 'orders/resource:test://x?y=a%20b', 'orders/resource:db://t/*/rows']}
- {id: private, deny: ['orders/resource:file:///public/private/*']}
- {id: methods, team: m, allow: ['orders/method:vendor/*', 'orders/method:tools/list'], deny: ['orders/method:tasks/*', 'orders/method:prompts/list']}
- {id: reader, team: reader, allow: [orders], deny: ['orders/method:tools/call']}
- {id: colon, team: c, allow: ['orders/tool:a:b', 'orders/a/b']}
- {id: any-server, team: s, allow: ['*/get', 'c*/prompt:p']}",
    asks: &[
        ("x +t", &[
            ("orders/any", "+tools"), ("orders/", "+tools"), ("orders/tool:prompt:x", "+tools"), ("orders/prompt:any", "-default"),
            ("orders/resource:any", "-default"), ("orders/method:vendor/own", "-default"), ("orders/method:ping", "+tools"),
            ("orders/task:1", "+tools"), ("orders/complete:any", "-default"),
        ]),
        ("x +p", &[
            ("orders/prompt:az", "+prompts"), ("orders/prompt:abcz", "+prompts"), ("orders/prompt:a", "-default"),
            ("orders/prompt:za", "-default"), ("orders/complete:abz", "+prompts"), ("orders/abz", "-default"),
            ("orders/task:1", "-default"), ("orders/listen-task:1", "-default"), ("orders/method:tools/list", "+prompts"),
            ("crm/prompt:only", "+prompts"), ("crm/prompt:onlyx", "-default"),
        ]),
        ("x +r", &[
            ("orders/resource:file:///public/a", "+public"), ("orders/resource:file:///public/a/b", "+public"),
            ("orders/resource:file:///public/", "+public"), ("orders/resource:file:///public", "-default"),
            ("orders/resource:file:///etc/passwd", "-default"), ("orders/resource:file:///public/../etc/passwd", "-default"),
            ("orders/resource:file:///public/%2e%2e/etc/passwd", "-default"), ("orders/resource:file:///public/..%2Fetc", "-default"),
            ("orders/resource:file:///public/%252e%252e/etc", "-default"), ("orders/resource:file:///public/..\\etc", "-default"),
            ("orders/resource:file:///public/private/a", "-private"), ("orders/resource:file:///public/%70rivate/a", "-private"),
            ("orders/resource:file:///public/x/../private/a", "-private"), ("orders/resource:FILE:///public/a", "-default"),
            ("orders/resource:file:///public/./a", "+public"), ("orders/resource:file:///public/%25252525", "-default"),
            ("orders/resource:test://x?y=a%20b", "+public"), ("orders/resource:test://x?y=a%20c", "-default"),
            ("orders/resource:db://t/7/rows", "+public"), ("orders/resource:db://t/7/cols", "-default"),
            ("orders/subscribe:file:///public/a", "+public"), ("orders/subscribe:file:///etc", "-default"),
            ("orders/unsubscribe:file:///public/a", "+public"), ("orders/listen:file:///public/a", "+public"),
            ("orders/listen:file:///public/a,file:///etc", "-default"), ("orders/listen:file:///public/private/x", "-private"),
            ("orders/template:file:///public/{name}", "+public"), ("orders/template:file:///{+path}", "+public"),
            ("orders/template:file:///public/private/{name}", "-private"), ("orders/template:file:///etc/{name}", "-default"),
            ("orders/template:db://t/{id}/rows", "+public"), ("orders/template:db://t/{id}/cols", "-default"),
            ("orders/template:file:///public/a", "+public"), ("crm/resource:file:///public/a", "-default"), ("crm/GET", "-default"),
        ]),
        ("x +m", &[
            ("orders/method:vendor/own", "+methods"), ("orders/method:vendor/", "+methods"), ("orders/method:vendorx", "-default"),
            ("orders/method:tools/list", "+methods"), ("orders/method:prompts/list", "-methods"), ("orders/method:resources/list", "+methods"),
            ("orders/task:1", "-methods"), ("orders/method:tasks/list", "-methods"), ("orders/get", "-default"), ("crm/method:vendor/own", "-default"),
        ]),
        ("x +reader", &[
            ("orders/get", "-reader"), ("orders/prompt:p", "+reader"), ("orders/resource:x:y", "+reader"), ("orders/method:tools/list", "+reader"),
            ("orders/method:tools/call", "-reader"), ("orders/method:vendor/own", "+reader"),
        ]),
        ("x +c", &[("orders/tool:a:b", "+colon"), ("orders/a/b", "+colon"), ("orders/a", "-default"), ("orders/b", "-default")]),
        ("x +s", &[
            ("orders/get", "+any-server"), ("crm/get", "+any-server"), ("crm/prompt:p", "+any-server"), ("orders/prompt:p", "-default"),
            ("gone/get", "-default"),
        ]),
        ("x", &[("orders/any", "-default"), ("orders/method:ping", "-default"), ("orders/resource:file:///public/private/a", "-private")]),
    ],
};

const WHO: Case = Case {
    access: "access:
- {id: both, agent: bot, team: [a, b], allow: [orders/both]}
- {id: gold, claims: {tier: [gold, platinum]}, allow: [orders/gold]}
- {id: deep, claims: {realm_access.roles: admin}, allow: [orders/deep]}
- {id: dotted, claims: {'https://example.com/role': x}, allow: [orders/dotted]}
- {id: flag, claims: {verified: 'true', level: '3'}, allow: [orders/flag]}
- {id: all-three, agent: bot, team: a, claims: {tier: gold}, allow: [orders/three]}
- {id: not-eu, claims: {region: eu}, deny: ['orders/us_*']}
- {id: us, allow: ['orders/us_*', orders/base]}",
    asks: &[
        (
            "bot +a",
            &[
                ("orders/both", "+both"),
                ("orders/three", "-default"),
                ("orders/base", "+us"),
            ],
        ),
        ("bot +b", &[("orders/both", "+both")]),
        ("bot +c", &[("orders/both", "-default")]),
        (
            "bot",
            &[("orders/both", "-default"), ("orders/gold", "-default")],
        ),
        ("other +a", &[("orders/both", "-default")]),
        (
            "x tier=gold",
            &[("orders/gold", "+gold"), ("orders/three", "-default")],
        ),
        ("x tier=platinum", &[("orders/gold", "+gold")]),
        ("x tier=[\"silver\",\"gold\"]", &[("orders/gold", "+gold")]),
        ("x tier=silver", &[("orders/gold", "-default")]),
        ("x tier=[[\"gold\"]]", &[("orders/gold", "-default")]),
        ("x tier={\"gold\":1}", &[("orders/gold", "-default")]),
        ("x tier=null", &[("orders/gold", "-default")]),
        ("x TIER=gold", &[("orders/gold", "-default")]),
        (
            "x realm_access={\"roles\":[\"user\",\"admin\"]}",
            &[("orders/deep", "+deep")],
        ),
        ("x realm_access.roles=admin", &[("orders/deep", "+deep")]),
        (
            "x realm_access={\"roles\":[\"user\"]}",
            &[("orders/deep", "-default")],
        ),
        ("x realm_access=admin", &[("orders/deep", "-default")]),
        (
            "x https://example.com/role=x",
            &[("orders/dotted", "+dotted")],
        ),
        ("x verified=true level=3", &[("orders/flag", "+flag")]),
        (
            "x verified=\"true\" level=\"3\"",
            &[("orders/flag", "+flag")],
        ),
        ("x verified=true level=4", &[("orders/flag", "-default")]),
        ("x verified=true", &[("orders/flag", "-default")]),
        (
            "bot +a tier=gold",
            &[
                ("orders/three", "+all-three"),
                ("orders/gold", "+gold"),
                ("orders/both", "+both"),
            ],
        ),
        ("bot +b tier=gold", &[("orders/three", "-default")]),
        (
            "x region=eu",
            &[("orders/us_a", "-not-eu"), ("orders/base", "+us")],
        ),
        ("x region=us", &[("orders/us_a", "+us")]),
        ("x", &[("orders/us_a", "+us")]),
    ],
};

const CONDITIONS: Case = Case {
    access: r#"access:
- {id: small, allow: [orders/pay], when: arguments.amount <= 100}
- {id: mine, allow: [orders/read], when: arguments.agent == agent}
- {id: eu, allow: [crm/list], when: claims.region == "eu"}
- {id: writer, allow: [crm/write], when: '"crm:write" in scopes'}
- {id: path, allow: [orders/open], when: 'arguments.path.startsWith("/tmp/") && !arguments.path.contains("..")'}
- {id: re, allow: [orders/find], when: 'arguments.q.matches("^[a-z]+$")'}
- {id: every, allow: [orders/tag], when: 'arguments.tags.all(t, t in ["a", "b"])'}
- {id: no-force, deny: [orders/push], when: arguments.force == true}
- {id: push, allow: [orders/push]}
- {id: named, allow: ['orders/n_*'], when: name != "n_x" && method == "tools/call" && server == "orders"}
- {id: nobody, allow: ['*'], when: 1 == 2}
- {id: prompt, allow: ['orders/prompt:p'], when: arguments.lang == "en"}
- {id: odd, allow: [orders/odd], when: arguments.n}
- {id: zero, allow: [orders/zero], when: 1 / arguments.n == 1}"#,
    asks: &[
        (
            "bot",
            &[
                ("orders/pay {\"amount\":100}", "+small"),
                ("orders/pay {\"amount\":101}", "-default"),
                ("orders/pay {\"amount\":-5}", "+small"),
                ("orders/pay {\"amount\":\"5\"}", "-default"),
                ("orders/pay {}", "-default"),
                ("orders/pay", "-default"),
                ("orders/read {\"agent\":\"bot\"}", "+mine"),
                ("orders/read {\"agent\":\"root\"}", "-default"),
                ("orders/open {\"path\":\"/tmp/a\"}", "+path"),
                ("orders/open {\"path\":\"/tmp/../etc\"}", "-default"),
                ("orders/open {\"path\":7}", "-default"),
                ("orders/open {\"path\":\"/etc\"}", "-default"),
                ("orders/find {\"q\":\"abc\"}", "+re"),
                ("orders/find {\"q\":\"abc\\n\"}", "-default"),
                ("orders/find {\"q\":1}", "-default"),
                ("orders/tag {\"tags\":[\"a\",\"b\"]}", "+every"),
                ("orders/tag {\"tags\":[]}", "+every"),
                ("orders/tag {\"tags\":[\"c\"]}", "-default"),
                ("orders/tag {\"tags\":\"a\"}", "-default"),
                ("orders/push {\"force\":false}", "+push"),
                ("orders/push {\"force\":true}", "-no-force"),
                ("orders/push {}", "-no-force"),
                ("orders/push {\"force\":\"true\"}", "+push"),
                ("orders/push", "-no-force"),
                ("orders/n_a", "+named"),
                ("orders/n_x", "-default"),
                ("orders/prompt:p {\"lang\":\"en\"}", "+prompt"),
                ("orders/prompt:p {\"lang\":\"de\"}", "-default"),
                ("orders/prompt:p", "-default"),
                ("orders/odd {\"n\":1}", "-default"),
                ("orders/odd {\"n\":true}", "+odd"),
                ("orders/zero {\"n\":0}", "-default"),
                ("orders/zero {\"n\":1}", "+zero"),
                ("orders/other", "-default"),
                ("orders/method:tools/list", "+small"),
                ("orders/GET", "+small"),
                ("orders/task:t", "+small"),
                ("orders/complete:p", "-default"),
                ("crm/list", "-default"),
                ("crm/method:initialize", "-default"),
            ],
        ),
        (
            "bot region=eu",
            &[
                ("crm/list", "+eu"),
                ("crm/write", "-default"),
                ("crm/method:initialize", "+eu"),
            ],
        ),
        ("bot region=us", &[("crm/list", "-default")]),
        ("bot region=1", &[("crm/list", "-default")]),
        (
            "bot scope:crm:write",
            &[("crm/write", "+writer"), ("crm/list", "-default")],
        ),
        ("bot scope:crm:read", &[("crm/write", "-default")]),
    ],
};

#[test]
fn decisions() {
    let mut decided = 0;
    for case in [TEAMS, KINDS, WHO, CONDITIONS] {
        let policy = policy(case.access);
        assert!(policy.is_in_force());
        for (who, asks) in case.asks {
            for (place, expected) in *asks {
                assert_eq!(
                    decide(&policy, &caller(who), place),
                    *expected,
                    "{who} asks for {place}"
                );
                decided += 1;
            }
        }
    }
    assert!(decided >= 200, "only {decided} decisions");
}

#[test]
fn a_template_is_seen_by_whoever_may_read_some_of_it() {
    let policy = policy(KINDS.access);
    let view = view(&policy, &caller("x +r"), "orders").unwrap();
    let shows = |list, name: &str| view.shows(Entry::Listed(list, name));
    assert!(shows(List::Templates, "file:///public/{name}"));
    assert!(shows(List::Resources, "file:///public/a"));
    assert!(!shows(List::Templates, "file:///etc/{name}"));
    assert!(!shows(List::Resources, "file:///public/private/a"));
    assert!(!shows(List::Tools, "file:///public/a"));
    assert!(view.shows(Entry::Updated("file:///public/a")));
    assert!(!view.shows(Entry::Updated("file:///public/private/a")));
}
