//! Descriptions with anything in the place of anything: read without a fault of ours, and into tools that hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

mod schema;

use gantry_openapi::{AnswerLimits, Options, Response, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn three() -> Value {
    json!({"openapi": "3.0.3", "info": {"title": "t"}, "servers": [{"url": "https://x/{v}", "variables": {"v": {"default": "1"}}}],
      "paths": {"/a/{id}": {
        "parameters": [{"$ref": "#/components/parameters/Id"}],
        "get": {"operationId": "getA", "tags": ["a"], "summary": "s", "description": "d",
          "parameters": [
            {"name": "f", "in": "query", "style": "deepObject", "explode": true, "schema": {"$ref": "#/components/schemas/A"}},
            {"name": "h", "in": "header", "schema": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}},
            {"name": "c", "in": "cookie", "required": true, "content": {"application/json": {"schema": {"type": "object"}}}}],
          "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}},
        "post": {"requestBody": {"required": true, "content": {
            "multipart/form-data": {"schema": {"allOf": [{"$ref": "#/components/schemas/A"}, {"properties": {"file": {"type": "string", "format": "binary"}}}]},
              "encoding": {"file": {"contentType": "image/png", "style": "form"}}}}},
          "responses": {"default": {"$ref": "#/components/responses/R"}}}}},
      "components": {
        "parameters": {"Id": {"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1, "exclusiveMinimum": true}}},
        "responses": {"R": {"content": {"application/json": {"schema": {"oneOf": [{"$ref": "#/components/schemas/A"}, {"type": "string"}]}}}}},
        "schemas": {"A": {"type": "object", "required": ["n"], "nullable": true, "additionalProperties": {"type": "number"},
          "properties": {"n": {"type": "string", "pattern": "^a+$", "minLength": 1, "default": "a", "example": "aa", "readOnly": true},
            "next": {"$ref": "#/components/schemas/A"}, "any": {"anyOf": [{"type": "string"}, {"not": {"type": "null"}}]},
            "k": {"type": "string", "enum": ["x", "y"], "nullable": true}}}}}})
}

fn two() -> Value {
    json!({"swagger": "2.0", "basePath": "/v1", "consumes": ["application/json"], "produces": ["application/json"],
      "paths": {"/b/{id}": {"post": {"operationId": "b", "deprecated": true, "parameters": [
          {"name": "id", "in": "path", "type": "string", "required": true},
          {"name": "l", "in": "query", "type": "array", "items": {"type": "integer"}, "collectionFormat": "ssv", "maxItems": 3, "uniqueItems": true},
          {"$ref": "#/parameters/Body"}], "responses": {"200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/B"}}}}},
        "put": {"parameters": [{"name": "file", "in": "formData", "type": "file"}, {"name": "id", "in": "path", "type": "string", "required": true}]}}},
      "parameters": {"Body": {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/B"}}},
      "definitions": {"B": {"allOf": [{"$ref": "#/definitions/C"}, {"type": "object", "properties": {"x": {"type": "integer", "format": "int32"}}}]},
        "C": {"type": "object", "discriminator": "kind", "required": ["kind"], "properties": {"kind": {"type": "string"}, "up": {"$ref": "#/definitions/B"}}}}})
}

/// Each place in a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(at.clone());
        places(value, &at, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| below(&index.to_string(), value)),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let plain = proptest::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(2.5),
        json!(""),
        json!("x"),
        json!("../.."),
        json!("array"),
        json!("object"),
        json!("null"),
        json!("a\r\nb: c"),
        json!("{"),
        json!([]),
        json!({}),
        json!([null]),
        json!({"": {}}),
        json!({"$ref": "#"}),
        json!({"$ref": "#/paths"}),
        json!({"$ref": "#/components/schemas/A"}),
        json!({"$ref": "#/definitions/B"}),
        json!({"$ref": "other.json#/A"}),
        json!({"$ref": 5}),
        json!({"type": ["string", "null", 5]}),
        json!({"type": "object", "properties": {"a": 5, "b": true}}),
        json!({"enum": []}),
        json!({"enum": [null, 1, "1", {"a": 1}, 1]}),
        json!({"required": true, "items": [{}], "oneOf": [], "allOf": {}}),
        json!({"minimum": "a", "maxLength": -1, "multipleOf": 0, "pattern": "(", "exclusiveMaximum": true, "examples": 5}),
        json!({"additionalProperties": 5, "nullable": true, "anyOf": [{"$ref": "#/components/schemas/A"}], "allOf": [5]}),
    ]);
    plain.boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_description_holds(older in any::<bool>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), anything()), 1..5)) {
        let mut document = if older { two() } else { three() };
        for (index, value) in changes {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            if !found.is_empty() {
                let place = index.get(&found).clone();
                *document.pointer_mut(&place).unwrap() = value;
            }
        }
        let Ok(api) = read(&document.to_string(), &Options::default()) else { return Ok(()) };
        let _ = api.report().to_string();
        for tool in &api.tools {
            let definition: Value = serde_json::from_str(&tool.definition()).unwrap();
            for key in ["inputSchema", "outputSchema"] {
                let Some(schema) = definition.get(key) else { continue };
                prop_assert_eq!(&schema["type"], "object");
                prop_assert_eq!(schema::fault(schema), None, "{}", schema);
            }
            // Every argument with a value of some kind: a request or a reason, and never another host.
            for value in [json!("v"), json!(1), json!(["a", 1]), json!({"k": "v"})] {
                let properties = definition["inputSchema"]["properties"].as_object().unwrap();
                let arguments: serde_json::Map<String, Value> = properties.keys().map(|key| (key.clone(), value.clone())).collect();
                if let Ok(request) = tool.request(&Value::Object(arguments).to_string()) {
                    prop_assert!(request.target.starts_with('/') && !request.target.starts_with("//"));
                    prop_assert!(request.target.is_ascii() && !request.target.contains(['\r', '\n', ' ', '#']));
                    for (name, value) in &request.headers {
                        prop_assert!(!name.is_empty() && !value.contains(['\r', '\n', '\0']), "{}: {:?}", name, value);
                    }
                }
            }
            let headers = [("content-type", "application/json")];
            let answer = tool.answer(&Response { status: 200, headers: &headers, body: b"{\"n\":null}" }, &AnswerLimits::default());
            let answer: Value = serde_json::from_str(&answer).unwrap();
            prop_assert!(answer["content"].is_array());
        }
    }
}
