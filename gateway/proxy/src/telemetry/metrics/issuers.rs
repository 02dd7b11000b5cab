//! How old the keys of issuers are, read when the page is.

use std::{fmt::Write as _, time::Duration};

use super::audit::head;
use crate::telemetry::family::Family;

/// An issuer as configured, and how long ago it last gave its keys.
pub(super) type Issuer = (String, Box<dyn Fn() -> Option<Duration> + Send + Sync>);

/// Appends the family in the text format 0.0.4; its head, too, where there is no issuer.
pub(super) fn write(page: &mut String, issuers: &[Issuer]) {
    head(page, Family::JwksAge, "gauge");
    for (issuer, age) in issuers {
        if let Some(age) = age() {
            let (name, issuer, age) = (Family::JwksAge.name(), escaped(issuer), age.as_secs_f64());
            // Writing into a `String` cannot fail.
            let _ = writeln!(page, "{name}{{issuer=\"{issuer}\"}} {age}");
        }
    }
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"");
    value.replace('\n', r"\n")
}
