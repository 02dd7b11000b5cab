//! What names a value: fields as programs spell them, columns of tables, labels beside values. And what looks the same
//! and names nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says so by panicking"
)]

use std::sync::LazyLock;

use gantry_guard::{Limits, Scanner, Wanted, What};
use serde_json::{Value, json};

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let wanted = Wanted {
        hidden: false,
        injection: false,
        ..Wanted::default()
    };
    Scanner::compile(&[], Limits::default(), wanted).unwrap()
});

/// What is found in a message: kind and value.
fn found(content: &Value) -> Vec<(String, String)> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": content}});
    let message = message.to_string();
    let scan = SCANNER.scan(message.as_bytes()).unwrap();
    let one = |finding: &gantry_guard::Finding| {
        let What::Kind(kind) = finding.what else {
            panic!("there are no own patterns");
        };
        let value = String::from_utf8_lossy(scan.value(finding)).into_owned();
        (kind.name().to_owned(), value)
    };
    scan.findings.iter().map(one).collect()
}

fn kinds(content: &Value) -> Vec<String> {
    found(content).into_iter().map(|(kind, _)| kind).collect()
}

/// Made of parts, so that no scanner takes this file for a leak.
fn password() -> String {
    ["Pepper", "Orchid", "43!in"].concat()
}

fn key() -> String {
    ["9f8Kq2LmZ", "x7Tn4RvB1c", "Yw6Dp3Hs"].concat()
}

#[test]
fn fields_are_named_as_programs_spell_them() {
    for (name, value, kind) in [
        ("customerSsn", "536-90-4399", "US_SSN"),
        ("vinNumber", "1HGBH41JXMN109186", "VIN"),
        ("nhsNo", "943 476 5919", "UK_NHS"),
        ("deviceImei", "490154203237518", "IMEI"),
        ("fechaNacimiento", "1978-01-29", "DATE_OF_BIRTH"),
        ("rodneCislo", "736028/5163", "CZ_RC"),
        ("numeroAssuranceSociale", "130 692 544", "CA_SIN"),
    ] {
        assert_eq!(kinds(&json!({name: value})), [kind], "{name}");
        let text = json!({name: value, "note": "ok"}).to_string();
        assert_eq!(kinds(&json!([text])), [kind], "{name} in a text");
    }
    assert_eq!(kinds(&json!(["No. KP 800101-14-5679"])), ["MY_NRIC"]);
    // A run of a program is no RUN, and a day no number.
    let run = json!({"runId": "a7a66d59-7cdf-476d", "startedAt": "2025-06-07 03:21:02"});
    assert_eq!(kinds(&json!([run.to_string()])), [""; 0]);
}

#[test]
fn labels_name_the_values_beside_them() {
    for text in [
        r#"{"label": "NHS number", "value": "943 476 5919"}"#,
        "{\n  \"field\": \"NHS number\",\n  \"answer\": \"943 476 5919\"\n}",
        r#"{"nhsNo": {"value": "943 476 5919", "verified": true}}"#,
        r"{'question': 'NHS number', 'value': '943 476 5919'}",
    ] {
        assert_eq!(kinds(&json!([text])), ["UK_NHS"], "{text}");
    }
    let other = r#"{"label": "NHS number", "order_ref": "943 476 5919"}"#;
    assert_eq!(kinds(&json!([other])), [""; 0]);
}

#[test]
fn headers_name_their_columns() {
    let cell = "943 476 5919";
    for text in [
        format!(
            " Order    |  NHS number  \n----------+--------------\n CJK-0515 | {cell} \n(1 row)"
        ),
        format!(
            "+----+--------------+\n| id | NHS number   |\n+----+--------------+\n|  7 | {cell} |"
        ),
        format!("| id | NHS number |\n|---|---|\n| 7 | {cell} |"),
        format!(
            "<table><tr><th>id</th><th>NHS number</th></tr><tr><td>7</td><td>{cell}</td></tr></table>"
        ),
        format!(
            "NAME           NHS NUMBER       STATUS\n======================================\nJO ZELLER      {cell}     OPEN\nAN PAPADAKIS   {cell}     DONE\n"
        ),
        format!("INSERT INTO t (id, nhs_number) VALUES\n(7, '{cell}'),\n(8, '{cell}')"),
        format!(
            "NO   NAME          NHS NUMBER\n1    Jo Zeller     {cell}\n2    An Ito        {cell}"
        ),
        format!(
            "{{\"columns\": [\"id\", \"nhs_number\"], \"rows\": [[7, \"{cell}\"], [8, \"{cell}\"]]}}"
        ),
        format!(
            "[\n  [\"place, town\", \"nhs_number\"],\n  [\n    \"Bern, CH\",\n    \"{cell}\"\n  ]\n]"
        ),
        format!(
            "{{\"fields\":[{{\"name\":\"id\"}},{{\"name\":\"nhs_number\",\"type\":\"[text]\"}}],\"rows\":[[7,\"{cell}\"]]}}"
        ),
    ] {
        let found = kinds(&json!([text]));
        assert!(
            !found.is_empty() && found.iter().all(|kind| kind == "UK_NHS"),
            "{text}: {found:?}"
        );
    }
    let beside = format!(
        "<table><tr><th>NHS number</th><th>id</th></tr><tr><td>7</td><td>{cell}</td></tr></table>"
    );
    assert_eq!(kinds(&json!([beside])), [""; 0]);
    // Neither the line above names a cell, nor a header another column or an array that is no row.
    for text in [
        format!("order,NHS number\n{cell},7\n{cell},8"),
        format!("{{\"columns\": [\"nhs_number\", \"id\"], \"rows\": [[7, \"{cell}\"]]}}"),
        format!(
            "{{\"columns\": [\"nhs_number\", \"id\"], \"rows\": [[7, 8]], \"order\": [\"{cell}\"]}}"
        ),
        format!("{{\n  \"nhs_number\": null,\n  \"order\": \"{cell}\",\n  \"items\": 2\n}}"),
    ] {
        assert_eq!(kinds(&json!([text])), [""; 0], "{text}");
    }
}

#[test]
fn headers_name_rows_of_arrays() {
    let (cell, secret) = ("943 476 5919", key());
    let rows = json!([[7, cell, secret], [8, cell, secret]]);
    for table in [
        json!({"columns": ["id", "nhs_number", "api_key"], "rows": rows}),
        json!({"schema": {"fields": [{"name": "id"}, {"name": "nhs_number"}, {"name": "api_key"}]}, "data": rows}),
        json!([
            ["id", "nhs_number", "api_key"],
            [7, cell, secret],
            [8, cell, secret]
        ]),
    ] {
        let expected = ["UK_NHS", "GENERIC_SECRET", "UK_NHS", "GENERIC_SECRET"];
        assert_eq!(kinds(&table), expected, "{table}");
    }
    for table in [
        json!({"columns": ["nhs_number", "id"], "rows": [[7, cell]]}),
        json!({"tags": ["id", "nhs_number"], "rows": [[7, cell]]}),
        json!({"columns": ["id", "nhs_number"], "orders": [7, cell]}),
        json!([["id", 1], ["nhs_number", 2], [cell, 3]]),
    ] {
        assert_eq!(kinds(&table), [""; 0], "{table}");
    }
}

#[test]
fn sentences_name_what_follows_them() {
    let cell = "943 476 5919";
    for (text, kind) in [
        (
            format!("agent: and your NHS number?\ncaller: sure, it is {cell}"),
            "UK_NHS",
        ),
        (
            format!("array(1) {{\n  [\"nhs_number\"]=>\n  string(12) \"{cell}\"\n}}"),
            "UK_NHS",
        ),
        (
            format!(
                "1 validation error for Patient\nnhs_number\n  not an option (input_value='{cell}', input_type=str)"
            ),
            "UK_NHS",
        ),
        (
            format!("SELECT * FROM t WHERE nhs_number IN ('401 023 2137','{cell}')"),
            "UK_NHS",
        ),
        (
            "k\u{f6}nnen Sie anrufen: Telefon 0221 - 362108".to_owned(),
            "PHONE",
        ),
        ("au 06 12 92 37 09 (t\u{e9}l.)".to_owned(), "PHONE"),
        ("free after (312) 750-5420".to_owned(), "PHONE"),
        (
            "Sz\u{fc}l. d\u{e1}tum: 1951.08.17.".to_owned(),
            "DATE_OF_BIRTH",
        ),
        (":57A:NDEASESS".to_owned(), "SWIFT_BIC"),
        ("Reisepassnummer CXVC3R5Y4".to_owned(), "PASSPORT"),
        (
            "direcci\u{f3}n IP:fe80::8c4b:e3ff:fe43:1880\u{a6}ok".to_owned(),
            "IP_ADDRESS",
        ),
        (format!("Das Passwort lautet: {}", password()), "PASSWORD"),
        (
            format!("Le mot de passe temporaire est {} pour 24 h", password()),
            "PASSWORD",
        ),
        (
            ["sq0atp-", "yEiJDxSxczJKgaXnjtDITw"].concat(),
            "SQUARE_TOKEN",
        ),
        (format!("la contrase\u{f1}a es: {}", password()), "PASSWORD"),
        (
            format!(
                "\u{65b0}\u{3057}\u{3044} password \u{306f} {} \u{3067}\u{3059}",
                password()
            ),
            "PASSWORD",
        ),
        (
            format!("try with SMTP_PASSWORD {} again", password()),
            "PASSWORD",
        ),
    ] {
        let found = kinds(&json!([text]));
        assert!(
            !found.is_empty() && found.iter().all(|found| found == kind),
            "{text}: {found:?}"
        );
    }
    for text in [
        format!("agent: and your NHS number?\ncaller: none\nagent: order {cell}"),
        format!("{{\"names\": [\"nhs_number\"], \"orders\": [\"{cell}\"]}}"),
        "CVE-2022-85992 affects passport".to_owned(),
        "ns1.test. 3600 IN SOA a.test. 2025111939 7200 3600 3630974 300".to_owned(),
        "the passport desk: test pass 9993 fail 4".to_owned(),
        "StudyInstanceUID 1.2.840.113619.2.55.3.95882569.992".to_owned(),
        "take (112) 750-5420 of them".to_owned(),
        "{\"sku\": \"B-79\", \"ean13\": \"4091477151703\"}".to_owned(),
        "see section 4.18.2.1 and appendix 12.3.4.4".to_owned(),
        "the password of this account is a secret".to_owned(),
        ["sk_live_", "OurSecretKeyGoesHereNow"].concat(),
        "(setq password (read-passwd \"Password: \"))".to_owned(),
        "jdbc:db://h;user=app;password={password}".to_owned(),
        "cannot find the specified secret: prod/api/token-4677".to_owned(),
    ] {
        assert_eq!(kinds(&json!([text])), [""; 0], "{text}");
    }
}

#[test]
fn secrets_are_found_where_their_names_are() {
    let (password, key) = (password(), key());
    let ampersand = password.replace("43!", "&93");
    for (text, secret) in [
        (
            format!("| host | user | password |\n|---|---|---|\n| nas | backup | {password} |"),
            &password,
        ),
        (
            format!("name;aws_secret\nmain;x\n\nlogin,password\njo,{password}\n"),
            &password,
        ),
        (
            format!("INSERT INTO t (id, api_key, at) VALUES (4, '{key}', '2026-02-07');"),
            &key,
        ),
        (
            format!(
                "<tr><th>user</th><th>Password</th></tr><tr><td>jo</td><td>{password}</td></tr>"
            ),
            &password,
        ),
        (
            format!("- name: REDIS_PASSWORD\n  value: \"{password}\"\n- name: LEVEL"),
            &password,
        ),
        (format!("<add key=\"AccessToken\" value=\"{key}\" />"), &key),
        (
            format!("curl -u deploy:{password} https://nexus.test/"),
            &password,
        ),
        (format!("sshpass -p {password} ssh host"), &password),
        (
            format!("ALTER USER report WITH PASSWORD '{password}';"),
            &password,
        ),
        (
            format!("CREATE USER jo IDENTIFIED BY '{password}'"),
            &password,
        ),
        (format!("tool --password {password} --verbose"), &password),
        (format!("the customer sent api_key {key} again"), &key),
        (format!("api_key \u{2192} {key}"), &key),
        (format!("smtp_password={ampersand} --app tern"), &ampersand),
        (
            format!("https://a.test/?password={password}&next=/home"),
            &password,
        ),
        (format!("| api_key | {key} |"), &key),
        (format!("accountPassword={password}"), &password),
        (
            format!("machine git.test login ci password {password}"),
            &password,
        ),
        (format!("db.test:5432:orders:app:{password}\n"), &password),
        (format!("requirepass {password}\nmaxmemory 2gb"), &password),
        (format!("proxy_set_header X-Cookie-Secret \"{key}\";"), &key),
        (
            format!("{{ name = \"ROOT_PASSWORD\", value = \"{password}\" }},"),
            &password,
        ),
        (
            format!("\"client_secret\": {{\n  \"value\": \"{key}\"\n}}"),
            &key,
        ),
        (
            format!("\"user\": \"jo\", \"pass\": \"{password}\""),
            &password,
        ),
        (
            format!("\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}: {password}"),
            &password,
        ),
    ] {
        let found: Vec<String> = found(&json!([text]))
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(found, std::slice::from_ref(secret), "{text}");
    }
    let words = ["Correct", "Horse"].concat();
    assert_eq!(kinds(&json!({"password": words})), ["PASSWORD"]);
    let quoted = format!("password: '{words}'");
    assert_eq!(kinds(&json!([quoted])), ["PASSWORD"]);
    assert_eq!(
        kinds(&json!({"api_key": {"type": "string", "default": key}})),
        ["GENERIC_SECRET"]
    );
}

#[test]
fn a_key_in_armour_is_one_however_it_is_wrapped() {
    let body = [key(), key(), key()].concat();
    let wrapped = |width: usize| {
        let lines: Vec<&str> = (0..body.len())
            .step_by(width)
            .filter_map(|at| body.get(at..(at + width).min(body.len())))
            .collect();
        lines.join("\n")
    };
    let begin = ["-----BEGIN RSA PRIV", "ATE KEY-----"].concat();
    let end = begin.replace("BEGIN", "END");
    let comment = "Comment: made by hand\n".repeat(10);
    for text in [
        format!("{begin}\n{}\n{end}", wrapped(64)),
        format!("{begin}\n{}\n{end}", wrapped(8)),
        format!("{begin}\n{comment}\n{}\n{end}", wrapped(64)),
        format!("{begin}\n{}", wrapped(64)),
    ] {
        assert_eq!(kinds(&json!([text])), ["PRIVATE_KEY"], "{text}");
    }
}

#[test]
fn what_is_said_of_a_secret_is_none() {
    let key = key();
    for text in [
        format!("{{\"items\":[],\"nextPageToken\":\"{key}\"}}"),
        "client = Client(token=token, password=DB_PASSWORD)".to_owned(),
        "fn f(lppassword : windows_sys2::core::PCWSTR)".to_owned(),
        "password = getpass.getpass(\"Password: \")".to_owned(),
        "$password = Read-Host -AsSecureString \"Password\"".to_owned(),
        "DB_PASSWORD_FILE=/run/secrets/db_password".to_owned(),
        "mongodb+srv://<username>:<password>@cluster0.mongodb.test/main".to_owned(),
        "\"password_changed_at\": \"2026-03-12T16:21:07Z\"".to_owned(),
        "<label for=\"password\">Password</label>".to_owned(),
        "| user | password |\n|---|---|\n| jo | Not set |\n| al | Strong |".to_owned(),
        "user,password_policy\njo,Min12Chars\n".to_owned(),
        "{\"password\": \"Passwort\", \"confirmPassword\": \"Passwort bestätigen\"}".to_owned(),
        "input SignUp { email: String!, password: String! }".to_owned(),
        "password: SecretStr = Field(min_length=12)".to_owned(),
        "{ username: userPass[1], password: userPass[2] }".to_owned(),
        "DB_PASSWORD=op://Engineering/report-db1/password".to_owned(),
        "db_password: ENC[AES256_GCM,data:ODma6HWYa0Vj]".to_owned(),
        format!("\"hashed_secret\": \"{key}\""),
        "postgres://USER:PASSWORD@HOST:5432/DATABASE".to_owned(),
        "Look for `-----BEGIN RSA PRIVATE KEY-----`, and refuse the push.\n\ndigest: sha256:3713904c82c2f00dc87dceedaf74cbc1".to_owned(),
    ] {
        assert_eq!(kinds(&json!([text])), [""; 0], "{text}");
    }
}

#[test]
fn versions_units_and_formulas_are_nobodys() {
    for text in [
        "TABLE OF CONTENTS\n3.1.1.1 General .... 66\n3.2.4.1 Inspection .... 6",
        "Upgraded plugin from 2.4.1.3 to 2.5.0.7",
        "getty@tty1.service loaded, wg-quick@wg0.service failed",
        "y = A@B.conj()",
        "Bitte bestellen Sie ein Ersatzteil 27-6955940",
        "SIN table: 0.341338267",
        "Hb 13.4 g/dL; SNOMED 30012914",
        "The project was born of frustration; release 1.0 shipped on 2014-06-09. Company founded 12.03.1998",
        "SWIFT MT103 Single CUSTOMER Credit Transfer",
        "enzyme EC 3.4.21.62 (subtilisin)",
        "reset link sent to m\u{2022}\u{2022}@\u{2022}\u{2022}.org",
        "She prefers letters over calls. mmsi=380265916",
    ] {
        assert_eq!(kinds(&json!([text])), [""; 0], "{text}");
    }
    for (text, kind) in [
        ("client 12.8.4.1 connected", "IP_ADDRESS"),
        ("EIN 27-6955940", "US_EIN"),
        ("She was born on 12.03.1998", "DATE_OF_BIRTH"),
        ("SWIFT DEUTDEFF", "SWIFT_BIC"),
    ] {
        assert_eq!(kinds(&json!([text])), [kind], "{text}");
    }
}

#[test]
fn latencies_are_no_places_and_lines_of_a_diff_no_numbers() {
    for text in [
        "{\"bench\":\"kv-get\",\"p50_lat\":0.95486,\"p99_lat\":4.05125}",
        "lat (usec): min=32.6994, max=49.8461, avg=33.6534",
        "-  x = 1;\n+4915123\n 3 files changed, 78 insertions(+)",
    ] {
        assert_eq!(kinds(&json!([text])), [""; 0], "{text}");
    }
    let place = "{\"lat\": 48.85341, \"lon\": 2.34880}";
    assert_eq!(kinds(&json!([place])), ["GEO_COORDINATES"; 2]);
    // Over a line's end a number goes on where the next line begins.
    for end in ["\n", "\r\n"] {
        let text = format!("mobile +34 647 152{end}917, card 4111 1111{end}1111 1111");
        assert_eq!(kinds(&json!([text])), ["PHONE", "CREDIT_CARD"]);
    }
}
