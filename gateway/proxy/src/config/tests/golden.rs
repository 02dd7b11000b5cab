use super::*;

#[track_caller]
fn check(file: &str, expected: &str) {
    let written = std::fs::read_to_string(config_folder().join(file)).unwrap_or_default();
    assert!(
        written == expected,
        "config/{file} is not what the types say: run `cargo xtask schema`"
    );
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_types() {
    check("gantry.schema.json", &json_schema());
}

#[test]
fn the_reference_in_the_repository_is_that_of_the_types() {
    check("REFERENCE.md", &reference());
}

#[test]
fn every_key_is_described_and_every_number_is_bounded() {
    let definitions = schema::document()["$defs"].as_object().unwrap();
    let maps = definitions
        .iter()
        .map(|(name, schema)| (name.as_str(), schema));
    let mut seen = 0;
    for (name, map) in maps.chain([("the file", schema::document())]) {
        for (key, field) in map["properties"].as_object().into_iter().flatten() {
            seen += 1;
            assert!(
                field["description"].is_string(),
                "{name}.{key} says nothing"
            );
            let bounds = match field["format"].as_str() {
                Some("period") => Some(["x-min-ms", "x-max-ms"]),
                Some("size") => Some(["minimum", "maximum"]),
                _ if field["type"] == "integer" => Some(["minimum", "maximum"]),
                _ if field["type"] == "array" => Some(["maxItems", "maxItems"]),
                _ => None,
            };
            for bound in bounds.into_iter().flatten() {
                assert!(field[bound].is_u64(), "{name}.{key} has no {bound}");
            }
        }
    }
    assert!(seen > 30, "only {seen} keys were looked at");
}
