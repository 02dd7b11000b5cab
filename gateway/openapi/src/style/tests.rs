//! The table of style examples of OpenAPI 3.1 (Parameter Object), and what it leaves out.

use super::*;

fn form(style: Style, explode: bool) -> Form {
    Form {
        style,
        explode,
        reserved: false,
        slashes: false,
        file: false,
        media: None,
    }
}

const LIST: &str = r#"["blue", "black","brown"]"#;
const OBJECT: &str = r#"{ "R": 100, "G": 200, "B": 150 }"#;

#[test]
fn paths() {
    let path = |style, explode, json| in_path("color", json, &form(style, explode)).unwrap();
    for (style, explode, text, list, object) in [
        (
            Style::Matrix,
            false,
            ";color=blue",
            ";color=blue,black,brown",
            ";color=R,100,G,200,B,150",
        ),
        (
            Style::Matrix,
            true,
            ";color=blue",
            ";color=blue;color=black;color=brown",
            ";R=100;G=200;B=150",
        ),
        (
            Style::Label,
            false,
            ".blue",
            ".blue,black,brown",
            ".R,100,G,200,B,150",
        ),
        (
            Style::Label,
            true,
            ".blue",
            ".blue.black.brown",
            ".R=100.G=200.B=150",
        ),
        (
            Style::Simple,
            false,
            "blue",
            "blue,black,brown",
            "R,100,G,200,B,150",
        ),
        (
            Style::Simple,
            true,
            "blue",
            "blue,black,brown",
            "R=100,G=200,B=150",
        ),
    ] {
        assert_eq!(path(style, explode, "\"blue\""), text);
        assert_eq!(path(style, explode, LIST), list);
        assert_eq!(path(style, explode, OBJECT), object);
    }
    assert_eq!(path(Style::Simple, false, r#"["a,b","ü"]"#), "a%2Cb,%C3%BC");
    for empty in [
        "\"\"",
        "[]",
        "{}",
        "null",
        "[\"\"]",
        "[\"..\"]",
        r#"{"a/b":1}"#,
    ] {
        assert!(
            in_path("color", empty, &form(Style::Simple, false)).is_err(),
            "{empty}"
        );
    }
}

#[test]
fn queries() {
    let query = |style, explode, json| {
        let mut pairs = Pairs(String::new());
        pairs.add("color", json, &form(style, explode)).unwrap();
        pairs.0
    };
    for (style, explode, list, object) in [
        (
            Style::Form,
            false,
            "color=blue,black,brown",
            "color=R,100,G,200,B,150",
        ),
        (
            Style::Form,
            true,
            "color=blue&color=black&color=brown",
            "R=100&G=200&B=150",
        ),
        (
            Style::Space,
            false,
            "color=blue%20black%20brown",
            "color=R%20100%20G%20200%20B%20150",
        ),
        (
            Style::Pipe,
            false,
            "color=blue%7Cblack%7Cbrown",
            "color=R%7C100%7CG%7C200%7CB%7C150",
        ),
        (
            Style::Tab,
            false,
            "color=blue%09black%09brown",
            "color=R%09100%09G%09200%09B%09150",
        ),
        (
            Style::Deep,
            true,
            "color%5B%5D=blue&color%5B%5D=black&color%5B%5D=brown",
            "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
        ),
    ] {
        assert_eq!(query(style, explode, LIST), list);
        assert_eq!(query(style, explode, OBJECT), object);
    }
    assert_eq!(
        query(Style::Form, true, "\"a&b=c d#\\r\\n\""),
        "color=a%26b%3Dc%20d%23%0D%0A"
    );
    assert_eq!(query(Style::Form, true, "1.50"), "color=1.50");
    assert_eq!(
        query(Style::Form, true, "[]")
            + &query(Style::Form, false, "{}")
            + &query(Style::Form, true, "null"),
        ""
    );
    assert_eq!(
        query(Style::Json, false, OBJECT),
        "color=%7B%22R%22%3A100%2C%22G%22%3A200%2C%22B%22%3A150%7D"
    );
    assert_eq!(
        query(Style::Deep, true, r#"{"a":{"b":[1,{"c":2}]}}"#),
        "color%5Ba%5D%5Bb%5D%5B%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D=2"
    );
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    assert!(
        Pairs(String::new())
            .add("x", &deep, &form(Style::Deep, true))
            .is_err()
    );
}

#[test]
fn headers_and_cookies() {
    let header = |explode, json| {
        in_header("x", json, &form(Style::Simple, explode))
            .unwrap()
            .unwrap()
    };
    assert_eq!(header(false, LIST), "blue,black,brown");
    assert_eq!(header(false, OBJECT), "R,100,G,200,B,150");
    assert_eq!(header(true, OBJECT), "R=100,G=200,B=150");
    for bad in [
        r#""a\r\nb: c""#,
        r#""a\u0000""#,
        r#"" a""#,
        r#""é""#,
        r#"["a\n"]"#,
        r#"{"a\r":1}"#,
    ] {
        assert!(
            in_header("x", bad, &form(Style::Simple, false)).is_err(),
            "{bad}"
        );
    }
    assert_eq!(
        in_header("x", r#"{"a":"é😀"}"#, &form(Style::Json, false))
            .unwrap()
            .unwrap(),
        r#"{"a":"\u00e9\ud83d\ude00"}"#
    );
    let cookie = |explode, json| {
        in_cookie("c", json, &form(Style::Form, explode))
            .unwrap()
            .join("; ")
    };
    assert_eq!(cookie(false, LIST), "c=blue,black,brown");
    assert_eq!(cookie(true, OBJECT), "R=100; G=200; B=150");
    assert_eq!(
        cookie(true, r#""a; b,c\r\n\"%""#),
        "c=a%3B%20b%2Cc%0D%0A%22%25"
    );
    assert!(in_cookie("c", r#"{"a;b":1}"#, &form(Style::Form, true)).is_err());
}
