use super::*;

pub(super) const VARIABLES: [(&str, &str); 6] = [
    ("GANTRY_ADMIN_CREDENTIAL", "correct-horse-battery"),
    ("GANTRY_GUARD_KEY", "a key of thirty-two bytes or more!"),
    ("GANTRY_OAUTH_SECRET", "hunter2"),
    ("GANTRY_REDIS_PASSWORD", "hunter3"),
    ("GANTRY_STORE_PASSWORD", "hunter2"),
    ("HOME", "/home/user"),
];

/// Every example by its file's name, so that none can be added without being checked.
fn examples() -> Vec<(String, String)> {
    let files = std::fs::read_dir(config_folder()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut examples: Vec<(String, String)> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    examples.sort();
    examples
}

#[test]
fn every_example_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let examples = examples();
    let names: Vec<&str> = examples.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "access",
        "audit",
        "canary",
        "everything",
        "federation",
        "guardrails",
        "identity",
        "limits",
        "minimal",
        "tls",
        "two-servers",
    ] {
        assert!(
            names.contains(&format!("{name}.yaml").as_str()),
            "{name} is gone"
        );
    }
    for (name, text) in examples {
        if let Err(faults) = parse_there(&text, folder.path(), &VARIABLES) {
            panic!("{name}\n{faults}");
        }
    }
}

#[test]
fn the_full_example_holds_every_key() {
    let text = std::fs::read_to_string(config_folder().join("everything.yaml")).unwrap();
    fn check(schema: &serde_json::Value, text: &str, checked: &mut usize) {
        for key in schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            // A server has either key; the example shows both, on two servers.
            assert!(
                text.contains(&format!("{key}:")),
                "{key} is not in everything.yaml"
            );
            *checked += 1;
        }
    }
    let document = schema::document();
    let mut checked = 0;
    check(document, &text, &mut checked);
    for definition in document["$defs"].as_object().unwrap().values() {
        check(definition, &text, &mut checked);
    }
    assert!(checked > 30, "only {checked} keys were looked for");
}

#[test]
fn what_the_examples_mean() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let read = |name: &str| {
        let text = std::fs::read_to_string(config_folder().join(name)).unwrap();
        parse_there(&text, folder.path(), &VARIABLES).unwrap()
    };

    let minimal = read("minimal.yaml");
    assert_eq!(minimal.listen.address, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(minimal.admin.address, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(
        minimal.servers[0].versions[0].urls[0].as_str(),
        "http://127.0.0.1:8000/mcp"
    );
    assert_eq!(
        minimal.servers[0].timeouts.connect,
        std::time::Duration::from_secs(5)
    );
    assert_eq!(minimal.requests.body_bytes_max, 16 << 20);
    assert_eq!(minimal.audit.gateway, "host-1");
    assert!(minimal.audit.clickhouse.is_none());
    let spool = FilePath::new("/home/user/.local/state/gantry/spool");
    assert_eq!(minimal.audit.spool.dir, spool);

    let tls = read("tls.yaml");
    let files = tls.listen.tls.as_ref().unwrap();
    assert_eq!(files.cert, folder.path().join("tls/gateway.pem"));
    assert!(tls.insecure.anonymous);
    assert_eq!(tls.listen.origins, ["https://app.example.com"]);

    let audit = read("audit.yaml");
    let clickhouse = audit.audit.clickhouse.as_ref().unwrap();
    assert_eq!(clickhouse.shards[0][0].as_str(), "http://127.0.0.1:8123/");
    assert_eq!(clickhouse.password.as_ref().unwrap().expose(), "hunter2");
    assert_eq!(audit.audit.spool.bytes_max, 10 << 30);

    let identity = read("identity.yaml");
    let auth = identity.auth.as_ref().unwrap();
    assert_eq!(auth.resource.as_deref(), Some("https://gw.example.com"));
    assert_eq!(auth.issuers[0].keys, KeyPlace::Metadata);
    assert_eq!(auth.api_keys[0].sha256[..2], [0x5e, 0x88]);
    let exchange = &identity.server("orders").unwrap().auth;
    let ServerAuth::TokenExchange(exchange) = exchange else {
        panic!("{exchange:?}")
    };
    let resource = Some("https://orders.internal.example.com/mcp");
    assert_eq!(exchange.resource.as_deref(), resource);

    let two = read("two-servers.yaml");
    assert_eq!(two.server("crm").unwrap().versions[0].urls.len(), 2);
    assert_eq!(two.server("crm").unwrap().protocol, Protocol::Http2);
    assert!(two.server("other").is_none());
}
