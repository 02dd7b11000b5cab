//! What descriptions become, by example.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

mod schema;

use gantry_openapi::{
    AnswerLimits, Api, BadArguments, Filter, Options, Override, Response, Selector, Tool, read,
};
use serde_json::{Value, json};

fn api(document: &Value) -> Api {
    read(&document.to_string(), &Options::default()).unwrap()
}

fn one(version: &str, operation: Value, components: Value) -> Tool {
    let key = if version.starts_with('2') {
        "swagger"
    } else {
        "openapi"
    };
    let mut document = json!({key: version, "paths": {"/x/{id}": {"post": operation}}});
    for (name, value) in components.as_object().unwrap() {
        document[name] = value.clone();
    }
    let mut api = api(&document);
    assert!(api.skipped.is_empty(), "{:?}", api.skipped);
    api.tools.remove(0)
}

fn input(tool: &Tool) -> Value {
    serde_json::from_str(tool.input_schema()).unwrap()
}

#[test]
fn schemas_of_each_dialect_become_json_schema() {
    let body =
        json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}});
    let schemas = json!({"Pet": {"type": "object", "required": ["name", "id"], "properties": {
        "id": {"type": "integer", "readOnly": true},
        "name": {"type": "string", "nullable": true, "minLength": 1, "pattern": "(?i)x", "description": "What it is called"},
        "age": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "example": 3},
        "kind": {"type": "string", "enum": ["cat", "dog"], "default": "cat"},
        "mother": {"$ref": "#/components/schemas/Parent"},
        "lost": {"$ref": "#/components/schemas/None"}}},
      "Parent": {"type": "object", "properties": {"mother": {"$ref": "#/components/schemas/Parent"}}}});
    let tool = one(
        "3.0.1",
        json!({"operationId": "addPet", "requestBody": body}),
        json!({"components": {"schemas": schemas}}),
    );
    assert_eq!(tool.name(), "addPet");
    assert_eq!(
        input(&tool),
        json!({"type": "object", "properties": {
            "id": {"type": "string"},
            "name": {"type": ["string", "null"], "minLength": 1, "description": "What it is called"},
            "age": {"type": "number", "exclusiveMinimum": 0, "examples": [3]},
            "kind": {"type": "string", "enum": ["cat", "dog"], "default": "cat"},
            "mother": {"$ref": "#/$defs/Parent"},
            "lost": {}},
          "required": ["id", "name"], "additionalProperties": false,
          "$defs": {"Parent": {"type": "object", "properties": {"mother": {"$ref": "#/$defs/Parent"}}}}})
    );

    let tool = one(
        "2.0",
        json!({"parameters": [
        {"name": "id", "in": "path", "type": "integer", "required": true},
        {"name": "ids", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
        {"name": "photo", "in": "formData", "type": "file", "required": true}]}),
        json!({}),
    );
    assert_eq!(
        input(&tool)["properties"]["photo"]["contentEncoding"],
        "base64"
    );
    let request = tool.request(r#"{"id": 12345678901234567890123, "ids": ["a", "b c"], "photo": "data:image/png;name=a%22b.png;base64,AQID"}"#).unwrap();
    assert_eq!(request.target, "/x/12345678901234567890123?ids=a%7Cb%20c");
    let body = String::from_utf8(request.body.unwrap()).unwrap();
    assert!(body.contains("name=\"photo\"; filename=\"a%22b.png\"\r\ncontent-type: image/png\r\n\r\n\u{1}\u{2}\u{3}\r\n"), "{body}");

    let tool = one(
        "3.1.0",
        json!({"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": ["string", "null"]}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "array", "prefixItems": [{"const": 1}]}}}}}),
        json!({}),
    );
    assert_eq!(
        input(&tool)["properties"]["body"],
        json!({"type": "array", "prefixItems": [{"const": 1}]})
    );
    assert_eq!(
        tool.request(r#"{"id":"1","body":[1, 2.50]}"#)
            .unwrap()
            .body
            .unwrap(),
        b"[1,2.50]"
    );
    assert_eq!(
        tool.request(r#"{"id":"1"}"#),
        Err(BadArguments::Missing("body".into()))
    );
}

#[test]
fn calls_that_cannot_be_sent_say_why() {
    let tool = one(
        "3.0.0",
        json!({"parameters": [
        {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "Authorization", "in": "header", "required": true, "schema": {"type": "string"}},
        {"name": "X-Forwarded-Host", "in": "header", "schema": {"type": "string"}},
        {"name": "X-Note", "in": "header", "schema": {"type": "string"}}]}),
        json!({}),
    );
    assert_eq!(
        input(&tool)["properties"],
        json!({"id": {"type": "string"}, "X-Note": {"type": "string"}})
    );
    assert_eq!(tool.notes().len(), 2);
    for (arguments, why) in [
        ("[]", "the arguments are not a JSON object"),
        ("{}", "the argument `id` is required"),
        (r#"{"id":null}"#, "the argument `id` is required"),
        (
            r#"{"id":"a/../b"}"#,
            "the argument `id` is part of the path: it may not hold a slash",
        ),
        (
            r#"{"id":".."}"#,
            "the argument `id` is part of the path: it may not lead to another one",
        ),
        (
            r#"{"id":"1","id":"2"}"#,
            "the argument `id` is given more than once",
        ),
        (r#"{"id":"1","host":"evil"}"#, "there is no argument `host`"),
        (
            r#"{"id":"1","X-Note":"a\r\nb: c"}"#,
            "the argument `X-Note` is sent as a header: only visible ASCII, with no space at its ends",
        ),
    ] {
        assert_eq!(tool.request(arguments).unwrap_err().to_string(), why);
    }
}

#[test]
fn the_operator_chooses_and_changes() {
    let get = |id: &str, tag: &str| {
        json!({"operationId": id, "tags": [tag], "parameters": [
        {"name": "q", "in": "query", "schema": {"type": "string"}}, {"name": "key", "in": "query", "required": true, "schema": {"type": "string"}}],
        "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"type": "integer"}}}}}}})
    };
    let document = json!({"openapi": "3.0.0", "servers": [{"url": "https://evil.example/v1"}], "paths": {
        "/a": {"get": get("listA", "a"), "trace": {}}, "/b": {"get": get("listB", "b"), "post": 5}, "/c": {"get": get("listA", "c")}}});
    let options = Options {
        include: vec![
            Selector::new("tag:a"),
            Selector::new("list*"),
            Selector::new("tag:none"),
        ],
        exclude: vec![Selector::new("GET /c")],
        overrides: vec![(
            Selector::new("listA"),
            Override {
                name: Some("a list".into()),
                description: Some("Lists.".into()),
                hidden: vec![("key".into(), Some("\"k&k\"".into()))],
                filter: Some(Filter {
                    at: String::new(),
                    keep: vec!["/*/n".into()],
                }),
                read_only: Some(false),
                ..Override::default()
            },
        )],
        ..Options::default()
    };
    let api = read(&document.to_string(), &options).unwrap();
    assert_eq!(api.base_path, "/v1");
    assert_eq!(
        (api.left_out, api.unused.clone()),
        (1, vec!["tag:none".to_owned()])
    );
    assert_eq!(
        api.skipped
            .iter()
            .map(|one| one.operation.as_str())
            .collect::<Vec<_>>(),
        ["TRACE /a", "POST /b"]
    );
    let tool = &api.tools[0];
    assert_eq!(tool.name(), "a_list");
    assert_eq!(
        tool.request(r#"{"q":"x"}"#).unwrap().target,
        "/a?q=x&key=k%26k"
    );
    assert!(tool.request(r#"{"key":"mine"}"#).is_err());
    let definition: Value = serde_json::from_str(&tool.definition()).unwrap();
    assert_eq!(
        definition["annotations"],
        json!({"readOnlyHint": false, "openWorldHint": true})
    );
    assert_eq!(definition["description"], "Lists.");
    assert_eq!(
        definition["inputSchema"]["properties"],
        json!({"q": {"type": "string"}})
    );
    let answer = tool.answer(
        &Response {
            status: 200,
            headers: &[("content-type", "application/json")],
            body: br#"[{"n":1,"m":2}]"#,
        },
        &AnswerLimits::default(),
    );
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["structuredContent"], json!({"result": [{"n": 1}]}));
    let report = api.report().to_string();
    assert!(
        report.contains("skipped: TRACE /a: the method TRACE is not offered"),
        "{report}"
    );
    assert!(
        report.ends_with("2 skipped, 1 left out by choice"),
        "{report}"
    );
}

#[test]
fn large_tools_are_made_small() {
    let mut schemas = serde_json::Map::new();
    for at in 0..400 {
        let mut properties = serde_json::Map::new();
        for next in 0..6 {
            properties.insert(format!("p{next}"), json!({"$ref": format!("#/components/schemas/S{}", (at * 7 + next) % 400), "description": "d"}));
        }
        properties.insert(
            "words".into(),
            json!({"type": "string", "description": "w ".repeat(500)}),
        );
        schemas.insert(
            format!("S{at}"),
            json!({"type": "object", "properties": properties}),
        );
    }
    let many: Vec<Value> = (0..3_000)
        .map(|at| json!({"name": format!("q{at}"), "in": "query", "schema": {"type": "string"}}))
        .collect();
    let document = json!({"openapi": "3.0.0", "components": {"schemas": schemas}, "paths": {
        "/s": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S1"}}}}}},
        "/q": {"get": {"parameters": many}}}});
    let api = api(&document);
    for tool in &api.tools {
        assert!(
            tool.input_schema().len() <= 24_000,
            "{}",
            tool.input_schema().len()
        );
        assert!(!tool.notes().is_empty());
        assert_eq!(schema::fault(&input(tool)), None);
    }
    let first = input(
        api.tools
            .iter()
            .find(|tool| tool.name() == "post_s")
            .unwrap(),
    );
    assert!(first["$defs"]["S7"]["properties"].is_object());
    assert!(
        first["$defs"]
            .as_object()
            .unwrap()
            .values()
            .any(|def| def == &json!({}))
    );
}

#[test]
fn what_is_no_description_says_so() {
    for (text, why) in [
        ("{\"openapi\": \"3.0.0\", oops", "not JSON"),
        ("a: [", "not YAML"),
        ("{}", "neither Swagger 2 nor OpenAPI 3"),
        ("openapi: 4.0.0", "version `4.0.0`"),
        ("", "neither"),
    ] {
        let error = read(text, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(
        read("swagger: '2.0'", &Options::default())
            .unwrap()
            .tools
            .is_empty()
    );
}

#[test]
fn overrides_of_many_operations_fit_each() {
    let document = json!({"openapi": "3.0.0", "paths": {
        "/refs/{ref}": {"get": {"parameters": [{"name": "ref", "in": "path", "required": true, "schema": {}}, {"name": "key", "in": "query", "schema": {}}]}},
        "/other": {"get": {}}}});
    let change = Override {
        hidden: vec![("key".into(), None)],
        slashes: vec!["ref".into()],
        ..Override::default()
    };
    let options = Options {
        overrides: vec![(Selector::new("*"), change)],
        ..Options::default()
    };
    let api = read(&document.to_string(), &options).unwrap();
    let refs = api
        .tools
        .iter()
        .find(|tool| tool.name() == "get_refs_ref")
        .unwrap();
    assert_eq!(
        refs.request(r#"{"ref":"heads/main"}"#).unwrap().target,
        "/refs/heads%2Fmain"
    );
    assert!(refs.request(r#"{"ref":"../other"}"#).is_err());
    assert!(refs.request(r#"{"ref":"a","key":"b"}"#).is_err());
    let other = api
        .tools
        .iter()
        .find(|tool| tool.name() == "get_other")
        .unwrap();
    assert_eq!(other.notes().len(), 2);
}

#[test]
fn what_refers_to_itself_many_times_ends() {
    let parts: Vec<Value> = (0..100)
        .map(|_| json!({"$ref": "#/components/schemas/A"}))
        .collect();
    for key in ["allOf", "anyOf", "oneOf"] {
        let tool = one(
            "3.0.0",
            json!({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}),
            json!({"components": {"schemas": {"A": {key: parts}}}}),
        );
        assert_eq!(schema::fault(&input(&tool)), None);
    }
}
