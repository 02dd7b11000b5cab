//! Forms: `multipart/form-data` (RFC 7578) with `query`, `param_…` and settings as its fields.
//!
//! Takes no files: they would be external tables, for which the engine's interface has no way in.

use crate::exception::{Exception, code};
use crate::request::{PAIRS_MAX, Request};

/// Takes every field of a form as if it stood in the URL.
pub(crate) fn read(form: &[u8], boundary: &str, request: &mut Request) -> Result<(), Exception> {
    let malformed = || Exception::bad_arguments("the form in the body is malformed");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = form
        .strip_prefix(delimiter.trim_start().as_bytes())
        .ok_or_else(malformed)?;
    for _ in 0..=PAIRS_MAX {
        if rest.starts_with(b"--") {
            return Ok(());
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        let end = memchr::memmem::find(rest, delimiter.as_bytes()).ok_or_else(malformed)?;
        let part = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + delimiter.len()..).unwrap_or_default();
        let (name, value) = read_field(part).ok_or_else(malformed)?;
        if name.is_empty() {
            return Err(Exception::new(
                code::NOT_IMPLEMENTED,
                "NOT_IMPLEMENTED",
                "The store takes no external tables",
            ));
        }
        request.set(name, value.to_owned())?;
    }
    Err(malformed())
}

/// Name and value of a part; the name is empty where the part is a file.
fn read_field(part: &[u8]) -> Option<(&str, &str)> {
    let blank = memchr::memmem::find(part, b"\r\n\r\n")?;
    let headers = std::str::from_utf8(part.get(..blank)?).ok()?;
    let disposition = headers.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    })?;
    let attributes = disposition
        .split(';')
        .skip(1)
        .map(str::trim)
        .filter_map(|attribute| attribute.split_once('='));
    let mut name = None;
    for (key, value) in attributes {
        match key.to_ascii_lowercase().as_str() {
            "filename" => return Some(("", "")),
            "name" => name = Some(value.trim_matches('"')),
            _ => {}
        }
    }
    let value = std::str::from_utf8(part.get(blank + 4..)?).ok()?;
    Some((name.filter(|name| !name.is_empty())?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let parts = axum::http::Request::post("/")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        Request::read(&parts).unwrap()
    }

    #[test]
    fn a_form_holds_text_parameters_and_settings() {
        let form = b"--xyz\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:String}\r\n\
            --xyz\r\ncontent-disposition: form-data; name=\"param_a\"\r\nContent-Type: text/plain\r\n\r\n--x\r\n\r\ny\r\n\
            --xyz\r\nContent-Disposition: form-data; name=max_threads\r\n\r\n1\r\n--xyz--\r\n";
        let mut request = request();
        read(form, "xyz", &mut request).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.query, "SELECT {a:String}");
        assert_eq!(request.parameters, [pair("a", "--x\r\n\r\ny")]);
        assert_eq!(request.settings, [pair("max_threads", "1")]);
    }

    #[test]
    fn a_broken_form_is_refused_wherever_it_breaks() {
        let form = b"--xyz\r\nContent-Disposition: form-data; name=q\r\n\r\n1\r\n--xyz--";
        assert_eq!(read(form, "xyz", &mut request()), Ok(()));
        for length in 0..form.len() {
            let cut = &form[..length];
            assert!(read(cut, "xyz", &mut request()).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_file_is_refused() {
        let form =
            b"--xyz\r\nContent-Disposition: form-data; name=x; filename=f\r\n\r\n\xff\r\n--xyz--";
        let refused = read(form, "xyz", &mut request()).unwrap_err();
        assert_eq!(refused.code, code::NOT_IMPLEMENTED);
    }
}
