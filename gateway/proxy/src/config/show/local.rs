//! How the effective configuration says what a REST API is.

use gantry_openapi::{Override, Selector};

use super::{Page, shown_url};
use crate::config::checked::{Rest, Source, Spec, Version};
use crate::config::quantity::Size;
use crate::config::secret::MASK;

/// What stands behind a version.
pub(super) fn source(page: &mut Page, version: &Version) {
    match &version.source {
        Source::Network => {
            let urls: Vec<String> = version.urls.iter().map(shown_url).collect();
            page.list("urls", &urls);
        }
        Source::Rest(rest) => page.map("openapi", |page| openapi(page, rest)),
    }
}

fn openapi(page: &mut Page, rest: &Rest) {
    match &rest.spec {
        Spec::File { path, .. } => page.text("spec", path.display()),
        Spec::Url(url) => page.text("spec", shown_url(url)),
    }
    page.text("base_url", shown_url(&rest.base_url));
    for (key, list) in [
        ("include", &rest.options.include),
        ("exclude", &rest.options.exclude),
    ] {
        let texts: Vec<String> = list.iter().map(|one| one.as_str().to_owned()).collect();
        page.list(key, &texts);
    }
    page.items("overrides", &rest.options.overrides, change);
    let limits = &rest.options.limits;
    page.map("limits", |page| {
        for (key, bytes) in [
            ("tool_bytes", limits.tool_bytes),
            ("input_bytes", limits.input_bytes),
            ("output_bytes", limits.output_bytes),
            ("description_bytes", limits.description_bytes),
            ("answer_bytes", rest.answer_bytes_max),
            ("text_bytes", rest.text_bytes_max),
        ] {
            page.text(key, Size(bytes as u64));
        }
    });
    page.bare("private_addresses", rest.private_addresses);
}

fn change(page: &mut Page, (selector, change): &(Selector, Override)) {
    page.text("operation", selector.as_str());
    page.optional("name", change.name.as_ref());
    page.optional("description", change.description.as_ref());
    let hidden = change.hidden.iter();
    let (fixed, hide): (Vec<_>, Vec<_>) = hidden.partition(|(_, value)| value.is_some());
    if !hide.is_empty() {
        let names: Vec<String> = hide.iter().map(|(name, _)| name.clone()).collect();
        page.list("hide", &names);
    }
    if !fixed.is_empty() {
        page.map("fixed", |page| {
            for (name, _) in fixed {
                page.text(name, MASK);
            }
        });
    }
    if !change.slashes.is_empty() {
        page.list("slashes", &change.slashes);
    }
    if let Some(filter) = &change.filter {
        page.optional("at", Some(&filter.at).filter(|at| !at.is_empty()));
        page.list("keep", &filter.keep);
    }
    for (key, hint) in [
        ("read_only", change.read_only),
        ("destructive", change.destructive),
        ("idempotent", change.idempotent),
    ] {
        if let Some(hint) = hint {
            page.bare(key, hint);
        }
    }
}
