//! The definitions of an API's tools, as pages that are written once.

use gantry_openapi::{Api, Tool};

/// A page is full with as many tools, or as many bytes.
const TOOLS_PER_PAGE: usize = 250;
const BYTES_PER_PAGE: usize = 1 << 20;

/// The pages of `tools/list`, each a result as JSON text.
pub(super) struct Listing(Vec<String>);

impl Listing {
    pub(super) fn of(api: &Api) -> Self {
        let definitions: Vec<String> = api.tools.iter().map(Tool::definition).collect();
        let mut pages = vec![Vec::new()];
        let mut bytes = 0;
        for definition in &definitions {
            let full = pages.last().is_some_and(|page: &Vec<&str>| {
                page.len() == TOOLS_PER_PAGE
                    || (!page.is_empty() && bytes + definition.len() > BYTES_PER_PAGE)
            });
            if full {
                pages.push(Vec::new());
                bytes = 0;
            }
            bytes += definition.len();
            if let Some(page) = pages.last_mut() {
                page.push(definition);
            }
        }
        let last = pages.len() - 1;
        let write = |(at, page): (usize, &Vec<&str>)| {
            let next = match at < last {
                true => format!(",\"nextCursor\":\"{}\"", at + 1),
                false => String::new(),
            };
            format!("{{\"tools\":[{}]{next}}}", page.join(","))
        };
        Self(pages.iter().enumerate().map(write).collect())
    }

    /// The page that a cursor names; the first one without.
    pub(super) fn page(&self, cursor: Option<&str>) -> Option<&str> {
        let at = match cursor {
            None => 0,
            // Only as it was given out.
            Some(cursor) => cursor
                .parse()
                .ok()
                .filter(|at: &usize| *at > 0 && at.to_string() == cursor)?,
        };
        self.0.get(at).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use gantry_openapi::Options;

    use super::*;

    #[test]
    fn every_tool_is_on_one_page_and_a_cursor_is_one_that_was_given_out() {
        let paths: Vec<String> = (0..601)
            .map(|at| format!("\"/a{at}\": {{\"get\": {{}}}}"))
            .collect();
        let text = format!(
            "{{\"openapi\": \"3.0.0\", \"paths\": {{{}}}}}",
            paths.join(",")
        );
        let api = gantry_openapi::read(&text, &Options::default()).unwrap();
        assert_eq!(api.tools.len(), 601);
        let listing = Listing::of(&api);
        let (mut cursor, mut names) = (None, Vec::new());
        loop {
            let page: serde_json::Value =
                serde_json::from_str(listing.page(cursor.as_deref()).unwrap()).unwrap();
            let tools = page["tools"].as_array().unwrap().iter();
            names.extend(tools.map(|tool| tool["name"].as_str().unwrap().to_owned()));
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let all: Vec<&str> = api.tools.iter().map(Tool::name).collect();
        assert_eq!(names, all);
        for wrong in ["", "0", "01", "+1", "3", "-1", "18446744073709551616", "x"] {
            assert_eq!(listing.page(Some(wrong)), None, "{wrong}");
        }
    }
}
