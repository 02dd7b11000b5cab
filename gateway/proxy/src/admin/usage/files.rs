//! The page's files. They are in the program, and nothing that they hold comes from elsewhere.

use http::StatusCode;

use crate::admin::{Answer, TEXT};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page may load from here only, run no script of its own text, and stand in no frame.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// `path` is what follows `/usage`.
pub(super) fn answer(path: &str) -> Answer {
    let (kind, text) = match path {
        "" | "/" => (HTML, include_str!("page.html")),
        "/page.css" => (CSS, include_str!("page.css")),
        "/page.js" => (SCRIPT, include_str!("page.js")),
        "/words.js" => (SCRIPT, include_str!("words.js")),
        // uPlot 1.6.32, as npm has it; its licence is beside it.
        "/uplot.css" => (CSS, include_str!("uplot.min.css")),
        "/uplot.js" => (SCRIPT, include_str!("uplot.min.js")),
        _ => return Answer::new(StatusCode::NOT_FOUND, TEXT, "not found\n"),
    };
    let mut answer = Answer::new(StatusCode::OK, kind, text);
    answer.headers = HEADERS;
    answer
}
