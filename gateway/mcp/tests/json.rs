//! JSON as such, in three families: what every reader must accept (`y`), what every reader must
//! refuse (`n`), and what readers differ in (`i`), each with the decision taken here.
//!
//! Every case is tried as the value of an argument and as a whole body.

use gantry_mcp::frame::{self, Bounds};

/// The code with which a body is refused, if it is.
fn outcome(body: &[u8]) -> Option<i64> {
    frame::parse(body, &Bounds::default())
        .err()
        .map(|malformed| malformed.code())
}

fn as_argument(json: &[u8]) -> Vec<u8> {
    let head =
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"n","arguments":{"a":"#;
    [head, json, b"}}}"].concat()
}

/// Valid JSON: fine within a message; not a message by itself.
#[track_caller]
fn y(cases: &[&[u8]]) {
    for json in cases {
        let text = String::from_utf8_lossy(json);
        assert_eq!(outcome(&as_argument(json)), None, "{text} within a message");
        assert_eq!(outcome(json), Some(-32600), "{text} by itself");
    }
}

/// Not JSON.
#[track_caller]
fn n(cases: &[&[u8]]) {
    for json in cases {
        let text = String::from_utf8_lossy(json);
        assert_eq!(
            outcome(&as_argument(json)),
            Some(-32700),
            "{text} within a message"
        );
        assert_eq!(outcome(json), Some(-32700), "{text} by itself");
    }
}

#[test]
fn y_numbers() {
    y(&[
        b"0",
        b"-0",
        b"1",
        b"-1",
        b"10",
        b"1.0",
        b"-0.0",
        b"0.5",
        b"1e1",
        b"1E1",
        b"1e+1",
        b"1e-1",
        b"0e0",
        b"0e+1",
        b"123.456e78",
        b"-123",
        b" 1 ",
        b"\t1\r\n",
        b"123456789012345678901234567890",
        b"0.00000000000000000000000000000000000000000000000000000000000000000001",
        b"-0.000000000000000000000000000000000000000000000000000000000000000000001",
    ]);
}

#[test]
fn n_numbers() {
    n(&[
        b"-",
        b"+1",
        b"01",
        b"-01",
        b"00",
        b".5",
        b"-.5",
        b"1.",
        b"1.e1",
        b"1e",
        b"1e+",
        b"1E-",
        b"1ee1",
        b"1e1.5",
        b"0x1",
        b"0x",
        b"1_000",
        b"1 000",
        b"1a",
        b"--1",
        b"+-1",
        b"NaN",
        b"-NaN",
        b"nan",
        b"Infinity",
        b"-Infinity",
        b"Inf",
        b"1,",
        b"1.2.3",
        b"0e",
        b"0.3e",
        b"0.3e+",
        b"9.e+",
        b"-2.",
        b"2.e3",
        b"- 1",
        b"1\xef\xbc\x91",
        b"\xef\xbc\x91",
        b"1e\xff",
        b"0\xe5",
        b"1/0",
        b"(1)",
        b"1;",
    ]);
}

#[test]
fn y_strings() {
    y(&[
        br#""""#,
        br#"" ""#,
        br#""a""#,
        br#""\"""#,
        br#""\\""#,
        br#""\/""#,
        br#""/""#,
        br#""\b\f\n\r\t""#,
        br#""\u0000""#,
        br#""\u001f""#,
        br#""\u0061\u00E9\u20ac\uFFFF""#,
        br#""\ud83d\ude00""#,
        br#""\uDBFF\uDFFF""#,
        br#""\ud800\udc00x""#,
        br#""\uD834\uDd1e""#,
        br#""\\u0061""#,
        br#""\\\\""#,
        b"\"\x7f\"",
        "\"é€😀\"".as_bytes(),
        "\"\u{2028}\u{2029}\"".as_bytes(),
        "\"\u{feff}\"".as_bytes(),
        "\"\u{ffff}\u{fdd0}\u{10ffff}\"".as_bytes(),
        br#""[{]},:""#,
        br#""/* */""#,
        br#""'""#,
        br#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n""#,
    ]);
}

#[test]
fn n_strings() {
    n(&[
        b"\"",
        b"\"a",
        b"a\"",
        b"'a'",
        b"a",
        b"\"\n\"",
        b"\"\t\"",
        b"\"\0\"",
        b"\"\x1f\"",
        br#""\""#,
        br#""\"#,
        br#""\a""#,
        br#""\x41""#,
        br#""\'""#,
        br#""\0""#,
        br#""\U0061""#,
        br#""\u""#,
        br#""\u1""#,
        br#""\u12""#,
        br#""\u123""#,
        br#""\u12g4""#,
        br#""\u+123""#,
        br#""\u 123""#,
        br#""\u-123""#,
        b"\"\\u00\xc3\xa9\"",
        br#""\\\""#,
        br#""\ ""#,
        b"\"\\\n\"",
        br#""a" "b""#,
        br#""a"b"#,
        b"\xe2\x80\x9ca\xe2\x80\x9d",
        br"\u0022a\u0022",
        b"\"\\\xf0\x9f\x98\x80\"",
        b"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x01aaaaaaaa\"",
        b"\"a\\",
        b"\"\\u\"",
        b"\"\\ud83d\\",
    ]);
}

#[test]
fn n_encodings() {
    n(&[
        b"\"\xff\"",
        b"\"\x80\"",
        b"\"\xc3\"",
        b"\"\xc3\x28\"",
        b"\"\xe2\x82\"",
        b"\"\xf0\x9f\x98\"",
        // Overlong, a surrogate, beyond Unicode, an old six-byte form.
        b"\"\xc0\xaf\"",
        b"\"\xe0\x80\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xfc\x83\xbf\xbf\xbf\xbf\"",
        // Latin-1, and UTF-16 either way.
        b"\"\xe9\"",
        b"\xff\xfe[\0]\0",
        b"\xfe\xff\0[\0]",
        b"[\0]\0",
    ]);
}

#[test]
fn i_lone_surrogates_are_refused() {
    n(&[
        br#""\ud800""#,
        br#""\udc00""#,
        br#""\ud800x""#,
        br#""\ud800\n""#,
        br#""\ud800\u0061""#,
        br#""\ud800\ud800""#,
        br#""\ud800\ud800\udc00""#,
        br#""\udc00\ud800""#,
        br#""\ud83d\ude0""#,
        br#""\udBFFx""#,
        br#"{"\ud800":1}"#,
    ]);
}

#[test]
fn i_byte_order_marks_are_refused() {
    n(&[
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf",
        b"{}\xef\xbb\xbf",
        b"[\xef\xbb\xbf]",
        b"\xef\xbb{}",
    ]);
}

#[test]
fn i_numbers_of_any_size_are_text() {
    y(&[
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"123123e100000000000",
        b"0.4e006699999999999999999999999",
        b"-237462374673276894279832749832423479823246327846",
    ]);
}

#[test]
fn y_structures() {
    y(&[
        b"[]",
        b"{}",
        b"[ ]",
        b"{ }",
        b"[1,2]",
        b"[[],{}]",
        b"[[[]]]",
        br#"{"a":1}"#,
        br#"{"a":1,"b":[2]}"#,
        br#"{"":0}"#,
        b"[\n1 ,\t2\r]",
        br#" { "a" : 1 } "#,
        b"[null,true,false]",
        b"[1,\"a\",{\"b\":[{}]}]",
        br#"{"a":{"a":{"a":{}}}}"#,
        br#"{"a":[],"b":{},"c":""}"#,
        b"null",
        b"true",
        b"false",
        br#"{"\u0000":1,"\n":2}"#,
        br#"{"a":1,"a ":2}"#,
    ]);
    // Below what is read, a repeated key is the server's own business.
    y(&[br#"{"a":1,"a":1}"#, br#"[{"a":1,"a":2}]"#]);
}

#[test]
fn n_structures() {
    n(&[
        b"",
        b" ",
        b"[",
        b"]",
        b"{",
        b"}",
        b"[1",
        b"[1,",
        b"[,1]",
        b"[1,,2]",
        b"[,]",
        b"[1 2]",
        b"[1:2]",
        b"[1;2]",
        b"[1}",
        b"{]",
        br#"{"a":1]"#,
        br#"["a":1]"#,
        br#"{"a"}"#,
        br#"{"a":}"#,
        br#"{:1}"#,
        br#"{"a" 1}"#,
        br#"{"a"::1}"#,
        br#"{"a":1,}"#,
        br#"{,"a":1}"#,
        br#"{"a":1,,"b":2}"#,
        br#"{"a":1 "b":2}"#,
        br#"{"a":1;"b":2}"#,
        b"{a:1}",
        b"{'a':1}",
        b"{1:1}",
        b"{null:1}",
        b"{[]:1}",
        b"{{}}",
        br#"{"a":1}}"#,
        b"[]]",
        b"[][]",
        b"{}{}",
        br#"{"a":"b","c"}"#,
        br#"{"a":/**/1}"#,
        b"[1]//",
        b"[1]#",
        b"/**/[]",
        b"<a>",
        b"[1]x",
        b"[\x0c]",
        b"[\x0b1]",
        b"[\xc2\xa01]",
        b"[\xe2\x81\xa0]",
        b"[1,\n1\n,1",
        b"nul",
        b"nulll",
        b"True",
        b"TRUE",
        b"tru",
        b"truth",
        b"fals",
        b"None",
        b"undefined",
        b"[nul]",
        b"[tru]",
        b"[\"a\"",
        b"[\"a\",",
        b"[\"a",
        b"{\"a\":\"a",
        b"*",
        b"[*]",
        b"@",
        b"\0",
        b"[1]\0",
        b"{}\x1a",
        b"[true,false,nul",
        b"[{}",
        b"{\"a\":[}",
        b"[{]}",
        b"[[1]",
        b"{\"a\":{}",
        b"\"a\":1",
        b"1,2",
        b"\\n",
        b"[\\n]",
    ]);
}

#[test]
fn truncation_is_never_accepted() {
    let whole = as_argument(br#"{"b":[1,"\u00e9",true,null,-1.5e3],"c":{}}"#);
    assert_eq!(outcome(&whole), None);
    for length in 0..whole.len() {
        assert_eq!(outcome(&whole[..length]), Some(-32700), "{length} bytes");
    }
}

#[test]
fn depth_costs_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let deep = [open.repeat(1_000_000), "1".into(), close.repeat(1_000_000)].concat();
        assert_eq!(outcome(deep.as_bytes()), Some(-32600));
        assert_eq!(outcome(&as_argument(deep.as_bytes())), Some(-32600));
    }
}
